"""The information matrix in any of its forms, and what a solver asks of it.

A model's matrix is one array; an arrow when one category has most of its terms: p terms of which w are levels of
that category then take ``O(w (p - w))`` memory; or that of mixtures of columns that are ill-conditioned themselves.
The same questions get the same answers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.arrowhead import ArrowheadFactor, ArrowheadInformation, factorise_arrowhead
from logreg_dist.solver.arrowhead_dependences import find_arrowhead_dependences
from logreg_dist.solver.linear_system import Dependence, Factor, factorise, find_dependences
from logreg_dist.solver.mixed import MixedFactor, MixedInformation, factorise_mixed

FloatArray = NDArray[np.float64]

Information = FloatArray | ArrowheadInformation | MixedInformation


def plus_ridge(information: Information, ridge: FloatArray | None) -> Information:
    """Return the matrix with `ridge` (p,) added to its diagonal."""
    if ridge is None:
        return information
    if isinstance(information, ArrowheadInformation):
        return information.plus_diagonal(ridge)
    penalised = whole_matrix(information).copy()
    penalised.flat[:: len(ridge) + 1] += ridge
    return penalised


def active_part(information: Information, active: NDArray[np.bool_]) -> Information:
    """Return the matrix of the active terms (p,) alone."""
    if isinstance(information, ArrowheadInformation | MixedInformation):
        return information.part(active)
    return information if active.all() else information[np.ix_(active, active)]


def factor_of(information: Information) -> Factor | ArrowheadFactor | MixedFactor:
    """Factor the matrix; all factors solve with it and know the diagonal of its inverse.

    Raises
    ------
    SingularInformation
        When the matrix is not positive definite or not finite.
    """
    if isinstance(information, ArrowheadInformation):
        return factorise_arrowhead(information)
    if isinstance(information, MixedInformation):
        return factorise_mixed(information)
    return factorise(information)


def dependences_in(information: Information) -> list[Dependence]:
    """Return the terms that are linear combinations of earlier ones, whichever the form."""
    if isinstance(information, ArrowheadInformation):
        return find_arrowhead_dependences(information)
    if isinstance(information, MixedInformation):
        return information.dependences()
    return find_dependences(information)


def whole_matrix(information: Information) -> FloatArray:
    """Return the (p, p) array; only where p is small."""
    if isinstance(information, MixedInformation):
        return information.whole()
    return information.matrix() if isinstance(information, ArrowheadInformation) else information


def diagonal_of(information: Information) -> FloatArray:
    """Return the diagonal, (p,), in the order of the terms.

    Examples
    --------
    >>> levels, others = np.array([0, 1]), np.array([2])
    >>> arrow = ArrowheadInformation(np.array([1.0, 2.0]), np.ones((2, 1)), np.array([[9.0]]), levels, others)
    >>> diagonal_of(arrow).tolist()
    [1.0, 2.0, 9.0]
    """
    if not isinstance(information, ArrowheadInformation):
        return np.diagonal(whole_matrix(information))
    diagonal = np.empty(information.p)
    diagonal[information.levels] = information.diagonal
    diagonal[information.others] = np.diagonal(information.rest)
    return diagonal


def embedded(values: FloatArray, active: NDArray[np.bool_]) -> FloatArray:
    """Return what the active terms have, such as coefficients, among all terms (p,), the others 0.

    Examples
    --------
    >>> embedded(np.array([1.0, 2.0]), np.array([True, False, True])).tolist()
    [1.0, 0.0, 2.0]
    """
    whole = np.zeros(len(active))
    whole[active] = values
    return whole
