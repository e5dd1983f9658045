from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.staging.median import (
    Bracket,
    Neighbours,
    bracket_sums,
    neighbours,
    ordered_keys,
    sums_of,
    value_of_key,
)
from logreg_dist.staging.staged_split import record_layout
from tests.in_process import plan_of, stage

ANY = st.floats(allow_nan=False, allow_infinity=False, width=64)


def reference_median(values: np.ndarray, weight: np.ndarray) -> float:
    """Sort, and take the value at half of the weight, or the mean of the two beside it."""
    order = np.argsort(values, kind="stable")
    values, total = values[order], np.cumsum(weight[order])
    k = int(np.argmax(total >= total[-1] / 2))
    above = values[values > values[k]]
    up_to = weight[order][values <= values[k]].sum()
    return float(values[k]) if up_to > total[-1] / 2 else float((values[k] + above[0]) / 2)


def median_by_brackets(values: np.ndarray, weight: np.ndarray, n_bins: int = 4096) -> float:
    bracket, half, n_passes = Bracket(n_bins=n_bins), weight.sum() / 2, 0
    while not bracket.is_point:
        sums = sums_of(values, weight, bracket)
        bracket, n_passes = bracket.narrow(sums.below, sums.bins, half), n_passes + 1
    assert n_passes <= 1 + 64 / np.log2(n_bins) + 0.7
    value = value_of_key(bracket.low)
    above = values[values > value].min(initial=np.inf)
    return Neighbours(float(weight[values <= value].sum()), float(above)).quantile(value, half)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(ANY.filter(lambda x: abs(x) < 1e300), st.integers(1, 5)), min_size=1, max_size=30))
def test_the_median_is_that_of_the_sorted_rows(rows):
    values = np.array([value for value, _ in rows])
    weight = np.array([float(weight) for _, weight in rows])
    assert median_by_brackets(values, weight) == reference_median(values, weight)
    assert median_by_brackets(values, weight, 64) == reference_median(values, weight)


@pytest.mark.parametrize(
    ("values", "weight", "expected"),
    [
        ([3.0, -1.0, 2.0], [1, 1, 1], 2.0),
        ([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1], 2.5),
        ([-4.0, -3.0, -2.0, -1.0], [1, 1, 1, 1], -2.5),
        ([1.0, 10.0], [1, 3], 10.0),
        ([1.0, 10.0], [2, 2], 5.5),
        ([5.0, 5.0, 5.0, 9.0], [1, 1, 1, 1], 5.0),
        ([-0.0, 0.0, -0.0, 0.0], [1, 1, 1, 1], 0.0),
        ([-0.0, 5e-324], [1, 1], 0.0),
        ([7.25], [1e-9], 7.25),
        ([1e300, -1e300, 1e-300], [1, 1, 1], 1e-300),
    ],
)
def test_medians_that_can_be_read_off(values, weight, expected):
    assert median_by_brackets(np.array(values), np.array(weight, dtype=float)) == expected


@pytest.mark.parametrize("unit", [0.1, 1 / 3, 1e-7])
@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.randoms())
def test_multiplying_all_weights_by_a_constant_moves_no_median(unit, counts, random):
    # The weights below and above the middle are equal, but their sums round apart.
    values = np.arange(2.0 * len(counts))
    weight = np.array([*counts, *counts], dtype=float)
    order = np.array(random.sample(range(len(values)), len(values)))
    expected = median_by_brackets(values, weight)
    assert median_by_brackets(values[order], unit * weight[order]) == expected


@settings(max_examples=100, deadline=None)
@given(ANY, ANY)
def test_keys_sort_like_their_doubles_and_lead_back_to_them(a, b):
    low, high = ordered_keys(np.array([a, b]))
    assert (low < high, low == high) == (a < b, a == b)
    assert value_of_key(int(low)) == a


def test_minus_zero_and_zero_are_one_value():
    keys = ordered_keys(np.array([-0.0, 0.0]))
    assert keys[0] == keys[1]


@pytest.mark.parametrize(("n_splits", "single"), [(1, False), (4, False), (2, True)])
def test_a_weighted_median_over_staged_splits_leaves_out_what_is_missing(tmp_path, n_splits, single):
    rng = np.random.default_rng(8)
    x = np.round(8 * rng.normal(size=151)) / 8  # the same number in single precision
    x[::10] = np.nan
    weight = rng.integers(1, 4, 151).astype(float)
    table = pa.table({"x": x, "label": np.arange(151) % 2, "weight": weight})
    staged = stage(table, tmp_path, n_splits=n_splits, plan=replace(plan_of(table), single=single))
    layout, half = record_layout(staged.plan), staged.profile.numeric.weight[0] / 2
    bracket = Bracket()
    while not bracket.is_point:
        sums = reduce(
            add, (bracket_sums(split, layout, {(0, 0.5): bracket})[0, 0.5] for split in staged.splits)
        )
        bracket = bracket.narrow(sums.below, sums.bins, half)
    value = value_of_key(bracket.low)
    found = reduce(add, (neighbours(split, layout, {(0, 0.5): value})[0, 0.5] for split in staged.splits))
    present = ~np.isnan(x)
    expected = reference_median(x[present], weight[present])
    assert found.quantile(value, half) == expected
