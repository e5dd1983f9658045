"""L-BFGS ends where Newton's method ends, without an information matrix."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from logreg_dist.fitting.outcome import judge
from logreg_dist.fitting.sums import in_term_order, sum_scores
from logreg_dist.inference.proof import RowPasses, prove_separation
from logreg_dist.inference.separation import DirectionCounts, count_along
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate, information_diagonal
from logreg_dist.model.model import Status
from logreg_dist.solver.information import active_part, factor_of, plus_ridge
from logreg_dist.solver.lbfgs import FAR, LbfgsOptions, by_diagonal, lbfgs
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, Method, Point, Sums
from logreg_dist.solver.ridge import scaled_ridge
from logreg_dist.solver.slope_search import CURVATURE, search_along
from tests.solver.arrays import block_of, overlapping, with_ones

# Standard errors: L-BFGS stops on an estimate of its distance, which was found to be off by up to 5.
DISTANCE = 1e-7
ROUNDING = 1e-11  # relative: an intercept found from sums of a few hundred rows
RNG = np.random.default_rng(4)


def passes_over(block: Block, shape: BlockShape):
    calls: list[np.ndarray] = []

    def evaluate_score(beta):
        calls.append(beta)
        return sum_scores([evaluate(beta, [block], shape, information=False)], np.arange(shape.p))

    return evaluate_score, calls


def fit_lbfgs(block: Block, shape: BlockShape, start=None, **options):
    evaluate_score, calls = passes_over(block, shape)
    start = np.zeros(shape.p) if start is None else start
    passes = RowPasses(
        lambda along, blur: count_along(along, [block], shape, blur=blur), None, np.ones(shape.p)
    )

    def rises_for_ever(along):
        return prove_separation(along / np.abs(along).max(), passes).proves_separation

    diagonal = information_diagonal(start, [block], shape)
    result = lbfgs(
        evaluate_score,
        start,
        by_diagonal(diagonal, options.get("ridge")),
        LbfgsOptions(**options),
        rises_for_ever=rises_for_ever,
    )
    assert result.method is Method.LBFGS
    assert result.point.sums.information is None
    return result, len(calls)


def distance(block: Block, shape: BlockShape, beta: np.ndarray, ridge=None) -> float:
    """Return Newton's decrement: the distance to the optimum in standard errors."""
    sums = in_term_order(evaluate(beta, [block], shape), shape, np.arange(shape.p))
    score = sums.score - (0.0 if ridge is None else ridge * beta)
    step = factor_of(active_part(plus_ridge(sums.information, ridge), np.ones(shape.p, bool))).solve(score)
    return float(np.sqrt(score @ step))


def text_like(n_rows: int = 6_000, columns: int = 8, levels: int = 60) -> tuple[Block, BlockShape]:
    """Return a few numbers beside columns with few common and many rare levels."""
    shape = BlockShape(4, (levels,) * columns)
    dense = np.vstack([np.ones(n_rows), RNG.normal(size=(3, n_rows)) * [[1.0], [1e3], [1e-3]]])
    share = 1.0 / np.arange(1, levels + 2) ** 1.1
    codes = [RNG.choice(levels + 1, n_rows, p=share / share.sum()).astype(np.int32) for _ in range(columns)]
    beta = RNG.normal(size=shape.p) * 0.3 / np.r_[1.0, 1.0, 1e3, 1e-3, np.ones(columns * levels)]
    eta = beta[:4] @ dense - 1.0
    for where, column in zip(shape.slices(), codes, strict=True):
        eta += np.append(beta[where], 0.0)[column]
    return Block(dense, codes, (RNG.random(n_rows) < 1 / (1 + np.exp(-eta))).astype(float)), shape


@pytest.mark.parametrize("l2", [1e-2, 1e-4])
def test_a_ridge_fit_of_many_categories_ends_at_newtons_optimum(l2):
    block, shape = text_like()
    ridge = scaled_ridge(l2, block.n_rows, np.arange(shape.p) > 0)
    result, n_passes = fit_lbfgs(block, shape, ridge=ridge)
    assert result.ending is Ending.CONVERGED
    assert distance(block, shape, result.point.beta, ridge) <= DISTANCE
    assert n_passes < 150
    expected = newton(
        lambda beta: in_term_order(evaluate(beta, [block], shape), shape, np.arange(shape.p)),
        np.zeros(shape.p),
        NewtonOptions(ridge=ridge, alias=False),
    )
    off = result.point.beta - expected.point.beta
    matrix = plus_ridge(expected.point.sums.information, ridge)
    assert np.sqrt(off @ matrix @ off) <= DISTANCE


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
def test_scales_and_correlations_of_columns_decide_nothing(scale):
    n_rows = 3_000
    X = with_ones(*np.cumsum(RNG.normal(size=(6, n_rows)), axis=0))
    X[:, 3] *= scale
    y = RNG.random(n_rows) < 1 / (1 + np.exp(-X[:, 1] + 0.5 * X[:, 2]))
    block, shape = block_of(X, y), BlockShape(7)
    result, _ = fit_lbfgs(block, shape)
    assert result.ending is Ending.CONVERGED
    assert distance(block, shape, result.point.beta) <= DISTANCE


