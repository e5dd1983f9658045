"""Separation: a direction along which the likelihood rises for ever, proved row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.sparse import SparseRows


@dataclass(frozen=True)
class DirectionCounts:
    """How the rows lie along a direction d of the coefficients.

    Attributes
    ----------
    separated : int
        Rows on the right side, ``(2 y - 1) x'd > 0``.
    neutral : int
        Rows with ``x'd`` about 0.
    violated : int
        Rows on the wrong side: one of them disproves separation along d.
    """

    separated: int = 0
    neutral: int = 0
    violated: int = 0

    def __add__(self, other: DirectionCounts) -> DirectionCounts:
        return DirectionCounts(
            self.separated + other.separated,
            self.neutral + other.neutral,
            self.violated + other.violated,
        )

    @property
    def proves_separation(self) -> bool:
        """Whether the likelihood rises for ever along the direction."""
        return self.violated == 0 and self.separated > 0

    @property
    def is_complete(self) -> bool:
        """Whether the direction separates every row."""
        return self.proves_separation and self.neutral == 0


def count_along(
    direction: FloatArray, blocks: Iterable[Block], shape: BlockShape, *, blur: FloatArray
) -> DirectionCounts:
    """Count rows by the side on which a direction puts them.

    Parameters
    ----------
    direction : ndarray (p,)
        In the order of `shape`.
    blocks : iterable of Block
    shape : BlockShape
    blur : ndarray (p,)
        How far each entry of `direction` may be off: ``|x'd|`` up to ``sum_j |x_j| blur_j`` counts as 0. The
        yardstick is the row's own: beside one row of 1e9 all others would otherwise seem to lie on
        the boundary.

    Notes
    -----
    Albert and Anderson (1984), On the existence of maximum likelihood estimates in logistic
    regression models, theorems 1 and 2: complete separation when all rows lie strictly on the
    right side, quasi-complete when some lie on the boundary and none on the wrong side.

    Examples
    --------
    >>> block = Block(dense=np.array([[-1.0, 0, 2]]), codes=(), y=np.array([0.0, 1, 1]))
    >>> count_along(np.ones(1), [block], BlockShape(1), blur=np.array([1e-9]))
    DirectionCounts(separated=2, neutral=1, violated=0)
    """
    total = DirectionCounts()
    for block in blocks:
        along, neutral = _along(direction, block, shape, blur)
        events, non_events = block.y > 0, block.y < 1  # a share of events is on both sides
        wrong = ~neutral & ((events & (along < 0)) | (non_events & (along > 0)))
        n_wrong, n_neutral = int(wrong.sum()), int(neutral.sum())
        total = total + DirectionCounts(block.n_rows - n_wrong - n_neutral, n_neutral, n_wrong)
    return total


def _along(
    direction: FloatArray, block: Block, shape: BlockShape, blur: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return ``x'd`` of each row (m,) and whether it counts as 0."""
    along = linear_predictor(direction, without_offset(block), shape)
    sizes = Block(dense=np.abs(block.dense), codes=block.codes, y=block.y, sparse=absolute(block.sparse))
    return along, np.abs(along) <= linear_predictor(blur, sizes, shape)


@dataclass(frozen=True)
class ColumnRanges:
    """The range of each dense column among events and among non-events.

    Attributes
    ----------
    event_low, event_high, other_low, other_high : ndarray (d,)
        inf and -inf where there are no rows.
    """

    event_low: FloatArray
    event_high: FloatArray
    other_low: FloatArray
    other_high: FloatArray

    def __add__(self, other: ColumnRanges) -> ColumnRanges:
        return ColumnRanges(
            np.minimum(self.event_low, other.event_low),
            np.maximum(self.event_high, other.event_high),
            np.minimum(self.other_low, other.other_low),
            np.maximum(self.other_high, other.other_high),
        )

    def separators(self) -> dict[int, str]:
        """Return the columns that separate on their own, with the sign of their estimate.

        Such a column has no event below its highest non-event (``+``), or above its lowest (``-``).
        """
        varies = np.minimum(self.event_low, self.other_low) < np.maximum(self.event_high, self.other_high)
        rising = varies & (self.event_low >= self.other_high)
        falling = varies & (self.event_high <= self.other_low)
        signs = {int(row): "+" for row in np.flatnonzero(rising)}
        return signs | {int(row): "-" for row in np.flatnonzero(falling)}


def column_ranges(blocks: Iterable[Block], shape: BlockShape) -> ColumnRanges:
    """Return the ranges of the dense columns by label.

    Examples
    --------
    A column that is 0 wherever there is an event, and above 0 only without one:

    >>> block = Block(dense=np.array([[0.0, 0, 3]]), codes=(), y=np.array([1.0, 0, 0]))
    >>> column_ranges([block], BlockShape(1)).separators()
    {0: '-'}
    """
    low, high = np.full(shape.n_dense, np.inf), np.full(shape.n_dense, -np.inf)
    total = ColumnRanges(low, high, low, high)
    for block in blocks:
        events, others = block.dense[:, block.y > 0], block.dense[:, block.y < 1]
        total = total + ColumnRanges(
            events.min(axis=1, initial=np.inf),
            events.max(axis=1, initial=-np.inf),
            others.min(axis=1, initial=np.inf),
            others.max(axis=1, initial=-np.inf),
        )
    return total


def neutral_rows(
    direction: FloatArray, blocks: Iterable[Block], shape: BlockShape, *, blur: FloatArray
) -> Iterator[Block]:
    """Yield the blocks with weight 4 for rows that count as neutral, and 0 for the others.

    At ``beta = 0`` the working weight is a quarter of the weight: the information of these blocks
    is ``X'X`` of the neutral rows.

    Examples
    --------
    >>> block = Block(dense=np.array([[-1.0, 0, 2]]), codes=(), y=np.array([0.0, 1, 1]))
    >>> [found] = neutral_rows(np.ones(1), [block], BlockShape(1), blur=np.array([1e-9]))
    >>> found.weight.tolist()
    [0.0, 4.0, 0.0]
    """
    for block in blocks:
        _, neutral = _along(direction, block, shape, blur)
        weight = np.where(neutral, 4.0, 0.0)
        yield Block(dense=block.dense, codes=block.codes, y=block.y, weight=weight, sparse=block.sparse)


def without_offset(block: Block) -> Block:
    """Return the block with no offset: a direction is a difference of coefficients."""
    return replace(block, offset=None)


def absolute(groups: Sequence[SparseRows]) -> list[SparseRows]:
    """Return the rows with the sizes of their entries."""
    return [replace(rows, values=np.abs(rows.values)) for rows in groups]
