"""The proof of separation, from a direction that merely looks like it. Runs on the driver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.kernel.block import FloatArray
from logreg_dist.solver.information import Information, active_part, dependences_in

# A Newton step late in a separated fit is a direction of separation to some accuracy between these.
SHARES = (1e-13, 1e-10, 1e-7, 1e-4)
# What remains of rounding along a direction that was made exact from sums of squares.
EXACT_SHARE = 1e-9


@dataclass(frozen=True)
class RowPasses:
    """The passes that a proof is made of, each at a direction (p,) in the order of the terms.

    Attributes
    ----------
    count : callable
        From direction and blur (p,) to the rows on either side; see `count_along`.
    neutral_information : callable or None
        From direction and blur (p,) to ``X'X`` of the rows that count as neutral; None where that
        matrix is too large.
    scale : ndarray (p,)
        Typical size of each term's column.
    """

    count: Callable[[FloatArray, FloatArray], DirectionCounts]
    neutral_information: Callable[[FloatArray, FloatArray], Information] | None
    scale: FloatArray

    def blur(self, direction: FloatArray, share: float) -> FloatArray:
        """Return how far each entry may be off, (p,), when their common error is `share` of the largest."""
        return share * float(np.max(np.abs(direction) * self.scale)) / self.scale


def prove_separation(direction: FloatArray, passes: RowPasses) -> DirectionCounts:
    """Count the rows along the exact direction of separation that a Newton step comes near to.

    If no row at all lies on the wrong side and none near the boundary, the step itself separates
    completely. Rows near the boundary may lie on it: the direction is replaced by one along which
    these are neutral exactly, and all rows are counted again. Where there is no such direction, they
    speak against separation. Without information a direction is proved if it is exact as it is: no
    row lies between the boundary and the rounding around it.

    Parameters
    ----------
    direction : ndarray (p,)
        A Newton step, not zero.
    passes : RowPasses
        One is made where rows clearly lie on the wrong side, which is where there is no
        separation; up to eleven otherwise.

    Returns
    -------
    DirectionCounts
        With `violated` rows when there is no separation along the direction.
    """
    counts = passes.count(direction, passes.blur(direction, SHARES[-1]))
    if not counts.proves_separation:
        return _disproved(counts)
    for share in SHARES:
        blur = passes.blur(direction, share)
        counts = passes.count(direction, blur)
        if counts.is_complete:
            return counts
        if counts.violated:
            continue  # at this accuracy the step is still blurred
        if passes.neutral_information is None:
            is_exact = passes.count(direction, np.zeros_like(direction)) == counts
            return counts if is_exact else _disproved(counts)
        exact = _null_direction_within(direction, passes.neutral_information(direction, blur))
        if exact.any():
            found = passes.count(exact, passes.blur(exact, EXACT_SHARE))
            if found.proves_separation:
                return found
    return _disproved(counts)


def _disproved(counts: DirectionCounts) -> DirectionCounts:
    """Count the undecided rows among those that speak against separation."""
    return DirectionCounts(counts.separated, 0, max(counts.violated + counts.neutral, 1))


def _null_direction_within(direction: FloatArray, information: Information) -> FloatArray:
    """Return the null direction (p,) among the terms of a direction: one that it lacks cannot be followed for ever.

    Such are terms with a penalty, and columns that a selection left out.
    """
    within = direction != 0
    exact = np.zeros_like(direction)
    exact[within] = null_direction(direction[within], active_part(information, within))
    return exact


def null_direction(direction: FloatArray, information: Information) -> FloatArray:
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
    for dependence in dependences_in(information):
        size = direction[dependence.position]
        exact[dependence.position] += size
        for position, weight in dependence.weights.items():
            exact[position] -= size * weight
    return exact
