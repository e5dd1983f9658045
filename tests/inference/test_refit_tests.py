"""Likelihood-ratio and score tests of columns on arrays, against R and Rao's formula."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from logreg_dist.inference.profile import Summit
from logreg_dist.inference.records import ColumnTest
from logreg_dist.inference.refit_tests import Refit, refit_without, with_refits
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Sums
from tests.inference.test_profile import ORACLES, design, likelihood, summit_of, table

LR = 1e-11  # relative: a difference of two deviances
R_SCORE = 2e-8  # relative: R takes the weights of the step before its last one
SCORE = 1e-9  # relative


def blocks_of(terms: list[str]) -> dict[str, np.ndarray]:
    columns = [term.split("[")[0] for term in terms]
    return {name: np.array([column == name for column in columns]) for name in columns if name != "intercept"}


@pytest.mark.parametrize("name", ["birthwt", "skewed"])
def test_tests_are_those_of_r(name):
    # drop1(fit, test = "LRT") and drop1(fit, test = "Rao"), see tests/oracles/profile.R.
    terms, _, sums, summit = table(name)
    stored = json.loads((ORACLES / "profile_r.json").read_text())[name]["tests"]
    blocks = blocks_of(terms)
    assert set(blocks) == set(stored)
    for column, block in blocks.items():
        found, expected = refit_without(sums, summit, block), stored[column]
        assert found.df == expected["df"]
        assert found.lr == pytest.approx(expected["lr"], rel=LR)
        assert found.lr_p_value == pytest.approx(expected["lr_p_value"], rel=10 * LR)
        assert found.score == pytest.approx(expected["score"], rel=R_SCORE)
        assert found.score_p_value == pytest.approx(expected["score_p_value"], rel=10 * R_SCORE)


@pytest.mark.parametrize("name", ["birthwt", "skewed"])
def test_the_score_test_is_raos_formula_at_a_fit_of_the_other_columns(name):
    terms, X, sums, summit = table(name)
    _, _, y, weight, offset = design(name)
    for block in blocks_of(terms).values():
        smaller = newton(
            likelihood(X[:, ~block], y, weight, offset), np.zeros((~block).sum()), NewtonOptions(1e-12)
        )
        beta = np.zeros(len(terms))
        beta[~block] = smaller.point.beta
        at = sums(beta)
        expected = at.score[block] @ np.linalg.inv(at.information)[np.ix_(block, block)] @ at.score[block]
        found = refit_without(sums, summit, block)
        assert found.score == pytest.approx(expected, rel=SCORE)
        assert found.score_p_value == pytest.approx(stats.chi2.sf(expected, block.sum()), rel=100 * SCORE)


def test_frequencies_are_repeated_rows():
    terms, X, sums, summit = table("skewed")
    _, _, y, weight, offset = design("skewed")
    times = weight.astype(int)
    rows = (np.repeat(array, times, axis=0) for array in (X, y))
    repeated = likelihood(*rows, None, np.repeat(offset, times))
    top = summit_of(repeated, len(terms))
    for block in blocks_of(terms).values():
        found, other = refit_without(sums, summit, block), refit_without(repeated, top, block)
        assert (found.lr, found.score) == pytest.approx((other.lr, other.score), rel=SCORE)


def test_everything_may_be_left_out_and_a_test_does_not_mind_the_unit_of_a_column():
    terms, X, sums, summit = table("skewed")
    _, _, y, weight, offset = design("skewed")
    every = np.ones(len(terms), dtype=bool)
    found = refit_without(sums, summit, every)
    assert found.lr == pytest.approx(sums(np.zeros(len(terms))).deviance - summit.deviance, rel=LR)
    units = np.logspace(-5, 5, len(terms))
    other = likelihood(X * units, y, weight, offset)
    rescaled = refit_without(other, summit_of(other, len(terms)), every)
    assert (rescaled.lr, rescaled.score) == pytest.approx((found.lr, found.score), rel=SCORE)


def test_a_refit_that_does_not_converge_gives_no_test():
    def sums(beta: np.ndarray) -> Sums:  # without the first term the likelihood rises for ever
        flat = np.exp(-beta[1])
        return Sums(10, 10.0, float(flat), np.array([0.0, flat / 2]), np.diag([1.0, flat / 2]))

    assert refit_without(sums, Summit(np.ones(2), 0.0, np.eye(2)), np.array([True, False])) is None


def test_refits_fill_the_tests_that_there_are_and_add_those_that_there_are_not():
    wald = ColumnTest("a", 2, 7.0, 0.03, 0.06, 0.06)
    refit = Refit(2, 8.0, 0.02, 7.5, 0.025)
    found = with_refits((wald, replace(wald, column="b")), {"a": refit, "b": None, "c": refit})
    assert found == (
        ColumnTest("a", 2, 7.0, 0.03, 0.06, 0.06, 8.0, 0.02, 7.5, 0.025),
        replace(wald, column="b"),
        ColumnTest("c", 2, None, None, None, None, 8.0, 0.02, 7.5, 0.025),
    )
