"""Tables of categories alone: every distinct row once, and all iterations on the driver.

A table whose columns are all categorical holds no more than its cells: for each combination of levels
the weight and the weight of label 1. One pass adds these up; what follows costs no pass at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.spec import DesignSpec
from logreg_dist.fitting.tasks import SharedDesign, split_blocks
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.staging.pass_timing import Measured, ReadingClock
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit

FloatArray = NDArray[np.float64]

# Two numbers a cell and split go to the driver: 8 MB.
MAX_CELLS = 500_000
# Rows a cell from which one pass for the cells costs less than the passes it saves.
ROWS_PER_CELL = 4
ROWS_AT_ONCE = 1 << 18
BLOCK_ROWS = 8192


@dataclass(frozen=True)
class CellSums:
    """Sums over the rows of each cell; cells are numbered with the last column running fastest.

    Attributes
    ----------
    weight : ndarray (n_cells,)
        Prior weight.
    events : ndarray (n_cells,)
        Weight times label.
    """

    weight: FloatArray
    events: FloatArray

    def __add__(self, other: CellSums) -> CellSums:
        return CellSums(self.weight + other.weight, self.events + other.events)


def collapsing_pays(spec: DesignSpec, layout: RecordLayout, n_rows: int) -> bool:
    """Whether a table has so few cells that its rows are worth counting by cell.

    Examples
    --------
    >>> layout = RecordLayout(0, 0, False, False, 64)
    >>> collapsing_pays(DesignSpec((), intercept=True), layout, 0)
    False
    """
    shape = spec.shape()
    only_levels = shape.widths and shape.n_dense == int(spec.intercept) and not layout.has_offset
    return (
        bool(only_levels) and not shape.sparse and n_cells(shape) <= min(MAX_CELLS, n_rows // ROWS_PER_CELL)
    )


def n_cells(shape: BlockShape) -> int:
    """Return the number of combinations of levels, references included."""
    return math.prod(width + 1 for width in shape.widths)


def cell_sums_task(design: SharedDesign, layout: RecordLayout) -> Callable[[StagedSplit], Measured[CellSums]]:
    """Return the task that sums a split's rows by cell."""

    def task(split: StagedSplit) -> Measured[CellSums]:
        clock, spec = ReadingClock(), design.value
        blocks = clock.over(split_blocks(split, spec, layout))
        return Measured(cell_sums(blocks, spec.shape()), clock.seconds)

    return task


def cell_sums(blocks: Iterable[Block], shape: BlockShape) -> CellSums:
    """Sum rows by cell, in the order given.

    Examples
    --------
    Three rows of one column of two levels and a reference:

    >>> codes = np.array([0, 2, 0], dtype=np.int32)
    >>> block = Block(dense=np.ones((1, 3)), codes=(codes,), y=np.array([1.0, 1.0, 0.0]))
    >>> found = cell_sums([block], BlockShape(n_dense=1, widths=(2,)))
    >>> found.weight.tolist(), found.events.tolist()
    ([2.0, 0.0, 1.0], [1.0, 0.0, 1.0])
    """
    size = n_cells(shape)
    total = CellSums(np.zeros(size), np.zeros(size))
    for cells, weight, events in _in_large_pieces(blocks, shape):
        total = total + CellSums(_count(cells, weight, size), _count(cells, events, size))
    return total


def cell_blocks(sums: CellSums, shape: BlockShape) -> list[Block]:
    """Return a row for each cell that holds any: the share of label 1, weighted by the cell's weight.

    The log-likelihood is linear in the label, so these rows have the sums of the table's own.
    """
    held = np.flatnonzero(sums.weight > 0)
    codes = np.unravel_index(held, [width + 1 for width in shape.widths])
    weight = sums.weight[held]
    y = sums.events[held] / weight
    return [
        Block(
            dense=np.ones((shape.n_dense, len(y[rows]))),
            codes=[column[rows].astype(np.int32) for column in codes],
            y=y[rows],
            weight=weight[rows],
        )
        for rows in (slice(start, start + BLOCK_ROWS) for start in range(0, len(held), BLOCK_ROWS))
    ]


def _in_large_pieces(
    blocks: Iterable[Block], shape: BlockShape
) -> Iterator[tuple[NDArray[np.int64], FloatArray, FloatArray]]:
    """Yield cell, weight and weight times label of many rows at a time: each count runs over all cells."""
    kept: list[tuple[NDArray[np.int64], FloatArray, FloatArray]] = []
    for block in blocks:
        cells = np.zeros(block.n_rows, dtype=np.int64)
        for width, codes in zip(shape.widths, block.codes, strict=True):
            cells *= width + 1
            cells += codes
        weight = np.ones(block.n_rows) if block.weight is None else np.array(block.weight)
        kept.append((cells, weight, weight * block.y))
        if sum(len(part[0]) for part in kept) >= ROWS_AT_ONCE:
            yield _joined(kept)
            kept = []
    if kept:
        yield _joined(kept)


def _count(cells: NDArray[np.int64], weight: FloatArray, size: int) -> FloatArray:
    return np.bincount(cells, weight, minlength=size).astype(np.float64, copy=False)


def _joined(
    parts: list[tuple[NDArray[np.int64], FloatArray, FloatArray]],
) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    cells, weight, events = zip(*parts, strict=True)
    return np.concatenate(cells), np.concatenate(weight), np.concatenate(events)
