from __future__ import annotations

import json
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logreg_dist.inference.column_tests import benjamini_hochberg, column_tests, holm
from tests import oracles
from tests.oracles.design import certified_fit

# car::Anova(glm, type = "III", test.statistic = "Wald"), p.adjust(p, "holm") and p.adjust(p, "BH"): tests/oracles/columns.R.
ORACLE = json.loads(Path(oracles.__file__).with_name("columns.json").read_text(encoding="utf-8"))
# Relative: what R's own solution leaves right of a statistic, and of the tail probability that follows.
STATISTIC, TAIL = 1e-9, 1e-7
SAME = 1e-9  # relative: two codings of one model

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


@pytest.mark.parametrize("name", ORACLE)
def test_wald_tests_of_columns_are_those_of_car(name):
    fit = certified_fit(name)
    found = column_tests(fit.columns, fit.estimate, fit.covariance)
    assert [(test.column, test.df) for test in found] == [
        (r["column"], r["df"]) for r in ORACLE[name]["tests"]
    ]
    for test, right in zip(found, ORACLE[name]["tests"], strict=True):
        assert test.wald == pytest.approx(right["wald"], rel=STATISTIC), test.column
        assert test.wald_p_value == pytest.approx(right["p"], rel=TAIL), test.column
        assert test.wald_p_holm == pytest.approx(right["holm"], rel=TAIL), test.column
        assert test.wald_p_bh == pytest.approx(right["bh"], rel=TAIL), test.column


def test_p_values_keep_their_digits_far_out():
    [test] = column_tests(["x"] * 3, np.array([20.0, 20.0, 24.1]), np.eye(3))
    with mpmath.workdps(40):
        exact = mpmath.gammainc(mpmath.mpf(3) / 2, mpmath.mpf(test.wald) / 2, regularized=True)
    assert 0 < test.wald_p_value < 1e-298
    assert test.wald_p_value == pytest.approx(float(exact), rel=1e-10)


def test_another_reference_level_leaves_the_test_of_the_column_as_it_is():
    fit = certified_fit("birthwt")
    first, second = fit.terms.index("race[black]"), fit.terms.index("race[other]")
    # Against `black`: white is the intercept that was, other loses what black had.
    change = np.eye(len(fit.terms))
    change[0, first] = 1.0
    change[first, first], change[second, first] = -1.0, -1.0
    before = column_tests(fit.columns, fit.estimate, fit.covariance)
    after = column_tests(fit.columns, change @ fit.estimate, change @ fit.covariance @ change.T)
    assert [test.wald for test in after] == pytest.approx([test.wald for test in before], rel=SAME)


def test_units_of_columns_leave_the_tests_as_they_are():
    fit = certified_fit("pima")
    scale = 10.0 ** np.linspace(-12, 12, len(fit.terms))
    before = column_tests(fit.columns, fit.estimate, fit.covariance)
    after = column_tests(fit.columns, fit.estimate / scale, fit.covariance / np.outer(scale, scale))
    assert [test.wald for test in after] == pytest.approx([test.wald for test in before], rel=SAME)


def test_a_column_of_one_term_has_the_square_of_its_z():
    [test] = column_tests([None, "x"], np.array([9.0, 3.0]), np.diag([1.0, 4.0]))
    assert (test.wald, test.df) == (2.25, 1)


def test_terms_of_several_classes_are_tested_together():
    columns = [None, "x", "plan", None, "x", "plan"]
    [x, plan] = column_tests(columns, np.array([0.0, 1, 2, 0, 3, 4]), np.eye(6))
    assert (x.df, x.wald, plan.df, plan.wald) == (2, 10.0, 2, 20.0)


def test_a_singular_block_has_no_statistic_and_does_not_count_in_the_adjustment():
    # Three terms from the scores of two clusters, which span one dimension.
    scores = np.random.default_rng(0).normal(size=(3, 1))
    spread = np.diag([1.0, 1.0, 0.0, 0.0, 0.0])
    spread[2:, 2:] = scores @ scores.T
    [a, b, plan] = column_tests(["a", "b", *["plan"] * 3], np.array([3.0, 0, 1, 1, 1]), spread)
    assert (plan.df, plan.wald, plan.wald_p_value, plan.wald_p_holm, plan.wald_p_bh) == (
        3,
        None,
        None,
        None,
        None,
    )
    assert a.wald_p_holm == pytest.approx(2 * a.wald_p_value)
    assert b.wald_p_holm == b.wald_p_bh == 1.0


@pytest.mark.parametrize("seed", range(20))
def test_a_block_that_is_singular_but_for_rounding_has_no_statistic(seed):
    # Cholesky's factor of some of these exists, with statistics of any size.
    scores = np.random.default_rng(seed).normal(size=(5, 4))
    [test] = column_tests(["plan"] * 5, np.ones(5), scores @ scores.T)
    assert test.wald is None


def test_a_model_of_an_intercept_has_no_column_to_test():
    assert column_tests([None], np.ones(1), np.eye(1)) == ()


@given(P_VALUES)
def test_adjusted_p_values_are_those_of_their_definitions(p):
    order = np.sort(p)
    m = len(p)
    # Holm: the largest of (m - j + 1) p_(j) so far; Benjamini and Hochberg: the smallest of m p_(j) / j from here on.
    by_holm = {v: min(1.0, max((m - j) * order[j] for j in range(m) if order[j] <= v)) for v in p}
    by_bh = {v: min([1.0, *(m * order[j] / (j + 1) for j in range(m) if order[j] >= v)]) for v in p}
    np.testing.assert_allclose(holm(p), [by_holm[v] for v in p], rtol=1e-14)
    np.testing.assert_allclose(benjamini_hochberg(p), [by_bh[v] for v in p], rtol=1e-14)


@given(P_VALUES)
def test_adjusting_never_makes_a_p_value_smaller_nor_changes_the_order(p):
    raised, shares = holm(p), benjamini_hochberg(p)
    assert (raised >= shares).all()
    assert (shares >= p * (1 - 1e-15)).all()
    order = np.argsort(p)
    assert (np.diff(raised[order]) >= 0).all()
    assert (np.diff(shares[order]) >= 0).all()
