"""Endings of fits with and without separation: every alarm right, and none that is false."""

from __future__ import annotations

import numpy as np
import pytest

from tests.solver.arrays import Ending, fit_arrays, overlapping, with_ones

ESTIMATES = 1e-6  # relative


def bernoulli(eta: np.ndarray, seed: int = 3) -> np.ndarray:
    return (np.random.default_rng(seed).random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)


def points_along(direction: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ``(2 y - 1) x'd`` in units of its largest size."""
    along = (2 * y - 1) * (X @ direction)
    return along / np.abs(along).max()


def test_complete_separation_is_proved_with_its_direction():
    x = np.linspace(-1, 1, 60)
    X, y = with_ones(x), (x > 0.1).astype(float)
    result = fit_arrays(X, y)
    assert result.ending is Ending.SEPARATED
    assert points_along(result.direction, X, y).min() > 0


def test_complete_separation_by_two_columns_together_is_proved():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 200))
    X, y = with_ones(a, b), (a - 2 * b > 0).astype(float)
    assert fit_arrays(X, y).ending is Ending.SEPARATED


@pytest.mark.parametrize("tolerance", [1e-8, 1e-4, 1e-2])
@pytest.mark.parametrize("n_in_level", [1, 3, 20])
@pytest.mark.parametrize("base", [-1.0, -5.0])
def test_a_level_without_events_is_separated_whatever_the_tolerance(tolerance, n_in_level, base):
    level = np.zeros(3000)
    level[:n_in_level] = 1.0
    y = bernoulli(np.full(3000, base))
    y[:n_in_level] = 0.0
    result = fit_arrays(with_ones(level), y, tolerance=tolerance)
    assert result.ending is Ending.SEPARATED
    assert result.direction[1] < 0


def test_a_level_with_events_only_is_separated_upwards():
    X, _ = overlapping(500)
    level = np.zeros(500)
    level[:7] = 1.0
    y = bernoulli(0.5 * X[:, 1])
    y[:7] = 1.0
    result = fit_arrays(np.column_stack([X, level]), y)
    assert result.ending is Ending.SEPARATED
    assert np.argmax(np.abs(result.direction)) == 3
    assert result.direction[3] > 0


def test_separation_is_proved_even_where_it_hardly_weighs():
    level = np.zeros(2000)
    level[:20] = 1.0
    y = bernoulli(np.full(2000, -4.0))
    y[:20] = 0.0
    weight = np.where(level > 0, 1e-10, 1.0)
    assert fit_arrays(with_ones(level), y, weight).ending is Ending.SEPARATED


def test_separation_only_on_a_line_of_ties_is_quasi_complete_and_proved():
    x = np.repeat([-1.0, 0.0, 1.0], 20)
    y = np.concatenate([np.zeros(20), np.tile([0.0, 1.0], 10), np.ones(20)])
    assert fit_arrays(with_ones(x), y).ending is Ending.SEPARATED


def test_separation_only_in_an_interaction_is_proved():
    a, b = np.tile([0.0, 0, 1, 1], 50), np.tile([0.0, 1, 0, 1], 50)
    y = bernoulli(np.zeros(200))
    y[(a == 1) & (b == 1)] = 1.0
    assert fit_arrays(with_ones(a, b), y).ending is Ending.CONVERGED
    assert fit_arrays(with_ones(a, b, a * b), y).ending is Ending.SEPARATED


@pytest.mark.parametrize("slope", [15.0, 30.0, 100.0])
def test_a_steep_slope_with_overlap_is_no_separation(slope):
    x = np.random.default_rng(5).uniform(-1, 1, 20_000)
    result = fit_arrays(with_ones(x), bernoulli(slope * x))
    assert result.ending is Ending.CONVERGED
    assert result.point.beta[1] == pytest.approx(slope, rel=0.3)


def test_a_single_pair_on_the_wrong_sides_is_no_separation():
    x = np.linspace(-1, 1, 2000)
    y = (x > 0).astype(float)
    y[[999, 1000]] = [1.0, 0.0]
    assert fit_arrays(with_ones(x), y).ending is Ending.CONVERGED


@pytest.mark.parametrize("sentinel", [1e6, 1e7, 1e9])
@pytest.mark.parametrize("n_rows", [2000, 20_000])
def test_one_value_far_from_all_others_is_no_separation(sentinel, n_rows):
    # Beside it all other rows seem to lie on the boundary, though they alone fix the slope.
    x = np.random.default_rng(1).uniform(1, 100, n_rows)
    y = bernoulli((x - 50) * 0.05)
    expected = fit_arrays(with_ones(x[1:] - 50), y[1:]).point.beta[1]
    x[0], y[0] = sentinel, 1.0
    result = fit_arrays(with_ones(x - x.mean()), y)
    assert result.ending is Ending.CONVERGED
    assert result.point.beta[1] == pytest.approx(expected, rel=ESTIMATES)


@pytest.mark.parametrize("max_iterations", [1, 2, 3, 4])
def test_a_fit_cut_short_is_not_called_separated(max_iterations):
    x = np.random.default_rng(1).lognormal(0, 3, 20_000)
    y = bernoulli(np.minimum(0.05 * x, 5) - 1)
    result = fit_arrays(with_ones(x - x.mean()), y, max_iterations=max_iterations)
    assert result.ending is Ending.ITERATIONS


@pytest.mark.parametrize("max_iterations", [2, 50])
def test_a_ridge_has_an_optimum_on_separated_rows_too(max_iterations):
    x = np.linspace(-1, 1, 50)
    ridge = np.array([0.0, 0.1])
    result = fit_arrays(with_ones(x), x > 0, ridge=ridge, alias=False, max_iterations=max_iterations)
    assert result.ending is (Ending.CONVERGED if max_iterations == 50 else Ending.ITERATIONS)


def test_one_far_row_does_not_hide_complete_separation():
    x = np.array([0.047, 0.055, 0.059, 0.080, 0.177, 0.299, 0.377, 1.69, 1.90, 2.46, 681, 780])
    y = (np.arange(12) > 5).astype(float)
    assert fit_arrays(with_ones(x), y).ending is Ending.SEPARATED
    assert fit_arrays(with_ones(x - x.mean()), y).ending is Ending.SEPARATED


@pytest.mark.parametrize("seed", range(5))
def test_a_column_with_a_long_tail_separates_completely_or_with_ties_at_the_threshold(seed):
    rng = np.random.default_rng(seed)
    x = np.exp(2.5 * rng.normal(size=1000))
    assert fit_arrays(with_ones(x - x.mean()), (x > np.median(x)).astype(float)).ending is Ending.SEPARATED
    rounded = np.round(x, 1)
    tied = rounded == np.median(rounded)
    y = (rounded > np.median(rounded)).astype(float)
    y[tied] = np.arange(tied.sum()) % 2
    assert fit_arrays(with_ones(rounded - rounded.mean()), y).ending is Ending.SEPARATED


@pytest.mark.parametrize("seed", range(5))
def test_a_column_with_a_long_tail_that_overlaps_converges(seed):
    rng = np.random.default_rng(seed)
    x = np.exp(2 * rng.normal(size=400))
    y = (rng.random(400) < 1 / (1 + np.exp(-(8 * x - 8)))).astype(float)
    assert fit_arrays(with_ones(x - x.mean()), y).ending is Ending.CONVERGED
