"""Coordinate descent and proximal Newton against the conditions of the optimum, and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from logreg_dist.solver.coordinate_descent import solve_lasso
from logreg_dist.solver.proximal import ProximalOptions, kkt_residual, proximal_newton
from logreg_dist.solver.result import Ending, Point
from tests.solver.arrays import overlapping, sums_of, sums_with_intercept

EXACT = 1e-9
SAME_AS_SKLEARN = 1e-5  # saga's own digits


def assert_is_lasso_optimum(matrix, right, lasso, z):
    gradient = right - matrix @ z
    size = np.abs(right).max()
    moving = z != 0
    np.testing.assert_allclose(gradient[moving], (lasso * np.sign(z))[moving], rtol=0, atol=EXACT * size)
    assert (np.abs(gradient[~moving]) <= lasso[~moving] + EXACT * size).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("strength", [0.0, 0.05, 0.3, 0.9, 1.5])
def test_the_quadratic_problem_is_solved_to_its_conditions(seed, strength):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 12)) @ (np.eye(12) + 0.8 * np.ones((12, 12)))
    matrix, right = X.T @ X, X.T @ rng.normal(size=40)
    lasso = strength * np.abs(right).max() * rng.uniform(0.5, 1.0, 12)
    lasso[0] = 0.0
    z = solve_lasso(matrix, right, lasso, np.zeros(12))
    assert_is_lasso_optimum(matrix, right, lasso, z)
    if strength == 1.5:
        assert (z != 0).sum() <= 6


def test_terms_that_are_equal_share_what_one_would_have():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 3))
    X = np.column_stack([X, X[:, 2]])  # singular
    matrix, right = X.T @ X, X.T @ rng.normal(size=30)
    lasso = np.full(4, 0.1)
    assert_is_lasso_optimum(matrix, right, lasso, solve_lasso(matrix, right, lasso, np.zeros(4)))


def test_a_column_of_zeros_stays_where_it_is():
    matrix = np.diag([2.0, 0.0])
    z = solve_lasso(matrix, np.array([4.0, 0.0]), np.array([1.0, 1.0]), np.zeros(2))
    assert z.tolist() == [pytest.approx(1.5), 0.0]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    n, p = 400, 8
    X = rng.normal(size=(n, p)) * rng.uniform(0.5, 3.0, p)
    eta = 0.4 + X @ np.array([1.0, -0.5, 0.3, 0, 0, 0, 0, 0])
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    return X, y


@pytest.mark.parametrize("l2", [0.0, 0.02])
@pytest.mark.parametrize("l1", [0.005, 0.05, 0.2])
def test_it_finds_scikit_learns_optimum(rows, l1, l2):
    X, y = rows
    n, p = X.shape
    mask = np.array([0.0, *np.ones(p)])
    options = ProximalOptions(l1 * n * mask, l2 * n * mask)
    result = proximal_newton(sums_with_intercept(X, y), np.zeros(p + 1), options)
    assert result.ending is Ending.CONVERGED
    assert kkt_residual(result.point, options, np.ones(p + 1)) < 1e-8
    sklearn = LogisticRegression(
        C=1.0 / (n * (l1 + l2)), l1_ratio=l1 / (l1 + l2), solver="saga", tol=1e-12, max_iter=100_000
    ).fit(X, y)
    expected = np.array([sklearn.intercept_[0], *sklearn.coef_[0]])
    np.testing.assert_allclose(result.point.beta, expected, rtol=0, atol=SAME_AS_SKLEARN)
    assert ((result.point.beta == 0) == (np.abs(expected) < 1e-9)).all()


def test_without_penalty_it_is_newtons_method(rows):
    X, y = rows
    p = X.shape[1] + 1
    found = proximal_newton(sums_with_intercept(X, y), np.zeros(p), ProximalOptions(np.zeros(p)))
    expected = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(X, y)
    np.testing.assert_allclose(found.point.beta[1:], expected.coef_[0], rtol=1e-7)


def test_a_penalty_beyond_the_largest_score_leaves_the_intercept_alone(rows):
    X, y = rows
    p = X.shape[1]
    at_null = X.T @ (y - y.mean())
    lasso = np.array([0.0, *np.full(p, np.abs(at_null).max() * 1.0001)])
    beta = proximal_newton(sums_with_intercept(X, y), np.zeros(p + 1), ProximalOptions(lasso)).point.beta
    assert (beta[1:] == 0).all()
    assert beta[0] == pytest.approx(np.log(y.mean() / (1 - y.mean())), rel=1e-8)


def test_a_far_start_is_halved_back(rows):
    X, y = rows
    n, p = X.shape
    lasso = np.array([0.0, *np.full(p, 0.01 * n)])
    near = proximal_newton(sums_with_intercept(X, y), np.zeros(p + 1), ProximalOptions(lasso)).point.beta
    far = proximal_newton(sums_with_intercept(X, y), np.full(p + 1, 3.0), ProximalOptions(lasso))
    assert far.ending is Ending.CONVERGED
    np.testing.assert_allclose(far.point.beta, near, atol=1e-8)


def test_too_few_iterations_end_without_a_claim(rows):
    X, y = rows
    p = X.shape[1] + 1
    result = proximal_newton(
        sums_with_intercept(X, y), np.zeros(p), ProximalOptions(np.full(p, 1.0), max_iterations=1)
    )
    assert result.ending is Ending.ITERATIONS


def test_the_conditions_tell_an_optimum_from_another_point(rows):
    X, y = rows
    n, p = X.shape
    options = ProximalOptions(np.array([0.0, *np.full(p, 0.02 * n)]))
    evaluate_all = sums_with_intercept(X, y)
    beta = proximal_newton(evaluate_all, np.zeros(p + 1), options).point.beta
    moved = beta + np.array([0.0, 1e-3, *np.zeros(p - 1)])
    assert kkt_residual(Point(moved, evaluate_all(moved)), options, np.ones(p + 1)) > 1e-5


def test_a_start_so_far_out_that_no_row_tells_anything_is_no_optimum():
    X, y = overlapping(500, 2)
    X = X[:, 1:]
    start = np.array([5e6])
    found = proximal_newton(sums_of(X, y), start, ProximalOptions(np.array([1.0])))
    assert found.ending is Ending.SINGULAR
