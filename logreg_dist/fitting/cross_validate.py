"""Cross-validation of a path of penalties: all folds at the same time, on one staging of the table."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.config.train import PenaltyConfig
from logreg_dist.design.problems import Problem, quoted, reject
from logreg_dist.errors import FitNotUsable
from logreg_dist.fitting.fold_passes import FoldPasses, FoldPoint
from logreg_dist.fitting.lockstep import in_lockstep
from logreg_dist.fitting.penalty import Penalty
from logreg_dist.fitting.penalty_path import (
    PathBookmark,
    PathFit,
    first_strength,
    follow_path,
    strengths_from,
    without_penalised,
)
from logreg_dist.model.cross_validation import CrossValidation, CrossValidationPoint
from logreg_dist.solver.bookmarks import ProximalBookmark

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PathModel:
    """What a cross-validation must know of the model whose penalties it compares; p coefficients in all.

    Attributes
    ----------
    penalty_at : callable
        Weight of the rows learned from, l1 and l2 to the `Penalty`.
    start : ndarray (p,)
        The model of the intercepts alone, or near it.
    of_column : ndarray (p,) of bool
        False for intercepts.
    estimates : callable
        Coefficients (p,) to estimates by term, in the units of the columns.
    outcomes : tuple of str
        Names of the label's values, in the order of `FoldPasses.totals`.
    """

    penalty_at: Callable[[float, float, float], Penalty]
    start: FloatArray
    of_column: NDArray[np.bool_]
    estimates: Callable[[FloatArray], Mapping[str, float]]
    outcomes: tuple[str, ...]


@dataclass(frozen=True)
class Chosen:
    """The outcome: the record, the penalty that was chosen, and where the fit of all rows is at it."""

    record: CrossValidation
    penalty: PenaltyConfig
    beta: FloatArray


def cross_validate(passes: FoldPasses, model: PathModel, config: TrainConfig) -> Chosen:
    """Fit the whole path for each fold and for all rows, and choose a penalty.

    The fits of all folds run at the same time, and each pass answers what all of them ask for: as many passes
    as the longest path takes alone. Design, centres and levels are those of the whole table.

    Raises
    ------
    InputRejected
        When a fold has no rows, or none of a label or class.
    FitNotUsable
        When the strongest penalty has no optimum in some fold.
    """
    asked = config.cross_validation
    assert asked is not None
    before, journal = passes.staged.n_passes, passes.journal
    totals = passes.totals()
    _check_folds(totals, model, config)
    weights = totals.sum(axis=1)
    pairs = _path(passes, model, config, float(weights.sum()))
    learned = [*(float(weights.sum()) - weights), float(weights.sum())]

    def search(fold: int) -> Callable[[Callable[[FloatArray], FoldPoint]], list[PathFit]]:
        penalties = [model.penalty_at(learned[fold], l1, l2) for l1, l2 in pairs]
        name = f"fold {fold}" if fold < len(weights) else "all rows"
        page = journal.page(name, PathBookmark, len(model.start), at_once=False)
        return lambda evaluate: follow_path(evaluate, model.start, penalties, page)

    def evaluate_many(asked: Mapping[int, FloatArray]) -> dict[int, FoldPoint]:
        journal.write_changes()  # here, where all searches wait
        return passes.evaluate_many(asked)

    fits = in_lockstep([search(fold) for fold in range(len(learned))], evaluate_many)
    journal.write_changes()
    n_reached = min(len(found) for found in fits)
    if n_reached == 0:
        raise FitNotUsable(
            "cross-validation: the strongest penalty has no optimum that can be reached in some fold.\n"
            "  Terms without a penalty may separate its label: look at penalty_factor, or use stronger penalties."
        )
    if n_reached < len(pairs):
        log.warning(
            "the path ends at penalty %d of %d: with weaker ones some fold has no optimum",
            n_reached,
            len(pairs),
        )
    points = [_point(pairs[k], [found[k] for found in fits], weights, model) for k in range(n_reached)]
    minimum, within = choose_points([p.log_loss for p in points], [p.std_error for p in points])
    chosen = minimum if asked.choose == "minimum" else within
    record = CrossValidation(
        folds=asked.folds,
        by=asked.by,
        choose=asked.choose,
        points=tuple(points),
        minimum=minimum,
        one_standard_error=within,
        chosen=chosen,
        n_passes=passes.staged.n_passes - before,
        n_asked=len(pairs),
    )
    log.info(
        "cross-validation: penalty %d of %d, log loss %.6g +- %.2g",
        chosen + 1,
        len(points),
        points[chosen].log_loss,
        points[chosen].std_error,
    )
    return Chosen(record, config.penalty.chosen(*pairs[chosen]), fits[-1][chosen].beta)


def choose_points(log_loss: Sequence[float], std_error: Sequence[float]) -> tuple[int, int]:
    """Return the point of the smallest log loss, and the first one within a standard error of it.

    Notes
    -----
    Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, section 7.10.

    Examples
    --------
    >>> choose_points([0.9, 0.62, 0.6, 0.61], [0.1, 0.03, 0.03, 0.03])
    (2, 1)
    """
    minimum = int(np.argmin(log_loss))
    limit = log_loss[minimum] + std_error[minimum]
    return minimum, next(k for k, loss in enumerate(log_loss) if loss <= limit)


def mean_and_error(losses: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Return the weighted mean of the folds' losses, and its standard error; both (k,).

    Examples
    --------
    >>> mean, error = mean_and_error(np.array([1.0, 2.0, 3.0]), np.ones(3))
    >>> mean, round(error, 6)
    (2.0, 0.57735)
    """
    mean = float(np.average(losses, weights=weights))
    spread = float(np.average((losses - mean) ** 2, weights=weights))
    return mean, math.sqrt(spread / (len(losses) - 1))


