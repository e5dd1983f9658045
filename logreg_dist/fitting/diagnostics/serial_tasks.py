"""The tasks of the serial pass: residuals of a split in their order, cut into ranges. Run on executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logreg_dist.fitting.diagnostics.row_blocks import row_blocks
from logreg_dist.fitting.tasks import SharedDesign
from logreg_dist.kernel.block import FloatArray
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.residuals import pearson_residuals
from logreg_dist.kernel.serial_runs import Key, RangeSums, Run, cut, range_sums, sorted_run
from logreg_dist.staging.carried import carried_numbers
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit

# Rows of a split that are sorted and sent on at a time: 32 bytes each, and PySpark holds about ten such lots.
RUN_ROWS = 250_000


def order_sample_task(*, within: str | None, step: int) -> Callable[[StagedSplit], list[Key]]:
    """Return the task that finds the place in the order of every `step`-th row of a split, as if sorted."""

    def task(split: StagedSplit) -> list[Key]:
        order = carried_numbers(Path(split.path), "order")
        nothing = np.zeros(len(order))
        keys = sorted_run(_run(split, order, _series(split, within, len(order)), nothing, 0))
        return [keys.key(k) for k in range(step // 2, len(order), step)]

    return task


def serial_runs_task(
    design: SharedDesign, layout: RecordLayout, beta: FloatArray, *, within: str | None, cuts: Sequence[Key]
) -> Callable[[StagedSplit], Iterator[tuple[int, Run]]]:
    """Return the task that yields the Pearson residuals of a split's rows in runs, by the range they are in.

    Parameters
    ----------
    design, layout
    beta : ndarray (p,)
        In the kernel's order.
    within : str or None
        The carried column whose equal values make a series; None for one series.
    cuts : sequence of Key
        Where ranges end, see `cut`.
    """

    def task(split: StagedSplit) -> Iterator[tuple[int, Run]]:
        spec = design.value
        shape = spec.shape()
        order = carried_numbers(Path(split.path), "order")
        series = _series(split, within, len(order))
        waiting: list[FloatArray] = []
        start = stop = 0
        for row in row_blocks(split, spec, layout, ()):
            waiting.append(
                pearson_residuals(linear_predictor(beta, row.block, shape), row.block.y, row.block.weight)
            )
            stop += row.block.n_rows
            if stop - start >= RUN_ROWS or stop == len(order):
                run = _run(split, order[start:stop], series[start:stop], np.concatenate(waiting), start)
                yield from cut(sorted_run(run), cuts)
                waiting, start = [], stop

    return task


def merge_runs(bucket: int, runs: Iterator[Run]) -> RangeSums:
    """Return the pairs within a range."""
    return range_sums(list(runs))


def _series(split: StagedSplit, within: str | None, n_rows: int) -> NDArray[Any]:
    return np.zeros(n_rows, dtype=np.uint64) if within is None else carried_numbers(Path(split.path), within)


def _run(split: StagedSplit, order: NDArray[Any], series: NDArray[Any], value: FloatArray, first: int) -> Run:
    return Run(split.split, series, order, np.arange(first, first + len(order)), value)
