"""Configurations and model files that were made to do harm: refused with 2 and 6, quickly and in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from logreg_dist.config import TrainConfig, load_train_config
from logreg_dist.config.overrides import apply_overrides
from logreg_dist.errors import ArtefactInvalid, ConfigError
from logreg_dist.model import strict_json
from logreg_dist.model.file import model_from_json, model_to_json
from tests.faults.hostile import MEGABYTES, ROOT, SECONDS, cost
from tests.model.models import awkward_model, sealed

TEXT = model_to_json(awkward_model())
CONTENT = json.loads(TEXT)
# As for a true model: reading one takes 16 bytes of memory for each of the file.
BYTES_OF_A_BYTE = 25.0

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
DOCUMENTS = {
    "a tag": "label: !!python/object/apply:os.system ['id']",
    "an alias bomb": BOMB,
    "a merge of itself": "a: &a {<<: *a}",
    "a key twice": "label: {column: y}\nlabel: {column: z}",
    "two megabytes": "# " + "x" * 2_000_000,
    "deep": "[" * 100_000,
    "many values": "[" + "a," * 400_000 + "]",
    "a long number": "a: " + "9" * 900_000,
    "a NUL": 'label: {column: "a\\0b"}',
    "half of a character": 'label: {column: "\\ud800"}',
    "half of a key": '{"\\udfff": 1}',
    "two documents": "a: 1\n---\nb: 2",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_configuration_is_a_config_error_as_a_file_and_as_a_value_of_set(tmp_path, name):
    (tmp_path / "c.yaml").write_text(DOCUMENTS[name])
    with pytest.raises(ConfigError) as caught:
        load_train_config(tmp_path / "c.yaml")
    assert len(str(caught.value)) < 500
    if name != "two megabytes":  # a command line is not that long
        with pytest.raises(ConfigError, match="--set"):
            apply_overrides({}, [f"label={DOCUMENTS[name]}"])


def test_the_largest_hostile_configurations_take_little_memory():
    setup = "import pathlib, tempfile; path = pathlib.Path(tempfile.mkdtemp()) / 'c.yaml'"
    seconds, megabytes = cost(
        DOCUMENTS,
        module="logreg_dist.config",
        names="load_train_config",
        call="path.write_text(case); load_train_config(path)",
        error="ConfigError",
        setup=setup + "\nfrom logreg_dist.errors import ConfigError",
    )
    assert max(seconds.values()) < SECONDS, seconds
    assert megabytes < MEGABYTES


def test_a_path_that_cannot_be_printed_is_refused():
    with pytest.raises(ConfigError, match=r"output\.path: holds a character that cannot be printed"):
        TrainConfig(label={"column": "y"}, output={"path": "out\x1b[2J"})
    with pytest.raises(ConfigError, match=r"input\.path: holds a character that cannot be printed"):
        TrainConfig(label={"column": "y"}, input={"path": ["a", "b\nc"]})


def put(key: str, text: str) -> str:
    """Return the awkward model with `text` as the value of a key, whatever it is."""
    return json.dumps({**CONTENT, key: "@@"}).replace('"@@"', text)


def many(item: str, size: int) -> str:
    return "[" + f"{item}," * (size // (len(item) + 1)) + item + "]"


def hostile_models(size: int) -> dict[str, str]:
    """Return model files of about `size` bytes that each make one part of reading expensive."""
    spare = 450_000  # below what a small file may have
    return {
        "lists": put("coefficients", many("[]", size)),
        "objects": put("coefficients", many("{}", size)),
        "numbers": put("coefficients", many("1", size)),
        "a covariance": put("covariance", f'{{"terms": [], "values": [{many("1", size)}]}}'),
        "in the configuration": put("config", f'{{"a": {many("[]", size)}}}'),
        "keys": TEXT.rstrip()[:-1] + "," + ",".join(f'"{k}":1' for k in range(size // 12)) + "}",
        "one text": put("status_text", '"' + "x" * size + '"'),
        "quotes": put("status_text", '"' + '\\"' * (size // 2)),
        "brackets": put("config", "[" * size),
        "braces": put("config", '{"a":' * (size // 5)),
        "digits": put("n_rows", "9" * size),
        "no JSON": "x" * size,
        "blanks": " " * size,
        "errors": put("coefficients", many("1", 2 * spare)),
        "errors in a check": put("checks", f'{{"findings": {many("1", 2 * spare)}}}'),
        "errors in a term": put("design", f'{{"derived": [{{"parts": {many("1", 2 * spare)}}}]}}'),
        "errors of keys": put("label", "{" + ",".join(f'"{k}": 1' for k in range(90_000)) + "}"),
    }


@given(
    st.lists(st.sampled_from(['"', "\\\\", "[", "{", ",", "a", '\\\\"', '"[,"']), max_size=60).map("".join)
)
def test_what_stands_outside_of_strings_is_the_same_in_windows_of_any_size(text):
    def outside(window):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(strict_json, "WINDOW", window)
            return b"".join(strict_json._outside_strings(text.encode()))

    assert outside(1) == outside(7) == outside(1_000)


def cost_of_models(size: int) -> tuple[dict[str, float], float]:
    return cost(
        hostile_models(size),
        module="logreg_dist.model.file",
        names="model_from_json",
        call="model_from_json(case)",
        error="ArtefactInvalid",
        setup="from logreg_dist.errors import ArtefactInvalid",
    )


def test_hostile_model_files_of_four_megabytes_take_seconds_and_little_memory():
    seconds, megabytes = cost_of_models(4_000_000)
    assert max(seconds.values()) < 3 * SECONDS, seconds
    assert megabytes < MEGABYTES


@pytest.mark.faults
def test_hostile_model_files_of_a_hundred_megabytes_take_memory_in_proportion():
    for name, text in hostile_models(100_000_000).items():
        seconds, megabytes = cost(
            {name: text},
            module="logreg_dist.model.file",
            names="model_from_json",
            call="model_from_json(case)",
            error="ArtefactInvalid",
            setup="from logreg_dist.errors import ArtefactInvalid",
        )
        assert megabytes < BYTES_OF_A_BYTE * 100, name
        assert seconds[name] < 12 * SECONDS, name


def content(**entries: object) -> str:
    return sealed({**CONTENT, **entries})


CONFIGS = {
    "an offset that is a number": {"offset": 5},
    "an offset that is a list": {"offset": ["x"]},
    "a section that is text": {"inference": "0.95"},
    "a confidence of 2": {"inference": {"confidence": 2.0}},
    "a confidence that is text": {"inference": {"confidence": "%s"}},
    "columns that are a list": {"features": {"columns": []}},
    "bounds that are a number": {"features": {"columns": {"x": {"bounds": 1}}}},
    "a penalty that is text": {"penalty": {"l1": "1"}},
    "checks without influence": {"checks": {"influence": None}},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_inside_a_model_that_no_report_could_use_is_refused(name):
    with pytest.raises(ArtefactInvalid, match="contradicts itself: the configuration has no"):
        model_from_json(content(config=CONFIGS[name]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.mark.spark
@pytest.mark.faults
@pytest.mark.parametrize("name", ["a tag", "an extra key"])
def test_the_jobs_exit_2_and_6_on_hostile_files_and_say_so_in_run_json(folder, name):
    output = folder / name.replace(" ", "_")
    (folder / "model.json").write_text(content(**{"__class__": "os.system"}))
    values = {
        "model": str(folder / "model.json"),
        "input": {"path": str(folder / "rows")},
        "keys": ["id"],
        "output": {"path": str(output), "run_date": "2026-11-21"},
    }
    text = yaml.safe_dump(values)
    (folder / "c.yaml").write_text(text)
    more = ["--set", "engine=!!python/name:os.system"] if name == "a tag" else []
    done = subprocess.run(
        [sys.executable, ROOT / "jobs" / "score.py", "--config", folder / "c.yaml", *more],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == (2 if more else 6), done.stderr
    assert ("tags (!) are refused" if more else "at '__class__' (extra_forbidden)") in done.stderr
    assert "Traceback" not in done.stderr
    if not more:  # with a --set that cannot be read nobody knows where the output would be
        [record] = output.glob("_runs/*/run.json")
        assert json.loads(record.read_text())["exit_code"] == 6
