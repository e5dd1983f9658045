"""Steps with an older matrix reach the same optimum with fewer matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from logreg_dist.solver.approach import MAX_STEPS, RoughInformation, approach
from logreg_dist.solver.chord import follow_chord
from logreg_dist.solver.lbfgs import LbfgsOptions
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, Point, Sums
from logreg_dist.solver.ridge import scaled_ridge
from tests.solver.arrays import overlapping, sums_of, with_ones

ESTIMATES = 1e-9  # relative; the last step leaves the square of a decrement below 1e-8


def with_chord(X, y, *, start=None, rough=None, score_cost=0.0, **options):
    """Fit with score-only evaluations; return the result and where either was asked for."""
    sums, calls = sums_of(X, y), {"matrix": [], "score": []}

    def evaluate(beta):
        calls["matrix"].append(tuple(beta))
        return sums(beta)

    def evaluate_score(beta):
        calls["score"].append(tuple(beta))
        return replace(sums(beta), information=None)

    start = np.zeros(X.shape[1]) if start is None else start
    rough = None if rough is None else RoughInformation(rough, score_cost)
    result = newton(evaluate, start, NewtonOptions(**options), evaluate_score=evaluate_score, rough=rough)
    return result, calls


@pytest.mark.parametrize("p", [2, 5, 30])
def test_the_optimum_is_the_same_and_takes_fewer_matrices(p):
    X, y = overlapping(2_000, p)
    plain = newton(sums_of(X, y), np.zeros(p), NewtonOptions())
    chord, calls = with_chord(X, y)

    assert chord.ending is plain.ending is Ending.CONVERGED
    np.testing.assert_allclose(chord.point.beta, plain.point.beta, rtol=ESTIMATES)
    assert len(calls["matrix"]) < len(plain.history)
    assert calls["score"]


def test_the_matrix_at_the_end_is_the_one_at_the_optimum():
    X, y = overlapping(2_000, 5)
    plain = newton(sums_of(X, y), np.zeros(5), NewtonOptions())
    chord, _ = with_chord(X, y)
    np.testing.assert_allclose(
        chord.point.sums.information, plain.point.sums.information, rtol=1e-8, atol=1e-8
    )


def test_a_ridge_is_kept_to():
    X, y = overlapping(500, 5)
    ridge = scaled_ridge(0.1, 500.0, np.arange(5) > 0)
    plain = newton(sums_of(X, y), np.zeros(5), NewtonOptions(ridge=ridge, alias=False))
    chord, _ = with_chord(X, y, ridge=ridge, alias=False)
    np.testing.assert_allclose(chord.point.beta, plain.point.beta, rtol=ESTIMATES)


@pytest.mark.parametrize("far", [20.0, 1e3])
def test_where_steps_overshoot_the_line_search_takes_over(far):
    X, y = overlapping()
    result, _ = with_chord(X, y, start=np.array([0.0, far, -far]))
    expected = newton(sums_of(X, y), np.zeros(3), NewtonOptions()).point.beta
    assert result.ending is Ending.CONVERGED
    np.testing.assert_allclose(result.point.beta, expected, rtol=ESTIMATES)


def test_dependent_columns_stay_at_zero():
    X, y = overlapping(500, 4)
    doubled = np.column_stack([X, X[:, 1] + X[:, 2]])
    result, _ = with_chord(doubled, y)
    assert [dependence.position for dependence in result.dependences] == [4]
    assert result.point.beta[4] == 0.0
    np.testing.assert_allclose(
        result.point.beta[:4], newton(sums_of(X, y), np.zeros(4), NewtonOptions()).point.beta, rtol=ESTIMATES
    )


def test_separated_data_do_not_converge_faster_than_they_may():
    x = np.linspace(-1, 1, 40)
    result, _ = with_chord(with_ones(x), (x > 0).astype(float))
    assert result.ending is not Ending.CONVERGED


@pytest.mark.parametrize("off", [1.0, 3.0])
def test_with_a_rough_matrix_at_the_start_one_true_matrix_is_formed(off):
    X, y = overlapping(2_000, 5)
    plain = newton(sums_of(X, y), np.zeros(5), NewtonOptions())
    wrong = np.diag(np.linspace(1.0, off, 5))
    rough = wrong @ sums_of(X[::10], y[::10])(plain.point.beta).information @ wrong * 10
    near, calls = with_chord(X, y, rough=rough)

    assert near.ending is Ending.CONVERGED
    assert len(calls["matrix"]) == 1
    assert not set(calls["matrix"]) & set(calls["score"])  # the last step is not looked at twice
    np.testing.assert_allclose(near.point.beta, plain.point.beta, rtol=ESTIMATES)
    np.testing.assert_allclose(
        near.point.sums.information, plain.point.sums.information, rtol=1e-8, atol=1e-8
    )
    assert [one.iteration for one in near.history] == list(range(len(near.history)))


def test_a_rough_matrix_of_dependent_terms_is_not_used():
    X, y = overlapping(500, 3)
    X = np.column_stack([X, X[:, 1]])
    near, _ = with_chord(X, y, rough=sums_of(X, y)(np.zeros(4)).information)
    assert near.ending is Ending.CONVERGED
    assert [dependence.position for dependence in near.dependences] == [3]


def test_on_a_separated_label_a_rough_matrix_leads_nowhere_and_newton_starts_where_it_would_have():
    X, y = overlapping(200, 3)
    y = (X[:, 1] > 0).astype(float)
    rough = sums_of(X, y)(np.zeros(3)).information
    plain, near = with_chord(X, y)[0], with_chord(X, y, rough=rough)[0]
    assert near.ending is plain.ending is not Ending.CONVERGED
    assert near.history[0].change == plain.history[0].change


def near_table():
    """Return rows, labels and the matrix that a tenth of them has near the optimum, as a sample would."""
    X, y = overlapping(20_000, 10)
    beta = newton(sums_of(X[::10], y[::10]), np.zeros(10), NewtonOptions()).point.beta
    return X, y, beta, sums_of(X[::10], y[::10])(beta).information * 10


def test_a_rough_matrix_is_left_where_a_true_one_takes_less_than_the_rest_of_the_way():
    X, y, start, rough = near_table()
    plain = newton(sums_of(X, y), start, NewtonOptions())
    all_the_way, far = with_chord(X, y, start=start, rough=rough)
    near, calls = with_chord(X, y, start=start, rough=rough, score_cost=0.3)

    assert near.ending is all_the_way.ending is Ending.CONVERGED
    assert len(calls["matrix"]) == 2 < len(plain.history)
    assert len(calls["score"]) < len(far["score"])
    np.testing.assert_allclose(near.point.beta, plain.point.beta, rtol=ESTIMATES)
    np.testing.assert_allclose(
        near.point.sums.information, plain.point.sums.information, rtol=1e-8, atol=1e-8
    )
    assert [one.iteration for one in near.history] == list(range(len(near.history)))


def test_no_second_matrix_where_little_of_the_way_is_left():
    X, y, start, rough = near_table()
    near, calls = with_chord(X, y, start=start, rough=rough, score_cost=0.3, tolerance=1e-2)
    assert len(calls["matrix"]) == 1
    assert near.history[-1].change <= 1e-2 < near.history[-2].change


@pytest.mark.parametrize("tolerance", [1e-8, 1e-2])
def test_a_rough_matrix_that_slows_is_left_soon(tolerance):
    X, y = overlapping(200, 3)
    y = (X[:, 1] > 0).astype(float)
    rough = sums_of(X, y)(np.zeros(3)).information
    near, calls = with_chord(X, y, rough=rough, score_cost=0.3, tolerance=tolerance)
    assert near.ending is not Ending.CONVERGED
    assert len(calls["score"]) <= 4


def test_a_matrix_of_other_rows_altogether_costs_two_passes():
    X, y, start, rough = near_table()
    plain = newton(sums_of(X, y), start, NewtonOptions())
    misleading, calls = with_chord(X, y, start=start, rough=rough * 5, score_cost=0.3)
    assert misleading.ending is Ending.CONVERGED
    np.testing.assert_allclose(misleading.point.beta, plain.point.beta, rtol=ESTIMATES)
    assert len(calls["matrix"]) <= len(plain.history)


@pytest.mark.parametrize(("target", "n_passes"), [(0.1, 1), (1e-3, 1), (1e-4, 2), (1e-7, 3)])
def test_a_step_of_the_chord_is_not_looked_at_where_it_should_be_near_enough(target, n_passes):
    asked = []

    def evaluate_score(x):  # of -x**2 / 2: each step leaves a hundredth
        asked.append(float(x[0]))
        return Sums(1, 1.0, float(x[0] ** 2), -x, None)

    start = Point(np.ones(1), evaluate_score(np.ones(1)))
    asked.clear()
    reached = follow_chord(evaluate_score, lambda score: 0.99 * score, start, ridge=None, target=target)
    assert len(asked) == n_passes
    assert abs(float(reached[0])) <= target


def test_all_passes_from_a_rough_matrix_are_iterations_of_their_own():
    X, y, start, rough = near_table()
    for options in ({}, {"score_cost": 0.3, "tolerance": 1e-2}):
        near, calls = with_chord(X, y, start=start, rough=rough, **options)
        assert near.ending is Ending.CONVERGED
        looked_at = {*calls["score"], *calls["matrix"]}
        assert len(near.history) == len(looked_at), options


def test_where_the_steps_run_out_the_last_point_gets_the_matrix():
    X, y, start, rough = near_table()
    asked = []

    def evaluate_score(beta):
        asked.append(tuple(beta))
        return replace(sums_of(X, y)(beta), information=None)

    beta, steps = approach(evaluate_score, start, RoughInformation(rough), LbfgsOptions(1e-30))
    assert tuple(beta) in asked
    assert len(steps) == MAX_STEPS
