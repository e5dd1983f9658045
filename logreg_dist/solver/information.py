"""The information matrix in either of its forms, and what a solver asks of it.

A model's matrix is one array, or an arrow when one category has most of its terms: the same
questions get the same answers, and p terms of which w are levels of that category then take
``O(w (p - w))`` memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.arrowhead import ArrowheadFactor, ArrowheadInformation, factorise_arrowhead
from logreg_dist.solver.arrowhead_dependences import find_arrowhead_dependences
from logreg_dist.solver.linear_system import Dependence, Factor, factorise, find_dependences

FloatArray = NDArray[np.float64]

Information = FloatArray | ArrowheadInformation


def plus_ridge(information: Information, ridge: FloatArray | None) -> Information:
    """Return the matrix with `ridge` (p,) added to its diagonal."""
    if ridge is None:
        return information
    if isinstance(information, ArrowheadInformation):
        return information.plus_diagonal(ridge)
    penalised = information.copy()
    penalised.flat[:: len(ridge) + 1] += ridge
    return penalised


def active_part(information: Information, active: NDArray[np.bool_]) -> Information:
    """Return the matrix of the active terms (p,) alone."""
    if isinstance(information, ArrowheadInformation):
        return information.part(active)
    return information if active.all() else information[np.ix_(active, active)]


def factor_of(information: Information) -> Factor | ArrowheadFactor:
    """Factor the matrix; both factors solve with it and know the diagonal of its inverse.

    Raises
    ------
    SingularInformation
        When the matrix is not positive definite or not finite.
    """
    if isinstance(information, ArrowheadInformation):
        return factorise_arrowhead(information)
    return factorise(information)


def dependences_in(information: Information) -> list[Dependence]:
    """Return the terms that are linear combinations of earlier ones, whichever the form."""
    if isinstance(information, ArrowheadInformation):
        return find_arrowhead_dependences(information)
    return find_dependences(information)


def whole_matrix(information: Information) -> FloatArray:
    """Return the (p, p) array; only where p is small."""
    return information.matrix() if isinstance(information, ArrowheadInformation) else information
