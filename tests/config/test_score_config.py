from __future__ import annotations

import re

import pytest

from logreg_dist.config import EvaluateConfig, ScoreConfig
from logreg_dist.config.table_input import overlap
from logreg_dist.errors import ConfigError

OUTPUT = {"path": "scored", "run_date": "2026-11-21"}
SCORE = {"model": "m/model.json", "input": {"path": "rows"}, "keys": ["id"], "output": OUTPUT}
EVALUATE = {"model": "m/model.json", "input": {"path": "rows"}, "output": {"path": "out"}}


def refused(model, values):
    with pytest.raises(ConfigError, match=f"{model.__name__} has") as caught:
        model(**values)
    return str(caught.value)


def test_what_is_not_given_has_the_defaults_of_the_contract():
    output = ScoreConfig(**SCORE).output
    assert (output.format, output.partition_by, output.mode) == (
        "parquet",
        ("run_date",),
        "replace_partition",
    )
    assert (output.columns, output.allow_empty) == (("probability",), False)


def test_required_keys_are_reported_together():
    with pytest.raises(ConfigError, match="has 4 problems") as caught:
        ScoreConfig()
    for key in ("model", "input", "keys", "output"):
        assert f"  {key}: required, but not given" in str(caught.value)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({"run_date": "2026-13-01"}, 'output.run_date: expected a date such as 2026-11-21.*"2026-13-01"'),
        ({"run_date": "20261121"}, "output.run_date: expected a date"),
        ({"run_date": "2026-W47-6"}, "output.run_date: expected a date"),
        ({"run_date": "٢٠٢٦-١١-٢١"}, "output.run_date: expected a date"),
        ({"run_date": 20261121}, "output.run_date: expected a date .*found number"),
        ({"format": "delta"}, "output.format: delta is not available in this version"),
        ({"format": "xls"}, "output.format: expected one of parquet, orc, json, csv"),
        ({"mode": "append"}, "output.mode: expected one of replace_partition"),
        (
            {"columns": ["probability", "reasons"]},
            r"output.columns\[1\]: reasons is not available in this version",
        ),
        ({"columns": ["probability", "probability"]}, "output.columns: lists .* more than once"),
        ({"columns": []}, "output.columns: "),
        ({"partition_by": []}, "output.partition_by: mode replace_partition needs run_date as the first"),
        ({"partition_by": ["id", "run_date"]}, "output.partition_by: mode replace_partition needs run_date"),
        ({"partition_by": ["run_date", "x"]}, 'output.partition_by: "x" is no column of the output'),
    ],
)
def test_bad_outputs_are_refused(output, said):
    assert re.search(said, refused(ScoreConfig, {**SCORE, "output": {**OUTPUT, **output}}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"keys": []}, "keys: expected a list of one column name or more"),
        ({"keys": "id"}, 'keys: expected a list of one column name or more (text), found text "id"'),
        ({"keys": ["id", "id"]}, 'keys: lists "id" more than once'),
        ({"keep": ["id"]}, 'keep: lists "id", which keys lists too'),
        ({"keep": ["model_id"]}, 'keep: lists "model_id", a column that scoring adds'),
        ({"keys": ["probability"]}, 'keys: lists "probability", a column that scoring adds'),
        ({"input": {"path": "rows", "splits": 2}}, "input.splits: unknown key"),
        ({"model": None}, "model: expected a path (text), found nothing (null)"),
    ],
)
def test_bad_keys_are_refused(values, said):
    assert said in refused(ScoreConfig, {**SCORE, **values})


def test_an_output_may_be_partitioned_by_a_carried_column():
    output = {**OUTPUT, "partition_by": ["run_date", "region"]}
    assert ScoreConfig(**{**SCORE, "keep": ["region"], "output": output}).output.partition_by[1] == "region"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({"table": "crm.scores"}, "output.path: expected either path or table, both are given"),
        ({"path": None}, "output.path: expected either path or table, neither is given"),
        (
            {"path": None, "table": "scores"},
            "output.table: expected the name of a table, schema.name or catalog",
        ),
        ({"path": None, "table": "crm.scores; DROP TABLE x"}, "output.table: expected the name of a table"),
        ({"path": None, "table": "a.b.c.d"}, "output.table: expected the name of a table"),
        (
            {"path": None, "table": "crm.scores", "partition_by": ["run_date", "id"]},
            r"output.partition_by: a table is partitioned by \[run_date\] or not at all",
        ),
    ],
)
def test_an_output_is_a_path_or_a_table_with_a_name(output, said):
    assert re.search(said, refused(ScoreConfig, {**SCORE, "output": {**OUTPUT, **output}}))


