"""Separation decided by linear programmes over all rows: whether there is any, and which estimates run to infinity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.optimize import linprog

from logreg_dist.kernel.block import Block, BlockShape, FloatArray

# Rows times columns: up to about ten seconds for a programme.
MAX_ENTRIES = 5_000_000
# How far a row of size 1 may be beyond its side; and what it gains at least, not to be one on the boundary.
FEASIBLE = 1e-10
GAIN = 1e-8
# Of the largest singular value: below it a direction leaves the rows where they are.
NULL = 1e-10
# Of a row's own size and that of the direction: what rounding leaves of a sum that is 0.
ROUNDING = 1e-9
# A direction's entry, of columns and a direction of size 1.
ENTRY = 1e-7

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Programme:
    """What was found about n rows and p columns.

    Attributes
    ----------
    direction : ndarray (p,)
        Separates all rows that any direction separates; zeros where the label is not separated.
    signs : ndarray (p,)
        1 or -1 for a term whose estimate runs to infinity or minus infinity, 0 for one with a finite estimate.
    separated : ndarray (n,) of bool
    """

    direction: FloatArray
    signs: FloatArray
    separated: BoolArray

    @property
    def is_separated(self) -> bool:
        """Whether some direction separates some rows and puts none on the wrong side."""
        return bool(self.separated.any())


def separation_programme(X: FloatArray, y: FloatArray, *, known: FloatArray | None = None) -> Programme:
    """Find the directions d with ``(2 y - 1) x'd >= 0`` for all rows, and > 0 for some.

    A programme maximises the sum of ``(2 y - 1) x'd`` in the box ``-1 <= d <= 1``. The rows that gain are set aside
    (whatever the next direction does to them, enough of this one undoes) and the programme is solved again,
    until no other row gains. The rest are the rows on the boundary of every such direction, so the directions
    span the null space of these rows: a term has an infinite estimate if it takes part in that.

    Parameters
    ----------
    X : ndarray (n, p)
        Without columns that depend on others, the intercept's among them.
    y : ndarray (n,)
        Label, 0 or 1; a row with a share of events lies on both sides.
    known : ndarray (p,) or None
        A direction that separates, to begin with and to take signs from: where it is as far as any the
        programme is small.

    Notes
    -----
    Konis (2007), Linear programming algorithms for detecting separated data in binary logistic regression models,
    sections 4.2 and 4.4; Albert and Anderson (1984), Biometrika 71(1), 1-10. What the programme finds, to its
    accuracy, is made exact by the null space and then checked row by row.

    Examples
    --------
    All rows of the second column are events, and the first is the intercept:

    >>> X = np.array([[1.0, 0], [1, 0], [1, 1], [1, 1]])
    >>> found = separation_programme(X, np.array([0.0, 1, 1, 1]))
    >>> found.signs.tolist(), found.separated.tolist()
    ([0.0, 1.0], [False, False, True, True])
    """
    n, p = X.shape
    nothing = Programme(np.zeros(p), np.zeros(p), np.zeros(n, dtype=bool))
    sizes = np.abs(X).max(axis=0, initial=0.0)
    if not n or not p or not (sizes > 0).all():
        return nothing
    rows = X / sizes
    rows /= np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(float).tiny)
    sides = np.where(y[:, None] > 0, rows, -rows)
    both = (y > 0) & (y < 1)
    start = None if known is None else known * sizes / max(float(np.abs(known * sizes).max()), 1e-300)
    direction, left = _furthest(sides, both, start)
    null = _null_space(rows[left], p)
    direction = null @ (null.T @ direction)
    if not _is_proved(sides, direction, left) and not left.all():
        direction = null @ _widest(sides[~left] @ null)
    if not _is_proved(sides, direction, left):
        return nothing
    direction /= np.abs(direction).max()
    taking_part = np.linalg.norm(null, axis=1) > ENTRY
    lead = direction if start is None else np.where(np.abs(start) > 0.01, start, direction)
    signs = np.where(taking_part, np.sign(np.where(np.abs(lead) > ENTRY, lead, 0.0)), 0.0)
    for j in np.flatnonzero(taking_part & (signs == 0)):
        signs[j] = _sign_of(sides, both, int(j))
    return Programme(direction / sizes, signs, ~left)


def design_rows(blocks: Iterable[Block], shape: BlockShape) -> tuple[FloatArray, FloatArray]:
    """Return the rows of blocks as one array (n, p), levels as indicators, and their label (n,).

    Examples
    --------
    >>> codes = np.array([1, 0], dtype=np.int32)
    >>> X, y = design_rows([Block(np.ones((1, 2)), (codes,), np.array([0.0, 1.0]))], BlockShape(1, (1,)))
    >>> X.tolist(), y.tolist()
    ([[1.0, 0.0], [1.0, 1.0]], [0.0, 1.0])
    """
    parts, labels = [np.zeros((0, shape.p))], [np.zeros(0)]
    for block in blocks:
        indicators = [
            np.eye(width + 1)[:, :width].take(codes, axis=0)
            for width, codes in zip(shape.widths, block.codes, strict=True)
        ]
        parts.append(np.hstack([block.dense.T, *indicators]))
        labels.append(np.array(block.y))
    return np.vstack(parts), np.concatenate(labels)


def _furthest(sides: FloatArray, both: BoolArray, start: FloatArray | None) -> tuple[FloatArray, BoolArray]:
    """Return a direction that separates as many rows as can be, (p,), and those that none does, (n,) of bool."""
    n, p = sides.shape
    direction, left = np.zeros(p), np.ones(n, dtype=bool)
    if start is not None:
        sure = ~both & (sides @ start > _blur(sides, start))
        if _is_proved(sides, start, ~sure):
            direction, left = start, ~sure
    while left.any():
        step = _programme(sides[left], both[left], sides[left & ~both].sum(axis=0))
        gains = sides @ step
        won = left & ~both & (gains > GAIN)
        if not won.any():
            break
        # Enough of what was found before for the rows that were separated before.
        before = sides @ direction
        lost = ~left & (gains < 0)
        share = min(1.0, float(np.min(before[lost] / -gains[lost], initial=np.inf)) / 2)
        direction = direction + share * step
        left = left & ~won
    return direction, left


def _programme(sides: FloatArray, both: BoolArray, aim: FloatArray) -> FloatArray:
    """Return the direction (p,) in the box that gains most along `aim` with no row on the wrong side."""
    p = sides.shape[1]
    single = sides[~both]
    # Of equal rows one is enough; a table of categories has few that differ.
    single = np.unique(single, axis=0) if len(single) else single
    equal = sides[both]
    found = linprog(
        -aim / max(float(np.abs(aim).max()), 1e-300),
        A_ub=-single if len(single) else None,
        b_ub=np.zeros(len(single)) if len(single) else None,
        A_eq=equal if len(equal) else None,
        b_eq=np.zeros(len(equal)) if len(equal) else None,
        bounds=[(-1.0, 1.0)] * p,
        method="highs-ds",
        options={"primal_feasibility_tolerance": FEASIBLE, "dual_feasibility_tolerance": FEASIBLE},
    )
    return np.zeros(p) if found.x is None else np.asarray(found.x, dtype=np.float64)


def _widest(sides: FloatArray) -> FloatArray:
    """Return the direction (k,) in the box along which the row that gains least gains most."""
    n, k = sides.shape
    found = linprog(
        np.append(np.zeros(k), -1.0),
        A_ub=np.column_stack([-sides, np.ones(n)]),
        b_ub=np.zeros(n),
        bounds=[*[(-1.0, 1.0)] * k, (0.0, None)],
        method="highs-ds",
        options={"primal_feasibility_tolerance": FEASIBLE, "dual_feasibility_tolerance": FEASIBLE},
    )
    return np.zeros(k) if found.x is None else np.asarray(found.x[:k], dtype=np.float64)


def _null_space(rows: FloatArray, p: int) -> FloatArray:
    """Return orthonormal directions that leave the rows where they are, shape (p, k)."""
    if not len(rows):
        return np.eye(p)
    if len(rows) > p:
        rows = np.asarray(linalg.qr(rows, mode="r")[0][:p], dtype=np.float64)
    _, values, right = linalg.svd(rows)
    rank = int((values > NULL * max(values.max(initial=0.0), np.finfo(float).tiny)).sum())
    null: FloatArray = right[rank:].T
    return null


def _is_proved(sides: FloatArray, direction: FloatArray, left: BoolArray) -> bool:
    """Whether every row lies where it should: those left on the boundary, the others strictly on their side."""
    if left.all() or not direction.any():
        return False
    gains, blur = sides @ direction, _blur(sides, direction)
    return bool((np.abs(gains[left]) <= blur[left]).all() and (gains[~left] > blur[~left]).all())


def _blur(sides: FloatArray, direction: FloatArray) -> FloatArray:
    """Return what counts as 0 of each row's ``x'd``, (n,): its entries may all be off by a share of the largest."""
    sizes: FloatArray = np.abs(sides).sum(axis=1)
    return ROUNDING * float(np.abs(direction).max()) * sizes


def _sign_of(sides: FloatArray, both: BoolArray, j: int) -> float:
    """Return the sign that a term's entry can have in a direction: 1 where it can have either."""
    aim = np.zeros(sides.shape[1])
    aim[j] = 1.0
    return 1.0 if _programme(sides, both, aim)[j] > GAIN else -1.0
