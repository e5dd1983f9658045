from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

import logreg_dist.publishing.publish as publish_module
from logreg_dist.errors import ConfigError, InputRejected, LogregError, OutputNotVerified, TemporaryFailure
from logreg_dist.publishing import path_sink
from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing.filesystem import Filesystem, hadoop_filesystem, local_filesystem
from logreg_dist.publishing.publish import publish
from logreg_dist.publishing.write_errors import explain_write_error

pytestmark = pytest.mark.spark

RUN_DATE = "2026-11-20"
# An interrupted run must be gone after 30 seconds; starting Spark takes up to 60 on a busy machine.
STOP_SECONDS, START_SECONDS = 30.0, 120.0


def scored(spark: SparkSession, n_rows: int, *, first_id: int = 0) -> DataFrame:
    ids = spark.range(first_id, first_id + n_rows, numPartitions=2)
    return ids.select(
        sf.col("id").alias("customer_id"),
        sf.lit(0.25).alias("probability"),
        sf.lit(RUN_DATE).alias("run_date"),
    )


def accept(observed: Mapping[str, Any]) -> None:
    """Let everything through."""


def put(
    table: DataFrame,
    destination: Destination,
    run_id: str,
    inspect: Callable[[Mapping[str, Any]], None] = accept,
) -> None:
    publish(table, destination, run_id=run_id, sums={}, inspect=inspect)


def ids_now(path: Path) -> list[int]:
    """Read as an outsider does: what the folder lists is read."""
    files = sorted(path.glob("run_date=*/*.parquet"))
    return sorted(row for file in files for row in pq.ParquetFile(file).read()["customer_id"].to_pylist())


def leftovers(path: Path) -> list[str]:
    return sorted(
        entry.name for entry in path.iterdir() if entry.name in ("_staging", "_replaced", "_leases")
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scored"


@pytest.fixture
def destination(path: Path) -> Destination:
    return Destination(path=str(path), format="parquet", run_date=RUN_DATE)


@pytest.fixture(params=["local", "hadoop"])
def either_filesystem(
    request: pytest.FixtureRequest, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> Filesystem:
    """Send a local path through the branch that serves HDFS and object stores."""
    files = local_filesystem() if request.param == "local" else hadoop_filesystem(spark)
    monkeypatch.setattr(publish_module, "filesystem_for", lambda path, spark: files)
    return files


def test_first_run_rerun_and_refused_run_work_on_either_filesystem(
    spark: SparkSession, path: Path, destination: Destination, either_filesystem: Filesystem
) -> None:
    def refuse(observed: Mapping[str, Any]) -> None:
        raise InputRejected("no")

    put(scored(spark, 5), destination, "r1")
    put(scored(spark, 3), destination, "r2")
    with pytest.raises(InputRejected, match="no"):
        put(scored(spark, 4), destination, "r3", refuse)
    put(scored(spark, 2), replace(destination, mode="replace_all", partition_by=()), "r4")
    assert spark.read.parquet(str(path)).count() == 2
    assert leftovers(path) == []


def test_a_reader_sees_the_old_rows_at_every_instant_of_a_failing_run(
    spark: SparkSession, path: Path, destination: Destination
) -> None:
    put(scored(spark, 5), destination, "r1")
    seen, stop = [], threading.Event()

    def read_on() -> None:
        while not stop.is_set():
            seen.append(ids_now(path))

    reader = threading.Thread(target=read_on)
    reader.start()
    last = 300_000 - 1
    failing = scored(spark, last + 1).withColumn(
        "probability", sf.when(sf.col("customer_id") == last, sf.raise_error(sf.lit("no"))).otherwise(0.5)
    )
    try:
        with pytest.raises(PySparkException, match="USER_RAISED_EXCEPTION"):
            put(failing, destination, "r2")
    finally:
        stop.set()
        reader.join()
    assert len(seen) > 10
    assert all(ids == [0, 1, 2, 3, 4] for ids in seen)
    assert leftovers(path) == []


def staged_files(path: Path) -> list[Path]:
    return sorted((path / "_staging").rglob("*.parquet"))


def lose_a_file(path: Path) -> None:
    staged_files(path)[0].unlink()


def write_a_file_twice(path: Path) -> None:
    file = staged_files(path)[0]
    file.with_name(f"again-{file.name}").write_bytes(file.read_bytes())


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    for file in staged_files(path):
        pq.write_table(change(pq.ParquetFile(file).read()), file)
        file.with_name(f".{file.name}.crc").unlink()


def change_a_probability(path: Path) -> None:
    def shift(table: Any) -> Any:
        values = [value + 1e-6 for value in table["probability"].to_pylist()]
        return table.set_column(1, "probability", [values])

    rewrite(path, shift)


def rename_a_column(path: Path) -> None:
    rewrite(path, lambda table: table.rename_columns(["customer", "probability"]))


def cut_a_file_short(path: Path) -> None:
    file = staged_files(path)[0]
    file.write_bytes(file.read_bytes()[:-20])
    file.with_name(f".{file.name}.crc").unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lose_a_file, "6 rows were written and 3 read back"),
        (write_a_file_twice, "6 rows were written and 9 read back"),
        (change_a_probability, "other sums are read back: probability"),
        (rename_a_column, "other columns or types: customer, customer_id"),
        (cut_a_file_short, "Spark failed to write or read it"),
    ],
)
def test_a_writer_that_damages_its_output_is_caught_and_the_old_rows_stay(
    spark: SparkSession, path: Path, destination: Destination, damage: Callable[[Path], None], words: str
) -> None:
    put(scored(spark, 5), destination, "r1")
    with pytest.raises(OutputNotVerified, match=words):
        put(scored(spark, 6), destination, "r2", lambda observed: damage(path))
    assert ids_now(path) == [0, 1, 2, 3, 4]
    assert leftovers(path) == []


