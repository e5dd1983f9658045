"""The tasks of the checks that read every row at the final estimates. Runs on executors: NumPy and pyarrow only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.leverage import InfluencePlan, InfluenceSums, changes_without, find_influence
from logreg_dist.checks.row_sums import RowPlan, RowSums, line_columns, sum_rows
from logreg_dist.fitting.tasks import SharedDesign, split_blocks
from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.evaluate import evaluate, linear_predictor
from logreg_dist.kernel.state import LogisticState
from logreg_dist.staging.carried import carried_column
from logreg_dist.staging.pass_timing import Measured, ReadingClock
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit

LINE_SHAPE = BlockShape(n_dense=2)


def row_sums_task(
    design: SharedDesign, layout: RecordLayout, beta: FloatArray, plan: RowPlan
) -> Callable[[StagedSplit], Measured[RowSums]]:
    """Return the task that sums a split's rows for the checks at `beta` (p,), in the kernel's order."""

    def task(split: StagedSplit) -> Measured[RowSums]:
        clock, spec = ReadingClock(), design.value
        blocks = clock.over(split_blocks(split, spec, layout))
        return Measured(sum_rows(beta, blocks, spec.shape(), plan), clock.seconds)

    return task


def line_task(
    design: SharedDesign, layout: RecordLayout, beta: FloatArray, plan: RowPlan, line: FloatArray
) -> Callable[[StagedSplit], Measured[LogisticState]]:
    """Return the task that sums a split's rows at the recalibration `line` (2,), in the units of the plan."""

    def task(split: StagedSplit) -> Measured[LogisticState]:
        clock, spec = ReadingClock(), design.value
        blocks = clock.over(split_blocks(split, spec, layout))
        lines = (_line(beta, block, spec.shape(), plan) for block in blocks)
        return Measured(evaluate(line, lines, LINE_SHAPE), clock.seconds)

    return task


def influence_task(
    design: SharedDesign, layout: RecordLayout, beta: FloatArray, plan: InfluencePlan
) -> Callable[[StagedSplit], InfluenceSums]:
    """Return the task that finds a split's rows of the largest influence."""

    def task(split: StagedSplit) -> InfluenceSums:
        spec = design.value
        return find_influence(beta, split_blocks(split, spec, layout), spec.shape(), plan)

    return task


@dataclass(frozen=True)
class Changes:
    """What is told of some rows of a split.

    Attributes
    ----------
    changes : ndarray (k, p)
        By how much the estimates lie above those without the row, in the kernel's order.
    keys : tuple of str, or None
    """

    changes: FloatArray
    keys: tuple[str, ...] | None


def changes_task(
    design: SharedDesign,
    layout: RecordLayout,
    beta: FloatArray,
    plan: InfluencePlan,
    wanted: Mapping[int, NDArray[np.int64]],
    *,
    with_keys: bool,
) -> Callable[[StagedSplit], Changes]:
    """Return the task that tells what leaving out some rows of a split changes; `wanted` row numbers by split."""

    def task(split: StagedSplit) -> Changes:
        spec, rows = design.value, wanted.get(split.split, np.zeros(0, dtype=np.int64))
        shape = spec.shape()
        changes = np.zeros((len(rows), shape.p))
        for first, block in _numbered(split_blocks(split, spec, layout)) if len(rows) else ():
            here = (rows >= first) & (rows < first + block.n_rows)
            if here.any():
                changes[here] = changes_without(beta, block, shape, plan, rows[here] - first)
        if not with_keys:
            return Changes(changes, None)
        keys = carried_column(Path(split.path), "key")
        return Changes(changes, tuple(keys.take(rows).to_pylist()))

    return task


def _line(beta: FloatArray, block: Block, shape: BlockShape, plan: RowPlan) -> Block:
    columns = line_columns(linear_predictor(beta, block, shape), block.offset, plan)
    return Block(dense=columns, codes=(), y=block.y, weight=block.weight, offset=block.offset)


def _numbered(blocks: Iterator[Block]) -> Iterator[tuple[int, Block]]:
    first = 0
    for block in blocks:
        yield first, block
        first += block.n_rows
