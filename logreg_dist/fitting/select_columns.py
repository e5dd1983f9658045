"""Selecting columns: backward, forward or stepwise, by AIC, BIC or p-values, on the staged data."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

from logreg_dist.config.selection import SelectionConfig
from logreg_dist.design.problems import Problem, quoted, reject
from logreg_dist.fitting.search import Evaluate
from logreg_dist.fitting.selection_path import (
    Fitted,
    FloatArray,
    Mask,
    Move,
    SelectionBookmark,
    SelectionPath,
    Terms,
)
from logreg_dist.inference.candidates import Neighbour
from logreg_dist.model.selection import SelectionRecord
from logreg_dist.solver.bookmarks import Page

log = logging.getLogger(__name__)

# A candidate whose criterion, with its statistic off by this share and this much, cannot be the best is not fitted.
STATISTIC_SHARE = 0.25
STATISTIC_SLACK = 0.01
# Criteria that differ by less are equal, as for R's step().
EQUAL = 1e-7


@dataclass(frozen=True)
class Selected:
    """The selected model: its record, its terms (p,) and its estimates (p,) to about five digits."""

    record: SelectionRecord
    kept: Mask
    start: FloatArray


def select_columns(
    evaluate: Evaluate,
    terms: Terms,
    config: SelectionConfig,
    *,
    n_obs: float,
    start: FloatArray,
    page: Page[SelectionBookmark] | None = None,
) -> Selected:
    """Select the columns of a model.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (p,) of the full design to its `Sums` with their information: one pass.
    terms : Terms
    config : SelectionConfig
    n_obs : float
        The n of BIC.
    start : ndarray (p,)
        Where the first model starts.
    page : Page of SelectionBookmark or None
        Where an interrupted selection goes on, and what keeps track of this one: of its steps. The candidates of a
        step are fitted again.

    Raises
    ------
    InputRejected
        When `keep` names a column that is none of the design's.

    Notes
    -----
    Backward starts with all columns; forward and stepwise with those to keep. A step looks at the models that
    differ by one column, a category being one. What each would do to the deviance is known about from the
    information matrix of the full design at the present estimates: Wald's statistic of a column in the model
    (Lawless and Singhal 1978), the score statistic of one that is not. By AIC or BIC candidates are fitted in the
    order of these until no other can be better, and the criterion of the fits decides. By p-values the statistics
    at the fit are the tests themselves, as in SAS (LOGISTIC, selection=): a column is removed while the largest
    Wald p-value is above `p_remove`, else the one with the smallest score p-value below `p_enter` is added; a model
    met before ends the search. Columns that depend on others are removed first, the last one first, as by R's step().

    A model that has no finite estimates ends the search too, and becomes the fit: it says what separates.
    """
    _refuse_unknown(config, terms)
    per_parameter = {"aic": 2.0, "bic": math.log(max(n_obs, 1.0)), "wald": None}[config.criterion]
    path = SelectionPath(evaluate, terms, config, per_parameter)
    page = page or Page()
    first = frozenset(terms.columns if config.method == "backward" else config.keep)
    if page.resume is None:
        model = path.fit(first, start)
        path.record(None, None, model)
        visited = {model.columns}
    else:
        visited, model = path.resumed(page.resume, first)
    while model.converged:
        page.keep(path.bookmark(model))
        found = _removed_dependence(path, model) or _next(path, model)
        if found is None or found[1].columns in visited:
            break
        path.record(found[0], model, found[1])
        model = found[1]
        visited.add(model.columns)
    names = tuple(terms.columns)
    record = SelectionRecord(
        method=config.method,
        criterion=config.criterion,
        columns=tuple(name for name in names if name in model.columns),
        left_out=tuple(name for name in names if name not in model.columns),
        steps=tuple(path.steps),
        n_fits=path.n_fits,
    )
    return Selected(record, terms.of(model.columns), model.around.beta)


def _next(path: SelectionPath, model: Fitted) -> tuple[Move, Fitted] | None:
    """Return the next step with its fit; None where there is no better model."""
    moves = path.moves(model)
    if path.per_parameter is None:
        move = _by_p_values(moves, path.config)
        return None if move is None else (move, path.follow(move, model))
    before, best = path.criterion(model), None
    assert before is not None
    limit = before - EQUAL
    for hope, _, move in sorted(
        (_hope(move, before, path.per_parameter), k, move) for k, move in enumerate(moves)
    ):
        if hope >= limit:
            continue
        fitted = path.follow(move, model)
        found = path.criterion(fitted)
        assert found is not None
        if found < limit:
            best, limit = (move, fitted), found
        else:
            name = path.config.criterion.upper()
            log.info(
                "selection: to %s %s is no better, %s %.6f", move.action, quoted(move.column), name, found
            )
    return best


def _hope(move: Move, before: float, per_parameter: float) -> float:
    """Return the criterion of a candidate, its statistic taken as wrong in its favour."""
    near = move.neighbour
    slack = STATISTIC_SLACK + STATISTIC_SHARE * near.statistic
    if move.action == "add":
        return before - near.statistic - slack + per_parameter * near.df
    return before + near.statistic - slack - per_parameter * near.df


def _by_p_values(moves: list[Move], config: SelectionConfig) -> Move | None:
    out = [move for move in moves if move.action == "remove" and move.neighbour.p_value > config.p_remove]
    if out:
        return max(out, key=lambda move: move.neighbour.p_value)
    into = [move for move in moves if move.action == "add" and move.neighbour.p_value < config.p_enter]
    # p-values of 0 are ordered by their statistics.
    return min(into, key=lambda move: (move.neighbour.p_value, -move.neighbour.statistic), default=None)


def _removed_dependence(path: SelectionPath, model: Fitted) -> tuple[Move, Fitted] | None:
    """Remove the last column without any estimate: it changes nothing."""
    for name in reversed(list(path.terms.columns)):
        block = path.terms.columns[name]
        if name in model.columns and name not in path.config.keep and model.around.df_of(block) == 0:
            move = Move("remove", name, Neighbour(0.0, 0, model.around.beta))
            return move, path.follow(move, model)
    return None


def _refuse_unknown(config: SelectionConfig, terms: Terms) -> None:
    unknown = [name for name in config.keep if name not in terms.columns]
    if unknown:
        reject(
            [
                Problem(
                    f"selection.keep lists column {quoted(name)}, which has no term in the model",
                    "Check its name; it must be among the features and have more than one value.",
                )
                for name in unknown
            ]
        )