@pytest.mark.parametrize(("mode", "exchange"), [("replace_partition", True), ("replace_all", False)])
def test_a_store_that_appends_is_caught_after_the_swap_and_the_old_rows_return(
    spark: SparkSession,
    path: Path,
    destination: Destination,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    exchange: bool,
) -> None:
    put(scored(spark, 5), destination, "r1")
    files = local_filesystem()

    def append(folder: str) -> None:
        for file in Path(folder).glob("*.parquet"):
            file.with_name(f"again-{file.name}").write_bytes(file.read_bytes())

    def rename_and_append(source: str, target: str) -> None:
        files.rename(source, target)
        if "_staging" in source and "_replaced" not in target:
            append(target)

    def exchange_and_append(source: str, target: str) -> bool:
        exchanged = exchange and files.exchange(source, target)
        if exchanged and "_staging" in source:
            append(target)
        return exchanged

    appending = replace(files, rename=rename_and_append, exchange=exchange_and_append)
    monkeypatch.setattr(publish_module, "filesystem_for", lambda path, spark: appending)
    with pytest.raises(OutputNotVerified, match="6 rows were published and 12 read back"):
        put(scored(spark, 6), replace(destination, mode=mode), "r2")
    assert ids_now(path) == [0, 1, 2, 3, 4]
    assert leftovers(path) == []


