"""Bounds on estimates against SciPy, the conditions of the optimum, and fits without bounds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear, minimize
from sklearn.datasets import load_breast_cancer, load_iris
from statsmodels.datasets import anes96

from logreg_dist.solver.box import Box
from logreg_dist.solver.coordinate_descent import solve_lasso
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.proximal import ProximalOptions, kkt_residual, proximal_newton
from logreg_dist.solver.result import Ending, Point, Sums
from tests.solver.arrays import sums_with_intercept

SAME_AS_SCIPY = 1e-6  # L-BFGS-B's own digits
EXACT = 1e-9
KKT = 1e-8
INF = np.inf


def assert_is_optimum_in_box(matrix, right, lasso, z, box):
    """By hand: along each coordinate no small move inside the box lowers the objective."""
    gradient, size = right - matrix @ z, np.abs(right).max()
    for j in range(len(z)):
        assert box.lower[j] <= z[j] <= box.upper[j]
        if z[j] < box.upper[j]:
            cost = lasso[j] if z[j] >= 0 else -lasso[j]
            assert gradient[j] <= cost + EXACT * size, (j, "could rise")
        if z[j] > box.lower[j]:
            saving = lasso[j] if z[j] > 0 else -lasso[j]
            assert gradient[j] >= saving - EXACT * size, (j, "could fall")


def some_box(rng, p):
    low, high = np.sort(rng.normal(scale=0.1, size=(2, p)), axis=0)
    low[rng.random(p) < 0.4], high[rng.random(p) < 0.4] = -INF, INF
    return Box(low, high)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("common", [0.0, 1.0, 300.0])
def test_the_quadratic_problem_in_a_box_is_that_of_bounded_least_squares(seed, common):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 12)) + common * rng.normal(size=(60, 1))  # at 300 all columns are nearly one
    y, box = rng.normal(size=60), some_box(rng, 12)
    z = solve_lasso(X.T @ X, X.T @ y, np.zeros(12), np.zeros(12), box)
    expected = lsq_linear(X, y, (box.lower, box.upper), method="bvls", tol=1e-14).x
    np.testing.assert_allclose(z, expected, rtol=0, atol=1e-7)
    assert ((z == box.lower) | (z == box.upper)).sum() >= 3


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("strength", [0.01, 0.1, 0.5])
def test_lasso_and_box_together_meet_their_conditions(seed, strength):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 12)) @ (np.eye(12) + 0.8)
    right, box = X.T @ rng.normal(size=60), some_box(rng, 12)
    lasso = strength * np.abs(right).max() * rng.uniform(0.5, 1.0, 12)
    lasso[0] = 0.0
    z = solve_lasso(X.T @ X, right, lasso, np.zeros(12), box)
    assert_is_optimum_in_box(X.T @ X, right, lasso, z, box)


@pytest.fixture(scope="module")
def cancer():
    data = load_breast_cancer()
    columns = [1, 4, 8, 9, 11, 14, 18]  # few enough not to separate the label
    X = data.data[:, columns]
    return (X - X.mean(axis=0)) / X.std(axis=0), data.target.astype(float)


def by_scipy(sums, box, ridge, lasso):
    """Minimise half of deviance and penalties; |b| is the sum of two parts that are not negative."""
    p = len(box.lower)

    def objective(parts):
        beta = parts[:p] - parts[p:]
        found = sums(beta)
        slope = found.score - ridge * beta
        value = found.deviance / 2 + ridge @ beta**2 / 2 + lasso @ (parts[:p] + parts[p:])
        return value, np.concatenate([lasso - slope, lasso + slope])

    ends = [(max(low, 0), max(high, 0)) for low, high in zip(box.lower, box.upper, strict=True)]
    ends += [(max(-high, 0), max(-low, 0)) for low, high in zip(box.lower, box.upper, strict=True)]
    options = {"maxiter": 20_000, "maxfun": 100_000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 50}
    found = minimize(objective, np.zeros(2 * p), jac=True, bounds=ends, method="L-BFGS-B", options=options)
    return found.x[:p] - found.x[p:]


def box_of(p, **ends):
    box = Box.unlimited(p)
    for name, (low, high) in ends.items():
        box.lower[int(name[1:])], box.upper[int(name[1:])] = low, high
    return box


BOXES = {
    "signs": {"b1": (0, INF), "b2": (0, INF), "b3": (-INF, 0), "b5": (-INF, 0)},
    "a_range": {"b1": (-0.1, 0.1), "b4": (-0.5, 0.5)},
    "without_0": {"b2": (0.3, 0.6), "b4": (-2.0, -1.5)},
    "fixed": {"b3": (0.25, 0.25)},
}


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.0, 0.02), (0.03, 0.0), (0.02, 0.01)])
def test_it_finds_scipys_optimum_in_the_box(cancer, box, l1, l2):
    X, y = cancer
    n, p = len(y), X.shape[1] + 1
    mask = np.array([0.0, *np.ones(p - 1)])
    lasso, ridge, limits = l1 * n * mask, l2 * n * mask, box_of(p, **BOXES[box])
    options = ProximalOptions(lasso, ridge, box=limits)
    result = proximal_newton(sums_with_intercept(X, y), np.zeros(p), options)
    assert result.ending is Ending.CONVERGED
    found = result.point.beta
    assert any(limits.ends_at(found))
    np.testing.assert_allclose(
        found, by_scipy(sums_with_intercept(X, y), limits, ridge, lasso), rtol=0, atol=SAME_AS_SCIPY
    )
    at_end = sums_with_intercept(X, y)(found)
    assert kkt_residual(Point(found, at_end), options, np.ones(p)) < KKT
    assert_is_optimum_in_box(np.zeros((p, p)), at_end.score - ridge * found, lasso, found, limits)


def test_bounds_that_hold_nothing_change_nothing(cancer):
    X, y = cancer
    p = X.shape[1] + 1
    alone = newton(sums_with_intercept(X, y), np.zeros(p), NewtonOptions())
    box = Box(alone.point.beta - 0.01, alone.point.beta + 0.01)
    found = proximal_newton(sums_with_intercept(X, y), np.zeros(p), ProximalOptions(np.zeros(p), box=box))
    np.testing.assert_allclose(found.point.beta, alone.point.beta, rtol=0, atol=1e-10)
    assert not any(box.ends_at(found.point.beta))
    assert found.n_steps == len(found.history)


@pytest.mark.parametrize("l1", [0.0, 0.01])
def test_an_estimate_at_a_bound_is_the_bound_exactly(cancer, l1):
    X, y = cancer
    p = X.shape[1] + 1
    lasso = l1 * len(y) * np.array([0.0, *np.ones(p - 1)])
    for end in np.random.default_rng(0).uniform(0.05, 0.3, 20):
        box = box_of(p, b1=(-end / 3, end), b4=(-end, end / 7))
        beta = proximal_newton(
            sums_with_intercept(X, y), np.full(p, 0.4), ProximalOptions(lasso, box=box)
        ).point.beta
        assert box.ends_at(beta)[1] == "lower"
        assert l1 > 0 or box.ends_at(beta)[4] == "upper"
        assert (box.lower <= beta).all()
        assert (beta <= box.upper).all()


def test_several_classes_have_bounds_too():
    table = anes96.load_pandas().data
    y = np.digitize(table["PID"], [1.5, 4.5])  # three classes of the seven
    X = table[["logpopul", "selfLR", "age", "educ", "income"]].to_numpy()
    X = np.column_stack([np.ones(len(y)), (X - X.mean(axis=0)) / X.std(axis=0)])
    n, p = X.shape

    def sums(beta):
        B = np.column_stack([np.zeros(p), beta.reshape(2, p).T])
        eta = X @ B
        mu = np.exp(eta - np.logaddexp.reduce(eta, axis=1)[:, None])
        loss = np.logaddexp.reduce(eta, axis=1) - eta[np.arange(n), y]
        score = ((y[:, None] == [1, 2]) - mu[:, 1:]).T @ X
        information = np.block(
            [[(X * (mu[:, a] * ((a == b) - mu[:, b]))[:, None]).T @ X for b in (1, 2)] for a in (1, 2)]
        )
        return Sums(n, float(n), 2 * loss.sum(), score.ravel(), information)

    box = Box.unlimited(2 * p)
    for k in (0, 1):  # the same bounds in every class
        box.lower[k * p + 2], box.upper[k * p + 2] = -0.5, 0.5
        box.upper[k * p + 3] = 0.0
        box.lower[k * p + 4] = 0.0
    result = proximal_newton(sums, np.zeros(2 * p), ProximalOptions(np.zeros(2 * p), box=box))
    assert result.ending is Ending.CONVERGED
    expected = by_scipy(sums, box, np.zeros(2 * p), np.zeros(2 * p))
    np.testing.assert_allclose(result.point.beta, expected, rtol=0, atol=SAME_AS_SCIPY)
    assert sum(end is not None for end in box.ends_at(result.point.beta)) >= 2


def proved(X, y):
    """Whether the likelihood rises for ever along a direction: no row on the wrong side, some on the right one."""
    design = np.column_stack([np.ones(len(y)), X])

    def rises_for_ever(direction):
        along = (2 * y - 1) * (design @ direction)
        small = 1e-6 * np.abs(design) @ np.abs(direction)
        return bool((along >= -small).all() and (along > small).any())

    return rises_for_ever


def test_a_bound_in_the_way_of_separation_is_an_optimum_and_one_behind_it_is_no_escape():
    data = load_iris()
    X, y = data.data[:100, [2]] - 2.86, data.target[:100].astype(float)  # petal length separates these two
    free = np.ones(2, dtype=bool)

    def fit(low, high):
        box = box_of(2, b1=(low, high))
        options = ProximalOptions(np.zeros(2), free=free, box=box)
        return proximal_newton(sums_with_intercept(X, y), np.zeros(2), options, rises_for_ever=proved(X, y))

    stopped = fit(-INF, 3.0)
    assert stopped.ending is Ending.CONVERGED
    assert stopped.point.beta[1] == 3.0
    against = fit(-INF, 0.0)
    assert against.ending is Ending.CONVERGED
    assert against.point.beta.tolist() == [pytest.approx(0.0, abs=1e-9), 0.0]
    away = fit(0.0, INF)
    assert away.ending is Ending.SEPARATED
    assert away.direction[1] > 0


def test_terms_that_only_seem_dependent_at_a_far_start_keep_their_estimates(cancer):
    X, y = cancer
    a = X[:, 0]
    X = np.column_stack([a, np.where(np.arange(len(y)) % 2 == 0, a, X[:, 1]), np.arange(len(y)) % 2 * 1.0])
    far = np.array([0.0, 0.0, 0.0, 90.0])  # there the rows that tell the columns apart have no weight
    options = ProximalOptions(np.zeros(4), box=box_of(4, b1=(-0.1, INF)))
    found = proximal_newton(sums_with_intercept(X, y), far, options)
    near = proximal_newton(sums_with_intercept(X, y), np.zeros(4), options)
    assert found.dependences == near.dependences == []
    np.testing.assert_allclose(found.point.beta, near.point.beta, atol=1e-9)


def test_a_column_without_bounds_is_kept_rather_than_one_with_them(cancer):
    X, y = cancer
    X = np.column_stack([X[:, 0], X[:, 1], X[:, 0]])
    box = box_of(4, b1=(0.0, INF))
    result = proximal_newton(sums_with_intercept(X, y), np.zeros(4), ProximalOptions(np.zeros(4), box=box))
    assert [one.position for one in result.dependences] == [1]
    fixed = proximal_newton(
        sums_with_intercept(X, y), np.zeros(4), ProximalOptions(np.zeros(4), box=box_of(4, b1=(0.5, 0.5)))
    )
    assert fixed.dependences == []
    assert fixed.point.beta[1] + fixed.point.beta[3] == pytest.approx(result.point.beta[3], abs=1e-8)
