"""Columns carried beside the staged rows: the same rows, in the same order."""

from __future__ import annotations

import datetime
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logreg_dist.staging.carried import (
    CarriedColumn,
    CarriedRule,
    carried_column,
    carried_file,
    carried_numbers,
    read_carried,
)
from logreg_dist.staging.folds import text_hashes
from logreg_dist.staging.split_file import read_chunks
from logreg_dist.staging.stage_split import stage_split
from logreg_dist.staging.staged_split import read_sidecar, record_layout
from tests.in_process import plan_of

N_ROWS = 150
CARRIED = (
    CarriedColumn("cluster[0]", CarriedRule.HASH, 4),
    CarriedColumn("order", CarriedRule.NUMBER, 5),
    CarriedColumn("key", CarriedRule.TEXT, 6),
    CarriedColumn("frequency", CarriedRule.FREQUENCY, None),
)


def rows() -> pa.Table:
    """Return rows of which some have weight 0 and some have no number, each with its own number as x1 or order."""
    rng = np.random.default_rng(0)
    x = np.arange(N_ROWS, dtype=float)
    x[rng.random(N_ROWS) < 0.2] = np.nan
    return pa.table(
        {
            "x1": x,
            "label": rng.integers(0, 2, N_ROWS).astype(float),
            "weight": rng.choice([0.0, 0.5, 2.0], N_ROWS),
            "frequency": rng.integers(1, 4, N_ROWS),
            "site": [f"s{k}" for k in rng.integers(0, 9, N_ROWS)],
            "time": np.arange(N_ROWS) * 10,
            "id": [f"id {k}" for k in range(N_ROWS)],
        }
    )


ROWS = rows()
PLAN = replace(plan_of(ROWS.select(ROWS.column_names[:4]), drop=("x1",)), carried=CARRIED)


def staged(folder, batches, plan=PLAN):
    path = folder / "0.rows"
    return path, stage_split(batches, plan, path, 0)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, N_ROWS), max_size=8))
def test_carried_columns_follow_their_rows_whatever_the_batches(tmp_path_factory, cuts):
    edges = [0, *sorted(cuts), N_ROWS]
    batches = [batch for a, b in pairwise(edges) for batch in ROWS.slice(a, b - a).to_batches()]
    path, split = staged(tmp_path_factory.mktemp("carried"), batches)
    used = ROWS.filter((ROWS["weight"].to_numpy() > 0) & ~np.isnan(ROWS["x1"].to_numpy()))
    x1 = np.concatenate([chunk.numeric[0] for chunk in read_chunks(path, split.n_rows, record_layout(PLAN))])

    assert 0 < split.n_rows == used.num_rows < N_ROWS
    np.testing.assert_array_equal(x1, used["x1"].to_numpy())
    np.testing.assert_array_equal(carried_numbers(path, "order"), used["time"].to_numpy())
    np.testing.assert_array_equal(carried_numbers(path, "frequency"), used["frequency"].to_numpy())
    np.testing.assert_array_equal(
        carried_numbers(path, "cluster[0]"), text_hashes(used["site"].combine_chunks())
    )
    assert carried_column(path, "key").to_pylist() == used["id"].to_pylist()


def test_no_rows_have_no_carried_values_and_no_columns_no_file(tmp_path):
    path, _ = staged(tmp_path, [])
    assert len(carried_numbers(path, "order")) == 0
    (tmp_path / "without").mkdir()
    path, _ = staged(tmp_path / "without", ROWS.to_batches(), replace(PLAN, carried=()))
    assert not carried_file(path).exists()
    with pytest.raises(FileNotFoundError, match="carried"):  # what a pass takes for a lost file
        carried_numbers(path, "order")


@pytest.mark.parametrize("name", ["site", "time", "id", "frequency"])
def test_other_carried_values_are_other_contents(tmp_path, name):
    # What tells that the table changed between two readings of it.
    _, before = staged(tmp_path, ROWS.to_batches())
    position = ROWS.column_names.index(name)
    values = ROWS[name].to_pylist()
    k = int(np.flatnonzero((ROWS["weight"].to_numpy() > 0) & ~np.isnan(ROWS["x1"].to_numpy()))[3])
    values[k] = values[k] + ("0" if isinstance(values[k], str) else 1)
    changed = ROWS.set_column(position, name, pa.array(values, ROWS.schema.field(name).type))
    _, after = staged(tmp_path, changed.to_batches())
    assert (after.n_rows, after.content != before.content) == (before.n_rows, True)


def test_values_without_use_are_counted_where_their_row_counts(tmp_path):
    table = ROWS.set_column(4, "site", pa.array([None] * 7 + ROWS["site"].to_pylist()[7:]))
    table = table.set_column(5, "time", pa.array([None if k % 50 == 0 else k for k in range(N_ROWS)]))
    path, _ = staged(tmp_path, table.to_batches(max_chunksize=40))
    counts = ROWS["weight"].to_numpy() > 0
    problems = read_sidecar(path)["profile"]["problems"]
    assert problems["cluster[0].missing"] == counts[:7].sum()
    assert problems["order.missing"] == counts[::50].sum()


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (pa.array([1, 2**53, None]), {"order.not_exact": 1, "order.missing": 1}),
        (pa.array([1.5, 2.0**60, float("nan")]), {"order.missing": 1}),
    ],
)
def test_an_order_that_rounding_could_change_is_a_problem(values, problem):
    found = read_carried([values], [CarriedColumn("order", CarriedRule.NUMBER, 0)], np.ones(3))
    assert dict(found.problems) == problem


def test_clusters_that_are_no_whole_numbers_are_a_problem_of_their_own():
    found = read_carried(
        [pa.array([1.0, 2.5, None])], [CarriedColumn("cluster[0]", CarriedRule.HASH, 0)], np.ones(3)
    )
    assert dict(found.problems) == {"cluster[0].not_whole": 1, "cluster[0].missing": 1}


def test_equal_clusters_are_equal_whatever_type_holds_them():
    column = [CarriedColumn("cluster[0]", CarriedRule.HASH, 0)]
    kinds = [
        pa.array([7, 12]),
        pa.array([7.0, 12.0]),
        pa.array(["7", "12"]),
        pa.array(["7", "12"]).dictionary_encode(),
    ]
    hashes = {tuple(read_carried([kind], column, np.ones(2)).arrays[0].to_pylist()) for kind in kinds}
    assert len(hashes) == 1


def test_times_keep_their_order_to_the_microsecond():
    start = datetime.datetime(2026, 11, 21, 12, 0, 0)
    times = [start + datetime.timedelta(microseconds=k) for k in range(50)]
    found = read_carried([pa.array(times)], [CarriedColumn("order", CarriedRule.NUMBER, 0)], np.ones(50))
    assert np.all(np.diff(found.arrays[0].to_numpy()) > 0)
