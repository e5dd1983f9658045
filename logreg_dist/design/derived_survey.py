"""One look at what is derived: means, deviations and ranges of numbers, rows of joint levels. Runs on executors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.encode import encode_chunks
from logreg_dist.design.spec import DesignSpec
from logreg_dist.staging.profile import NumericProfile
from logreg_dist.staging.split_file import RecordLayout, read_chunks
from logreg_dist.staging.staged_split import StagedSplit, read_sidecar
from logreg_dist.staging.survey import survey_numbers


@dataclass(frozen=True)
class DerivedSurvey:
    """What is known of derived columns; adds over splits.

    Attributes
    ----------
    numbers : NumericProfile
        Of the dense ones, in the order of the kernel.
    rows : tuple of ndarray of int
        For each of the others the rows by coefficient: by frequency and trials where only these weigh a row.
    """

    numbers: NumericProfile
    rows: tuple[NDArray[np.float64], ...]

    def __add__(self, other: DerivedSurvey) -> DerivedSurvey:
        rows = tuple(a + b for a, b in zip(self.rows, other.rows, strict=True))
        return DerivedSurvey(self.numbers + other.numbers, rows)


def derived_survey_task(
    spec: DesignSpec, layout: RecordLayout, *, weights_count: bool
) -> Callable[[StagedSplit], DerivedSurvey]:
    """Return the task that surveys a split; in `spec` the derived columns are not centred.

    With `weights_count` the staged weights are numbers of rows, frequencies and trials, and count as such.
    """

    def task(split: StagedSplit) -> DerivedSurvey:
        sizes = [len(column.cells) for column in spec.coded_derived]
        n_dense = sum(len(column.cells) for column in spec.dense_derived)
        total = DerivedSurvey(_no_numbers(n_dense), tuple(np.zeros(size) for size in sizes))
        chunks = read_chunks(Path(split.path), split.n_rows, layout)
        levels = read_sidecar(split.path)["levels"] if spec.categorical else []
        # Nothing is derived from sparse columns.
        scalar = replace(spec, columns=tuple(spec.scalars.values()))
        for block in encode_chunks(chunks, scalar, levels):
            weight = np.ones(block.n_rows) if block.weight is None else np.asarray(block.weight)
            numbers = _no_numbers(0)
            if n_dense:
                numbers = survey_numbers(block.dense[-n_dense:], weight)
            codes = block.codes[len(block.codes) - len(sizes) :]
            counted = weight if weights_count else np.ones(block.n_rows)
            rows = tuple(
                np.bincount(code, counted, minlength=size + 1)[:size].astype(np.float64)
                for code, size in zip(codes, sizes, strict=True)
            )
            total = total + DerivedSurvey(numbers, rows)
        return total

    return task


def count_up_to_task(
    layout: RecordLayout, bounds: Mapping[int, float]
) -> Callable[[StagedSplit], dict[int, int]]:
    """Return the task that counts a split's values up to a bound, by the row of their column."""

    def task(split: StagedSplit) -> dict[int, int]:
        counts = dict.fromkeys(bounds, 0)
        for chunk in read_chunks(Path(split.path), split.n_rows, layout):
            for row, bound in bounds.items():
                counts[row] += int(np.count_nonzero(chunk.numeric[row] <= bound))
        return counts

    return task


def _no_numbers(n: int) -> NumericProfile:
    none, zeros, infinite = np.zeros(n, dtype=np.int64), np.zeros(n), np.full(n, np.inf)
    return NumericProfile(none, none, none, zeros, zeros, zeros, infinite, -infinite)
