from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from logreg_dist.errors import FitNotUsable, InputRejected, TemporaryFailure
from logreg_dist.publishing.run_record import RunRecorder, record_as_json

CONTRACT_KEYS = {
    "job", "run_id", "status", "exit_code", "retryable", "message", "started", "finished",
    "timings", "rows", "outputs", "versions",
}  # fmt: skip


def finished(tmp_path: Path, error: BaseException | None) -> dict[str, object]:
    path = tmp_path / "deep" / "run.json"
    record = RunRecorder(job="train", run_id="r1").finish(str(path), error)
    found = json.loads(path.read_text())
    assert found == json.loads(record_as_json(record))
    return found


def test_a_good_run_is_recorded_with_every_key_of_the_contract(tmp_path: Path) -> None:
    found = finished(tmp_path, None)
    assert set(found) >= CONTRACT_KEYS
    assert (found["status"], found["exit_code"], found["retryable"], found["message"]) == (
        "done",
        0,
        False,
        "",
    )
    assert str(found["started"]) <= str(found["finished"])


@pytest.mark.parametrize(
    ("error", "status", "exit_code", "retryable", "message"),
    [
        (InputRejected("no rows"), "failed", 3, False, "input rejected: no rows"),
        (FitNotUsable("separated"), "failed", 4, False, "fit not usable: separated"),
        (TemporaryFailure("lost"), "failed", 75, True, "temporary failure: lost"),
        (KeyboardInterrupt(), "interrupted", 130, True, "interrupted by Ctrl-C"),
        (SystemExit(143), "interrupted", 143, True, "interrupted by SIGTERM"),
        (SystemExit(130), "interrupted", 130, True, "interrupted by Ctrl-C"),
        (SystemExit(2), "failed", 2, False, "the job exited with code 2"),
        (SystemExit("usage: --password=hunter2"), "failed", 1, False, "the job exited with code 1"),
        (SystemExit(0), "done", 0, False, ""),
        (SystemExit(None), "done", 0, False, ""),
        (MemoryError(), "failed", 1, False, "MemoryError; see the log with --debug"),
        (ValueError("ann@example.org"), "failed", 1, False, "ValueError; see the log with --debug"),
    ],
)
def test_every_ending_has_its_status_code_and_sentence(
    tmp_path: Path, error: BaseException, status: str, exit_code: int, retryable: bool, message: str
) -> None:
    found = finished(tmp_path, error)
    assert (found["status"], found["exit_code"], found["retryable"], found["message"]) == (
        status,
        exit_code,
        retryable,
        message,
    )


def test_the_words_of_an_unknown_exception_are_nowhere_in_the_file(tmp_path: Path) -> None:
    finished(tmp_path, RuntimeError("row of ann@example.org"))
    assert "ann@" not in (tmp_path / "deep" / "run.json").read_text()


def test_seconds_of_one_name_add_up_even_when_the_body_fails() -> None:
    recorder = RunRecorder(job="train", run_id="r1")
    recorder.timings["pass"] = 10.0
    with pytest.raises(ValueError, match="inside"), recorder.timed("pass"):
        raise ValueError("inside")
    assert 10.0 < recorder.timings["pass"] < 11.0


def test_numbers_that_json_cannot_hold_become_null_and_numpy_numbers_plain() -> None:
    recorder = RunRecorder(job="score", run_id="r1")
    recorder.rows["read"] = np.int64(7)  # type: ignore[assignment]
    recorder.details["missing"] = {"income": np.int64(3), "rate": np.float64("nan"), "list": (1, np.inf)}
    found = json.loads(record_as_json(recorder.record(None)))
    assert found["rows"] == {"read": 7}
    assert found["details"]["missing"] == {"income": 3, "rate": None, "list": [1, None]}


def test_an_object_in_the_details_is_recorded_by_its_type_only() -> None:
    recorder = RunRecorder(job="score", run_id="r1", details={"odd": InputRejected("ann@example.org")})
    assert json.loads(record_as_json(recorder.record(None)))["details"] == {"odd": "<InputRejected>"}


def test_a_record_does_not_change_when_the_recorder_goes_on() -> None:
    recorder = RunRecorder(job="score", run_id="r1")
    record = recorder.record(None)
    recorder.rows["read"] = 1
    assert asdict(record)["rows"] == {}


@pytest.mark.parametrize("path", ["{tmp}/file/run.json", "hdfs://host/run.json"])
def test_a_record_that_cannot_be_written_is_logged_and_raises_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    error = InputRejected("no rows")
    with caplog.at_level(logging.WARNING):
        record = RunRecorder(job="train", run_id="r1").finish(path.format(tmp=tmp_path), error)
    assert record.exit_code == 3
    assert "run.json could not be written to" in caplog.text


def test_versions_name_the_libraries(tmp_path: Path) -> None:
    versions = finished(tmp_path, None)["versions"]
    assert isinstance(versions, dict)
    assert versions["numpy"] == np.__version__
    assert set(versions) >= {"python", "numpy", "pyarrow", "pyspark", "logreg_dist"}


@pytest.mark.spark
def test_versions_name_java_when_there_is_a_session(tmp_path: Path, spark) -> None:
    record = RunRecorder(job="train", run_id="r1").finish(str(tmp_path / "run.json"), None, spark)
    assert record.versions["pyspark"] == spark.version
    assert int(str(record.versions["java"]).split(".")[0]) >= 17
