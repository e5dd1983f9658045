"""The path of a selection as text."""

from __future__ import annotations

from logreg_dist.design.problems import first_few
from logreg_dist.model.selection import SelectionRecord, SelectionStep
from logreg_dist.report.table import number, one_line, p_value, text_table

MAX_STEPS = 60
MAX_NAMES = 20
_BY = {"aic": "AIC", "bic": "BIC", "wald": "p-values"}


def selection_path(selection: SelectionRecord) -> str:
    """Return the steps of a selection, one a line, and what was left out."""
    criterion = _BY[selection.criterion]
    head = f"Columns selected {selection.method} by {criterion}, {selection.n_fits:,} models fitted:"
    header = ["step", "df", "statistic", "p", "deviance", "" if criterion == "p-values" else criterion]
    shown = list(enumerate(selection.steps))[-MAX_STEPS:]
    lines = [head, text_table(header, [_row(k, step) for k, step in shown])]
    hidden = len(selection.steps) - len(shown)
    if hidden:
        lines.insert(1, f"the last {len(shown)} of {len(selection.steps):,} steps; all are in model.json")
    names = [one_line(name) for name in selection.left_out]
    if names:
        lines.append(f"Left out: {first_few(names, MAX_NAMES)}")
    return "\n".join(lines)


def _row(k: int, step: SelectionStep) -> list[str]:
    what = step.action if step.column is None else f"{step.action} {one_line(step.column)}"
    return [
        f"{k} {what}",
        "-" if step.df is None else str(step.df),
        number(step.statistic, 4),
        p_value(step.p_value),
        f"{step.deviance:,.3f}",
        "" if step.criterion_after is None else f"{step.criterion_after:,.3f}",
    ]
