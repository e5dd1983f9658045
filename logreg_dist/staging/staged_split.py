"""A staged split as the driver knows it, and what lies beside its file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logreg_dist.staging.outcome_checksum import OutcomeChecksum
from logreg_dist.staging.plan import StagePlan
from logreg_dist.staging.split_file import RecordLayout


@dataclass(frozen=True)
class StagedSplit:
    """A staged split as the driver knows it.

    Attributes
    ----------
    split : int
        Its number, which orders the sums.
    path : str
        The file, on the disk of the executor that wrote it.
    n_rows : int
        Rows in the file.
    label_sum, weight_sum : float
        For the record of the fit.
    content : int
        What a second reading of the same rows must give again, see `ContentChecksum`.
    outcomes, outcomes_in_order : int
        The checksums of `OutcomeChecksum`, as signed integers.
    seconds : float
        Taken by reading and writing the rows.
    """

    split: int
    path: str
    n_rows: int
    label_sum: float
    weight_sum: float
    content: int
    outcomes: int = 0
    outcomes_in_order: int = 0
    seconds: float = 0.0

    @property
    def outcome_checksum(self) -> OutcomeChecksum:
        """The checksum of label, weight and offset."""
        return OutcomeChecksum(self.n_rows, self.outcomes % 2**64, self.outcomes_in_order % 2**64)


def fold_file(path: Path) -> Path:
    """Return where the folds of a split's rows lie, a byte each; empty where there are none."""
    return path.with_suffix(".folds")


def read_sidecar(path: str) -> dict[str, Any]:
    """Return what `stage_split` noted beside the staged file."""
    sidecar: dict[str, Any] = json.loads(Path(path).with_suffix(".json").read_text(encoding="utf-8"))
    return sidecar


def record_layout(plan: StagePlan) -> RecordLayout:
    """Return the layout of the files that `plan` leads to."""
    return RecordLayout(
        n_numeric=len(plan.numeric),
        n_categorical=len(plan.categorical),
        weighted=plan.is_weighted,
        has_offset=plan.offset is not None,
        chunk_rows=plan.chunk_rows,
        single=plan.single,
        n_sparse=len(plan.sparse),
    )