def test_a_rename_that_fails_in_the_swap_restores_the_old_rows(
    spark: SparkSession, path: Path, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(scored(spark, 5), destination, "r1")
    files = local_filesystem()

    def rename(source: str, target: str) -> None:
        if "_staging" in source:
            raise PermissionError("not allowed")
        files.rename(source, target)

    failing = replace(files, rename=rename, exchange=lambda one, other: False)
    monkeypatch.setattr(publish_module, "filesystem_for", lambda path, spark: failing)
    with pytest.raises(
        OutputNotVerified, match=r"could not be changed: not allowed(.|\n)*old output is kept"
    ):
        put(scored(spark, 6), destination, "r2")
    assert ids_now(path) == [0, 1, 2, 3, 4]
    assert leftovers(path) == []


def test_an_output_that_a_killed_driver_left_set_aside_returns_even_if_the_next_run_fails(
    spark: SparkSession, path: Path, destination: Destination
) -> None:
    put(scored(spark, 5), destination, "r1")
    aside = path / "_replaced" / "dead"
    aside.mkdir(parents=True)
    (path / f"run_date={RUN_DATE}").rename(aside / f"run_date={RUN_DATE}")
    with pytest.raises(OutputNotVerified, match="no rows to publish"):
        put(scored(spark, 0), destination, "r2")
    assert ids_now(path) == [0, 1, 2, 3, 4]
    assert leftovers(path) == []


def test_a_second_run_at_the_same_time_is_refused(
    spark: SparkSession, path: Path, destination: Destination
) -> None:
    def start_another(observed: Mapping[str, Any]) -> None:
        with pytest.raises(TemporaryFailure, match=f"run 'r1' is writing '.*run_date={RUN_DATE}'.* until 20"):
            put(scored(spark, 2), destination, "r2")
        with pytest.raises(TemporaryFailure, match="run 'r1' is writing"):
            put(scored(spark, 2), replace(destination, mode="replace_all"), "r3")

    put(scored(spark, 5), destination, "r1", start_another)
    assert ids_now(path) == [0, 1, 2, 3, 4]


def test_a_run_of_another_date_publishes_while_this_one_is_at_work(
    spark: SparkSession, path: Path, destination: Destination, either_filesystem: Filesystem
) -> None:
    other = replace(destination, run_date="2026-11-21")

    def start_another(observed: Mapping[str, Any]) -> None:
        table = scored(spark, 2, first_id=100).withColumn("run_date", sf.lit("2026-11-21"))
        put(table, other, "r2")

    put(scored(spark, 5), destination, "r1", start_another)
    assert ids_now(path) == [0, 1, 2, 3, 4, 100, 101]
    assert leftovers(path) == []


def test_a_run_that_was_taken_for_dead_while_it_wrote_publishes_nothing(
    spark: SparkSession, path: Path, destination: Destination
) -> None:
    def be_taken_for_dead(observed: Mapping[str, Any]) -> None:
        (path / "_leases" / "r1.json").rename(path / "_leases" / "r1.dead")
        put(scored(spark, 2), destination, "r2")

    with pytest.raises((TemporaryFailure, OutputNotVerified), match=r"has lost|old output is kept"):
        put(scored(spark, 5), destination, "r1", be_taken_for_dead)
    assert ids_now(path) == [0, 1]
    assert leftovers(path) == []


def test_a_run_that_loses_its_lease_in_the_swap_leaves_the_output_to_who_took_it(
    spark: SparkSession, path: Path, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(scored(spark, 3), destination, "r0")
    swap_in = path_sink.swap_in

    def fall_asleep_after(files: Filesystem, swap: Any) -> None:
        swap_in(files, swap)
        monkeypatch.setattr(path_sink, "swap_in", swap_in)
        (path / "_leases" / "r1.json").rename(path / "_leases" / "r1.dead")
        put(scored(spark, 2), destination, "r2")

    monkeypatch.setattr(path_sink, "swap_in", fall_asleep_after)
    with pytest.raises(TemporaryFailure, match="has lost"):
        put(scored(spark, 5), destination, "r1")
    assert ids_now(path) == [0, 1]
    assert leftovers(path) == []


def test_an_output_path_that_is_a_file_is_refused_and_kept(
    spark: SparkSession, path: Path, destination: Destination
) -> None:
    path.write_text("kept")
    with pytest.raises(ConfigError, match="is a file"):
        put(scored(spark, 2), destination, "r1")
    assert path.read_text() == "kept"


def test_a_column_type_that_csv_cannot_hold_is_named_a_config_error(
    spark: SparkSession, path: Path, destination: Destination
) -> None:
    table = scored(spark, 2).withColumn("reasons", sf.array(sf.lit("a")))
    with pytest.raises(ConfigError, match=r"cannot hold the type of a column(.|\n)*parquet"):
        put(table, replace(destination, format="csv"), "r1")


def kill_the_worker(batches: Any) -> Any:
    for batch in batches:
        os.kill(os.getpid(), signal.SIGKILL)
        yield batch


def raise_a_cell_value(batches: Any) -> Any:
    for batch in batches:
        raise ValueError(f"{batch.num_rows} ann@example.org")
    yield from ()


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (kill_the_worker, TemporaryFailure, r"Python worker of split \d+ was killed"),
        (
            raise_a_cell_value,
            InputRejected,
            r"split \d+ failed .*ValueError\) in Python code that is not this library's",
        ),
    ],
)
def test_a_python_worker_that_dies_or_raises_keeps_the_old_rows_and_tells_no_values(
    spark: SparkSession,
    path: Path,
    destination: Destination,
    function: Callable[[Any], Any],
    error: type[Exception],
    words: str,
) -> None:
    put(scored(spark, 5), destination, "r1")
    table = scored(spark, 6)
    # By value: the workers cannot import this file.
    by_value = types.FunctionType(function.__code__, {"os": os, "signal": signal}, function.__name__)
    with pytest.raises(error, match=words) as caught:
        put(table.mapInArrow(by_value, table.schema), destination, "r2")
    assert "ann@" not in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 6
    assert ids_now(path) == [0, 1, 2, 3, 4]
    assert leftovers(path) == []


