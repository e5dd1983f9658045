"""Firth's likelihood: the score equation at 30 digits, brglm2, and what must not change the estimates."""

from __future__ import annotations

import json
from pathlib import Path

import mpmath
import numpy as np
import pytest

from logreg_dist.fitting.firth import rows_of_blocks
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.solver.firth import FirthOptions, FirthResult, firth
from logreg_dist.solver.result import Ending
from tests.oracles.firth import completely_separated, design, separated
from tests.solver.arrays import block_of, fit_arrays, overlapping, with_ones

R = json.loads((Path(__file__).parents[1] / "oracles" / "firth.json").read_text())
# The house's bars: the solver stops at 1e-8 standard errors and takes one step more.
ESTIMATES, STD_ERRORS = 9.0, 8.0
# brglm2 stops on the size of its last change.
R_DIGITS = 7.5
INVARIANT = 1e-8  # of a standard error


def digits(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the digits that all agree in, as `tests.certified.lre`."""
    return float(-np.log10(np.max(np.abs(np.asarray(found) / np.asarray(expected) - 1)) + 1e-17))


def fit(X, y, weight=None, *, blocks=None, shape=None, start=None, **options) -> FirthResult:
    shape = shape or BlockShape(X.shape[1])
    blocks = blocks or [block_of(X, y, weight)]
    rows = rows_of_blocks(blocks, shape, np.arange(shape.p))
    start = np.zeros(shape.p) if start is None else start
    return firth(
        rows.evaluate, rows.evaluate_adjusted, start, FirthOptions(**{"max_iterations": 200, **options})
    )


def estimates(X, y, weight=None, **more) -> np.ndarray:
    result = fit(X, y, weight, **more).solution
    assert result.ending is Ending.CONVERGED
    return result.point.beta


def certified(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solve ``sum((w (y - mu) + h (1/2 - mu)) x) = 0`` at 30 digits: estimates and standard errors."""
    p = X.shape[1]
    rows = [[mpmath.mpf(float(value)) for value in row] for row in X]
    w, label = [mpmath.mpf(float(v)) for v in weight], [mpmath.mpf(float(v)) for v in y]

    def parts(beta):
        mu = [1 / (1 + mpmath.exp(-mpmath.fdot(row, beta))) for row in rows]
        info = mpmath.matrix(p, p)
        for row, m, k in zip(rows, mu, w, strict=True):
            for i in range(p):
                for j in range(p):
                    info[i, j] += k * m * (1 - m) * row[i] * row[j]
        return mu, info**-1

    def score(*beta):
        mu, V = parts(beta)
        total = [mpmath.mpf(0)] * p
        for row, m, k, one in zip(rows, mu, w, label, strict=True):
            x = mpmath.matrix(row)
            h = k * m * (1 - m) * (x.T * V * x)[0]
            residual = k * (one - m) + h * (mpmath.mpf("0.5") - m)
            total = [t + residual * value for t, value in zip(total, row, strict=True)]
        return total

    with mpmath.workdps(30):
        root = list(mpmath.findroot(score, [mpmath.mpf(float(b)) for b in near], tol=1e-40))
        _, V = parts(root)
        return np.array([float(b) for b in root]), np.array([float(mpmath.sqrt(V[j, j])) for j in range(p)])


@pytest.mark.parametrize("table", [separated(), completely_separated()], ids=["quasi", "complete"])
def test_the_adjusted_score_is_zero_at_30_digits(table):
    X, y = design(table), table["y"]
    weight = table.get("frequency", np.ones(len(y)))
    result = fit(X, y, weight).solution
    assert result.ending is Ending.CONVERGED
    estimate, std_error = certified(X, y, weight, result.point.beta)
    assert digits(result.point.beta, estimate) >= ESTIMATES
    found = np.sqrt(np.diag(np.linalg.inv(result.point.sums.information)))
    assert digits(found, std_error) >= STD_ERRORS


@pytest.mark.parametrize("name", ["separated", "completely_separated"])
def test_estimates_standard_errors_and_deviance_are_those_of_brglm2(name):
    # R: glm(y ~ x + factor(level), binomial, weights = frequency, method = "brglmFit", type = "AS_mean")
    table = {"separated": separated, "completely_separated": completely_separated}[name]()
    result = fit(design(table), table["y"], table.get("frequency")).solution
    assert digits(result.point.beta, R[name]["estimate"]) >= R_DIGITS
    found = np.sqrt(np.diag(np.linalg.inv(result.point.sums.information)))
    assert digits(found, R[name]["std_error"]) >= R_DIGITS
    assert digits(result.point.sums.deviance, R[name]["deviance"]) >= R_DIGITS


def test_a_saturated_model_adds_half_an_event_and_half_a_non_event_to_each_cell():
    level = np.repeat([0.0, 1.0], [40, 25])
    y = np.concatenate([np.tile([0.0, 1.0], 20), np.ones(25)])
    first = np.log(20.5 / 20.5)
    np.testing.assert_allclose(
        estimates(with_ones(level), y), [first, np.log(25.5 / 0.5) - first], atol=1e-12, rtol=1e-12
    )


def test_a_row_of_frequency_k_is_k_rows_and_one_of_weight_0_none():
    table = separated()
    X, y, k = design(table), table["y"], table["frequency"].astype(int)
    repeated = estimates(np.repeat(X, k, axis=0), np.repeat(y, k))
    weighted = estimates(np.vstack([X, [1, 9, 0, 0]]), np.append(y, 1.0), np.append(k, 0).astype(float))
    np.testing.assert_allclose(weighted, repeated, atol=INVARIANT)


def test_a_share_of_events_is_its_single_trials():
    X = with_ones(np.array([0.0, 1.0, 2.0]))
    shares = estimates(X, np.array([0.25, 1.0, 1.0]), np.array([4.0, 3.0, 5.0]))
    single = estimates(np.repeat(X, [4, 3, 5], axis=0), np.array([1.0, 0, 0, 0] + [1.0] * 8))
    np.testing.assert_allclose(shares, single, atol=INVARIANT)


def test_flipping_the_label_negates_the_estimates():
    table = completely_separated()
    X, y = design(table), table["y"]
    np.testing.assert_allclose(estimates(X, 1 - y), -estimates(X, y), atol=1e-7)


def test_the_units_of_the_columns_do_not_matter():
    table = completely_separated()
    X, y = design(table), table["y"]
    A = np.array([[1.0, 3e3, 0.0], [0.0, 1e3, 1e-4], [0.0, 0.0, 1e-4]])
    np.testing.assert_allclose(A @ estimates(X @ A, y), estimates(X, y), rtol=1e-7)


def test_levels_as_codes_are_their_indicators_and_blocks_add():
    table = separated()
    shape = BlockShape(2, (2,))
    X, y, weight = design(table), table["y"], table["frequency"]
    codes = np.where(table["level"] == 0, 2, table["level"] - 1).astype(np.int32)
    halves = [
        Block(np.ascontiguousarray(X[part, :2].T), (codes[part],), y[part], weight[part])
        for part in (slice(0, 17), slice(17, 60))
    ]
    coded = estimates(X, y, blocks=halves, shape=shape)
    np.testing.assert_allclose(coded, estimates(X, y, weight), atol=INVARIANT)


def test_dependent_terms_are_aliased_as_by_newton():
    table = completely_separated()
    X, y = design(table), table["y"]
    result = fit(np.column_stack([X, X[:, 1] + X[:, 2]]), y).solution
    assert [dependence.position for dependence in result.dependences] == [3]
    np.testing.assert_allclose(result.point.beta[:3], estimates(X, y), atol=1e-7)
    assert result.point.beta[3] == 0.0


def test_terms_that_are_held_count_in_the_penalty():
    # logistf's profile: the penalty is that of the whole model.
    table = completely_separated()
    X, y = design(table), table["y"]
    held = fit(X, y, held=np.array([False, True, True])).solution
    assert held.point.beta[1:].tolist() == [0.0, 0.0]
    assert held.point.beta[0] != pytest.approx(estimates(X[:, :1], y)[0], abs=1e-3)

    def penalised(intercept: float) -> float:
        mu = 1 / (1 + np.exp(-intercept))
        information = X.T @ X * mu * (1 - mu)
        return float(
            np.sum(y * np.log(mu) + (1 - y) * np.log(1 - mu)) + np.linalg.slogdet(information)[1] / 2
        )

    best = held.point.beta[0]
    assert penalised(best) >= max(penalised(best - 1e-4), penalised(best + 1e-4))


def test_the_penalised_deviance_is_a_maximum_and_said_right():
    table = completely_separated()
    X, y = design(table), table["y"]
    result = fit(X, y)
    rows = rows_of_blocks([block_of(X, y)], BlockShape(3), np.arange(3))

    def penalised(beta):
        sums = rows.evaluate(beta)
        return sums.deviance - np.linalg.slogdet(sums.information)[1]

    best = result.solution.point.beta
    assert result.penalised_deviance == pytest.approx(penalised(best), rel=1e-12)
    for shift in np.eye(3) * 1e-3:
        assert penalised(best + shift) > result.penalised_deviance < penalised(best - shift)


def test_many_rows_that_overlap_end_near_maximum_likelihood_in_few_steps():
    X, y = overlapping(5000)
    result = fit(X, y).solution
    assert result.n_steps <= 8
    likely = fit_arrays(X, y)
    spread = np.sqrt(np.diag(np.linalg.inv(likely.point.sums.information)))
    assert np.abs((result.point.beta - likely.point.beta) / spread).max() < 0.05


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_a_start_far_away_is_halved_back(scale):
    table = separated()
    X, y = design(table), table["y"]
    far = estimates(X, y, start=np.full(4, scale * 0.1))
    np.testing.assert_allclose(far, estimates(X, y), atol=1e-7)


def test_iterations_that_run_out_are_said_to():
    table = completely_separated()
    result = fit(design(table), table["y"], max_iterations=2).solution
    assert result.ending is Ending.ITERATIONS
    assert len(result.history) == 3
