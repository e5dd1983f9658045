from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.fitting.outcome import judge
from logreg_dist.model.model import Status
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, Point, Sums
from logreg_dist.solver.ridge import scaled_ridge
from tests.solver.arrays import fit_arrays, overlapping, sums_of, with_ones

ESTIMATES = 1e-9  # relative; Newton's last step leaves the square of a decrement below 1e-8
SCORE = 1e-6  # of the sum of the absolute terms
HUGE = 1e18


def test_at_the_optimum_the_score_is_zero_and_the_expected_events_are_the_events():
    X, y = overlapping()
    result = fit_arrays(X, y)
    at_end = sums_of(X, y)(result.point.beta)
    assert result.ending is Ending.CONVERGED
    assert np.abs(at_end.score).max() <= SCORE * np.abs(X).sum()
    mu = 1 / (1 + np.exp(-X @ result.point.beta))
    assert mu.sum() == pytest.approx(y.sum(), rel=SCORE)


def test_the_log_odds_of_a_two_by_two_table_are_found():
    # 10 of 40 and 30 of 40: intercept log(10/30), slope log(3) - log(1/3) = log 9.
    x = np.repeat([0.0, 1.0], 40)
    y = np.concatenate([np.arange(40) < 10, np.arange(40) < 30])
    beta = fit_arrays(with_ones(x), y).point.beta
    np.testing.assert_allclose(beta, [-np.log(3), np.log(9)], rtol=ESTIMATES)


def test_the_last_step_gains_digits_without_a_pass():
    X, y = overlapping()
    calls: list[np.ndarray] = []

    def counted(beta):
        calls.append(beta)
        return sums_of(X, y)(beta)

    rough = newton(counted, np.zeros(3), NewtonOptions(tolerance=1e-3))
    exact = fit_arrays(X, y).point.beta
    assert len(calls) == len(rough.history) == rough.n_steps
    # The decrement was up to 1e-3 before the step; after it the error is of the order of its square.
    np.testing.assert_allclose(rough.point.beta, exact, rtol=1e-5)


@pytest.mark.parametrize("far", [5.0, 20.0, 1e3])
def test_a_start_from_which_full_steps_oscillate_is_solved_by_halving(far):
    X, y = overlapping()
    result = fit_arrays(X, y, start=np.array([0.0, far, -far]))
    assert result.ending is Ending.CONVERGED
    assert sum(iteration.halvings for iteration in result.history) > 0
    np.testing.assert_allclose(result.point.beta, fit_arrays(X, y).point.beta, rtol=ESTIMATES)


def test_the_deviance_never_rises():
    X, y = overlapping()
    deviances = [i.deviance for i in fit_arrays(X, y, start=np.array([0.0, 20.0, -20.0])).history]
    assert np.all(np.diff(deviances) <= 1e-12 * deviances[0])


def test_a_start_so_far_out_that_no_row_counts_is_given_up_for_zero():
    X, y = overlapping()
    result = fit_arrays(X, y, start=np.array([0.0, 1e5, -1e5]))
    assert (result.ending, result.dependences) == (Ending.CONVERGED, [])
    np.testing.assert_allclose(result.point.beta, fit_arrays(X, y).point.beta, rtol=ESTIMATES)


def test_terms_that_depend_on_earlier_ones_stay_zero_even_if_the_start_gives_them_a_value():
    X, y = overlapping()
    doubled = np.column_stack([X, X[:, 1] - 2 * X[:, 2]])
    result = fit_arrays(doubled, y, start=np.array([0.1, 0.1, 0.1, 0.7]))
    assert [found.position for found in result.dependences] == [3]
    assert result.point.beta[3] == 0.0
    np.testing.assert_allclose(result.point.beta[:3], fit_arrays(X, y).point.beta, rtol=ESTIMATES)


def test_running_out_of_iterations_says_so_and_keeps_beta_with_its_own_sums():
    X, y = overlapping()
    result = fit_arrays(X, y, max_iterations=2)
    assert result.ending is Ending.ITERATIONS
    assert (result.n_steps, len(result.history)) == (2, 3)
    assert result.direction is None
    assert result.point.sums.deviance == sums_of(X, y)(result.point.beta).deviance


def test_one_iteration_is_enough_at_the_optimum():
    X, y = overlapping()
    result = fit_arrays(X, y, start=fit_arrays(X, y).point.beta)
    assert (result.ending, len(result.history)) == (Ending.CONVERGED, 1)


def test_an_information_matrix_that_is_not_finite_ends_as_singular_with_a_verdict():
    def broken(beta):
        return Sums(10, 10.0, 5.0, np.ones(2), np.full((2, 2), np.inf))

    result = newton(broken, np.zeros(2), NewtonOptions(alias=False))
    assert (result.ending, result.history, result.n_steps) == (Ending.SINGULAR, (), 0)
    verdict = judge(result, None, terms=None, scale=np.ones(2), aliased=(), collinear_is_error=False)
    assert verdict.status is Status.NOT_CONVERGED
    assert "singular at the start" in verdict.text


