"""Generated tables: the same from the same seed, with the rates and frequencies they are made for."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.cases import CASES
from benchmarks.data import table_of
from benchmarks.generate import chunk_rows, chunks
from benchmarks.rows import read_rows

# Four standard errors of a share over 40,000 rows, and those of the rows that the intercept is chosen on.
RATE_TOLERANCE = 0.014
# Of a correlation over 40,000 rows: four standard errors.
CORRELATION_TOLERANCE = 0.02


def fingerprints(table):
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in table.files]


@pytest.mark.parametrize("case_id", ["CRM", "INS", "SORT", "MN5"])
def test_the_same_seed_gives_the_same_bytes(case_id, tmp_path):
    case = CASES[case_id].at(2000)
    first, second = table_of(case, tmp_path / "a"), table_of(case, tmp_path / "b")
    assert fingerprints(first) == fingerprints(second)
    assert len(first.files) > 1


def test_a_table_is_kept_and_not_written_again(tmp_path):
    case = CASES["tiny"].at(500)
    before = table_of(case, tmp_path).files[0].stat().st_mtime_ns
    assert table_of(case, tmp_path).files[0].stat().st_mtime_ns == before


def test_all_bytes_are_read_before_a_clock_starts(tmp_path):
    table = table_of(CASES["tiny"].at(500), tmp_path)
    assert table.read_once() == sum(file.stat().st_size for file in table.files) > 0


def test_an_interrupted_table_is_written_again(tmp_path):
    case = CASES["tiny"].at(500)
    table = table_of(case, tmp_path)
    (table.folder / "case.json").unlink()
    table.files[0].write_bytes(b"half a file")
    assert sum(pq.read_metadata(file).num_rows for file in table_of(case, tmp_path).files) == 500


@pytest.mark.parametrize("case_id", ["D30", "AIR", "INS", "SORT"])
def test_events_are_as_frequent_as_the_case_says(case_id):
    case = CASES[case_id].at(40_000)
    labels = np.concatenate([chunk["label"].to_numpy() for chunk in chunks(case)])
    assert abs(labels.mean() - case.event_rate) < RATE_TOLERANCE


def test_neighbours_are_correlated_and_their_neighbours_less():
    case = CASES["D100c"].at(40_000)
    chunk = next(chunks(case))
    correlation = np.corrcoef([chunk[name].to_numpy() for name in ("x7", "x8", "x9")])
    np.testing.assert_allclose(correlation[0, 1:], [0.9, 0.81], atol=CORRELATION_TOLERANCE)


def test_a_sorted_table_drifts():
    case = CASES["SORT"].at(40_000)
    parts = list(chunks(case))
    first, last = (
        np.array([part[name].to_numpy().mean() for name in case.dense_columns])
        for part in (parts[0], parts[-1])
    )
    assert np.abs(last - first).min() > 0.5
    assert all(np.all(np.diff(part["time"].to_numpy()) > 0) for part in parts)


def test_the_first_level_is_twice_as_frequent_as_the_second():
    case = CASES["BIGC"].at(40_000)
    codes = np.concatenate([chunk["c2"].indices.to_numpy() for chunk in chunks(case)])
    counts = np.bincount(codes)
    assert 1.8 < counts[0] / counts[1] < 2.2


@pytest.mark.parametrize("case_id", sorted(CASES))
def test_no_chunk_is_larger_than_memory_likes(case_id):
    case = CASES[case_id]
    assert chunk_rows(case) <= 125_000
    assert chunk_rows(case) * (case.n_dense + len(case.levels)) * 8 <= 200e6


def test_strings_are_read_as_strings_and_numbers_as_they_were_drawn(small):
    table = small("CRM")
    drawn = next(chunks(table.case))
    rows = next(iter(read_rows(table)))
    assert str(pq.read_schema(table.files[0]).field("c3").type) == "string"
    np.testing.assert_array_equal(rows.X[:, 2], drawn["x2"].to_numpy())
    np.testing.assert_array_equal(rows.codes[19], drawn["c20"].indices.to_numpy())
