"""The proof of separation, from a direction that merely looks like it. Runs on the driver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.kernel.block import FloatArray
from logreg_dist.solver.linear_system import DEPENDENCE_TOLERANCE, find_dependences

# A Newton step late in a separated fit is a direction of separation to about this accuracy.
ZERO_SHARE = 1e-4
# Dependences are found in sums of squares.
EXACT_ZERO_SHARE = DEPENDENCE_TOLERANCE**0.5


@dataclass(frozen=True)
class RowPasses:
    """The passes that a proof is made of, each at a direction (p,) in the order of the terms.

    Attributes
    ----------
    largest : callable
        The largest ``|x'd|`` of any row.
    count : callable
        From direction and `zero` to the rows on either side; see `count_along`.
    neutral_information : callable
        From direction and `zero` to ``X'X`` (p, p) of the rows with ``|x'd|`` up to `zero`.
    """

    largest: Callable[[FloatArray], float]
    count: Callable[[FloatArray, float], DirectionCounts]
    neutral_information: Callable[[FloatArray, float], FloatArray]


def prove_separation(direction: FloatArray, passes: RowPasses) -> DirectionCounts:
    """Count the rows along the exact direction of separation that a Newton step comes near to.

    A step is a direction of separation only to about `ZERO_SHARE`, so rows with small ``x'd``
    seem to lie on the boundary. Beside one value of 1e9 all other rows seem to, while they do
    determine the estimates. Therefore the direction is replaced by one along which the seemingly
    neutral rows are neutral exactly; where there is none, they speak against separation.

    Parameters
    ----------
    direction : ndarray (p,)
        A Newton step, not zero.
    passes : RowPasses
        Two are made, five when it comes to a proof of quasi-complete separation.

    Returns
    -------
    DirectionCounts
        With `violated` rows when there is no separation along the direction.
    """
    zero = ZERO_SHARE * passes.largest(direction)
    counts = passes.count(direction, zero)
    if not counts.proves_separation or counts.is_complete:
        return counts
    exact = null_direction(direction, passes.neutral_information(direction, zero))
    if not exact.any():
        return DirectionCounts(separated=counts.separated, violated=counts.neutral)
    return passes.count(exact, EXACT_ZERO_SHARE * passes.largest(exact))


def null_direction(direction: FloatArray, information: FloatArray) -> FloatArray:
    """Return the vector v near a direction with ``information v = 0``, shape (p,); zeros if none.

    A vector of the null space is fixed by its entries at the dependent terms, which are taken
    from `direction`.

    Examples
    --------
    The third column is the sum of the others:

    >>> X = np.array([[1.0, 0, 1], [0, 1, 1], [1, 1, 2]])
    >>> null_direction(np.array([1.001, 0.999, -1.0]), X.T @ X).round(9).tolist()
    [1.0, 1.0, -1.0]
    >>> null_direction(np.array([0.0, 1.0]), np.eye(2)).tolist()
    [0.0, 0.0]
    """
    exact = np.zeros_like(direction)
    for dependence in find_dependences(information):
        size = direction[dependence.position]
        exact[dependence.position] += size
        for position, weight in dependence.weights.items():
            exact[position] -= size * weight
    return exact
