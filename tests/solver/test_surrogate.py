"""Steps that a sample corrects come nearer than Newton's, and end where his do whatever the sample says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from logreg_dist.kernel.block import BlockShape
from logreg_dist.kernel.remainder import score_remainder
from logreg_dist.solver.chord import follow_chord
from logreg_dist.solver.endings import FAST
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, Point
from logreg_dist.solver.surrogate import Remainder, Surrogate
from tests.fitting.test_sample_matrix import sampled, with_rare_column
from tests.solver.arrays import block_of, fit_arrays, overlapping, sums_of, with_ones


def remainder_of(X: np.ndarray, y: np.ndarray, every: int) -> Remainder:
    """Return that of every so manieth row, each weighted by those it stands for."""
    X, y = X[::every], y[::every]
    block, shape = block_of(X, y, np.full(len(y), float(every))), BlockShape(X.shape[1])
    return lambda at, beta, step: score_remainder(at, beta, step, [block], shape)


def with_levels(seed: int, n_rows: int = 6_000) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of 60 levels, of which the rare ones have a few rows and often one label."""
    rng = np.random.default_rng(seed)
    level = np.minimum((2 * rng.pareto(0.7, n_rows)).astype(int), 59)
    x = rng.normal(size=(n_rows, 5))
    eta = -1 + 0.7 * x @ rng.normal(size=5) + 0.7 * rng.normal(size=60)[level]
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-eta))).astype(float)
    indicators = (level[:, None] == np.unique(level)[1:]).astype(float)
    return with_ones(*x.T, *(indicators - indicators.mean(axis=0)).T), y


def changes(result):
    return [one.change for one in result.history]


@pytest.mark.parametrize("ridge", [None, 30.0])
def test_a_pass_less_leads_to_the_same_optimum(ridge):
    X, y = overlapping(40_000, 8)
    ridge = None if ridge is None else ridge * X.var(axis=0)
    options, start = NewtonOptions(ridge=ridge), sampled(X, y, 40).point.beta
    plain = newton(sums_of(X, y), start, options)
    result = newton(sums_of(X, y), start, options, remainder=remainder_of(X, y, 40))

    assert result.ending is plain.ending is Ending.CONVERGED
    assert len(result.history) < len(plain.history)
    assert result.history[1].change < 0.2 * plain.history[1].change
    np.testing.assert_allclose(result.point.beta, plain.point.beta, rtol=1e-11)


def test_a_sample_of_all_rows_leaves_next_to_nothing_of_the_way():
    X, y = overlapping(2_000, 5)
    start = sampled(X, y, 4).point.beta
    plain = newton(sums_of(X, y), start, NewtonOptions())
    result = newton(sums_of(X, y), start, NewtonOptions(), remainder=remainder_of(X, y, 1))
    assert result.history[1].change < 1e-2 * plain.history[1].change


@pytest.fixture
def surrogate_and_score():
    X, y = overlapping(500, 4)
    sums = sums_of(X, y)(np.zeros(4))
    solve = lambda score: np.linalg.solve(sums.information, score)  # noqa: E731

    def make(remainder: Remainder) -> Surrogate:
        return Surrogate(np.zeros(4), np.diagonal(sums.information), solve, remainder)

    return make, sums.score


@pytest.mark.parametrize(
    "remainder",
    [
        lambda at, beta, step: (np.full(4, 1e6), np.ones(4)),
        lambda at, beta, step: (np.full(4, np.nan), np.ones(4)),
    ],
    ids=["large", "nan"],
)
def test_corrections_that_cannot_be_trusted_leave_newtons_step(surrogate_and_score, remainder):
    make, score = surrogate_and_score
    surrogate = make(remainder)
    assert surrogate.step(score, np.zeros(4)) is None


def test_corrections_that_grow_leave_newtons_step(surrogate_and_score):
    make, score = surrogate_and_score
    diagonal, asked = make(None).diagonal, []

    def remainder(at, beta, step):
        asked.append(step)
        return (0.05 if len(asked) == 1 else 0.2) * score, diagonal  # first 0.05 of the step, then 0.15 more

    surrogate = make(remainder)
    assert surrogate.step(score, np.zeros(4)) is None
    assert len(asked) == 2


def test_a_term_that_the_sample_has_no_row_of_is_not_corrected(surrogate_and_score):
    make, score = surrogate_and_score
    asked = []

    def remainder(at, beta, step):
        asked.append(step)
        return np.array([0.0, 0.0, 0.0, 5.0]), np.array([1.0, 1.0, 1.0, 0.0])

    surrogate = make(remainder)
    np.testing.assert_array_equal(surrogate.step(score, np.zeros(4)), surrogate.solve(score))
    assert asked


