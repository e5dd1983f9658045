"""The assessment of several classes: what a user reads, and how it follows from the sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logreg_dist.assessment.result import Assessment
from logreg_dist.assessment.tables import ratio

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ClassMetrics:
    """One class against all others; None where a figure is not defined.

    Attributes
    ----------
    name : str
    rows : int
        Table rows of the class.
    weight : float
    precision, recall, f1 : float or None
        Of being the most probable class.
    auc, brier, calibration_slope : float or None
        Of its probability, as for a binary label; see `Assessment`.
    """

    name: str
    rows: int
    weight: float
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None
    brier: float | None
    calibration_slope: float | None


@dataclass(frozen=True)
class ClassAssessment:
    """How well the probabilities of several classes agree with what happened.

    Attributes
    ----------
    n_rows : int
        Table rows with a weight above 0.
    n_obs, weight_sum : float
    log_loss : float
        Mean ``-log`` of the probability of a row's own class.
    brier : float
        Mean over the rows of the sum over the classes of squared differences, from 0 to 2 (Brier 1950).
    accuracy, balanced_accuracy : float or None
        Share of the weight whose class is the most probable one; the mean of the recalls.
    macro_f1, macro_auc : float or None
        Means over the classes in which they are defined.
    classes : tuple of ClassMetrics
        In the order of the model.
    confusion : tuple of tuple of float
        Weight by actual (row) and most probable class (column).
    notes : tuple of str
    """

    n_rows: int
    n_obs: float
    weight_sum: float
    log_loss: float
    brier: float
    accuracy: float | None
    balanced_accuracy: float | None
    macro_f1: float | None
    macro_auc: float | None
    classes: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return numbers, text and None only, flat apart from the tables: what metrics.json holds."""
        found = asdict(self)
        found["confusion"] = [list(row) for row in self.confusion]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


def class_assessment_of(
    names: Sequence[str],
    sums: Mapping[str, float],
    confusion: FloatArray,
    rows: NDArray[np.int64],
    against_rest: Sequence[Assessment | None],
) -> ClassAssessment:
    """Put together what the readings found.

    Parameters
    ----------
    names : sequence of str
        The K classes.
    sums : mapping
        ``n_obs``, and weighted sums ``log_loss`` and ``squared_error``.
    confusion : ndarray (K, K)
        Weight by actual and most probable class.
    rows : ndarray (K,) of int
        Table rows of each class.
    against_rest : sequence of Assessment or None
        Of each class against all others; None for a class without rows.
    """
    hits, actual, chosen = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    weight_sum = float(confusion.sum())
    classes = []
    for k, (name, one) in enumerate(zip(names, against_rest, strict=True)):
        classes.append(
            ClassMetrics(
                name=name,
                rows=int(rows[k]),
                weight=float(actual[k]),
                precision=ratio(hits[k], chosen[k]),
                recall=ratio(hits[k], actual[k]),
                f1=ratio(2.0 * hits[k], actual[k] + chosen[k]),
                auc=None if one is None else one.auc,
                brier=None if one is None else one.brier,
                calibration_slope=None if one is None else one.calibration_slope,
            )
        )
    absent = [one.name for one in classes if one.rows == 0]
    notes = []
    if absent:
        notes.append(
            f"{len(absent):,} of {len(names):,} classes have no rows here: their recall and AUC are not defined."
        )
    return ClassAssessment(
        n_rows=int(rows.sum()),
        n_obs=sums["n_obs"],
        weight_sum=weight_sum,
        log_loss=sums["log_loss"] / weight_sum,
        brier=sums["squared_error"] / weight_sum,
        accuracy=ratio(float(hits.sum()), weight_sum),
        balanced_accuracy=_mean([one.recall for one in classes]),
        macro_f1=_mean([one.f1 for one in classes]),
        macro_auc=_mean([one.auc for one in classes]),
        classes=tuple(classes),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        notes=tuple(notes),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