@pytest.mark.parametrize("weight", [1e-12, 1.0, 1e12])
def test_multiplying_all_weights_by_a_constant_changes_no_estimate(weight):
    X, y = overlapping(2_000, 4)
    result, _ = fit_lbfgs(block_of(X, y, np.full(len(y), weight)), BlockShape(4))
    assert result.ending is Ending.CONVERGED
    assert distance(block_of(X, y), BlockShape(4), result.point.beta) <= DISTANCE


def test_rare_events_from_a_cold_start_converge():
    X, y = overlapping(40_000, 4)
    X[:, 0], rare = 1.0, RNG.random(40_000) < 0.002
    block = block_of(X, (y > 0) & rare)
    result, n_passes = fit_lbfgs(block, BlockShape(4))
    assert result.ending is Ending.CONVERGED
    assert distance(block, BlockShape(4), result.point.beta) <= DISTANCE
    assert n_passes < 60


def test_a_tolerance_of_zero_rests_on_the_rounding_floor_instead_of_failing():
    X, y = overlapping(500, 3)
    result, _ = fit_lbfgs(block_of(X, y), BlockShape(3), tolerance=0.0)
    assert result.ending is Ending.CONVERGED
    assert distance(block_of(X, y), BlockShape(3), result.point.beta) <= DISTANCE


@pytest.mark.parametrize("factor", [1e-6, 1e-2, 1.0, 30.0, 1e4, 1e8])
def test_a_line_search_ends_where_the_slope_is_small_however_long_the_direction(factor):
    X, y = overlapping(2_000, 3)
    good, calls = passes_over(block_of(X, y), BlockShape(3))
    start = Point(np.zeros(3), good(np.zeros(3)))
    direction = factor * start.sums.score / information_diagonal(np.zeros(3), [block_of(X, y)], BlockShape(3))
    found, trials = search_along(good, start, direction, None)
    assert len(calls) == trials + 2
    assert trials <= 8
    assert abs(found.sums.score @ direction) <= CURVATURE * (start.sums.score @ direction)
    assert found.sums.deviance < start.sums.deviance


def test_an_intercept_alone_is_the_log_odds():
    y = np.arange(300) < 90
    result, _ = fit_lbfgs(block_of(np.ones((300, 1)), y), BlockShape(1))
    np.testing.assert_allclose(result.point.beta, np.log(90 / 210), rtol=ROUNDING)


def test_a_model_without_terms_and_one_with_an_empty_level_converge():
    nothing = Sums(3, 3.0, 4.0, np.zeros(0), None)
    assert (
        lbfgs(lambda beta: nothing, np.zeros(0), by_diagonal(np.zeros(0), None), LbfgsOptions()).ending
        is Ending.CONVERGED
    )
    X, y = overlapping()
    X = np.column_stack([X, np.zeros(len(X))])
    result, _ = fit_lbfgs(block_of(X, y), BlockShape(4))
    assert result.ending is Ending.CONVERGED
    assert result.point.beta[3] == 0.0


def test_an_overflow_in_a_trial_is_stepped_back_from():
    X, y = overlapping()
    good, calls = passes_over(block_of(X, y), BlockShape(3))

    def overflows(beta):
        sums = good(beta)
        return Sums(3, 3.0, np.nan, sums.score * np.nan, None) if len(calls) == 2 else sums

    diagonal = information_diagonal(np.zeros(3), [block_of(X, y)], BlockShape(3))
    result = lbfgs(overflows, np.zeros(3), by_diagonal(diagonal, None), LbfgsOptions())
    assert (result.ending, result.history[1].halvings) == (Ending.CONVERGED, 1)
    assert distance(block_of(X, y), BlockShape(3), result.point.beta) <= DISTANCE


def test_iterations_that_run_out_and_searches_that_fail_are_not_called_converged():
    X, y = overlapping()
    block, shape = block_of(X, y), BlockShape(3)
    result, _ = fit_lbfgs(block, shape, max_iterations=2)
    assert (result.ending, result.n_steps) == (Ending.ITERATIONS, 2)
    good, _ = passes_over(block, shape)

    def only_rises(beta):
        sums = good(beta)
        return Sums(sums.n_rows, sums.weight_sum, sums.deviance + 1e3 * beta.any(), sums.score, None)

    precondition = by_diagonal(information_diagonal(np.zeros(3), [block], shape), None)
    stuck = lbfgs(only_rises, np.zeros(3), precondition, LbfgsOptions())
    assert stuck.ending is Ending.STUCK
    assert not stuck.point.beta.any()