def test_a_matrix_that_becomes_singular_on_the_way_ends_as_singular():
    X, y = overlapping()
    good = sums_of(X, y)

    def breaks_off(beta):
        sums = good(beta)
        lost = np.where(beta.any(), 0.0, 1.0)
        return Sums(sums.n_rows, sums.weight_sum, sums.deviance, sums.score, lost * sums.information)

    result = newton(breaks_off, np.zeros(3), NewtonOptions())
    assert (result.ending, len(result.history)) == (Ending.SINGULAR, 1)


def test_no_improvement_along_the_step_ends_as_stuck_where_it_started():
    X, y = overlapping()
    good = sums_of(X, y)

    def only_rises(beta):
        sums = good(beta)
        return Sums(
            sums.n_rows, sums.weight_sum, sums.deviance + 1e3 * beta.any(), sums.score, sums.information
        )

    result = newton(only_rises, np.zeros(3), NewtonOptions())
    assert result.ending is Ending.STUCK
    assert not result.point.beta.any()


def test_an_overflow_in_a_trial_is_halved_away():
    X, y = overlapping()
    good = sums_of(X, y)
    first = fit_arrays(X, y, max_iterations=1).point.beta

    def overflows(beta):
        sums = good(beta)
        deviance = np.nan if np.array_equal(beta, first) else sums.deviance
        return Sums(sums.n_rows, sums.weight_sum, deviance, sums.score, sums.information)

    result = newton(overflows, np.zeros(3), NewtonOptions())
    assert (result.ending, result.history[1].halvings) == (Ending.CONVERGED, 1)


@pytest.mark.parametrize("n_rows", [500, 20_000])
@pytest.mark.parametrize("weight", [1e-18, 1e-6, 1e6, HUGE])
def test_multiplying_all_weights_by_a_constant_changes_no_estimate(n_rows, weight):
    X, y = overlapping(n_rows)
    result = fit_arrays(X, y, np.full(n_rows, weight))
    assert result.ending is Ending.CONVERGED
    np.testing.assert_allclose(result.point.beta, fit_arrays(X, y).point.beta, rtol=ESTIMATES)


def test_weights_over_twenty_four_orders_of_magnitude_reach_the_rounding_floor():
    X, y = overlapping(20_000)
    weight = 10.0 ** np.random.default_rng(1).uniform(-12, 12, len(y))
    result = fit_arrays(X, y, weight)
    assert result.ending is Ending.CONVERGED
    terms = np.abs(X * weight[:, None]).sum(axis=0)
    assert np.abs(sums_of(X, y, weight)(result.point.beta).score / terms).max() < 1e-12


def test_columns_of_size_1e12_and_1e_minus_12_keep_their_digits():
    X, y = overlapping()
    scale = np.array([1.0, 1e12, 1e-12])
    result = fit_arrays(X * scale, y)
    assert result.ending is Ending.CONVERGED
    np.testing.assert_allclose(result.point.beta * scale, fit_arrays(X, y).point.beta, rtol=ESTIMATES)


def test_a_column_of_dates_loses_digits_uncentred_but_none_once_centred():
    X, y = overlapping()
    dates = 20_261_120.0 + np.round(30 * X[:, 1])
    centred = with_ones(dates - dates.mean(), X[:, 2])
    expected = fit_arrays(with_ones(dates - 20_261_120.0, X[:, 2]), y).point.beta
    np.testing.assert_allclose(fit_arrays(centred, y).point.beta[1:], expected[1:], rtol=ESTIMATES)


def test_a_ridge_moves_the_optimum_to_where_the_penalised_score_is_zero():
    X, y = overlapping()
    ridge = scaled_ridge(0.1, len(y), np.array([False, True, True]))
    np.testing.assert_array_equal(ridge, [0.0, 50.0, 50.0])
    result = fit_arrays(X, y, ridge=ridge)
    score = sums_of(X, y)(result.point.beta).score - ridge * result.point.beta
    assert result.ending is Ending.CONVERGED
    assert np.abs(score).max() <= SCORE * np.abs(X).sum()


def test_each_iteration_is_reported_once_and_in_order():
    X, y = overlapping()
    told = []
    result = newton(sums_of(X, y), np.zeros(3), NewtonOptions(), report=told.append)
    assert tuple(told) == result.history
    assert [iteration.iteration for iteration in told] == list(range(len(told)))


def test_a_model_without_terms_converges_at_once():
    sums = Sums(3, 3.0, 4.0, np.zeros(0), np.zeros((0, 0)))
    result = newton(lambda beta: sums, np.zeros(0), NewtonOptions())
    assert result.ending is Ending.CONVERGED
    assert result.point.sums == Point(np.zeros(0), sums).sums
