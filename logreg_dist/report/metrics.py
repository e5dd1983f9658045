"""An assessment as text: the headline metrics and the gains table."""

from __future__ import annotations

from logreg_dist.assessment.result import Assessment
from logreg_dist.report.table import number, text_table

_HEADLINES = (
    ("AUC", "auc"),
    ("KS", "ks"),
    ("log loss", "log_loss"),
    ("Brier score", "brier"),
    ("calibration intercept", "calibration_intercept"),
    ("calibration slope", "calibration_slope"),
    ("F1 at 0.5", "f1"),
    ("best F1", "f1_at_best_f1"),
)


def summarise_assessment(assessment: Assessment) -> str:
    """Return the headline metrics, the lift of the top decile first among the gains."""
    rows = f"{assessment.n_rows:,} rows, {assessment.n_events:,.0f} events ({assessment.event_rate:.2%})"
    width = max(len(name) for name, _ in _HEADLINES)
    metrics = [f"{name.ljust(width)}  {number(getattr(assessment, key), 4)}" for name, key in _HEADLINES]
    metrics.append(f"{'top-decile lift'.ljust(width)}  {number(assessment.gains[0].lift, 4)}")
    gains = text_table(
        ["decile", "rows", "events", "rate", "cumulative gain", "lift", "lowest score"],
        [
            [
                str(row.decile),
                f"{row.rows:,}",
                f"{row.events:,.0f}",
                _percent(row.rate),
                _percent(row.cumulative_gain),
                number(row.lift, 3),
                number(row.min_score, 3),
            ]
            for row in assessment.gains
        ],
    )
    notes = "\n".join(f"  {note}" for note in assessment.notes)
    parts = [rows, "\n".join(metrics), gains, *([f"Notes:\n{notes}"] if notes else [])]
    return "\n\n".join(parts)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
