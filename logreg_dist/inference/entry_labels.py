"""Sparse columns whose entries all speak for one label: each separates on its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.sparse import ColumnTotals


@dataclass(frozen=True)
class EntryLabels:
    """How the entries of each sparse column go with the label.

    Attributes
    ----------
    with_label, against : ndarray (n_sparse,)
        Entries above 0 of events and below 0 of the others; and the other way round. Of a row that is a
        share of events both.
    """

    with_label: FloatArray
    against: FloatArray

    def __add__(self, other: EntryLabels) -> EntryLabels:
        return EntryLabels(self.with_label + other.with_label, self.against + other.against)

    @property
    def is_empty(self) -> NDArray[np.bool_]:
        """Whether a column has no entry at all, so that nothing is known of its estimate."""
        empty: NDArray[np.bool_] = (self.with_label == 0) & (self.against == 0)
        return empty

    def signs(self) -> FloatArray:
        """Return 1 or -1 for each column that separates alone, in the direction of its estimate; else 0."""
        rising = (self.with_label > 0) & (self.against == 0)
        falling = (self.against > 0) & (self.with_label == 0)
        signs: FloatArray = rising.astype(np.float64) - falling
        return signs


def entry_labels(blocks: Iterable[Block], shape: BlockShape) -> EntryLabels:
    """Count the entries of the sparse columns by the label they speak for.

    Examples
    --------
    The first column is there for events only, the second for both, the third never:

    >>> from logreg_dist.kernel.sparse import SparseRows
    >>> rows = SparseRows(np.array([0, 2, 3]), np.array([0, 1, 1], np.int32), np.ones(3))
    >>> block = Block(dense=np.ones((1, 2)), codes=(), y=np.array([1.0, 0.0]), sparse=(rows,))
    >>> entry_labels([block], BlockShape(1, sparse=(3,))).signs().tolist()
    [1.0, 0.0, 0.0]
    """
    found = [(ColumnTotals(width), ColumnTotals(width)) for width in shape.sparse]
    for block in blocks:
        may_be_event, may_be_other = block.y > 0, block.y < 1
        for rows, (with_label, against) in zip(block.sparse, found, strict=True):
            above, below = rows.values > 0, rows.values < 0
            event, other = rows.spread(may_be_event), rows.spread(may_be_other)
            with_label.add(rows.columns, ((above & event) | (below & other)).astype(np.float64))
            against.add(rows.columns, ((above & other) | (below & event)).astype(np.float64))
    return EntryLabels(
        np.concatenate([pair[0].total() for pair in found]),
        np.concatenate([pair[1].total() for pair in found]),
    )
