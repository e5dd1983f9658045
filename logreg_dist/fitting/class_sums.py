"""From the kernel's states of several classes to the sums that the solver sees, class after class in term order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import BlockShape, FloatArray
from logreg_dist.kernel.multinomial import MultinomialState
from logreg_dist.solver.result import Sums


def class_sums(state: MultinomialState, shape: BlockShape, positions: NDArray[np.intp]) -> Sums:
    """Return the state with its entries class after class, each in the order of the terms.

    Parameters
    ----------
    state : MultinomialState
    shape : BlockShape
    positions : ndarray (p,)
        Each term's place in the kernel's order.
    """
    return Sums(
        n_rows=state.n_rows,
        weight_sum=state.weight_sum,
        deviance=state.deviance,
        score=state.score[:, positions].ravel(),
        information=matrix_in_term_order(state, shape, positions) if state.information else None,
    )


def matrix_in_term_order(
    state: MultinomialState, shape: BlockShape, positions: NDArray[np.intp]
) -> FloatArray:
    """Return the joint information (k p, k p), class after class, each in the order of the terms."""
    return joint_in_term_order(state.matrix(shape), positions)


def joint_in_term_order(joint: FloatArray, positions: NDArray[np.intp]) -> FloatArray:
    """Return a joint matrix (k p, k p), class after class in the kernel's order, with each class in that of the terms.

    Examples
    --------
    >>> joint_in_term_order(np.arange(4.0).reshape(2, 2), np.array([1, 0])).tolist()
    [[3.0, 2.0], [1.0, 0.0]]
    """
    p = len(positions)
    order = (np.arange(len(joint) // p)[:, None] * p + positions).ravel()
    ordered: FloatArray = joint[np.ix_(order, order)]
    return ordered


def in_kernel_classes(beta: FloatArray, n_free: int, positions: NDArray[np.intp]) -> FloatArray:
    """Return coefficients (k p,), class after class in term order, as the kernel wants them, (k, p).

    Examples
    --------
    >>> in_kernel_classes(np.array([1.0, 2.0, 3.0, 4.0]), 2, np.array([1, 0])).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    kernel = np.empty((n_free, len(positions)))
    kernel[:, positions] = beta.reshape(n_free, -1)
    return kernel