def test_complete_separation_is_proved_without_information():
    X, _ = overlapping(400, 3)
    y = X[:, 1] > 0.3
    result, _ = fit_lbfgs(block_of(X, y), BlockShape(3))
    assert result.ending is Ending.SEPARATED
    assert ((X @ result.direction > 0) == y).all()


def test_a_level_with_one_label_is_proved_from_the_suspicion():
    shape = BlockShape(2, (5,))
    X, y = overlapping(2_000, 2)
    block = Block(X.T.copy(), [RNG.integers(0, 6, 2_000).astype(np.int32)], y.copy())
    block.y[block.codes[0] == 3] = 1.0
    suspect = np.zeros(shape.p)
    suspect[2 + 3] = 1.0
    result, _ = fit_lbfgs(block, shape, suspects=[suspect])
    assert result.ending is Ending.SEPARATED
    assert result.direction is suspect
    result, _ = fit_lbfgs(block, shape, suspects=[-suspect])
    assert result.ending is not Ending.SEPARATED


def test_estimates_that_went_too_far_are_not_called_converged():
    # Separated by two terms together: neither by a level of one label nor completely.
    cells = RNG.integers(0, 2, size=(2, 2_000)).astype(np.int32)
    y = np.where(cells.sum(axis=0) == 1, RNG.random(2_000) < 0.5, cells.sum(axis=0) == 0)
    block, shape = Block(np.ones((1, 2_000)), list(cells), y.astype(float)), BlockShape(1, (1, 1))
    scale = np.array([0.0, 1.0, 1.0])
    result, _ = fit_lbfgs(block, shape, scale=scale)
    assert result.ending is Ending.FAR
    assert np.abs(result.point.beta * scale).max() > FAR
    verdict = judge(result, None, terms=None, scale=scale, aliased=(), collinear_is_error=False)
    assert verdict.status is Status.NOT_CONVERGED
    ridge = scaled_ridge(0.01, 2_000, scale > 0)
    assert fit_lbfgs(block, shape, scale=scale, ridge=ridge)[0].ending is Ending.CONVERGED


@pytest.mark.parametrize(
    ("at_share", "at_zero", "proved"),
    [
        (DirectionCounts(5, 0, 0), DirectionCounts(5, 0, 0), True),
        (DirectionCounts(5, 3, 0), DirectionCounts(5, 3, 0), True),
        (DirectionCounts(5, 3, 0), DirectionCounts(7, 1, 0), False),
        (DirectionCounts(5, 3, 0), DirectionCounts(5, 2, 1), False),
        (DirectionCounts(0, 8, 0), DirectionCounts(0, 8, 0), False),
        (DirectionCounts(5, 0, 1), DirectionCounts(5, 0, 1), False),
    ],
)
def test_without_information_only_an_exact_direction_proves_separation(at_share, at_zero, proved):
    passes = RowPasses(lambda along, blur: at_share if blur.any() else at_zero, None, np.ones(1))
    assert prove_separation(np.ones(1), passes).proves_separation is proved


def test_the_verdict_says_how_and_how_nearly():
    X, y = overlapping()
    result, _ = fit_lbfgs(block_of(X, y), BlockShape(3))
    verdict = judge(result, None, terms=None, scale=np.ones(3), aliased=(), collinear_is_error=False)
    assert verdict.status is Status.CONVERGED
    assert verdict.text.startswith(f"converged after {result.n_steps} L-BFGS steps: about ")
    assert result.n_steps == len(result.history) - 1
    short, _ = fit_lbfgs(block_of(X, y), BlockShape(3), max_iterations=1)
    verdict = judge(short, None, terms=None, scale=np.ones(3), aliased=(), collinear_is_error=False)
    assert verdict.text.startswith(
        "not converged after 1 iterations: the iterations ran out; the last point is about "
    )


def test_each_iteration_is_reported_once_and_in_order():
    X, y = overlapping()
    good, _ = passes_over(block_of(X, y), BlockShape(3))
    told = []
    diagonal = information_diagonal(np.zeros(3), [block_of(X, y)], BlockShape(3))
    result = lbfgs(good, np.zeros(3), by_diagonal(diagonal, None), LbfgsOptions(), report=told.append)
    assert tuple(told) == result.history
    assert [one.iteration for one in told] == list(range(len(told)))
    assert all(later.deviance <= before.deviance * (1 + 1e-12) for before, later in pairwise(told))
