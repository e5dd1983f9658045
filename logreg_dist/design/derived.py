"""Derived columns: transforms and interactions with everything that was learned about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from logreg_dist.design.curves import Curves, polynomials, steps
from logreg_dist.design.splines import bspline_curves, natural_curves
from logreg_dist.formula import column_text


@dataclass(frozen=True)
class Transform:
    """A number as it is, or functions of it, with the constants that the table decided.

    Attributes
    ----------
    text : str
        Such as ``ns(age, 4)``.
    column : str
    function : str
        Empty (the number itself), ``log``, ``log1p``, ``poly``, ``ns``, ``bs`` or ``bins``.
    knots : tuple of float
        Interior knots, or the edges of the bins; increasing, units of the column.
    boundary : tuple of float
        Two boundary knots, of splines.
    degree : int
        Of ``bs`` and ``poly``.
    centre, scale : float
        Of ``poly``: what the column is standardised with.
    rows : tuple of tuples of float
        Of ``poly``: each function's coefficients, from the constant up, in powers of the standardised column.
    """

    text: str
    column: str
    function: str = ""
    knots: tuple[float, ...] = ()
    boundary: tuple[float, ...] = ()
    degree: int = 1
    centre: float = 0.0
    scale: float = 1.0
    rows: tuple[tuple[float, ...], ...] = ()

    @property
    def is_levels(self) -> bool:
        """Whether it makes a category."""
        return self.function == "bins"

    @property
    def size(self) -> int:
        """Functions, or levels."""
        sizes = {
            "poly": len(self.rows),
            "ns": len(self.knots) + 1,
            "bs": len(self.knots) + self.degree,
            "bins": len(self.knots) + 1,
        }
        return sizes.get(self.function, 1)

    def label(self, k: int) -> str:
        """Return the name of a function or level: ``age``, ``ns(age, 4)[1]``, ``bins(age, 2)[(-inf, 40]]``."""
        if self.function in ("", "log", "log1p"):
            return self.text
        return f"{self.text}[{self.inside(k)}]"

    def inside(self, k: int) -> str:
        """Return what stands in the brackets of the name: the function's number from 1, or the interval."""
        if not self.is_levels:
            return str(k + 1)
        edges = ["-inf", *map(edge_text, self.knots), "inf"]
        return f"({edges[k]}, {edges[k + 1]}{')' if k == len(self.knots) else ']'}"

    def curves(self) -> Curves:
        """Return the functions; of bins those that are 1 on a bin and 0 elsewhere."""
        knots = np.array(self.knots, dtype=np.float64)
        if self.function == "ns":
            return natural_curves(knots, (self.boundary[0], self.boundary[1]))
        if self.function == "bs":
            return bspline_curves(knots, (self.boundary[0], self.boundary[1]), self.degree)
        if self.function == "bins":
            return steps(knots)
        if self.function == "poly":
            return polynomials(np.array(self.rows), centre=self.centre, scale=self.scale)
        return polynomials(np.array([[0.0, 1.0]]), link=self.function)


@dataclass(frozen=True)
class LevelPart:
    """A categorical column in an interaction; `levels` are all of the column's, in its order."""

    column: str
    levels: tuple[str, ...]

    @property
    def text(self) -> str:
        """The column's name as a term writes it."""
        return column_text(self.column)

    @property
    def is_levels(self) -> bool:
        """It is a category."""
        return True

    @property
    def size(self) -> int:
        """Levels."""
        return len(self.levels)

    def label(self, k: int) -> str:
        """Return ``column[level]``."""
        return f"{self.text}[{self.levels[k]}]"

    def inside(self, k: int) -> str:
        """Return the level."""
        return self.levels[k]


Part = Transform | LevelPart


@dataclass(frozen=True)
class DerivedColumn:
    """A transform, or an interaction of two parts.

    Attributes
    ----------
    parts : tuple of Transform and LevelPart
        One or two.
    cells : tuple of tuples of int
        For each coefficient the function or level of each part; what is not listed adds nothing.
    centres, scales : tuple of float
        Weighted mean and standard deviation of each coefficient's column; empty where all parts are
        categories, which are kept as codes.

    Examples
    --------
    >>> age, plan = Transform("age", "age"), LevelPart("plan", ("a", "b"))
    >>> slopes = DerivedColumn((plan, age), ((1, 0),), (9.0,), (2.0,))
    >>> slopes.text, slopes.labels(), slopes.is_coded
    ('plan:age', ['plan[b]:age'], False)
    """

    parts: tuple[Part, ...]
    cells: tuple[tuple[int, ...], ...]
    centres: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """The term as written."""
        return ":".join(part.text for part in self.parts)

    @property
    def is_coded(self) -> bool:
        """Whether its rows are levels rather than numbers."""
        return all(part.is_levels for part in self.parts)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of, once each."""
        return tuple(dict.fromkeys(part.column for part in self.parts))

    def labels(self) -> list[str]:
        """Return the names of the coefficients."""
        return [
            ":".join(part.label(k) for part, k in zip(self.parts, cell, strict=True)) for cell in self.cells
        ]

    def levels(self) -> list[str | None]:
        """Return what stands in brackets in the names of one part, None for those of two."""
        [part, *others] = self.parts
        bare = others or part.label(0) == part.text
        return [None if bare else part.inside(cell[0]) for cell in self.cells]


def edge_text(value: float) -> str:
    """Write an edge with all its digits.

    Examples
    --------
    >>> edge_text(40.0), edge_text(0.25)
    ('40', '0.25')
    """
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def all_cells(parts: Sequence[Part]) -> tuple[tuple[int, ...], ...]:
    """Return every combination, the first part's index running fastest, as in R.

    Examples
    --------
    >>> all_cells([LevelPart("p", ("a", "b")), LevelPart("q", ("c", "d"))])
    ((0, 0), (1, 0), (0, 1), (1, 1))
    """
    if len(parts) == 1:
        return tuple((k,) for k in range(parts[0].size))
    return tuple((i, j) for j in range(parts[1].size) for i in range(parts[0].size))
