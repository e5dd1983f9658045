"""Tasks that raise, once or on every attempt: the same bits, or a message with split, attempts and cause."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException

from logreg_dist import TrainConfig, fit
from logreg_dist.errors import InputRejected, LogregError, TemporaryFailure
from logreg_dist.reading.failures import explain_spark_error
from logreg_dist.spark.task_failure import TaskFailure, task_failure
from logreg_dist.spark.worker_failures import explain_task
from logreg_dist.staging.passes import StagedTable
from tests.faults.rows import every_bit, frame, of_the_run, write_files

pytestmark = pytest.mark.spark

N_SPLITS = 2
SECRET = "ann@example.org"
Task = Callable[[Any], Any]


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> str:
    return write_files(frame(4_000), tmp_path_factory.mktemp("tasks") / "table", N_SPLITS)


@pytest.fixture(scope="module")
def undisturbed(spark, table) -> dict[str, Any]:
    return every_bit(fit(spark.read.parquet(table), config(table)))


def config(table: str) -> TrainConfig:
    keys = {"input": {"path": table, "splits": N_SPLITS}, "label": {"column": "y"}, "weight": "weight"}
    return TrainConfig(**keys, solver={"start": "zero"})


def in_pass_three(monkeypatch, change: Callable[[Task], Task]) -> None:
    """Let `change` make another task of that of pass 3; it travels to the workers by value."""
    run_pass = StagedTable.run_pass

    def disturbed(self, task):
        return run_pass(self, change(task) if self.n_passes == 2 else task)

    monkeypatch.setattr(StagedTable, "run_pass", disturbed)


def warnings_in(caplog) -> list[str]:
    return of_the_run([record.message for record in caplog.records if record.levelname == "WARNING"])


def explained(spark, rows, table: str) -> LogregError:
    with pytest.raises(Exception) as failure:  # noqa: PT011 - what it is explained as is what is tested
        fit(rows, config(table))
    found = explain_spark_error(failure.value)
    assert found is not None
    assert SECRET not in str(found)
    assert len(str(found).splitlines()) <= 6
    return found


def test_a_task_that_raises_on_its_first_attempt_is_tried_again_and_no_bit_changes(
    spark, table, undisturbed, monkeypatch, caplog, tmp_path
):
    def fails_once(task: Task) -> Task:
        def run(split):
            done = task(split)
            mark = tmp_path / f"{split.split}"
            if not mark.exists():
                mark.touch()
                raise RuntimeError("only once")
            return done

        return run

    in_pass_three(monkeypatch, fails_once)
    model = fit(spark.read.parquet(table), config(table))

    assert len(list(tmp_path.iterdir())) == N_SPLITS  # it did fail
    assert every_bit(model) == undisturbed
    assert warnings_in(caplog) == []


def test_a_task_that_is_run_twice_for_a_split_counts_once(spark, table, undisturbed, monkeypatch):
    in_pass_three(monkeypatch, lambda task: lambda split: (task(split), task(split))[1])

    assert every_bit(fit(spark.read.parquet(table), config(table))) == undisturbed


def test_splits_that_are_staged_twice_count_once_and_leave_no_file(spark, table, tmp_path, monkeypatch):
    folders: set[Path] = set()
    run_pass = StagedTable.run_pass

    def noting(self, task):
        folders.update(Path(split.path).parent for split in self.splits)
        n_files.append(sum(len(list(folder.glob("*.rows"))) for folder in folders))
        return run_pass(self, task)

    def fails_at_the_end_once(batches):
        yield from batches
        try:
            (tmp_path / "failed").touch(exist_ok=False)
        except FileExistsError:
            return
        raise RuntimeError("only once")

    n_files: list[int] = []
    rows = spark.read.parquet(table)
    calm = every_bit(fit(rows.mapInArrow(lambda batches: batches, rows.schema), config(table)))
    monkeypatch.setattr(StagedTable, "run_pass", noting)
    model = fit(rows.mapInArrow(fails_at_the_end_once, rows.schema), config(table))

    assert every_bit(model) == calm
    assert max(n_files) == N_SPLITS + 1  # the file of the attempt that failed was there
    assert [folder for folder in folders if folder.exists()] == []


def raises_a_cell_value(split: Any) -> Any:
    raise KeyError("ann@example.org\nSecretError: ann@example.org")


def fills_a_disk(split: Any) -> Any:
    Path("/dev/full").write_text("x")


def kills_its_worker(split: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (
            raises_a_cell_value,
            r"split 1 failed 4 times \(KeyError in staging/split_tasks\.py, line \d+\), each time alike\.",
        ),
        (fills_a_disk, r"split 1 failed 4 times \(OSError: No space left on device\)\.\n.*spark\.local\.dir"),
        (
            kills_its_worker,
            r"Python worker of split 1 was killed \(most likely for memory\)\.\n.*memoryOverhead",
        ),
    ],
)
def test_a_task_that_fails_on_all_attempts_is_named_with_its_cause_and_no_values(
    spark, table, monkeypatch, end, words
):
    code = end.__code__  # the workers cannot import this file

    def always(task: Task) -> Task:
        def run(split):
            if split.split == 1:
                import types

                names = {"os": __import__("os"), "signal": __import__("signal")}
                names["Path"] = __import__("pathlib").Path
                types.FunctionType(code, names)(split)
            return task(split)

        return run

    in_pass_three(monkeypatch, always)
    found = explained(spark, spark.read.parquet(table), table)

    # Of our own code's exception, the same on all attempts, a retry makes nothing better.
    with pytest.raises(InputRejected if end is raises_a_cell_value else TemporaryFailure, match=words):
        raise found


def test_a_file_that_a_disk_does_not_give_is_named_and_a_retry_may_help(spark, tmp_path, monkeypatch):
    table = write_files(frame(4_000), tmp_path / "table", N_SPLITS)
    stage = StagedTable.stage

    def breaking(self):
        part = Path(table) / "part-1.parquet"
        part.unlink()
        part.symlink_to(part)  # opening it is an error of the operating system: ELOOP
        stage(self)

    monkeypatch.setattr(StagedTable, "stage", breaking)
    found = explained(spark, spark.read.parquet(table), table)

    assert os.strerror(errno.ELOOP) not in str(found)
    assert str(found).startswith(
        f"temporary failure: the file file:{table}/part-1.parquet could not be read: a disk or a connection failed "
        "(split 1 failed 4 times)."
    )


def test_python_code_of_a_view_that_raises_is_the_inputs_fault(spark, table):
    def mistaken(batches):
        for _ in batches:
            raise ValueError(f"not a price: {'ann'}@example.org")
        yield from ()

    rows = spark.read.parquet(table)
    found = explained(spark, rows.mapInArrow(mistaken, rows.schema), table)

    assert isinstance(found, InputRejected)
    assert "failed 4 times (ValueError) in Python code that is not this library's" in str(found)


def test_an_expression_that_fails_on_a_row_is_the_inputs_fault(spark, table):
    found = explained(spark, spark.read.parquet(table).filter("1 / (y - 1) < 0"), table)

    assert isinstance(found, InputRejected)
    assert "failed on a row (DIVIDE_BY_ZERO)" in str(found)


LOST = "Job aborted due to stage failure: Task 3 in stage 5.0 failed 4 times, most recent failure: Lost task 3.3 "


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: Container killed by YARN "
            "for exceeding physical memory limits. 5.6 GB of 5.5 GB physical memory used.",
            r"the executor of split 3 was killed \(memory\).*\n.*memoryOverhead",
        ),
        (
            "ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: The executor with id 1 "
            "exited with exit code 137(SIGKILL, possible container OOM).",
            r"the executor of split 3 was killed \(memory\).*\n.*memoryOverhead",
        ),
        (
            "ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: Command exited with code "
            "137",
            r"the executor of split 3 was killed \(SIGKILL, most likely for memory\)",
        ),
        (
            "ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: Command exited with code "
            "52",
            r"split 3 was killed \(memory\): its JVM had none left\.\n  Raise spark\.(executor|driver)\.memory,",
        ),
        (
            "java.lang.OutOfMemoryError: Java heap space",
            r"split 3 was killed \(memory\): its JVM had none left",
        ),
        (
            "ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: worker lost",
            r"split 3 failed 4 times \(its executor was lost\)\.\n  Run again\.",
        ),
        (
            "Python worker exited unexpectedly (crashed): Fatal Python error: Segmentation fault",
            r"Python worker of split 3 crashed \(Fatal Python error\)",
        ),
    ],
)
def test_the_end_of_a_process_is_told_from_the_words_of_whoever_ended_it(words, told):
    found = explain_task(TaskFailure(split=3, attempts=4), LOST + words)
    assert found is not None

    with pytest.raises(TemporaryFailure, match=told):
        raise found


def test_a_bug_is_worth_a_retry_only_where_attempts_ended_differently():
    once = TaskFailure(3, 4, raised="KeyError", is_python=True, place="staging/rows.py, line 9")
    assert isinstance(explain_task(once, ""), TemporaryFailure)
    assert isinstance(explain_task(replace(once, alike=True), ""), InputRejected)


def test_a_worker_whose_connection_ended_is_not_the_inputs_fault():
    frame = '  File "/python/{}", line 173, in read_int\n    raise EOFError\nEOFError\n'
    for place, kind in {"pyspark/serializers.py": TemporaryFailure, "theirs.py": InputRejected}.items():
        words = f"Traceback (most recent call last):\n{frame.format(place)}"
        found = explain_task(task_failure(PySparkException(words)), words)
        assert isinstance(found, kind)
