"""Files of scores that tasks wrote are read back before anybody sees them: what is not as it was written is caught."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import logreg_dist.scoring.direct as direct
from logreg_dist.scoring.part_totals import BATCH_ROWS, PartTotals, part_totals
from logreg_dist.staging.file_rows import UnreadableFile
from tests.faults.jobs_here import Jobs
from tests.faults.tables import good_rows

DATE, OTHER = dt.date(2026, 11, 22), dt.date(2026, 11, 21)


def test_a_file_of_several_batches_and_row_groups_is_added_up(tmp_path):
    path, n = str(tmp_path / "part"), 2 * BATCH_ROWS + 5
    probability = np.arange(n) / 2.0**20
    some = [None if k % 5 == 0 else value for k, value in enumerate(probability.tolist())]
    days = pa.array([DATE] * (n - 2) + [OTHER, None])
    table = pa.table(
        {"probability": probability, "conf_low": some, "empty": pa.nulls(n, pa.float64()), "day": days}
    )
    pq.write_table(table, path, row_group_size=100_000)

    date = ("day", pa.scalar(DATE))
    exact = float(n * (n - 1) // 2) / 2**20, float(sum(k for k in range(n) if k % 5)) / 2**20
    found = part_totals(path, ["probability", "conf_low", "empty"], date)
    assert found == PartTotals(n, n - 2, {"probability": exact[0], "conf_low": exact[1], "empty": None})
    assert part_totals(path, ["probability"], None).n_of_date == n


def test_a_file_without_rows_has_no_sums(tmp_path):
    pq.write_table(pa.table({"probability": pa.array([], pa.float64())}), tmp_path / "part")
    assert part_totals(str(tmp_path / "part"), ["probability"], None) == PartTotals(
        0, 0, {"probability": None}
    )


def test_a_file_that_lacks_a_column_or_its_end_is_unreadable(tmp_path):
    path = tmp_path / "part"
    pq.write_table(pa.table({"probability": [0.5]}), path)
    with pytest.raises(UnreadableFile, match="FAILED_READ_FILE"):
        part_totals(str(path), ["probability", "conf_low"], None)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableFile, match="FAILED_READ_FILE"):
        part_totals(str(path), ["probability"], None)


@pytest.fixture(scope="module")
def jobs(spark, tmp_path_factory):
    folder = tmp_path_factory.mktemp("read_back")
    jobs = Jobs(spark, folder)
    good_rows().assign(id=[f"c{k:03d}" for k in range(400)]).to_parquet(folder / "table.parquet")
    assert jobs.run("train", **table_of(jobs), features={"exclude": ["id"]}).exit_code == 0
    return jobs


def table_of(jobs):
    return {"input": {"path": str(jobs.folder / "table.parquet")}}


def changed(change):
    """Return what rewrites a file with its table changed."""

    def damage(path):
        pq.write_table(change(pq.ParquetFile(path).read()), path)

    return damage


def column_of(table, name, values):
    return table.set_column(table.schema.names.index(name), name, values)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.spark
@pytest.mark.parametrize("partition_by", [["run_date"], []])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (changed(lambda table: table.slice(1)), "400 rows were written and 399 read back"),
        (
            changed(lambda t: column_of(t, "probability", pc.add(t["probability"], 1e-6))),
            "other sums are read back: probability",
        ),
        (changed(lambda t: t.drop_columns("probability")), "other columns or types: probability"),
        (cut_short, "Spark failed to write or read it"),
    ],
)
def test_a_file_that_is_damaged_once_written_is_caught_and_the_old_scores_stay(
    jobs, monkeypatch, partition_by, damage, words
):
    output = {"columns": ["probability"], "partition_by": partition_by, "mode": "replace_all"}
    assert jobs.run("score", **table_of(jobs), output=output).exit_code == 0
    before = pq.read_table(jobs.folder / "scored")

    def damaged(parts, folder, run_id):
        real(parts, folder, run_id)
        damage(min(folder.iterdir()))

    real = direct.name_files
    monkeypatch.setattr(direct, "name_files", damaged)
    ended = jobs.run("score", **table_of(jobs), output=output)
    assert ended.recorder.details["engine"]["writer"] == "arrow"
    assert ended.exit_code == 5
    assert words in ended.words
    assert pq.read_table(jobs.folder / "scored").equals(before)
    assert not list(jobs.folder.glob("scored/_staging/*"))