@pytest.mark.parametrize(
    ("words", "kind", "sentence"),
    [
        ("java.io.IOException: No space left on device", OutputNotVerified, "a disk is full"),
        ("AccessControlException: user=ann", OutputNotVerified, "permission denied"),
        ("ExecutorLostFailure (executor 3 exited)", TemporaryFailure, "its executor was lost"),
        ("numpy._ArrayMemoryError: Unable to allocate", TemporaryFailure, "a Python worker .* ran out of it"),
        ("something new", OutputNotVerified, r"failed to write or read it \(RuntimeError\)"),
    ],
)
def test_the_cause_of_a_write_error_is_told_in_words(
    words: str, kind: type[LogregError], sentence: str
) -> None:
    with pytest.raises(kind, match=rf"'out'.*{sentence}(.|\n)*old output is kept"):
        raise explain_write_error(RuntimeError(words), "out")


INTERRUPTED_RUN = """
import signal, sys
from pyspark.sql import SparkSession, functions as sf
from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing import publish as module
from logreg_dist.publishing.filesystem import hadoop_filesystem, local_filesystem

def stop(number, frame):
    raise SystemExit(128 + number)

path, branch = sys.argv[1:]
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
         .config("spark.ui.showConsoleProgress", "false").getOrCreate())
signal.signal(signal.SIGTERM, stop)
files = hadoop_filesystem(spark) if branch == "hadoop" else local_filesystem()
module.filesystem_for = lambda path, spark: files
def sleepy(batches):
    import time
    for batch in batches:
        time.sleep(0.5)
        yield batch

spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1000")
slow = spark.range(0, 200_000, numPartitions=2).mapInArrow(sleepy, "id long").select(
    sf.col("id").alias("customer_id"), sf.lit(0.5).alias("probability"),
    sf.lit("2026-11-20").alias("run_date"))
module.publish(slow, Destination(path=path, format="parquet", run_date="2026-11-20"), run_id="slow",
               sums={}, inspect=lambda observed: None)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "branch"),
    [(signal.SIGTERM, 143, "local"), (signal.SIGINT, -signal.SIGINT, "hadoop")],
)
def test_an_interrupted_run_leaves_the_old_rows_and_nothing_else(
    spark: SparkSession, path: Path, destination: Destination, number: int, code: int, branch: str
) -> None:
    put(scored(spark, 5), destination, "r1")
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    command = [sys.executable, "-c", INTERRUPTED_RUN, str(path), branch]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as run:
        deadline = time.monotonic() + START_SECONDS
        while not staged_files(path) and time.monotonic() < deadline and run.poll() is None:
            time.sleep(0.1)
        assert staged_files(path), "the run never began to write"
        assert ids_now(path) == [0, 1, 2, 3, 4]
        start = time.monotonic()
        run.send_signal(number)
        _, errors = run.communicate(timeout=2 * STOP_SECONDS)
    assert time.monotonic() - start < STOP_SECONDS, "it took too long to stop"
    assert run.returncode == code, errors[-2000:]
    assert ids_now(path) == [0, 1, 2, 3, 4]
    assert leftovers(path) == []
