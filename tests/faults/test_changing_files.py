"""Files that come, go or are rewritten while a table is read: the rows of the table as it was, or a refusal."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.commands import evaluate as evaluate_job
from logreg_dist.commands import score as score_job
from logreg_dist.errors import InputRejected, LogregError
from logreg_dist.publishing import publish as publishing
from logreg_dist.reading.failures import explain_spark_error
from logreg_dist.staging.passes import StagedTable
from tests.faults.jobs_here import Jobs
from tests.faults.rows import every_bit, frame, write_files
from tests.faults.tables import good_rows
from tests.faults.test_lost_files import before_pass, delete_scratch

pytestmark = pytest.mark.spark

N_ROWS = 4_000
N_FILES = 2


def config(table: str, reader: str) -> TrainConfig:
    source = {"path": table, "splits": N_FILES, "reader": reader}
    return TrainConfig(input=source, label={"column": "y"}, weight="weight", solver={"start": "zero"})


@pytest.fixture
def table(tmp_path) -> Path:
    return Path(write_files(frame(N_ROWS), tmp_path / "table", N_FILES))


def rewrite(file: Path, n_rows: int, seed: int = 8) -> None:
    """Replace a file, as another job would: from another thread, written beside and renamed."""

    def work() -> None:
        other = file.with_name("_new")
        pq.write_table(pa.Table.from_pandas(frame(n_rows, seed), preserve_index=False), other)
        os.replace(other, file)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def fitted(spark, table: Path, reader: str):
    return fit(spark.read.parquet(str(table)), config(str(table), reader))


@pytest.mark.parametrize("reader", ["arrow", "spark"])
def test_files_that_come_while_a_table_is_fitted_are_not_of_it(spark, table, monkeypatch, reader):
    expected = every_bit(fitted(spark, table, reader))

    def append_and_lose(staged: StagedTable) -> None:
        rewrite(table / "part-9.parquet", 500)
        delete_scratch(staged)  # so that the table is read again

    before_pass(monkeypatch, {3}, append_and_lose)
    assert every_bit(fitted(spark, table, reader)) == expected
    assert (table / "part-9.parquet").exists()


@pytest.mark.parametrize("reader", ["arrow", "spark"])
@pytest.mark.parametrize("n_rows", [N_ROWS // N_FILES, pytest.param(500, marks=pytest.mark.faults)])
def test_a_file_that_is_rewritten_between_two_readings_ends_the_fit(
    spark, table, monkeypatch, reader, n_rows
):
    def rewrite_and_lose(staged: StagedTable) -> None:
        rewrite(table / "part-1.parquet", n_rows)
        delete_scratch(staged)

    before_pass(monkeypatch, {3}, rewrite_and_lose)
    with pytest.raises(Exception, match=r".") as caught:
        fitted(spark, table, reader)
    error = caught.value if isinstance(caught.value, LogregError) else explain_spark_error(caught.value)
    assert isinstance(error, InputRejected)
    # Read whole with other values, or not what pyarrow saw when the table was opened.
    assert "the table changes while it is read" in str(error) or "cannot be read as it should" in str(error)


@pytest.mark.parametrize("reader", ["arrow", "spark"])
@pytest.mark.parametrize("n_rows", [20_000, pytest.param(N_ROWS // N_FILES, marks=pytest.mark.faults)])
def test_a_file_that_is_rewritten_before_it_is_read_is_noticed_even_when_it_grew(
    spark, table, monkeypatch, reader, n_rows
):
    # Spark would read as many bytes as the file had, and lose the rows behind them in silence.
    stage = StagedTable.stage

    def late(self: StagedTable) -> None:
        rewrite(table / "part-1.parquet", n_rows)
        stage(self)

    monkeypatch.setattr(StagedTable, "stage", late)
    with pytest.raises(Exception, match=r".") as caught:
        fitted(spark, table, reader)
    error = caught.value if isinstance(caught.value, LogregError) else explain_spark_error(caught.value)
    assert isinstance(error, InputRejected)


@pytest.fixture(scope="module")
def jobs(spark, tmp_path_factory) -> Jobs:
    folder = tmp_path_factory.mktemp("changing")
    jobs = Jobs(spark, folder)
    good_rows().assign(id=range(400)).to_parquet(folder / "rows.parquet")
    assert jobs.run("train", input={"path": str(folder / "rows.parquet")}).exit_code == 0
    return jobs


def score_files(folder: Path) -> Path:
    folder.mkdir()
    rows = good_rows().assign(id=range(400))
    rows[:200].to_parquet(folder / "part-0.parquet", index=False)
    rows[200:].to_parquet(folder / "part-1.parquet", index=False)
    return folder


def touched(file: Path) -> None:
    """Rewrite a file with as many rows and other values."""
    rows = good_rows().assign(id=range(400))[200:]
    rows.assign(x=rows.x + 1).to_parquet(file, index=False)


@pytest.mark.parametrize("engine", ["arrow", "array", pytest.param("sql", marks=pytest.mark.faults)])
@pytest.mark.parametrize("when", ["before the rows are read", "after they are written"])
def test_a_file_that_is_rewritten_while_it_is_scored_publishes_nothing(
    jobs, tmp_path, monkeypatch, engine, when
):
    table = score_files(tmp_path / "table")
    place = (score_job, "publish") if when.startswith("before") else (publishing, "without_internal_totals")
    real = getattr(*place)

    def disturbed(*arguments, **settings):
        touched(table / "part-1.parquet")
        return real(*arguments, **settings)

    monkeypatch.setattr(*place, disturbed)
    ended = jobs.run("score", input={"path": str(table)}, engine=engine)
    assert ended.exit_code == 3, ended.words
    assert "the table changes while it is read: 1 of 2 files was rewritten" in ended.words
    assert not list(jobs.folder.glob("scored/run_date=*"))


@pytest.mark.parametrize("engine", ["arrow", "array"])
def test_files_that_come_or_go_after_the_reading_change_no_score(jobs, tmp_path, monkeypatch, engine):
    table = score_files(tmp_path / "table")
    output = {"output": {"path": str(tmp_path / "scored")}}
    real = publishing.without_internal_totals

    def disturbed(observed):
        if (table / "part-0.parquet").exists():
            (table / "part-0.parquet").rename(table / "part-2.parquet")
        return real(observed)

    monkeypatch.setattr(publishing, "without_internal_totals", disturbed)
    ended = jobs.run("score", input={"path": str(table)}, engine=engine, **output)
    assert ended.exit_code == 0, ended.words
    assert pq.read_table(tmp_path / "scored").num_rows == 400


def test_a_file_that_is_rewritten_while_a_model_is_assessed_gives_no_metrics(jobs, tmp_path, monkeypatch):
    table, real = score_files(tmp_path / "table"), evaluate_job.assess

    def disturbed(rows):
        touched(table / "part-1.parquet")
        return real(rows)

    monkeypatch.setattr(evaluate_job, "assess", disturbed)
    ended = jobs.run("evaluate", input={"path": str(table)})
    assert ended.exit_code == 3, ended.words
    assert not (jobs.folder / "assessed" / "metrics.json").exists()
