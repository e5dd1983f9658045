"""Profiles of Firth's likelihood: the conditions of a limit, and restricted fits by another way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from logreg_dist.fitting.firth import rows_of_blocks
from logreg_dist.fitting.firth_inference import penalised_many
from logreg_dist.inference.profile import Summit, profile_limit
from logreg_dist.inference.restricted_optimum import restricted_optimum
from logreg_dist.inference.secant_curvature import SecantCurvature
from logreg_dist.kernel.block import BlockShape
from logreg_dist.solver.firth import FirthOptions, firth
from tests.oracles.firth import completely_separated, design, separated
from tests.solver.arrays import block_of

RISE = float(stats.chi2.isf(0.05, 1))
LEVEL = 1e-8  # of the deviance at a limit: the last step is taken without looking
SCORE = 1e-6  # in standard errors, of what is optimised for a limit
BRUTE = 1e-7  # of a limit by brentq over restricted fits


class Fit:
    """A table with its fit by Firth's likelihood."""

    def __init__(self, table):
        X, y = design(table), table["y"]
        self.p, self.kept = X.shape[1], np.ones(X.shape[1], dtype=bool)
        block = block_of(X, y, table.get("frequency"))
        self.rows = rows_of_blocks([block], BlockShape(self.p), np.arange(self.p))
        found = firth(
            self.rows.evaluate, self.rows.evaluate_adjusted, np.zeros(self.p), FirthOptions(1e-10, 200)
        )
        self.beta = found.solution.point.beta
        spread = np.linalg.inv(found.solution.point.sums.information)
        self.summit = Summit(self.beta, found.penalised_deviance, spread)

    def evaluate(self, beta):
        return penalised_many(self.rows, self.kept, {0: beta})[0]

    def held(self, j: int, value: float) -> float:
        """Return the smallest penalised deviance with one coefficient held.

        Firth's likelihood is not concave: far out there are two optima, one from the estimates and one from their
        multiple.
        """
        place = np.arange(self.p) == j
        options = FirthOptions(1e-9, 200, place)
        return min(
            firth(self.rows.evaluate, self.rows.evaluate_adjusted, start, options).penalised_deviance
            for start in (np.where(place, value, self.beta), self.beta * (value / self.beta[j]))
        )


@pytest.fixture(scope="module", params=[separated, completely_separated])
def fit(request):
    return Fit(request.param())


@pytest.mark.parametrize("side", [-1, 1])
def test_a_limit_is_at_the_level_and_all_else_is_optimal_there(fit, side):
    for j in range(fit.p):
        along = np.eye(fit.p)[j]
        found = profile_limit(SecantCurvature(fit.evaluate), fit.summit, along, rise=RISE, side=side)
        assert found.n_evaluations <= 40
        assert (found.limit - fit.beta[j]) * side > 0
        there = fit.evaluate(found.beta)
        assert there.deviance == pytest.approx(fit.summit.deviance + RISE, rel=LEVEL)
        others = np.arange(fit.p) != j
        spread = np.linalg.inv(there.information)[np.ix_(others, others)]
        left = there.score[others]
        assert np.sqrt(left @ spread @ left) < SCORE


def test_the_last_terms_limits_are_those_of_a_search_over_its_values(fit):
    j = fit.p - 1
    width = np.sqrt(fit.summit.covariance[j, j])
    level = fit.summit.deviance + RISE
    for side in (-1, 1):
        found = profile_limit(
            SecantCurvature(fit.evaluate), fit.summit, np.eye(fit.p)[j], rise=RISE, side=side
        )

        def above(value):
            return fit.held(j, value) - level

        expected = optimize.brentq(above, fit.beta[j], fit.beta[j] + 12 * side * width, xtol=1e-9, rtol=1e-10)
        assert found.limit == pytest.approx(expected, rel=BRUTE)


def test_the_likelihood_ratio_is_that_of_a_fit_with_the_term_held(fit):
    for j in range(fit.p):
        found = restricted_optimum(SecantCurvature(fit.evaluate), fit.beta, np.eye(fit.p)[j], 0.0)
        held = fit.held(j, 0.0)
        assert found.deviance == pytest.approx(held, rel=1e-10)
        assert held > fit.summit.deviance


def test_the_score_is_the_derivative_of_the_penalised_deviance(fit):
    beta = fit.beta + 0.3 * np.sqrt(np.diag(fit.summit.covariance))
    score = fit.evaluate(beta).score
    for j, shift in enumerate(1e-5 * np.eye(fit.p)):
        slope = (fit.evaluate(beta + shift).deviance - fit.evaluate(beta - shift).deviance) / 2e-5
        assert -2 * score[j] == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_far_out_the_deviance_is_not_a_number_rather_than_an_error(fit):
    assert np.isnan(fit.evaluate(np.full(fit.p, 1e4)).deviance)
