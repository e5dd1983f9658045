"""Keys are said to rise only where none of them can be repeated."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import logreg_dist.scoring.rising_keys as rising_keys
from logreg_dist.scoring.rising_keys import (
    BATCH_ROWS,
    MAX_RUNS,
    MAX_RUNS_OF_ALL,
    are_apart,
    file_runs,
    joined,
    rising_runs_task,
    runs_of,
)

DAY = dt.date(1969, 12, 31)


@pytest.mark.parametrize(
    "rising",
    [
        pa.array([-(2**62), 0, 2**62]),
        pa.array([-1.5, 0.0, np.inf]),
        pa.array(["", "Z", "a", "\u00e9", "\U0001f600"]),
        pa.array([DAY, dt.date(1970, 1, 1)]),
        pa.array([1, 2, 1001], pa.timestamp("ns")),
        pa.array([Decimal("-0.10"), Decimal("99999999999999999999.00")]),
        pa.array([False, True]),
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array([b"a\xe9", b"b\xe9"], pa.binary()).view(pa.string()),
        pa.array([b"a\xe9", b"b"], pa.large_binary()).view(pa.large_string()),
        pa.array([-1_000_000, 4_000_000], pa.int32()).view(pa.date32()),
    ],
    ids=lambda array: f"{array.type}-{len(array)}",
)
def test_values_of_any_type_that_rise_are_one_run_and_fallen_ones_are_not(rising):
    assert len(runs_of(rising)) == 1
    assert are_apart(runs_of(rising))
    fallen = rising.take(pa.array([len(rising) - 1, 0]))
    assert len(runs_of(fallen)) == 2
    again = rising.take(pa.array([0, *range(len(rising))]))
    assert not are_apart(runs_of(again))


def test_nulls_and_nan_never_rise():
    assert runs_of(pa.array([1, None, 3])) is None
    for values in ([1.0, np.nan], [np.nan, 1.0], [np.nan, np.nan], [1.0, np.nan, 2.0, np.nan]):
        assert not are_apart(runs_of(pa.array(values)))
    assert not are_apart(runs_of(pa.array([-0.0, 0.0])))


@given(st.lists(st.lists(st.lists(st.integers(0, 40), max_size=6), max_size=4), max_size=4))
def test_where_runs_are_apart_no_value_is_repeated(files):
    runs = []
    for batches in files:
        of_file = []
        for values in batches:
            of_file = joined(of_file, runs_of(pa.array(values, pa.int64())))
        values = [value for batch in batches for value in batch]
        falls = sum(a >= b for a, b in pairwise(values))
        assert len(of_file) == (falls + 1 if values else 0)
        runs += of_file
    values = [value for batches in files for batch in batches for value in batch]
    if are_apart(runs):
        assert len(set(values)) == len(values)
    if sorted(set(values)) == values:
        assert are_apart(runs)


def test_the_runs_of_a_file_go_over_its_batches(tmp_path):
    path, n = str(tmp_path / "part"), 2 * BATCH_ROWS + 3
    rows = np.arange(n)
    table = {
        "rises": rows,
        "turns": np.where(rows == BATCH_ROWS, 0, rows),
        "mixed": rows * 7919 % n,
        "few": rows // 2,
    }
    pq.write_table(pa.table(table), path)
    rises, turns, mixed, few = file_runs(path, list(table))
    assert rises == [(0, n - 1)]
    assert turns == [(0, BATCH_ROWS - 1), (0, n - 1)]
    assert mixed is None
    assert few is None
    first = file_runs(path, ["rises"], max_batches=1)
    assert first == [[(0, BATCH_ROWS - 1)]]


def test_a_file_is_read_no_further_than_a_column_may_rise(tmp_path, monkeypatch):
    path, read = str(tmp_path / "part"), []
    pq.write_table(pa.table({"mixed": np.arange(3 * BATCH_ROWS) * 7919 % 1_000_003}), path)
    monkeypatch.setattr(rising_keys, "runs_of", lambda column: read.append(len(column)) or runs_of(column))
    assert file_runs(path, ["mixed"]) == [None]
    assert read == [BATCH_ROWS]


def test_of_many_files_each_has_fewer_runs(tmp_path):
    path = str(tmp_path / "part")
    pq.write_table(pa.table({"falls": [3, 2, 1]}), path)
    assert list(rising_runs_task(["falls"], 1)([path])) == [[[(3, 3), (2, 2), (1, 1)]]]
    assert list(rising_runs_task(["falls"], MAX_RUNS_OF_ALL)([path])) == [[None]]


def test_more_runs_than_a_file_may_have_are_none():
    falling = pa.array(np.arange(MAX_RUNS, 0, -1))
    assert len(runs_of(falling)) == MAX_RUNS
    assert runs_of(pa.array(np.arange(MAX_RUNS + 1, 0, -1))) is None
    assert joined(runs_of(falling), [(0, 0)]) is None