def test_what_a_sample_knows_too_much_of_is_scaled_to_all_rows(surrogate_and_score):
    make, score = surrogate_and_score
    diagonal = make(None).diagonal
    once = make(lambda at, beta, step: (np.full(4, 0.5), diagonal))
    thrice = make(lambda at, beta, step: (np.full(4, 1.5), 3 * diagonal))
    step = once.step(score, np.zeros(4))
    np.testing.assert_allclose(step, once.solve(score + 0.5), rtol=1e-12)
    np.testing.assert_allclose(thrice.step(score, np.zeros(4)), step, rtol=1e-12)


def test_a_sample_that_leads_astray_costs_one_pass_and_changes_nothing():
    X, y = overlapping(2_000, 5)
    sums, calls = sums_of(X, y), []
    start = sampled(X, y, 4).point.beta

    def evaluate(beta):
        calls.append(beta)
        return sums(beta)

    def wrong(at, beta, step):
        information = sums(at).information
        length = np.sqrt(step @ information @ step)
        return 0.2 * length * np.linalg.cholesky(information)[:, 0], np.diagonal(information)

    plain = newton(sums, start, NewtonOptions())
    result = newton(evaluate, start, NewtonOptions(tolerance=1e-8), remainder=wrong)
    assert changes(result)[:2] == changes(plain)[:2]
    assert result.ending is Ending.CONVERGED
    np.testing.assert_allclose(result.point.beta, plain.point.beta, rtol=1e-9)
    assert len(calls) > len(result.history)


@pytest.fixture
def chord():
    """Steps with one matrix from a sample's optimum, corrected or not, and the points that they look at."""
    X, y = overlapping(40_000, 8)
    sums, start = sums_of(X, y), sampled(X, y, 40).point.beta
    here = sums(start)
    solve = lambda score: np.linalg.solve(here.information, score)  # noqa: E731

    def follow(remainder: Remainder | None) -> tuple[np.ndarray | None, int]:
        looked_at = []

        def evaluate_score(beta):
            looked_at.append(beta)
            return replace(sums(beta), information=None)

        surrogate = None
        if remainder is not None:
            surrogate = Surrogate(start, np.diagonal(here.information), solve, remainder)
        found = follow_chord(
            evaluate_score, solve, Point(start, here), ridge=None, target=1e-8, surrogate=surrogate
        )
        return found, len(looked_at)

    return follow, remainder_of(X, y, 40), here.information


def test_a_chord_that_a_sample_corrects_takes_fewer_steps(chord):
    follow, remainder, _ = chord
    (plain, n_plain), (corrected, n_corrected) = follow(None), follow(remainder)
    assert n_corrected < n_plain
    np.testing.assert_allclose(corrected, plain, rtol=1e-7)


def test_a_chord_that_a_sample_leads_astray_is_left_at_once(chord):
    follow, _, information = chord
    asked = []

    def wrong(at, beta, step):
        asked.append(step)
        share = 0.2 if len(asked) == 1 else 0.35  # of the step; each correction by itself can be trusted
        length = np.sqrt(asked[0] @ information @ asked[0])
        return share * length * np.linalg.cholesky(information)[:, 0], np.diagonal(information)

    assert follow(wrong) == (None, 1)


def test_the_sample_is_asked_at_the_start_and_after_steps_that_came_much_nearer():
    rng = np.random.default_rng(3)
    X = with_ones(*rng.normal(size=(4, 3_000)))
    y = (rng.random(3_000) < 1 / (1 + np.exp(-6 * X @ np.linspace(-0.5, 1.0, 5)))).astype(float)
    sums, asked, evaluated = sums_of(X, y), [], []

    def remainder(at, beta, step):
        asked.append(tuple(at))
        return np.full(5, np.nan), np.ones(5)

    def evaluate(beta):
        evaluated.append(tuple(beta))
        return sums(beta)

    result = newton(evaluate, np.zeros(5), NewtonOptions(), remainder=remainder)
    assert len(evaluated) == len(set(evaluated)) == len(result.history)  # what it does not know costs no pass
    before, now = np.array(changes(result))[:-2], np.array(changes(result))[1:-1]
    is_fast = now <= FAST * before
    assert 0 < is_fast.sum() < len(is_fast)
    assert len(set(asked)) == 1 + is_fast.sum()


@pytest.mark.parametrize("tolerance", [1e-8, 1e-2])
@pytest.mark.parametrize("make", [with_rare_column, with_levels])
def test_labels_that_are_separated_are_found_to_be(make, tolerance):
    endings = set()
    # Of 98, of levels, a step beyond all bounds was once followed until the label passed for one that is not.
    for seed in [*range(15, 30), 98]:
        X, y = make(seed)
        start = sampled(X, y, 10 if seed % 2 == 0 else 4).point.beta
        plain = fit_arrays(X, y, start=start, tolerance=tolerance)
        remainder = remainder_of(X, y, 10 if seed % 2 == 0 else 4)
        result = fit_arrays(X, y, start=start, remainder=remainder, tolerance=tolerance)
        assert result.ending is plain.ending, seed
        endings.add(result.ending)
    assert Ending.SEPARATED in endings
