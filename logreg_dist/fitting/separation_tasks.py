"""The tasks that look at a separated label, and those of Firth's likelihood. Runs on executors: NumPy and pyarrow only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from logreg_dist.fitting.many_tasks import ManyStates
from logreg_dist.fitting.tasks import SharedDesign, split_blocks
from logreg_dist.inference.label_sides import LabelSides, ThresholdRows, label_sides, threshold_rows
from logreg_dist.kernel.block import FloatArray
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.leverage import with_half_events
from logreg_dist.staging.pass_timing import Measured, ReadingClock
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit


def label_sides_task(
    design: SharedDesign, layout: RecordLayout, pairs: Sequence[tuple[int, int]] = ()
) -> Callable[[StagedSplit], LabelSides]:
    """Return the task that finds the ranges of a split's dense columns by label, and its levels' rows by label."""

    def task(split: StagedSplit) -> LabelSides:
        spec = design.value
        return label_sides(split_blocks(split, spec, layout), spec.shape(), pairs)

    return task


def threshold_rows_task(
    design: SharedDesign, layout: RecordLayout, thresholds: dict[int, tuple[float, float]]
) -> Callable[[StagedSplit], ThresholdRows]:
    """Return the task that counts a split's rows on either side of thresholds of dense columns."""

    def task(split: StagedSplit) -> ThresholdRows:
        return threshold_rows(split_blocks(split, design.value, layout), thresholds)

    return task


def evaluate_adjusted_task(
    design: SharedDesign, layout: RecordLayout, places: Sequence[tuple[FloatArray, FloatArray]]
) -> Callable[[StagedSplit], Measured[ManyStates]]:
    """Return the task that sums a split's rows with half their leverage added to either label.

    At each of several coefficient vectors (p,) with the inverse information there (p, p), in the kernel's order.
    """

    def task(split: StagedSplit) -> Measured[ManyStates]:
        clock, spec = ReadingClock(), design.value
        shape = spec.shape()
        states = []
        for beta, covariance in places:
            blocks = clock.over(split_blocks(split, spec, layout))
            states.append(evaluate(beta, with_half_events(beta, covariance, blocks, shape), shape))
        return Measured(ManyStates(tuple(states)), clock.seconds)

    return task
