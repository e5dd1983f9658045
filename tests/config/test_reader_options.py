"""Options of Spark's readers that would lose rows in silence are refused before Spark starts."""

from __future__ import annotations

import pytest

from logreg_dist.config import EvaluateConfig, ScoreConfig, TrainConfig
from logreg_dist.config.table_input import InputConfig
from logreg_dist.errors import ConfigError

REST = {
    TrainConfig: {"label": {"column": "y"}},
    ScoreConfig: {"model": "m", "keys": ["id"], "output": {"path": "scored", "run_date": "2026-11-21"}},
    EvaluateConfig: {"model": "m", "output": {"path": "out"}},
}
LOST = "would be left out without a word"


@pytest.mark.parametrize("document", REST)
def test_every_job_refuses_all_of_them_at_once(document):
    options = {"IGNOREcorruptFILES": True, "ignoremissingfiles": " True", "Mode": "dropMalformed", "sep": ";"}
    with pytest.raises(ConfigError, match="has 3 problems") as caught:
        document(**REST[document], input={"path": "rows", "format": "csv", "options": options})
    message = str(caught.value)
    assert f"input.options.IGNOREcorruptFILES: is true: files that cannot be read {LOST}" in message
    assert f"input.options.ignoremissingfiles: is true: files that vanish {LOST}" in message
    assert f"input.options.Mode: is DROPMALFORMED: records that cannot be read {LOST}" in message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ignoreInvalidPartitionPaths": "TRUE"}, LOST),
        ({"badRecordsPath": "/tmp/bad"}, "leaves out records that cannot be read"),
        ({"mode": "strict"}, "expected PERMISSIVE or FAILFAST"),
    ],
)
def test_an_option_that_loses_records_says_so(options, said):
    with pytest.raises(ConfigError, match=said):
        ScoreConfig(**REST[ScoreConfig], input={"path": "rows", "format": "json", "options": options})


@pytest.mark.parametrize(
    "source",
    [
        {"format": "csv", "options": {"mode": "permissive", "ignoreCorruptFiles": False, "header": True}},
        {"format": "csv", "options": {"MODE": "FAILFAST"}},
        {"format": "some.engine", "options": {"mode": "incremental"}},  # a mode of its own
    ],
)
def test_other_options_are_taken_as_they_are(source):
    assert InputConfig(path="rows", **source).options == source["options"]
