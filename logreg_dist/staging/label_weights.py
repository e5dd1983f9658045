"""Weights by label: what a row counts is multiplied by the weight of its label. Runs on executors too."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.staging.profile import RowCounts

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class LabelWeights:
    """What rows of label 0 and of label 1 are multiplied by, each above 0."""

    zero: float
    one: float

    def of_rows(self, y: FloatArray, weight: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Return label and weight, both (m,), of rows whose weights are multiplied.

        A row of several trials is its events and its other trials: its label becomes their new share.

        Examples
        --------
        >>> y, weight = LabelWeights(1.0, 3.0).of_rows(np.array([0.0, 1.0, 0.5]), None)
        >>> weight.tolist(), y.tolist()
        ([1.0, 3.0, 2.0], [0.0, 1.0, 0.75])
        """
        of_events = self.one * y
        factor = of_events + self.zero * (1.0 - y)
        return of_events / factor, factor if weight is None else factor * weight

    def of_counts(self, rows: RowCounts) -> RowCounts:
        """Return the sums of weights over a table whose rows are multiplied so."""
        events = self.one * rows.label_sum
        others = self.zero * (rows.weight_sum - rows.label_sum)
        return replace(rows, label_sum=events, weight_sum=events + others)
