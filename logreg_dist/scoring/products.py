"""What derived columns add to the linear predictor: curves of one column, products and tables of two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.curves import Curves, combined
from logreg_dist.design.derived import DerivedColumn, Part, Transform
from logreg_dist.design.spec import DesignSpec, NumericColumn
from logreg_dist.formula import BOUNDS
from logreg_dist.staging.row_rules import MAX_MAGNITUDE

if TYPE_CHECKING:
    from logreg_dist.scoring.terms import LevelTerm, NumericTerm

    Factor: TypeAlias = NumericTerm | LevelTerm

FloatArray = NDArray[np.float64]
# From a part and the weights of its functions or levels (k,) to what a column adds.
Combine = Callable[[Part, FloatArray], "Factor"]


@dataclass(frozen=True)
class ProductTerm:
    """Two columns that add a sum of products.

    Attributes
    ----------
    places : (int, int)
        The columns, by number.
    factors : tuple of pairs of NumericTerm and LevelTerm
        What is read of the two columns and multiplied.
    """

    places: tuple[int, int]
    factors: tuple[tuple[Factor, Factor], ...]


@dataclass(frozen=True)
class JointTerm:
    """Two categories that add what a table holds for their levels.

    Attributes
    ----------
    places : (int, int)
        The columns, by number.
    numbers : pair of NumericTerm and LevelTerm
        What is read of the two columns; the sum is the place in the table.
    table : tuple of float
        Log-odds.
    """

    places: tuple[int, int]
    numbers: tuple[Factor, Factor]
    table: tuple[float, ...]


def own_curves(design: DesignSpec, estimates: Mapping[str, float]) -> dict[str, tuple[Curves, ...]]:
    """Return for each column the functions of it alone, one for each transform, log-odds."""
    found: dict[str, tuple[Curves, ...]] = {}
    for column in design.derived:
        [part, *others] = column.parts
        if not others and isinstance(part, Transform):
            curve = combined(part.curves(), _weights(column, estimates))
            found[part.column] = (*found.get(part.column, ()), curve)
    return found


def pair_terms(
    design: DesignSpec, estimates: Mapping[str, float], combine: Combine
) -> tuple[ProductTerm | JointTerm, ...]:
    """Return what the interactions of a design add."""
    # The numbers of a vector are one column of the rows.
    first_ones = (c for c in design.columns if not (isinstance(c, NumericColumn) and c.element))
    place = {column.name: k for k, column in enumerate(first_ones)}
    found: list[ProductTerm | JointTerm] = []
    for column in design.derived:
        if len(column.parts) != 2:
            continue
        first, second = column.parts
        weights, places = _weights(column, estimates), (place[first.column], place[second.column])
        if column.is_coded:
            rows, levels = np.arange(float(first.size)) * second.size, np.arange(float(second.size))
            numbers = (combine(first, rows), combine(second, levels))
            found.append(JointTerm(places, numbers, tuple(weights.ravel().tolist())))
            continue
        if first.is_levels or (not second.is_levels and second.size < first.size):
            # The fewer functions there are outside, the fewer products.
            first, second, weights, places = second, first, weights.T, (places[1], places[0])
        factors = tuple(
            (combine(first, one), combine(second, row))
            for one, row in zip(np.eye(first.size), weights, strict=True)
        )
        found.append(ProductTerm(places, factors))
    return tuple(found)


def lower_bound(design: DesignSpec, name: str) -> float | None:
    """Return what a column's values must lie above, None where any will do."""
    bounds = [BOUNDS[part.function] for part in _transforms(design, name) if part.function in BOUNDS]
    return max(bounds, default=None)


def largest_value(design: DesignSpec, name: str) -> float:
    """Return what a column's values may be at most, either sign: powers of larger ones would overflow."""
    limits = [MAX_MAGNITUDE]
    for part in _transforms(design, name):
        degree = {"poly": len(part.rows), "bs": part.degree}.get(part.function, 1)
        if degree > 1:
            limits.append(part.curves().scale * MAX_MAGNITUDE ** (1 / degree))
    return min(limits)


def _transforms(design: DesignSpec, name: str) -> list[Transform]:
    parts = (part for column in design.derived for part in column.parts)
    return [part for part in parts if isinstance(part, Transform) and part.column == name]


def _weights(column: DerivedColumn, estimates: Mapping[str, float]) -> FloatArray:
    """Return the estimate of each function or level, or of each pair of them, 0 where there is none."""
    weights = np.zeros([part.size for part in column.parts])
    for cell, label in zip(column.cells, column.labels(), strict=True):
        weights[cell] = estimates[label]
    return weights
