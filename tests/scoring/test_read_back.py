"""Files of scores that tasks wrote are read back before anybody sees them: what is not as it was written is caught."""

from __future__ import annotations

import datetime as dt
import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import logreg_dist.publishing.path_sink as path_sink
import logreg_dist.scoring.direct as direct
from logreg_dist.scoring.file_totals import BATCH_ROWS, FileTotals, file_totals
from logreg_dist.staging.file_rows import UnreadableFile
from tests.faults.jobs_here import Jobs
from tests.faults.tables import good_rows

DATE, OTHER = dt.date(2026, 11, 21), dt.date(2026, 11, 22)


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
    found = file_totals(path, ["probability", "conf_low", "empty"], date)
    assert found == FileTotals(n, n - 2, {"probability": exact[0], "conf_low": exact[1], "empty": None})
    assert file_totals(path, ["probability"], None).n_of_date == n


def test_a_file_without_rows_has_no_sums(tmp_path):
    pq.write_table(pa.table({"probability": pa.array([], pa.float64())}), tmp_path / "part")
    assert file_totals(str(tmp_path / "part"), ["probability"], None) == FileTotals(
        0, 0, {"probability": None}
    )


def test_a_file_that_lacks_a_column_or_its_end_is_unreadable(tmp_path):
    path = tmp_path / "part"
    pq.write_table(pa.table({"probability": [0.5]}), path)
    with pytest.raises(UnreadableFile, match="FAILED_READ_FILE"):
        file_totals(str(path), ["probability", "conf_low"], None)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableFile, match="FAILED_READ_FILE"):
        file_totals(str(path), ["probability"], None)


def test_readers_look_at_no_hidden_files_and_folders(tmp_path):
    shown = [
        "a.parquet",
        "day=1/c.parquet",
        "day=1/part=x/d.parquet",
        "day=__HIVE_DEFAULT_PARTITION__/e.parquet",
    ]
    for name in [
        *shown,
        "_SUCCESS",
        ".a.parquet.crc",
        "_staging/run/day=1/f.parquet",
        "day=1/_part-0",
        "day=1/.g",
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert direct.visible_files(tmp_path) == [tmp_path / name for name in shown]


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


def overwrite_pages(path):
    """Leave the footer whole: whoever looks at the schema alone finds nothing."""
    group = pq.read_metadata(path).row_group(0)
    chunks = [group.column(k) for k in range(group.num_columns)]
    [place] = [chunk.data_page_offset for chunk in chunks if chunk.path_in_schema == "probability"]
    data = bytearray(path.read_bytes())
    data[place : place + 16] = b"\xff" * 16
    path.write_bytes(data)


def of_another_day(table):
    return column_of(table, "run_date", pa.array([OTHER, *[DATE] * (len(table) - 1)]))


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
        (overwrite_pages, "a file that was written cannot be read back"),
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


@pytest.mark.spark
def test_rows_of_another_day_among_those_written_are_caught(jobs, monkeypatch):
    output = {"columns": ["probability"], "partition_by": [], "mode": "replace_all"}

    def damaged(parts, folder, run_id):
        real(parts, folder, run_id)
        changed(of_another_day)(min(folder.iterdir()))

    real = direct.name_files
    monkeypatch.setattr(direct, "name_files", damaged)
    ended = jobs.run("score", **table_of(jobs), output=output)
    assert ended.exit_code == 5
    assert "1 of 400 rows have another run_date than 2026-11-21" in ended.words


@pytest.mark.spark
@pytest.mark.parametrize("mode", ["replace_partition", "replace_all"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "400 rows were published and 0 read back"),
        (cut_short, "a file that was written cannot be read back"),
        (lambda path: path.chmod(0), "Permission denied"),
    ],
)
def test_what_happens_to_a_file_when_it_is_put_in_place_is_caught_and_the_old_scores_return(
    jobs, monkeypatch, mode, damage, words
):
    if words == "Permission denied" and os.geteuid() == 0:
        pytest.skip("the superuser may read everything")
    output = {"columns": ["probability"], "path": str(jobs.folder / f"live_{mode}"), "mode": mode}
    assert jobs.run("score", **table_of(jobs), output=output).exit_code == 0
    before = pq.read_table(output["path"])

    def damaged(files, swap):
        real(files, swap)
        [path] = jobs.folder.glob(f"live_{mode}/run_date=*/*.parquet")
        damage(path)

    real = path_sink.swap_in
    monkeypatch.setattr(path_sink, "swap_in", damaged)
    ended = jobs.run("score", **table_of(jobs), output=output)
    assert ended.exit_code == 5
    assert words in ended.words
    assert pq.read_table(output["path"]).equals(before)


@pytest.mark.spark
def test_damaged_pages_of_keys_are_told_like_those_of_scores(jobs, monkeypatch):
    def damaged(parts, folder, run_id):
        real(parts, folder, run_id)
        path = min(folder.iterdir())
        data = bytearray(path.read_bytes())
        data[4:20] = b"\xff" * 16  # the first column of the file, after its mark: the key
        path.write_bytes(data)

    real = direct.name_files
    monkeypatch.setattr(direct, "name_files", damaged)
    output = {"path": str(jobs.folder / "keys"), "columns": ["probability"]}
    ended = jobs.run("score", **table_of(jobs), output=output)
    assert ended.exit_code in (5, 75)
    assert "bug" not in ended.words
    assert "could not be changed" not in ended.words
    assert not list((jobs.folder / "keys").glob("run_date=*"))
