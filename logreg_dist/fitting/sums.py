"""From the splits' states to the sums that the solver sees: ordered, assembled, in term order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import BlockShape
from logreg_dist.kernel.state import LogisticState, zero_state
from logreg_dist.solver.newton import Sums


def sum_states(states: Sequence[LogisticState], shape: BlockShape) -> LogisticState:
    """Add states in the order given. Floating-point sums depend on it, so it is the splits' order."""
    total = zero_state(shape)
    for state in states:
        total = total + state
    return total


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
        information=state.information.matrix(shape)[np.ix_(positions, positions)],
    )


def in_kernel_order(beta: NDArray[np.float64], positions: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return coefficients of terms in the kernel's order, shape (p,)."""
    kernel = np.empty_like(beta)
    kernel[positions] = beta
    return kernel
