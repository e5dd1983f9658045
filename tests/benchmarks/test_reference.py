"""The yardstick: against a hand calculation, statsmodels and itself by another route."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from benchmarks.cases import Case
from benchmarks.newton_cg import newton_cg
from benchmarks.objective import objective
from benchmarks.reference import REACHED, gap_of, reference_of
from benchmarks.rows import Rows, read_rows, term_names

# Sums of a few thousand terms in another order.
ROUNDING = 1e-12
# Estimates by two routes that both stop far below a gap of 1e-8.
ESTIMATES = 1e-5


def two_rows(**changes):
    rows = Rows(
        X=np.array([[1.0, 2.0], [1.0, -1.0]]),
        codes=[np.array([0, 1])],
        y=np.array([1.0, 0.0]),
        weight=np.array([1.0, 3.0]),
        offset=np.array([0.0, 0.5]),
    )
    return [replace(rows, **changes)]


CASE = Case("hand", 2, "by hand", n_dense=1, levels=(2,))
ESTIMATED = {"intercept": 0.1, "x1": 0.7, "c1[c1_00001]": -0.4}


def test_the_deviance_is_the_one_by_hand():
    # eta = 0.1 + 1.4 and 0.1 - 0.7 - 0.4 + 0.5
    expected = 2 * (math.log(1 + math.exp(-1.5)) + 3 * math.log(1 + math.exp(-0.5)))
    assert math.isclose(objective(ESTIMATED, CASE, two_rows()), expected, rel_tol=ROUNDING)


def test_a_ridge_counts_all_but_the_intercept():
    plain = objective(ESTIMATED, CASE, two_rows())
    penalised = objective(ESTIMATED, replace(CASE, prior_precision=2.0), two_rows())
    assert math.isclose(penalised - plain, 2.0 * (0.7**2 + 0.4**2), rel_tol=1e-9)


def test_other_reference_levels_are_the_same_model():
    moved = {"intercept": -0.3, "x1": 0.7, "c1[c1_00000]": 0.4}
    assert math.isclose(
        objective(ESTIMATED, CASE, two_rows()), objective(moved, CASE, two_rows()), rel_tol=ROUNDING
    )


def test_the_multinomial_deviance_is_the_one_by_hand():
    case = Case("hand", 2, "by hand", n_dense=1, classes=3)
    rows = two_rows(codes=[], y=np.array([2.0, 0.0]), weight=np.ones(2), offset=np.zeros(2))
    estimates = {"1:intercept": 0.2, "2:x1": 0.5}
    first = math.log(1 + math.exp(0.2) + math.exp(1.0)) - 1.0
    second = math.log(1 + math.exp(0.2) + math.exp(-0.5))
    assert math.isclose(objective(estimates, case, rows), 2 * (first + second), rel_tol=ROUNDING)


@pytest.mark.parametrize(
    ("estimates", "words"),
    [({"x9": 1.0}, "no terms of case hand"), ({"x1": float("nan")}, "estimates must be finite")],
)
def test_estimates_that_are_no_estimates_are_refused(estimates, words):
    with pytest.raises(ValueError, match=words):
        objective(estimates, CASE, two_rows())


def test_the_reference_is_statsmodels_optimum(small):
    table = small("INS")
    reference = reference_of(table)
    rows = next(iter(read_rows(table)))
    parts = list(read_rows(table))
    X = np.concatenate([part.X for part in parts])
    hot = [
        np.concatenate([part.codes[k][:, None] == np.arange(1, count) for part in parts])
        for k, count in enumerate(table.case.levels)
    ]
    y, weight, offset = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("y", "weight", "offset")
    )
    model = sm.GLM(y, np.hstack([X, *hot]), sm.families.Binomial(), freq_weights=weight, offset=offset)
    found = model.fit(tol=1e-14)
    estimates = [reference.estimates[term] for term in term_names(table.case)]
    np.testing.assert_allclose(estimates, found.params, atol=1e-8)
    assert len(rows.y) < len(y)


@pytest.mark.parametrize("case_id", ["CRM", "TEXT"])
def test_conjugate_gradients_and_factorising_find_the_same(small, case_id):
    table = small(case_id)
    estimates, _ = newton_cg(table)
    assert abs(gap_of(estimates, table, reference_of(table))) < ROUNDING
    np.testing.assert_allclose(
        [estimates[term] for term in term_names(table.case)],
        [reference_of(table).estimates[term] for term in term_names(table.case)],
        atol=ESTIMATES,
    )


def test_a_wrong_coefficient_is_seen(small):
    table = small("tiny")
    reference = reference_of(table)
    wrong = reference.estimates | {"x3": reference.estimates["x3"] + 0.01}
    assert abs(gap_of(reference.estimates, table, reference)) < ROUNDING
    assert gap_of(wrong, table, reference) > REACHED[-1]


def test_the_reference_is_kept(small):
    table = small("tiny")
    first = reference_of(table)
    assert (table.folder / "reference.json").is_file()
    assert reference_of(table) == first
