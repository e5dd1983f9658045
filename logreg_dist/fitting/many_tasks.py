"""What the tasks of refits compute from a staged split. Runs on executors: NumPy and pyarrow only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from logreg_dist.fitting.tasks import SharedDesign, split_blocks
from logreg_dist.kernel.block import FloatArray
from logreg_dist.kernel.evaluate import evaluate_many
from logreg_dist.kernel.state import LogisticState
from logreg_dist.staging.pass_timing import Measured, ReadingClock
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit


@dataclass(frozen=True)
class ManyStates:
    """The states of the same rows at several coefficient vectors; those of disjoint rows add one by one."""

    states: tuple[LogisticState, ...]

    def __add__(self, other: ManyStates) -> ManyStates:
        return ManyStates(tuple(a + b for a, b in zip(self.states, other.states, strict=True)))


def evaluate_many_task(
    design: SharedDesign, layout: RecordLayout, betas: Sequence[FloatArray]
) -> Callable[[StagedSplit], Measured[ManyStates]]:
    """Return the task that sums a split's rows at several `betas` (p,), in the kernel's order.

    Reading and encoding, a good part of a pass, are paid once for all of them.
    """

    def task(split: StagedSplit) -> Measured[ManyStates]:
        clock = ReadingClock()
        blocks = clock.over(split_blocks(split, design.value, layout))
        return Measured(ManyStates(evaluate_many(betas, blocks, design.value.shape())), clock.seconds)

    return task
