"""Sums of plain arrays, for tests that need no table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from logreg_dist.fitting.sums import in_term_order
from logreg_dist.inference.proof import RowPasses, prove_separation
from logreg_dist.inference.separation import count_along, neutral_rows
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.solver.approach import RoughInformation
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, SolverResult, Sums
from logreg_dist.solver.surrogate import Remainder


def block_of(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> Block:
    return Block(dense=np.ascontiguousarray(X.T), codes=(), y=y.astype(float), weight=weight)


def sums_of(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> Callable[[np.ndarray], Sums]:
    shape, block = BlockShape(X.shape[1]), block_of(X, y, weight)
    order = np.arange(shape.p)
    return lambda beta: in_term_order(evaluate(beta, [block], shape), shape, order)


def sums_with_intercept(X: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], Sums]:
    return sums_of(with_ones(*X.T), y)


def fit_arrays(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    start: np.ndarray | None = None,
    rough: RoughInformation | None = None,
    remainder: Remainder | None = None,
    **options: object,
) -> SolverResult:
    """Fit with the proof of separation that a fit on a table uses, in steps with a rough matrix where there is one."""
    shape, block = BlockShape(X.shape[1]), block_of(X, y, weight)

    def neutral_information(direction: np.ndarray, blur: np.ndarray) -> np.ndarray:
        rows = neutral_rows(direction, [block], shape, blur=blur)
        return evaluate(np.zeros(shape.p), rows, shape).information.matrix(shape)

    passes = RowPasses(
        count=lambda direction, blur: count_along(direction, [block], shape, blur=blur),
        neutral_information=neutral_information,
        scale=np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0),
    )

    def rises_for_ever(direction: np.ndarray) -> bool:
        return prove_separation(direction / np.abs(direction).max(), passes).proves_separation

    start = np.zeros(shape.p) if start is None else start
    sums = sums_of(X, y, weight)
    return newton(
        sums,
        start,
        NewtonOptions(**options),
        rises_for_ever=rises_for_ever,
        evaluate_score=None if rough is None else lambda beta: replace(sums(beta), information=None),
        rough=rough,
        remainder=remainder,
    )


def with_ones(*columns: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(columns[0])), *columns])


def overlapping(n_rows: int = 500, p: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = with_ones(*rng.normal(size=(p - 1, n_rows)))
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-X @ np.linspace(-0.5, 1.0, p)))).astype(float)
    return X, y


__all__ = ["Ending", "block_of", "fit_arrays", "overlapping", "sums_of", "sums_with_intercept", "with_ones"]
