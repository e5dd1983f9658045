"""What separates the label on its own: levels whose rows all have one label, numbers with a threshold between labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.inference.separation import ColumnRanges, column_ranges
from logreg_dist.kernel.block import Block, BlockShape, FloatArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class LabelSides:
    """The dense columns' ranges by label, and the rows of each level by label.

    Attributes
    ----------
    ranges : ColumnRanges
    events, others : tuple of ndarray (width + 1,)
        Rows with and without events of each level of each categorical column, the reference last; a row with a
        share of events is among both. Behind the columns stand the pairs of columns that were asked for, with the
        second column's levels running fastest.
    """

    ranges: ColumnRanges
    events: tuple[IntArray, ...]
    others: tuple[IntArray, ...]

    def __add__(self, other: LabelSides) -> LabelSides:
        return LabelSides(
            self.ranges + other.ranges,
            tuple(a + b for a, b in zip(self.events, other.events, strict=True)),
            tuple(a + b for a, b in zip(self.others, other.others, strict=True)),
        )

    def of_one_label(self) -> list[dict[int, tuple[str, int]]]:
        """Return for each column and pair the levels of one label, each with the sign of its estimate and its rows.

        Examples
        --------
        >>> ranges = ColumnRanges(*np.zeros((4, 1)))
        >>> found = LabelSides(ranges, (np.array([3, 0, 2]),), (np.array([0, 0, 5]),))
        >>> found.of_one_label()
        [{0: ('+', 3)}]
        """
        found = []
        for events, others in zip(self.events, self.others, strict=True):
            rising = {int(k): ("+", int(events[k])) for k in np.flatnonzero((events > 0) & (others == 0))}
            falling = {int(k): ("-", int(others[k])) for k in np.flatnonzero((events == 0) & (others > 0))}
            found.append(rising | falling)
        return found


def label_sides(
    blocks: Iterable[Block], shape: BlockShape, pairs: Sequence[tuple[int, int]] = ()
) -> LabelSides:
    """Return the ranges of the dense columns by label, and count the rows of levels by label.

    Parameters
    ----------
    blocks : iterable of Block
    shape : BlockShape
    pairs : sequence of (int, int)
        Categorical columns whose combinations of levels are counted too.
    """
    sizes = [width + 1 for width in shape.widths]
    counts = [
        np.zeros((2, size), dtype=np.int64) for size in (*sizes, *(sizes[j] * sizes[k] for j, k in pairs))
    ]

    def counted() -> Iterable[Block]:
        for block in blocks:
            joint = [block.codes[j].astype(np.int64) * sizes[k] + block.codes[k] for j, k in pairs]
            for count, codes in zip(counts, (*block.codes, *joint), strict=True):
                for row, among in enumerate((block.y > 0, block.y < 1)):
                    count[row] += np.bincount(codes[among], minlength=count.shape[1])
            yield block

    ranges = column_ranges(counted(), shape)
    return LabelSides(ranges, tuple(count[0] for count in counts), tuple(count[1] for count in counts))


@dataclass(frozen=True)
class ThresholdRows:
    """How many rows lie below, at and above a threshold in each of some dense columns.

    Attributes
    ----------
    below, tied, above : ndarray (k,)
    """

    below: IntArray
    tied: IntArray
    above: IntArray

    def __add__(self, other: ThresholdRows) -> ThresholdRows:
        return ThresholdRows(self.below + other.below, self.tied + other.tied, self.above + other.above)


def threshold_rows(blocks: Iterable[Block], thresholds: dict[int, tuple[float, float]]) -> ThresholdRows:
    """Count the rows on either side of a column's threshold.

    Parameters
    ----------
    blocks : iterable of Block
    thresholds : mapping of int to (float, float)
        Of a dense column the largest value below and the smallest above its threshold; the same where rows lie
        on it.

    Examples
    --------
    >>> block = Block(dense=np.array([[1.0, 2, 2, 5]]), codes=(), y=np.array([0.0, 0, 1, 1]))
    >>> threshold_rows([block], {0: (2.0, 2.0)})
    ThresholdRows(below=array([1]), tied=array([2]), above=array([1]))
    """
    counts = np.zeros((3, len(thresholds)), dtype=np.int64)
    for block in blocks:
        for k, (column, (low, high)) in enumerate(thresholds.items()):
            values: FloatArray = block.dense[column]
            tied = (values == low) & (low == high)
            counts[:, k] += (
                int((values <= low).sum() - tied.sum()),
                int(tied.sum()),
                int((values > low).sum()),
            )
    return ThresholdRows(*counts)
