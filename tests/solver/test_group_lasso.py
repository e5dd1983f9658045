"""The group lasso against a proximal gradient method, the conditions of the optimum, and the lasso."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from logreg_dist.solver.box import Box
from logreg_dist.solver.coordinate_descent import solve_lasso
from logreg_dist.solver.group_descent import solve_group_lasso
from logreg_dist.solver.groups import penalty_size
from logreg_dist.solver.proximal import ProximalOptions, kkt_residual, proximal_newton
from logreg_dist.solver.result import Ending, Point
from tests.solver.arrays import sums_with_intercept

SAME_AS_GRADIENTS = 1e-6  # the proximal gradient method's own digits
EXACT = 1e-9
KKT = 1e-8
GROUPS = [
    np.array([1, 2, 3]),
    np.array([4, 5]),
    np.array([7, 8, 9, 10]),
]  # 0 is the intercept, 6 and 11 are alone
P = 12


def assert_is_optimum(gradient, lasso, groups, z, size):
    """By hand, with equal `lasso` inside each group."""
    alone = np.setdiff1d(np.arange(len(z)), np.concatenate(groups))
    for group in [*groups, *alone[:, None]]:
        weight, slope, beta = lasso[group[0]], gradient[group], z[group]
        if beta.any():
            pull = weight * beta / np.sqrt((beta**2).sum())
            np.testing.assert_allclose(slope, pull, rtol=0, atol=EXACT * size)
        else:
            assert np.sqrt((slope**2).sum()) <= weight + EXACT * size


def weights(strength, groups=GROUPS, p=P):
    lasso = np.full(p, float(strength))
    lasso[0] = 0.0
    for group in groups:
        lasso[group] *= np.sqrt(len(group))
    return lasso


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("common", [0.0, 1.0, 20.0])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.4, 1.5])
def test_the_quadratic_problem_is_solved_to_its_conditions(seed, common, share):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, P)) + common * rng.normal(size=(60, 1))
    matrix, right = X.T @ X, X.T @ (rng.normal(size=60) + 0.3 * X[:, 1] - 0.2 * X[:, 6])
    lasso = weights(share * np.abs(right).max() / 2)
    z = solve_group_lasso(matrix, right, lasso, np.zeros(P), groups=GROUPS)
    assert_is_optimum(right - matrix @ z, lasso, GROUPS, z, np.abs(right).max())


def test_groups_of_one_are_the_lasso():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, P)) @ (np.eye(P) + 0.8)
    matrix, right, lasso = X.T @ X, X.T @ rng.normal(size=60), np.full(P, 5.0)
    one_each = [np.array([j]) for j in range(P)]
    z = solve_group_lasso(matrix, right, lasso, np.zeros(P), groups=one_each)
    expected = solve_lasso(matrix, right, lasso, np.zeros(P))
    assert 0 < (z == 0).sum() < P
    np.testing.assert_allclose(z, expected, rtol=0, atol=1e-12)


def test_a_level_without_rows_is_no_obstacle_and_single_terms_may_have_bounds():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, P))
    X[:, 5] = 0.0
    matrix, right, lasso = X.T @ X, X.T @ (rng.normal(size=60) + X[:, 4] + X[:, 6]), weights(3.0)
    box = Box.unlimited(P)
    box.upper[6] = 0.1
    z = solve_group_lasso(matrix, right, lasso, np.zeros(P), groups=GROUPS, box=box)
    assert z[5] == 0.0
    assert z[4] != 0.0
    assert z[6] == 0.1
    gradient = right - matrix @ z
    assert gradient[6] > lasso[6]
    gradient[6] = lasso[6]
    assert_is_optimum(gradient, lasso, GROUPS, z, np.abs(right).max())


@pytest.fixture(scope="module")
def cancer():
    data = load_breast_cancer()
    X = data.data[:, [1, 4, 8, 11, 19, 14, 18, 24, 28, 5, 15]]
    return (X - X.mean(axis=0)) / X.std(axis=0), data.target.astype(float)


def by_gradients(X, y, lasso, ridge, groups):
    """Minimise half of deviance and penalties by FISTA with restarts: another method, in plain NumPy."""
    design = np.column_stack([np.ones(len(y)), X])
    alone = np.setdiff1d(np.arange(design.shape[1]), np.concatenate(groups))
    rate = 1.0 / (np.linalg.eigvalsh(design.T @ design)[-1] / 4 + ridge.max())
    beta = ahead = np.zeros(design.shape[1])
    momentum = 1.0
    for _ in range(200_000):
        gradient = design.T @ (1 / (1 + np.exp(-design @ ahead)) - y) + ridge * ahead
        new = ahead - rate * gradient
        for group in [*groups, *alone[:, None]]:
            size = np.linalg.norm(new[group])
            new[group] *= max(1 - rate * lasso[group[0]] / size, 0.0) if size else 0.0
        if (ahead - new) @ (new - beta) > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead, momentum = new + (momentum - 1) / following * (new - beta), following
        if np.abs(new - beta).max() < 1e-12:
            return new
        beta = new
    return beta


@pytest.mark.parametrize("l2", [0.0, 0.02])
@pytest.mark.parametrize("l1", [0.01, 0.05, 0.15])
def test_a_logistic_group_lasso_is_that_of_another_method(cancer, l1, l2):
    X, y = cancer
    n = len(y)
    lasso, ridge = weights(l1 * n), l2 * n * np.array([0.0, *np.ones(P - 1)])
    options = ProximalOptions(lasso, ridge, groups=GROUPS)
    result = proximal_newton(sums_with_intercept(X, y), np.zeros(P), options)
    assert result.ending is Ending.CONVERGED
    beta = result.point.beta
    assert kkt_residual(result.point, options, np.ones(P)) < KKT
    assert_is_optimum(result.point.sums.score - ridge * beta, lasso, GROUPS, beta, n)
    expected = by_gradients(X, y, lasso, ridge, GROUPS)
    np.testing.assert_allclose(beta, expected, rtol=0, atol=SAME_AS_GRADIENTS)
    zeros = [not beta[group].any() for group in GROUPS]
    assert any(zeros) or l1 == 0.01
    assert all((beta[group] != 0).all() for group, zero in zip(GROUPS, zeros, strict=True) if not zero)


def test_other_axes_of_a_group_turn_its_estimates_and_nothing_else(cancer):
    X, y = cancer
    lasso = weights(0.03 * len(y))
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    turned = X.copy()
    turned[:, 6:10] = X[:, 6:10] @ turn
    options = ProximalOptions(lasso, groups=GROUPS)
    a = proximal_newton(sums_with_intercept(X, y), np.zeros(P), options).point
    b = proximal_newton(sums_with_intercept(turned, y), np.zeros(P), options).point
    assert a.beta[7:11].any()
    np.testing.assert_allclose(turn @ b.beta[7:11], a.beta[7:11], rtol=0, atol=1e-8)
    np.testing.assert_allclose(np.delete(b.beta, slice(7, 11)), np.delete(a.beta, slice(7, 11)), atol=1e-8)
    assert b.sums.deviance == pytest.approx(a.sums.deviance, rel=1e-10)


def test_the_penalty_beyond_which_a_group_is_0_is_the_length_of_its_score(cancer):
    X, y = cancer
    at_null = np.concatenate([[0.0], X.T @ (y - y.mean())])
    alone = [abs(at_null[j]) for j in (6, 11)]
    largest = max([np.linalg.norm(at_null[g]) / np.sqrt(len(g)) for g in GROUPS] + alone)
    for factor, anything in ((1.0001, False), (0.9999, True)):
        options = ProximalOptions(weights(factor * largest), groups=GROUPS)
        beta = proximal_newton(sums_with_intercept(X, y), np.zeros(P), options).point.beta
        assert beta[1:].any() == anything


def test_the_conditions_tell_an_optimum_from_another_point(cancer):
    X, y = cancer
    options = ProximalOptions(weights(0.05 * len(y)), groups=GROUPS)
    found = proximal_newton(sums_with_intercept(X, y), np.zeros(P), options).point.beta
    zero = next(group for group in GROUPS if not found[group].any())
    full = next(group for group in GROUPS if found[group].any())
    for place in (zero[0], full[0]):
        moved = found.copy()
        moved[place] += 1e-3
        assert kkt_residual(Point(moved, sums_with_intercept(X, y)(moved)), options, np.ones(P)) > 1e-5
    less = ProximalOptions(0.9 * options.lasso, groups=GROUPS)
    assert kkt_residual(Point(found, sums_with_intercept(X, y)(found)), less, np.ones(P)) > 1e-4


def test_the_size_of_a_penalty_is_the_sum_of_its_groups():
    rng = np.random.default_rng(0)
    beta, lasso = rng.normal(size=P), weights(2.0)
    expected = sum(lasso[g[0]] * np.sqrt((beta[g] ** 2).sum()) for g in GROUPS)
    expected += lasso[6] * abs(beta[6]) + lasso[11] * abs(beta[11])
    assert penalty_size(beta, lasso, GROUPS) == pytest.approx(expected, rel=1e-14)
