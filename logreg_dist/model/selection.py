"""How the columns of a model were selected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SelectionStep:
    """A column that was added or removed, or the start.

    Attributes
    ----------
    action : str
        ``start``, ``add`` or ``remove``.
    column : str or None
        None at the start.
    df : int or None
        Terms by which the model grew or shrank; 0 for a column that depended on others.
    statistic, p_value : float or None
        Of the column's terms being 0, at the model before: the score test of one that was added, Wald's of
        one that was removed.
    deviance : float
        Of the model after the step.
    criterion_before, criterion_after : float or None
        AIC or BIC of the models before and after the step; None where p-values decided.
    """

    action: str
    column: str | None
    df: int | None
    statistic: float | None
    p_value: float | None
    deviance: float
    criterion_before: float | None
    criterion_after: float | None


@dataclass(frozen=True)
class SelectionRecord:
    """The search for the columns of a model.

    Attributes
    ----------
    method, criterion : str
        As configured.
    columns : tuple of str
        The columns of the model, in order.
    left_out : tuple of str
        The columns that it does not have.
    steps : tuple of SelectionStep
    n_fits : int
        Models fitted on the way.
    """

    method: str
    criterion: str
    columns: tuple[str, ...]
    left_out: tuple[str, ...]
    steps: tuple[SelectionStep, ...]
    n_fits: int
