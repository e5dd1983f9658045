"""Staged files that vanish under a fit, tables that change, and what is left on the disks."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.errors import PythonException

from logreg_dist import TrainConfig, fit
from logreg_dist.errors import InputRejected, TemporaryFailure
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.staging.passes import MAX_RESTAGES, StagedTable
from tests.faults.rows import every_bit, frame, of_the_run, write_files

pytestmark = pytest.mark.spark

N_ROWS = 4_000
N_SPLITS = 2
STAGED_AGAIN = "staged files were lost; staging the table again"


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> str:
    return write_files(frame(N_ROWS), tmp_path_factory.mktemp("lost") / "table", N_SPLITS)


def config(table: str, **changes) -> TrainConfig:
    keys = {"input": {"path": table, "splits": N_SPLITS}, "label": {"column": "y"}, "weight": "weight"}
    return TrainConfig(**keys | {"solver": {"start": "zero"}} | changes)


@pytest.fixture
def folders(monkeypatch) -> set[Path]:
    """Collect the scratch folders that fits use."""
    used: set[Path] = set()
    tell = StagedTable._tell

    def noting(self, *seconds, **slots):
        used.update(Path(split.path).parent for split in self.splits)
        tell(self, *seconds, **slots)

    monkeypatch.setattr(StagedTable, "_tell", noting)
    return used


def before_pass(monkeypatch, numbers: set[int], act: Callable[[StagedTable], None]) -> None:
    """Let `act` do its harm before the passes of these numbers; the passes themselves are the real ones."""
    run_pass = StagedTable.run_pass

    def disturbed(self, task):
        if self.n_passes + 1 in numbers:
            act(self)
        return run_pass(self, task)

    monkeypatch.setattr(StagedTable, "run_pass", disturbed)


def delete_scratch(staged: StagedTable) -> None:
    for split in staged.splits:
        shutil.rmtree(Path(split.path).parent, ignore_errors=True)


def test_lost_files_are_staged_again_and_no_bit_changes(spark, table, monkeypatch, folders, caplog):
    undisturbed = every_bit(fit(spark.read.parquet(table), config(table)))
    before_pass(monkeypatch, {3, 5}, delete_scratch)
    disturbed = every_bit(fit(spark.read.parquet(table), config(table)))

    assert disturbed == undisturbed
    assert (
        of_the_run([record.message for record in caplog.records if record.levelname == "WARNING"])
        == [STAGED_AGAIN] * 2
    )
    assert [folder for folder in folders if folder.exists()] == []


@pytest.mark.parametrize("limit", ["ROWS", "BYTES", "NOTE_BYTES"])
def test_the_driver_looks_at_splits_as_a_job_would(spark, table, monkeypatch, limit):
    sampled = config(table, solver={"start": "sample"})
    bits = every_bit(fit(spark.read.parquet(table), sampled))
    monkeypatch.setattr(f"logreg_dist.staging.passes.MAX_{limit}_SEEN_HERE", 100)
    run_pass, passes = StagedTable.run_pass, []

    def noted(self, task):
        passes.append(self.n_passes + 1)
        return run_pass(self, task)

    monkeypatch.setattr(StagedTable, "run_pass", noted)
    assert every_bit(fit(spark.read.parquet(table), sampled)) == bits
    assert passes[0] == 2


def test_a_glance_of_few_rows_runs_no_job(spark, table, monkeypatch):
    def no_job(self, task):
        raise AssertionError("a Spark job")

    glance, glances = StagedTable.glance, []

    def watched(self, task):
        glances.append(self.n_passes + 1)
        with monkeypatch.context() as within:
            within.setattr(StagedTable, "run_pass", no_job)
            return glance(self, task)

    monkeypatch.setattr(StagedTable, "glance", watched)
    timings = []
    assert fit(spark.read.parquet(table), config(table), on_pass=timings.append).converged
    assert glances == [2]
    assert [timing.number for timing in timings[:3]] == [1, 2, 3]


def test_files_lost_before_a_glance_are_staged_again(spark, table, monkeypatch, caplog):
    undisturbed = every_bit(fit(spark.read.parquet(table), config(table)))
    glance = StagedTable.glance

    def disturbed(self, task):
        delete_scratch(self)
        return glance(self, task)

    monkeypatch.setattr(StagedTable, "glance", disturbed)
    assert every_bit(fit(spark.read.parquet(table), config(table))) == undisturbed
    assert STAGED_AGAIN in [record.message for record in caplog.records]


@pytest.mark.parametrize(("notes", "error"), [("{", "JSONDecodeError"), ("[]", "TypeError")])
def test_a_spoilt_file_is_reported_by_a_job_not_by_the_glance(spark, table, monkeypatch, notes, error):
    glance = StagedTable.glance

    def disturbed(self, task):
        for split in self.splits:
            Path(split.path).with_suffix(".json").write_text(notes)
        return glance(self, task)

    monkeypatch.setattr(StagedTable, "glance", disturbed)
    with pytest.raises(PythonException, match=error):
        fit(spark.read.parquet(table), config(table))


def test_files_that_are_lost_while_spark_adds_the_sums_are_staged_again(spark, table, monkeypatch):
    many = config(table, input={"path": table, "splits": 20})
    undisturbed = every_bit(fit(spark.read.parquet(table), many))
    monkeypatch.setattr("logreg_dist.staging.passes.MAX_SENT_BYTES", 0)
    sum_pass = StagedTable.sum_pass

    def disturbed(self, task, *, result_bytes):
        if self.n_passes == 3:
            delete_scratch(self)
        return sum_pass(self, task, result_bytes=result_bytes)

    monkeypatch.setattr(StagedTable, "sum_pass", disturbed)
    assert every_bit(fit(spark.read.parquet(table), many)) == undisturbed


def test_files_that_vanish_as_fast_as_they_are_written_end_the_fit(spark, table, monkeypatch):
    def vanishing(self, task):
        # A task that runs before the pass itself, on the same machine, each time.
        return run_pass(self, task if self.n_passes < 2 else lambda split: task(deleted(split)))

    def deleted(split):
        shutil.rmtree(Path(split.path).parent, ignore_errors=True)
        return split

    run_pass = StagedTable.run_pass
    monkeypatch.setattr(StagedTable, "run_pass", vanishing)

    with pytest.raises(TemporaryFailure, match=f"staged splits were lost {MAX_RESTAGES + 1} times"):
        fit(spark.read.parquet(table), config(table))


def test_a_filter_with_rand_draws_the_same_rows_when_they_are_staged_again(spark, table, monkeypatch):
    # Spark fixes the seed when it reads the expression: such a table does not change.
    drawn = spark.read.parquet(table).filter("rand() < 0.8")
    undisturbed = every_bit(fit(drawn, config(table)))
    before_pass(monkeypatch, {3}, delete_scratch)

    assert every_bit(fit(drawn, config(table))) == undisturbed


def keep_some(batches):
    chance = random.SystemRandom()
    for batch in batches:
        yield batch.filter(pa.array(chance.random() < 0.9 for _ in range(batch.num_rows)))


def shuffle_one_column(batches):
    chance = random.SystemRandom()
    for batch in batches:
        order = pa.array(chance.sample(range(batch.num_rows), batch.num_rows))
        yield batch.set_column(0, batch.schema.names[0], batch.column(0).take(order))


@pytest.mark.parametrize(
    ("change", "words"),
    [(keep_some, r"rows and then [\d,]+\."), (shuffle_one_column, "as many with other values")],
)
def test_a_table_that_changes_between_two_readings_is_rejected(
    spark, table, monkeypatch, folders, change, words
):
    rows = spark.read.parquet(table)
    before_pass(monkeypatch, {3}, delete_scratch)

    with pytest.raises(InputRejected, match=f"the table changes while it is read: split 0 had .*{words}"):
        fit(rows.mapInArrow(change, rows.schema), config(table))
    assert [folder for folder in folders if folder.exists()] == []


@pytest.mark.parametrize("start", ["zero", "sample"])
def test_a_finished_fit_leaves_no_staged_file(spark, table, folders, start):
    fit(spark.read.parquet(table), config(table, solver={"start": start}))

    assert folders != set()
    assert [folder for folder in folders if folder.exists()] == []


def test_a_rejected_table_leaves_no_staged_file(spark, table, folders):
    rows = spark.read.parquet(table).selectExpr("*", "if(x1 > 0, null, x1) as holes")

    with pytest.raises(InputRejected, match="'holes'"):
        fit(rows, config(table))
    assert folders != set()
    assert [folder for folder in folders if folder.exists()] == []


def test_an_interrupted_fit_leaves_no_staged_file(spark, table, monkeypatch, folders):
    def interrupt(self, beta):
        raise KeyboardInterrupt

    monkeypatch.setattr(FitPasses, "evaluate", interrupt)

    with pytest.raises(KeyboardInterrupt):
        fit(spark.read.parquet(table), config(table))
    assert folders != set()
    assert [folder for folder in folders if folder.exists()] == []


def reads(spark, table: str, notes: Path, *, then_fail: bool = False):
    """Return the table, noting each reading of a partition, and failing at its end if asked to."""

    def read(batches):
        (notes / f"reading-{random.SystemRandom().random()}").touch()
        yield from batches
        if then_fail:
            raise ValueError("the source breaks off")

    rows = spark.read.parquet(table)
    return rows.mapInArrow(read, rows.schema)


def test_a_first_pass_that_fails_leaves_no_staged_file(spark, table, tmp_path):
    before = scratch_folders(spark)
    with pytest.raises(PythonException, match="the source breaks off"):
        fit(reads(spark, table, tmp_path, then_fail=True), config(table))

    assert len(list(tmp_path.iterdir())) >= N_SPLITS
    assert scratch_folders(spark) == before


def test_cleaning_up_reads_nothing_even_when_splits_were_lost(spark, table, monkeypatch, folders, tmp_path):
    def lose_rows_and_stop(staged: StagedTable) -> None:
        staged._rdd.unpersist(blocking=True)  # as after the loss of all executors
        raise KeyboardInterrupt

    before_pass(monkeypatch, {3}, lose_rows_and_stop)
    with pytest.raises(KeyboardInterrupt):
        fit(reads(spark, table, tmp_path), config(table))

    assert len(list(tmp_path.iterdir())) == N_SPLITS
    assert [folder for folder in folders if folder.exists()] == []


def scratch_folders(spark) -> set[str]:
    """Return all scratch folders on this machine that tasks of the session can have written to."""
    roots = spark.sparkContext.parallelize([0], 1).map(lambda _: os.environ["SPARK_LOCAL_DIRS"])
    return {str(path) for path in Path(roots.first().split(",")[0]).glob("logreg_dist-*")}
