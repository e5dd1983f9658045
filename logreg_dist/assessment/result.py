"""The assessment: what a user reads, and how it follows from the sums."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from logreg_dist.assessment.curves import Curves
from logreg_dist.assessment.groups import FloatArray
from logreg_dist.assessment.recalibration import line_exists
from logreg_dist.assessment.tables import (
    CalibrationBin,
    GainsRow,
    RocPoint,
    as_count,
    calibration_bins,
    gains_rows,
    ratio,
    roc_points,
)
from logreg_dist.assessment.totals import Totals


@dataclass(frozen=True)
class Assessment:
    """How well scores agree with outcomes; None stands for what is not defined, never 0 or NaN.

    Counts are of rows, everything else is weighted by ``weight``.

    Attributes
    ----------
    n_rows : int
        Table rows with a weight above 0.
    n_obs, n_events : int or float
        Sum of ``frequency`` and of ``frequency * y``.
    weight_sum : float
        Sum of ``weight``.
    event_rate, mean_probability : float
        Means of ``y`` and of ``probability``.
    log_loss : float
        Mean ``-log-likelihood`` (natural logarithm) from the linear predictor, nothing clipped.
    brier : float
        Mean squared difference of outcome and probability, in single trials for grouped outcomes.
    auc, gini, ks : float or None
        Area under the ROC curve, ties counting half; ``2 auc - 1``; the largest
        ``|true positive rate - false positive rate|``. None when one class is missing.
    ks_threshold : float or None
        Probability at which `ks` is reached; the highest of several.
    accuracy, precision, recall, f1 : float or None
        Of ``probability >= 0.5``. Precision is None when nothing is predicted positive, recall
        when there are no events, F1 ``2 tp / (2 tp + fp + fn)`` when there is neither.
    best_f1_threshold, accuracy_at_best_f1, precision_at_best_f1, recall_at_best_f1, f1_at_best_f1
        The same at the threshold, among all probabilities, of the highest F1 (the highest of
        several such); None without events. Found on the data it is judged on, hence optimistic.
    calibration_intercept, calibration_slope : float or None
        ``a`` (log-odds) and ``b`` of the recalibration ``logit P(y = 1) = a + b linear_predictor``
        fitted to the outcomes (Cox 1958): the intercept is that of this two-parameter fit. Perfect
        scores have 0 and 1. None when there is no finite estimate.
    calibration_in_the_large : float or None
        ``a`` when ``b`` is held at 1: by how much all scores are too low, log-odds.
    gains : tuple of 10 GainsRow
    calibration : tuple of CalibrationBin
    roc : tuple of at most 200 RocPoint
    notes : tuple of str
        Why something is None, as sentences.
    """

    n_rows: int
    n_obs: float
    n_events: float
    weight_sum: float
    event_rate: float
    mean_probability: float
    log_loss: float
    brier: float
    auc: float | None
    gini: float | None
    ks: float | None
    ks_threshold: float | None
    accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    best_f1_threshold: float | None
    accuracy_at_best_f1: float | None
    precision_at_best_f1: float | None
    recall_at_best_f1: float | None
    f1_at_best_f1: float | None
    calibration_intercept: float | None
    calibration_slope: float | None
    calibration_in_the_large: float | None
    gains: tuple[GainsRow, ...]
    calibration: tuple[CalibrationBin, ...]
    roc: tuple[RocPoint, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return numbers, text and None only, flat apart from the tables: what metrics.json holds."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }


def assessment_of(
    totals: Totals, curves: Curves, *, line: FloatArray | None, in_the_large: float | None
) -> Assessment:
    """Put together what the readings found.

    Parameters
    ----------
    totals, curves : Totals, Curves
        Of all rows, `curves` closed; at least one row of positive weight.
    line : ndarray (2,) or None
        Recalibration intercept (log-odds at a linear predictor of 0) and slope.
    in_the_large : float or None
        Recalibration intercept at slope 1.
    """
    both = totals.positive > 0.0 and totals.negative > 0.0
    auc = totals.concordance / (totals.positive * totals.negative) if both else None
    best = curves.f1
    at_half = _at_threshold(totals, totals.true_positive, totals.false_positive)
    at_best = _at_threshold(totals, best.true_positive, best.false_positive)
    if totals.positive <= 0.0:
        at_best = dict.fromkeys(at_best)
    return Assessment(
        n_rows=round(totals.n_rows),
        n_obs=as_count(totals.n_obs),
        n_events=as_count(totals.events),
        weight_sum=totals.weight_sum,
        event_rate=totals.positive / totals.weight_sum,
        mean_probability=totals.probability_sum / totals.weight_sum,
        log_loss=totals.log_loss / totals.weight_sum,
        brier=totals.squared_error / totals.weight_sum,
        auc=auc,
        gini=None if auc is None else 2.0 * auc - 1.0,
        ks=curves.ks.value if both else None,
        ks_threshold=curves.ks.threshold if both else None,
        **at_half,
        best_f1_threshold=best.threshold if totals.positive > 0.0 else None,
        **{f"{name}_at_best_f1": value for name, value in at_best.items()},
        calibration_intercept=None if line is None else float(line[0]),
        calibration_slope=None if line is None else float(line[1]),
        calibration_in_the_large=in_the_large,
        gains=gains_rows(curves.deciles, totals),
        calibration=calibration_bins(curves.bins),
        roc=roc_points(curves.roc, totals),
        notes=_notes(totals, line, in_the_large),
    )


def _at_threshold(totals: Totals, tp: float, fp: float) -> dict[str, float | None]:
    """Accuracy, precision, recall and F1 from the weights of the predicted positives."""
    return {
        "accuracy": ratio(tp + (totals.negative - fp), totals.weight_sum),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, totals.positive),
        "f1": ratio(2.0 * tp, tp + fp + totals.positive),
    }


def _notes(totals: Totals, line: FloatArray | None, in_the_large: float | None) -> tuple[str, ...]:
    for missing, kind in ((totals.positive, "event"), (totals.negative, "non-event")):
        if missing <= 0.0:
            return (
                f"There is no {kind} in the table: auc, gini, ks, roc and recalibration are not defined.",
            )
    notes = []
    if totals.true_positive + totals.false_positive <= 0.0:
        notes.append("No probability reaches 0.5: precision at 0.5 is not defined.")
    if not line_exists(totals):
        notes.append(
            "The scores separate the classes, or are all equal: calibration_intercept and calibration_slope "
            "have no finite estimate."
        )
    elif line is None:
        notes.append(
            "The recalibration fit did not converge: calibration_intercept and calibration_slope are null."
        )
    if in_the_large is None:
        notes.append("The intercept at slope 1 did not converge: calibration_in_the_large is null.")
    return tuple(notes)
