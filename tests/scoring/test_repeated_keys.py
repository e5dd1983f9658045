"""Keys that more than one row has are counted exactly, told without a key, and never published unseen."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from logreg_dist.scoring.repeated_keys import RepeatedKeys, _has_repeated, find_repeated_keys
from tests.faults.jobs_here import Jobs
from tests.faults.tables import good_rows

pytestmark = pytest.mark.spark

MESSAGE = """\
input rejected: 3 keys occur more than once (7 rows) in 400 rows, by key column 'id'.
  Remove the repetitions from the table or name further columns in keys. key_check: warn publishes all rows,
  key_check: off does not look."""


@pytest.fixture(scope="module")
def jobs(spark, tmp_path_factory):
    """A model, a table of unique keys and one where ann has three rows, bob and cem two each."""
    folder = tmp_path_factory.mktemp("keys")
    jobs = Jobs(spark, folder)
    rows = good_rows().assign(id=[f"c{k:03d}" for k in range(400)], day=np.arange(400) // 100)
    rows.to_parquet(folder / "unique.parquet")
    repeated = rows.copy()
    repeated.loc[[0, 100, 399], "id"] = "ann@example.org"
    repeated.loc[[1, 200], "id"], repeated.loc[[2, 398], "id"] = "bob", "cem"
    repeated.to_parquet(folder / "repeated.parquet")
    exclude = {"features": {"exclude": ["id", "day"]}}
    assert jobs.run("train", input={"path": str(folder / "unique.parquet")}, **exclude).exit_code == 0
    return jobs


def score(jobs, table, **settings):
    return jobs.run("score", input={"path": str(jobs.folder / f"{table}.parquet")}, **settings)


def published(jobs):
    return pq.read_table(jobs.folder / "scored").sort_by("id")


@pytest.mark.parametrize("engine", ["arrow", "array"])
def test_repeated_keys_are_an_error_by_default_and_the_old_scores_stay(jobs, engine):
    assert score(jobs, "unique").exit_code == 0
    before = published(jobs)
    ended = score(jobs, "repeated", engine=engine)
    assert (ended.exit_code, ended.words) == (3, MESSAGE)
    assert ended.recorder.details["repeated_keys"] == {"keys": 3, "rows": 7}
    assert "ann" not in json.dumps(ended.recorder.details)
    assert published(jobs).equals(before)
    assert not list(jobs.folder.glob("scored/_staging/*"))


def test_repeated_keys_are_counted_and_published_under_warn_and_not_looked_at_under_off(jobs, caplog):
    ended = score(jobs, "repeated", key_check="warn")
    said = "3 keys occur more than once (7 rows)"
    assert (ended.exit_code, published(jobs).num_rows) == (0, 400)
    assert f"Warning: {said}." in ended.words.splitlines()
    assert f"{said}; published all the same, as key_check says" in caplog.messages
    silent = score(jobs, "repeated", key_check="off")
    assert (silent.exit_code, said in silent.words) == (0, False)
    assert "repeated_keys" not in silent.recorder.details


def test_columns_that_identify_a_row_together_are_one_key(jobs):
    ended = score(jobs, "repeated", keys=["id", "day"])
    assert ended.exit_code == 0, ended.words
    assert "key_check" in ended.recorder.timings
    assert "repeated_keys" not in ended.recorder.details


@pytest.mark.parametrize("form", ["csv", "json"])
def test_keys_are_compared_as_they_were_written_in_every_format(jobs, form):
    output = {"path": str(jobs.folder / f"scored_{form}"), "format": form}
    assert score(jobs, "repeated", output=output).words == MESSAGE
    assert score(jobs, "unique", output=output).exit_code == 0


def test_nothing_is_live_when_the_keys_are_looked_at(jobs):
    # The first scores of an output: where nothing was before, nothing is afterwards.
    output = {"path": str(jobs.folder / "first")}
    assert score(jobs, "repeated", output=output).exit_code == 3
    assert not list((jobs.folder / "first").glob("run_date=*"))


def test_equal_hashes_of_different_keys_are_no_repetition(spark, monkeypatch):
    rows = spark.range(1000).selectExpr("id", "id % 3 as `odd.name`")
    monkeypatch.setattr("logreg_dist.scoring.repeated_keys._has_repeated", lambda *_: True)
    assert find_repeated_keys(rows, ["id", "odd.name"], 1000) == RepeatedKeys()
    assert find_repeated_keys(rows, ["odd.name"], 1000) == RepeatedKeys(3, 1000)


KINDS = {
    "long": "id",
    "double": "if(id = 0, -0.0D, if(id = 1, double('nan'), id / 8))",
    "string": "concat(repeat('x', int(id % 40)), id)",
    "date": "date_add(date'1900-01-01', int(id))",
    "timestamp": "timestamp_micros(id * 1000001)",
    "decimal": "cast(id as decimal(30, 5)) * 100000000000000000000",
    "null": "if(id = 7, null, id)",
    "array": "array(id)",
    "collated": "cast(id as string) collate UTF8_LCASE",
}


@pytest.mark.parametrize("place", ["files", "shuffled files", "rows"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_repetition_among_many_keys_of_any_type_is_found(spark, tmp_path, kind, place):
    unique = spark.range(3000).selectExpr(f"{KINDS[kind]} as `the key`", "id % 2 as part")
    again = {"double": "0.0D", "null": "null"}.get(kind)
    one = unique.filter("`the key` <=> " + KINDS[kind].replace("id", "77L")) if again is None else None
    if one is None:
        one = spark.sql(f"select {again} as `the key`, 0L as part").select(
            F.col("the key").cast(unique.schema["the key"].dataType), "part"
        )
    both = unique.union(one)
    if place == "shuffled files":
        unique, both = unique.orderBy(F.rand(1)), both.orderBy(F.rand(2))
    if place != "rows":
        for name, rows in (("unique", unique), ("both", both)):
            rows.write.parquet(str(tmp_path / name))
        unique, both = (spark.read.parquet(str(tmp_path / name)) for name in ("unique", "both"))
    assert find_repeated_keys(unique, ["the key"], 3000) == RepeatedKeys()
    assert find_repeated_keys(both, ["the key"], 3001) == RepeatedKeys(1, 2)
    assert find_repeated_keys(both, ["the key", "part"], 3001).keys == (1 if kind != "null" else 0)


def compared(monkeypatch):
    """Return a list that says how often hashes were compared."""
    module = "logreg_dist.scoring.repeated_keys._has_repeated"
    calls = []
    monkeypatch.setattr(module, lambda *given: calls.append(given) or _has_repeated(*given))
    return calls


def written(folder, *tables):
    for k, table in enumerate(tables):
        pq.write_table(pa.table(table), folder / f"{len(tables) - k}.parquet", row_group_size=7)


def test_keys_that_rise_in_every_file_need_no_hashes_in_whichever_order_the_files_are(
    spark, tmp_path, monkeypatch
):
    calls = compared(monkeypatch)
    # The second column is not in order; the second file is two runs, around the first one.
    day = [3, 1, 2] * 10
    written(tmp_path, {"day": day, "key": range(30, 60)}, {"day": day, "key": [*range(60, 75), *range(15)]})
    rows = spark.read.parquet(str(tmp_path))
    assert find_repeated_keys(rows, ["key"], 60) == RepeatedKeys()
    assert find_repeated_keys(rows, ["day", "key"], 60) == RepeatedKeys()
    assert not calls
    assert find_repeated_keys(rows, ["day"], 60) == RepeatedKeys(3, 60)
    assert len(calls) == 1


@pytest.mark.parametrize("again", [29, 45, 59])
def test_a_key_that_two_rising_files_have_is_found(spark, tmp_path, again):
    written(tmp_path, {"key": range(30)}, {"key": range(30, 60)}, {"key": [again]})
    assert find_repeated_keys(spark.read.parquet(str(tmp_path)), ["key"], 61) == RepeatedKeys(1, 2)


@pytest.mark.parametrize("many", [False, True])
def test_keys_in_files_and_keys_in_rows_are_compared_in_any_number_of_cuts(
    spark, tmp_path, monkeypatch, many
):
    if many:
        monkeypatch.setattr("logreg_dist.scoring.repeated_keys.ROWS_READ_BY_EACH", 0)
    monkeypatch.setattr("logreg_dist.scoring.repeated_keys.ROWS_PER_TASK", 50_000)
    n = 400_000
    spark.range(n).repartition(3).write.parquet(str(tmp_path / "unique"))
    unique = spark.read.parquet(str(tmp_path / "unique"))
    assert find_repeated_keys(unique, ["id"], n) == RepeatedKeys()
    assert find_repeated_keys(unique.union(unique.limit(2)), ["id"], n) == RepeatedKeys(2, 4)
