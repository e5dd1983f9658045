"""Steps with a sample's matrix end where Newton's method without it does, on tables whose rare rows mislead the sample."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.fitting.penalty import Penalty
from logreg_dist.fitting.start import _SampleRows, every, optimum_of_sample, rows_for_one
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.solver.approach import RoughInformation, approach
from logreg_dist.solver.lbfgs import LbfgsOptions
from logreg_dist.solver.result import Ending, SolverResult
from tests.solver.arrays import block_of, fit_arrays, overlapping, sums_of, with_ones

Table = tuple[np.ndarray, np.ndarray]


def with_rare_column(seed: int, n_rows: int = 6_000, d: int = 8) -> Table:
    """Return rows whose last column is 0 but for a few, all of them events: a separated label."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, d))
    n_rare = int(rng.choice([3, 10, 30, 100, 300]))
    at = rng.choice(n_rows, n_rare, replace=False)
    rare = np.zeros(n_rows)
    rare[at] = rng.choice([1.0, rng.exponential(1.0)], size=n_rare)
    eta = -1.0 + x @ rng.normal(scale=0.8, size=d)
    y = (rng.random(n_rows) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    y[at] = 1.0
    x = np.column_stack([x, rare])
    return with_ones(*(x - x.mean(axis=0)).T), y


def sampled(X: np.ndarray, y: np.ndarray, every: int) -> SolverResult:
    """Return the optimum of each so many-th row, found as a fit finds it."""
    weak_ridge = X.var(axis=0)
    X, y, weight = X[::every], y[::every], np.full(len(y[::every]), float(every))
    found = optimum_of_sample(
        sums_of(X, y, weight),
        None,
        weak_ridge=weak_ridge,
        rows_for_one=rows_for_one([block_of(X, y, weight)]),
        whole=False,
    )
    assert found is not None
    return found


def fitted(X: np.ndarray, y: np.ndarray, found: SolverResult, score_cost: float | None, **options: float):
    rough = None if score_cost is None else RoughInformation(found.point.sums.matrix(), score_cost)
    return fit_arrays(X, y, start=found.point.beta, rough=rough, **options)


@pytest.mark.parametrize("tolerance", [1e-8, 1e-3, 1e-2])
@pytest.mark.parametrize("score_cost", [0.0, 0.3])
def test_a_separated_label_is_not_called_converged(score_cost, tolerance):
    for seed in range(100, 120):
        X, y = with_rare_column(seed)
        found = sampled(X, y, 4)
        assert fitted(X, y, found, None, tolerance=tolerance).ending is Ending.SEPARATED
        assert fitted(X, y, found, score_cost, tolerance=tolerance).ending is Ending.SEPARATED, seed


@pytest.mark.parametrize("tolerance", [1e-4, 1e-2])
def test_a_step_that_went_far_too_long_is_taken_back(tolerance):
    # One of ten rare rows is in the sample, which knows a hundredth of what they tell: the first step is that much too long.
    X, y = with_rare_column(261, n_rows=8_000, d=10)
    found = sampled(X, y, 10)
    known, true = (sums.matrix()[-1, -1] for sums in (found.point.sums, sums_of(X, y)(found.point.beta)))
    assert known < 0.01 * true
    plain = fitted(X, y, found, None, tolerance=tolerance)
    result = fitted(X, y, found, 0.3, tolerance=tolerance)
    assert result.ending is plain.ending is Ending.SEPARATED
    assert [one.change for one in result.history] == [one.change for one in plain.history]


def dependent_columns(seed: int) -> Table:
    """Return rows whose last column is made of two others: rounding hides it from a Cholesky factor."""
    X, y = with_rare_column(seed)
    return np.column_stack([X[:, :-1], X[:, 1] + 1.1 * X[:, 2]]), y


def constant_in_the_sample(seed: int) -> Table:
    X, y = with_rare_column(seed)
    X[::10, -1] = X[:, -1].min()
    return X, y


@pytest.mark.parametrize("make", [dependent_columns, constant_in_the_sample])
def test_a_matrix_of_dependent_columns_is_not_used(make):
    for seed in range(12):
        X, y = make(seed)
        found = sampled(X, y, 10)
        assert found.dependences
        rough = RoughInformation(found.point.sums.matrix())
        beta, steps = approach(sums_of(X, y), found.point.beta, rough, LbfgsOptions())
        assert not steps
        assert beta is found.point.beta


def test_the_optimum_of_a_part_of_the_rows_saves_passes_over_the_sample():
    X, y = overlapping(8_000, 5)
    shape, calls = BlockShape(5), []

    def search(thinned: _SampleRows | None) -> np.ndarray:
        def evaluate(beta):
            calls.append(beta)
            return sums_of(X, y)(beta)

        calls.clear()
        weak_ridge = 1e-3 * X.var(axis=0)
        found = optimum_of_sample(
            evaluate, None, weak_ridge=weak_ridge, rows_for_one=1.0, whole=False, thinned=thinned
        )
        return found.point.beta

    alone, n_alone = search(None), len(calls)
    part = _SampleRows([every(8, block_of(X, y))], shape, np.arange(5))
    np.testing.assert_allclose(search(part), alone, atol=1e-3)
    assert len(calls) < n_alone
    # A part that says the opposite: the search from its optimum may lead anywhere, and what is found is the same.
    wrong = _SampleRows([every(8, block_of(1e3 * X, 1 - y))], shape, np.arange(5))
    np.testing.assert_allclose(search(wrong), alone, atol=1e-3)


def test_every_so_manieth_row_keeps_all_that_it_has():
    block = Block(
        dense=np.arange(10.0).reshape(2, 5),
        codes=[np.arange(5, dtype=np.int32)],
        y=np.array([0.0, 1.0, 1.0, 0.0, 1.0]),
        weight=np.arange(1.0, 6.0),
        offset=-np.arange(5.0),
    )
    found = every(2, block)
    assert found.dense.tolist() == [[0.0, 2.0, 4.0], [5.0, 7.0, 9.0]]
    assert [codes.tolist() for codes in found.codes] == [[0, 2, 4]]
    assert (found.y.tolist(), found.weight.tolist()) == ([0.0, 1.0, 1.0], [2.0, 6.0, 10.0])
    assert found.offset.tolist() == [0.0, -2.0, -4.0]


def test_a_ridge_that_is_next_to_nothing_does_not_send_the_start_far_away():
    X, y = with_rare_column(7)  # all events: the sample's own optimum is far out
    tiny = Penalty(
        ridge=np.full(X.shape[1], 1e-9), lasso=np.zeros(X.shape[1]), of_column=np.ones(X.shape[1], bool)
    )
    starts = [
        optimum_of_sample(
            sums_of(X, y), penalty, weak_ridge=X.var(axis=0), rows_for_one=25.0, whole=False
        ).point.beta
        for penalty in (None, tiny)
    ]
    np.testing.assert_allclose(starts[1], starts[0], rtol=1e-6)
