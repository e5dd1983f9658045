"""Keys that more than one row has are counted exactly, told without a key, and never published unseen."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from logreg_dist.scoring.repeated_keys import RepeatedKeys, find_repeated_keys
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
    monkeypatch.setattr("logreg_dist.scoring.repeated_keys.F.xxhash64", lambda *columns: columns[0] * 0)
    assert find_repeated_keys(rows, ["id", "odd.name"]) == RepeatedKeys()
    assert find_repeated_keys(rows, ["odd.name"]) == RepeatedKeys(3, 1000)
