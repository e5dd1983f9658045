"""The penalty on groups of estimates that are 0 together or not at all: its size, and the conditions of its optimum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.box import Box, missed_conditions

FloatArray = NDArray[np.float64]
Group = NDArray[np.intp]


def penalty_size(beta: FloatArray, lasso: FloatArray, groups: Sequence[Group]) -> float:
    """Return ``sum(lasso * |beta|)``, with the Euclidean norm of ``lasso * beta`` in place of the sum within a group.

    Parameters
    ----------
    beta, lasso : ndarray (p,)
    groups : sequence of ndarray of int
        Positions of the terms of each group of several; the others stand alone.

    Examples
    --------
    >>> penalty_size(np.array([1.0, 3.0, 4.0]), np.ones(3), [np.array([1, 2])])
    6.0
    """
    sizes = np.abs(lasso * beta)
    alone = float(sizes.sum())
    return alone + sum(float(np.linalg.norm(sizes[group]) - sizes[group].sum()) for group in groups)


def missed_with_groups(
    gradient: FloatArray, beta: FloatArray, lasso: FloatArray, box: Box, groups: Sequence[Group]
) -> FloatArray:
    """Return by how much the conditions of the optimum are missed at each estimate, (p,): 0 at the optimum.

    As `missed_conditions`. Of a group that is not 0 the gradient must be that of its norm; of one that is 0 the
    gradient divided by `lasso` must not be longer than 1, and what it is longer by is the miss.

    Notes
    -----
    Yuan and Lin (2006), J. R. Statist. Soc. B 68(1), equations 2.2 and 2.3.

    Examples
    --------
    >>> group, nowhere = [np.array([0, 1])], Box.unlimited(2)
    >>> missed_with_groups(np.array([6.0, 8.0]), np.zeros(2), np.full(2, 5.0), nowhere, group).tolist()
    [3.0, 4.0]
    >>> missed_with_groups(np.array([3.0, 4.0]), np.array([3.0, 4.0]), np.full(2, 5.0), nowhere, group).tolist()
    [0.0, 0.0]
    """
    missed = missed_conditions(gradient, beta, lasso, box)
    for group in groups:
        slope, weight = gradient[group], lasso[group]
        size = float(np.linalg.norm(weight * beta[group]))
        if size > 0:
            missed[group] = np.abs(slope - weight**2 * beta[group] / size)
        else:
            length = float(np.linalg.norm(slope / weight))
            missed[group] = np.abs(slope) * max(1.0 - 1.0 / max(length, 1.0), 0.0)
    return missed
