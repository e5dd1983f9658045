"""The arrays behind linearity, fit and influence: digits, extremes, and that sums do not depend on the parts."""

from __future__ import annotations

from itertools import pairwise

import mpmath
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logreg_dist.checks.added_columns import Added, AddedColumn, added_values
from logreg_dist.checks.leverage import InfluencePlan, find_influence
from logreg_dist.checks.row_sums import BinnedColumn, RowPlan, sum_rows
from logreg_dist.checks.suggestion import suggested
from logreg_dist.fitting.diagnostics.row_plan import quantile_gaps
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.residuals import pearson_residuals

# exp and log are rounded to within an ulp or two; what follows adds a few of them.
EXACT = 1e-13
# Sums in another order.
SUMMED = 1e-12


@given(st.floats(1e-3, 1e9), st.floats(-0.999, 50.0).filter(lambda t: abs(t) > 1e-9))
def test_x_log_x_has_its_digits_however_near_the_centre(centre, t):
    moved = centre * t
    added = AddedColumn(0, Added.X_LOG_X, shift=centre, scale=centre, centred=centre)
    found = added_values(np.array([moved]), added)[0]
    with mpmath.workdps(50):
        exact = mpmath.mpf(moved) / mpmath.mpf(centre)
        expected = (1 + exact) * mpmath.log(1 + exact) - exact
        # Below the series' end what the logarithm loses grows like 1 / t.
        assert abs(found - expected) <= 1e-12 * abs(expected)


def test_without_an_intercept_nothing_but_multiples_of_the_column_is_left_out():
    added = AddedColumn(0, Added.X_LOG_X, shift=3.0, scale=3.0)
    x = np.array([0.5, 1.0, 7.0])
    found = added_values(x, added)
    rest = found - x * np.log(x) / 3.0  # a multiple of x
    np.testing.assert_allclose(rest / x, np.full(3, -np.log(3.0) / 3.0), rtol=EXACT)


@given(st.floats(-30.0, 30.0), st.floats(0.0, 1.0), st.floats(0.1, 50.0))
def test_pearson_residuals_are_their_definition(eta, y, weight):
    found = pearson_residuals(np.array([eta]), np.array([y]), np.array([weight]))[0]
    with mpmath.workdps(50):
        mu = 1 / (1 + mpmath.exp(-mpmath.mpf(eta)))
        expected = (mpmath.mpf(y) - mu) * mpmath.sqrt(weight / (mu * (1 - mu)))
        # Of a share y - mu is rounded once, to 2^-53 of 1; of a label of 0 or 1 nothing is lost.
        spread = 1 / mpmath.sqrt(mu * (1 - mu)) * mpmath.sqrt(weight)
        slack = EXACT * abs(expected) + (0 if y in (0.0, 1.0) else 4e-16 * spread)
        assert abs(found - expected) <= slack


def test_extremes_have_their_limits():
    eta = np.array([800.0, -800.0, 800.0, 1e4])
    found = pearson_residuals(eta, np.array([1.0, 0.0, 0.0, 1.0]), None)
    np.testing.assert_allclose(found[:3], [np.exp(-400.0), -np.exp(-400.0), -np.exp(400.0)], rtol=EXACT)
    assert found[3] == 0.0


def rows(seed: int, n: int) -> list[Block]:
    rng = np.random.default_rng(seed)
    dense = np.vstack([np.ones(n), rng.normal(size=(2, n))])
    codes = rng.integers(0, 4, n).astype(np.int32)
    y, weight = (rng.random(n) < 0.4).astype(float), rng.uniform(0.5, 2.0, n)
    edges = [0, *sorted(rng.integers(0, n + 1, 3).tolist()), n]
    return [Block(dense[:, a:b], [codes[a:b]], y[a:b], weight[a:b]) for a, b in pairwise(edges)]


SHAPE = BlockShape(3, (3,))
PLAN = RowPlan(
    (AddedColumn(1, Added.SQUARE, 0.0, 1.0), AddedColumn(None, Added.SQUARE, 0.0, 1.0)),
    (BinnedColumn(2, 0.0, (-0.5, 0.5), ""),),
    (-0.2, 0.3),
    0.0,
    1.0,
)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 40))
def test_sums_of_parts_add_to_the_sums_of_all_rows(seed, n):
    blocks, beta = rows(seed, n), np.linspace(-0.5, 0.5, SHAPE.p)
    whole = sum_rows(beta, blocks, SHAPE, PLAN)
    parts = [sum_rows(beta, [block], SHAPE, PLAN) for block in blocks]
    total = sum(parts[1:], parts[0]) + sum_rows(beta, [], SHAPE, PLAN)
    for name in whole.__dataclass_fields__:
        np.testing.assert_allclose(getattr(total, name), getattr(whole, name), rtol=SUMMED, atol=SUMMED)


def test_of_equal_rows_of_a_split_the_first_are_kept():
    block = rows(3, 5)
    joined = [piece for piece in block if piece.n_rows] * 4
    found = find_influence(np.zeros(SHAPE.p), joined, SHAPE, InfluencePlan(np.eye(SHAPE.p) * 0.1, 6, 20, 20))
    cook, row = found.kept.values[-1], found.kept.row
    assert (np.diff(cook) <= 0).all()
    assert all(a < b for a, b, same in zip(row, row[1:], np.diff(cook) == 0, strict=False) if same)
    few = find_influence(np.zeros(SHAPE.p), joined, SHAPE, InfluencePlan(np.eye(SHAPE.p) * 0.1, 6, 20, 3))
    np.testing.assert_array_equal(few.kept.row, row[:3])


@given(st.integers(0, 10_000), st.integers(0, 12), st.floats(-50.0, 50.0))
@example(1064, 7, 6.5)  # one whose iterations run away
def test_whatever_the_bins_a_suggestion_is_a_term_or_none(seed, n_bins, slope):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 100, n_bins).astype(float)
    # Of some bins all probabilities are rounded to 0 or 1, of some all labels are alike.
    mu = np.where(rng.random(n_bins) < 0.5, rng.random(n_bins), rng.integers(0, 2, n_bins))
    share = np.where(rng.random(n_bins) < 0.5, rng.random(n_bins), rng.integers(0, 2, n_bins))
    x = np.sort(np.exp(5.0 * rng.normal(size=n_bins)))
    working = np.maximum(n * mu * (1.0 - mu), 1e-300)
    table = np.stack([n, n, n * share, n * mu, n * x, working, working * x, working * np.log(x)])
    found = suggested(table, slope, "x", logarithm="log", may_spline=True)
    assert found is None or found.startswith(("log(x)", "ns(x, 4)", "bins(x, "))


def test_shares_of_weights_that_are_rounded_are_reached():
    # Ten sums of 0.1 are a little less than 1: the shares of 0.1, 0.2, ... must not slip to the next row.
    found = [gap.value for gap in quantile_gaps(np.arange(100.0), np.full(100, 0.1), 10)]
    assert found == [9.0, 19.0, 29.0, 39.0, 49.0, 59.0, 69.0, 79.0, 89.0]


def test_few_values_have_a_bin_each():
    found = [gap.short for gap in quantile_gaps(np.array([3.0, 1.0, 1.0, 7.0]), np.ones(4), 10)]
    assert found == [2.0, 5.0]
