"""The tasks of passes without an information matrix, for L-BFGS. Runs on executors: NumPy and pyarrow only."""

from __future__ import annotations

from collections.abc import Callable

from logreg_dist.fitting.tasks import SharedDesign, split_blocks
from logreg_dist.inference.entry_labels import EntryLabels, entry_labels
from logreg_dist.kernel.block import FloatArray
from logreg_dist.kernel.evaluate import evaluate, information_diagonal
from logreg_dist.kernel.state import LogisticState
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit


def evaluate_score_task(
    design: SharedDesign, layout: RecordLayout, beta: FloatArray
) -> Callable[[StagedSplit], LogisticState]:
    """Return the task that sums a split's rows at `beta` (p,), in the kernel's order, without information."""

    def task(split: StagedSplit) -> LogisticState:
        spec = design.value
        return evaluate(beta, split_blocks(split, spec, layout), spec.shape(), information=False)

    return task


def information_diagonal_task(
    design: SharedDesign, layout: RecordLayout, beta: FloatArray
) -> Callable[[StagedSplit], FloatArray]:
    """Return the task that sums the diagonal of a split's information at `beta` (p,), in the kernel's order."""

    def task(split: StagedSplit) -> FloatArray:
        spec = design.value
        return information_diagonal(beta, split_blocks(split, spec, layout), spec.shape())

    return task


def entry_labels_task(design: SharedDesign, layout: RecordLayout) -> Callable[[StagedSplit], EntryLabels]:
    """Return the task that counts for which label the entries of a split's sparse columns speak."""

    def task(split: StagedSplit) -> EntryLabels:
        spec = design.value
        return entry_labels(split_blocks(split, spec, layout), spec.shape())

    return task
