"""From the splits' states to the sums that the solver sees: ordered, assembled, in term order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import BlockShape
from logreg_dist.kernel.state import InformationBlocks, LogisticState
from logreg_dist.solver.arrowhead import ArrowheadInformation
from logreg_dist.solver.information import Information
from logreg_dist.solver.result import Sums

# Below it the whole matrix takes a few milliseconds; measured, eliminating never took longer.
HUGE_LEVELS = 500
# With a smaller share of all terms than this, hardly any work is saved.
HUGE_SHARE = 1 / 3


def huge_column(shape: BlockShape) -> int | None:
    """Return the categorical column to eliminate on its own, or None for the whole matrix.

    The widest one, where it has at least `HUGE_LEVELS` coefficients and `HUGE_SHARE` of all.

    Examples
    --------
    >>> huge_column(BlockShape(11, (50, 20_000, 50)))
    1
    >>> huge_column(BlockShape(11, (50, 400))), huge_column(BlockShape(11, (500, 500, 500, 500)))
    (None, None)
    """
    width = max(shape.widths, default=0)
    if width < HUGE_LEVELS or width < HUGE_SHARE * shape.p:
        return None
    return shape.widths.index(width)


def sum_scores(states: Sequence[LogisticState], positions: NDArray[np.intp]) -> Sums:
    """Add states that were evaluated without information, in the order given, and return them in term order."""
    return Sums(
        n_rows=sum(state.n_rows for state in states),
        weight_sum=sum(state.weight_sum for state in states),
        deviance=sum(state.deviance for state in states),
        score=sum((state.score for state in states), np.zeros(len(positions)))[positions],
        information=None,
    )


def in_term_order(state: LogisticState, shape: BlockShape, positions: NDArray[np.intp]) -> Sums:
    """Return the state with its entries in the order of the terms.

    Parameters
    ----------
    state : LogisticState
    shape : BlockShape
    positions : ndarray (p,)
        Each term's place in the kernel's order.
    """
    return Sums(
        n_rows=state.n_rows,
        weight_sum=state.weight_sum,
        deviance=state.deviance,
        score=state.score[positions],
        information=information_in_term_order(state, shape, positions),
    )


def information_in_term_order(
    state: LogisticState, shape: BlockShape, positions: NDArray[np.intp]
) -> Information:
    """Return the information of a state in the order of the terms, as an arrow where a column is huge."""
    column = huge_column(shape)
    if column is None:
        return state.information.matrix(shape)[np.ix_(positions, positions)]
    return _arrowhead(state.information, shape, positions, column)


def in_kernel_order(beta: NDArray[np.float64], positions: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return coefficients of terms in the kernel's order, shape (p,)."""
    kernel = np.empty_like(beta)
    kernel[positions] = beta
    return kernel


def matrix_in_kernel_order(matrix: NDArray[np.float64], positions: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return a matrix (p, p) of terms, such as a covariance, in the kernel's order."""
    kernel = np.empty_like(matrix)
    kernel[np.ix_(positions, positions)] = matrix
    return kernel


def _arrowhead(
    blocks: InformationBlocks, shape: BlockShape, positions: NDArray[np.intp], column: int
) -> ArrowheadInformation:
    where, width = shape.slices()[column], shape.widths[column]
    is_level = (positions >= where.start) & (positions < where.stop)
    level_order = positions[is_level] - where.start
    others = positions[~is_level]
    order = np.where(others < where.start, others, others - width)  # once the column is left out
    rest_shape = BlockShape(shape.n_dense, shape.widths[:column] + shape.widths[column + 1 :])
    return ArrowheadInformation(
        diagonal=blocks.diagonals[column][level_order],
        cross=blocks.beside(column)[np.ix_(level_order, order)],
        rest=blocks.without(column).matrix(rest_shape)[np.ix_(order, order)],
        levels=np.flatnonzero(is_level),
        others=np.flatnonzero(~is_level),
    )