@pytest.mark.parametrize("read", ["crm.scores", "CRM.Scores", "spark_catalog.crm.scores", "`crm`.`scores`"])
def test_a_table_that_is_read_is_no_output_however_it_is_named(read):
    output = {**OUTPUT, "path": None, "table": "crm.scores"}
    said = refused(ScoreConfig, {**SCORE, "input": {"table": read}, "output": output})
    assert "output.table: is the table that is read" in said
    ScoreConfig(**{**SCORE, "input": {"table": "crm.other"}, "output": output})


@pytest.mark.parametrize(
    ("output", "source", "relation"),
    [
        ("a/b", "a/b", "is the same as"),
        ("a/c/../b/", "./a//b", "is the same as"),
        ("a/b/c", "a/b", "lies inside"),
        ("a", "a/b", "lies above"),
        ("rows/x", "rows", "lies inside"),
        ("file:/d/a", "/d/a", "is the same as"),
        ("FILE:///d/a", "file:/d/x/../a", "is the same as"),
        ("s3a://bucket/a", "s3://bucket/a/b", "lies above"),
        ("s3a://key:secret@bucket/a", "s3a://bucket/a", "is the same as"),
        ("hdfs://nn/a/../b", "hdfs://nn/b", "is the same as"),
        ("d/scored", "d/*", "is the same as"),
        ("d/scored", "d/{scored,new}", "is the same as"),
        ("d/day=2/x", "d/day=[0-9]", "lies inside"),
        ("a\0", "a\0", "is the same as"),
    ],
)
def test_an_output_on_top_of_an_input_is_refused(output, source, relation):
    assert relation in overlap(output, ("elsewhere", source), above=True)[0].sentence


@pytest.mark.parametrize(
    ("output", "source"),
    [
        ("a/b_scored", "a/b"),
        ("a/b", "a/b_new"),
        ("s3a://bucket/a", "s3a://other/a"),
        ("hdfs://nn/a", "/a"),
        ("w/scored", "w/rows_*"),
        ("d/scored", "d/[x"),
        ("s3://[a", "s3://[b"),
    ],
)
def test_an_output_beside_an_input_is_accepted(output, source):
    assert overlap(output, (source,), above=True) == []


def test_an_output_that_reaches_the_input_through_a_link_is_refused(tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "rows")
    assert overlap(str(tmp_path / "link"), (str(tmp_path / "rows"),), above=True)


def test_scoring_refuses_to_write_over_its_input_and_over_its_model():
    for path in ("rows", "rows/x", ".", "m"):
        said = refused(ScoreConfig, {**SCORE, "output": {**OUTPUT, "path": path}})
        assert "output.path: " in said
        assert "a path that is read" in said


def test_a_table_has_no_path_to_compare():
    ScoreConfig(**{**SCORE, "input": {"table": "a.b.c"}})


def test_an_assessment_takes_label_and_weights_from_the_model_unless_told():
    config = EvaluateConfig(**EVALUATE)
    assert (config.label, config.weight, config.frequency) == (None, None, None)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"output": {"path": "rows/x"}}, "output.path: lies inside a path that is read"),
        ({"weight": "w", "frequency": "w"}, 'frequency: column "w" is weight too'),
        ({"label": {"column": "w"}, "weight": "w"}, 'weight: column "w" is label.column too'),
        ({"label": {"column": "y", "reference": "a"}}, "label.reference: is a matter of the fit"),
        (
            {"label": {"column": "y", "class_weights": "balanced"}},
            "label.class_weights: is a matter of the fit",
        ),
        ({"output": {"path": "out", "overwrite": True}}, "output.overwrite: unknown key"),
    ],
)
def test_a_bad_assessment_is_refused(values, said):
    assert said in refused(EvaluateConfig, {**EVALUATE, **values})
