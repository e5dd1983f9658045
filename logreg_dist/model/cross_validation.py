"""The record of a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CrossValidationPoint:
    """One penalty of the path.

    Attributes
    ----------
    l1, l2 : float
    log_loss : float
        Mean over all rows, each scored by the fit that left its fold out; nats.
    std_error : float
        Of it, by its spread over the folds.
    n_nonzero : int
        Coefficients of the fit of all rows that are not 0, intercepts left out.
    deviance : float
        Of the fit of all rows, at them.
    fold_log_loss : tuple of float
    estimates : mapping of str to float
        Of the fit of all rows, by term, log-odds per unit of the column; empty in a model file.
    """

    l1: float
    l2: float
    log_loss: float
    std_error: float
    n_nonzero: int
    deviance: float
    fold_log_loss: tuple[float, ...] = ()
    estimates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CrossValidation:
    """How the penalties of a path do on rows that a fit has not seen.

    Attributes
    ----------
    folds : int
    by : str or None
        The column whose values share a fold; None: equal rows do.
    choose : str
        ``minimum`` or ``one_standard_error``.
    points : tuple of CrossValidationPoint
        From the strongest penalty to the weakest.
    minimum, one_standard_error, chosen : int
        Numbers of points: of the smallest log loss, of the strongest penalty within a standard error of it,
        and of the model.
    n_passes : int
        Readings of the staged table, all folds and penalties together.
    n_asked : int
        Penalties that were asked for: with those behind the last point some fold has no optimum.
    """

    folds: int
    by: str | None
    choose: str
    points: tuple[CrossValidationPoint, ...]
    minimum: int
    one_standard_error: int
    chosen: int
    n_passes: int
    n_asked: int
