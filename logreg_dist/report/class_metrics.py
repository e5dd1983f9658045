"""An assessment of several classes as text."""

from __future__ import annotations

from logreg_dist.assessment.class_result import ClassAssessment
from logreg_dist.report.table import number, one_line, text_table

MAX_SHOWN = 20

_HEADLINES = (
    ("accuracy", "accuracy"),
    ("balanced accuracy", "balanced_accuracy"),
    ("log loss", "log_loss"),
    ("Brier score", "brier"),
    ("mean F1", "macro_f1"),
    ("mean AUC", "macro_auc"),
)


def summarise_classes(assessment: ClassAssessment) -> str:
    """Return the headline metrics, the classes one by one, and what was taken for what."""
    width = max(len(name) for name, _ in _HEADLINES)
    metrics = [f"{name.ljust(width)}  {number(getattr(assessment, key), 4)}" for name, key in _HEADLINES]
    shown = assessment.classes[:MAX_SHOWN]
    by_class = text_table(
        ["class", "rows", "precision", "recall", "F1", "AUC"],
        [
            [
                one_line(one.name),
                f"{one.rows:,}",
                number(one.precision, 3),
                number(one.recall, 3),
                number(one.f1, 3),
                number(one.auc, 4),
            ]
            for one in shown
        ],
    )
    confusion = text_table(
        ["actual \\ predicted", *(one_line(one.name) for one in shown)],
        [
            [one_line(one.name), *(f"{weight:,.6g}" for weight in row[:MAX_SHOWN])]
            for one, row in zip(shown, assessment.confusion, strict=False)
        ],
    )
    hidden = len(assessment.classes) - len(shown)
    more = [f"... and {hidden:,} more classes, in metrics.json"] if hidden else []
    notes = [f"Notes:\n  {note}" for note in assessment.notes]
    return "\n\n".join(
        [f"{assessment.n_rows:,} rows", "\n".join(metrics), by_class, confusion, *more, *notes]
    )