def _path(
    passes: FoldPasses, model: PathModel, config: TrainConfig, weight_sum: float
) -> list[tuple[float, float]]:
    """Return l1 and l2 of each point."""
    path = config.penalty.path
    if path is None:
        return [(config.penalty.l1, config.penalty.l2)]
    share = path.l1_share
    if path.strengths is not None:
        strengths = sorted(path.strengths, reverse=True)
    else:
        unit = model.penalty_at(weight_sum, 1.0, 0.0)
        if unit.box is not None and (unit.box.clip(np.zeros_like(unit.lasso)) != 0)[unit.lasso > 0].any():
            reject(
                [
                    Problem(
                        "penalty.path begins where all columns are left out, and some have bounds that leave 0 out",
                        "Name the penalties with penalty.path.strengths, or let these bounds hold 0.",
                    )
                ]
            )

        def evaluate(beta: FloatArray) -> FoldPoint:
            return passes.evaluate_many({passes.n_folds: beta})[passes.n_folds]

        page = passes.journal.page("no penalised term", ProximalBookmark, len(model.start))
        alone = without_penalised(evaluate, model.start, unit, page)
        if alone is None:
            raise FitNotUsable(
                "the model without the penalised terms has no optimum that can be reached.\n"
                "  Terms with penalty_factor 0 may separate the label; give them a penalty, or name strengths."
            )
        first = first_strength(alone.sums.score, unit, share)
        if first == 0:
            raise FitNotUsable(
                "no penalised term has anything to do with the label: there is no path to follow.\n"
                "  Look at the columns of the model, or name penalty.path.strengths."
            )
        strengths = strengths_from(first, path.smallest, path.points)
    return [(share * s, (1.0 - share) * s) for s in strengths]


def _point(
    pair: tuple[float, float], fits: Sequence[PathFit], weights: FloatArray, model: PathModel
) -> CrossValidationPoint:
    losses = np.array([found.held_out for found in fits[:-1]]) / (2.0 * weights)
    mean, error = mean_and_error(losses, weights)
    everything = fits[-1]
    return CrossValidationPoint(
        l1=pair[0],
        l2=pair[1],
        log_loss=mean,
        std_error=error,
        n_nonzero=int(np.count_nonzero(everything.beta[model.of_column])),
        deviance=everything.deviance,
        fold_log_loss=tuple(losses.tolist()),
        estimates=model.estimates(everything.beta),
    )


def _check_folds(totals: FloatArray, model: PathModel, config: TrainConfig) -> None:
    """Refuse folds without rows, or without rows of a label: nothing could be said about them."""
    assert config.cross_validation is not None
    n_folds, by = len(totals), config.cross_validation.by
    empty = [(fold, k) for fold in range(n_folds) for k in range(totals.shape[1]) if totals[fold, k] <= 0]
    if not empty:
        return
    where = "" if by is None else f" (by {quoted(by)})"
    _, k = empty[0]
    without_rows = sum(row.sum() <= 0 for row in totals)
    if without_rows:
        what = f"{without_rows} of {n_folds} folds{where} have no rows"
    else:
        n_without = len({fold for fold, _ in empty})
        what = f"{n_without} of {n_folds} folds{where} have no rows of {model.outcomes[k]}"
    reject(
        [
            Problem(
                what,
                "Lower cross_validation.folds, or "
                + (
                    "name a key with cross_validation.by."
                    if by is None
                    else "take another column for cross_validation.by."
                ),
            )
        ]
    )
