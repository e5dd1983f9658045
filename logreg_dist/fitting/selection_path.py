"""The models on the way of a selection: each is the full design with some coefficients held at 0."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config.selection import SelectionConfig
from logreg_dist.design.problems import quoted
from logreg_dist.fitting.journal import damaged
from logreg_dist.fitting.restricted import part_of
from logreg_dist.fitting.search import Evaluate
from logreg_dist.inference.candidates import Neighbour, QuadraticModel
from logreg_dist.model.selection import SelectionStep
from logreg_dist.solver.information import embedded, whole_matrix
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, Sums

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Of a model on the way, in standard errors: its deviance is off by the square.
TOLERANCE = 1e-5
MAX_ITERATIONS = 25
_ACTIONS = ("start", "add", "remove")


@dataclass(frozen=True)
class Terms:
    """The terms of a design by column.

    Attributes
    ----------
    columns : mapping of str to ndarray (p,) of bool
        Each column's terms, in all classes, in the order of the columns.
    always : ndarray (p,) of bool
        The intercepts.
    """

    columns: Mapping[str, Mask]
    always: Mask

    def of(self, names: frozenset[str]) -> Mask:
        """Return the terms of some columns and the intercepts, (p,)."""
        masks = [mask for name, mask in self.columns.items() if name in names]
        together: Mask = np.any([self.always, *masks], axis=0)
        return together


@dataclass(frozen=True)
class Fitted:
    """A model of some of the columns, with what it says about the others.

    Attributes
    ----------
    columns : frozenset of str
    around : QuadraticModel
        Of all terms, at the estimates.
    deviance : float
    converged : bool
    """

    columns: frozenset[str]
    around: QuadraticModel
    deviance: float
    converged: bool

    @property
    def n_parameters(self) -> int:
        """Estimated terms, with intercepts."""
        return int(self.around.estimable.sum())


@dataclass(frozen=True)
class SelectionBookmark:
    """Where a selection is: its steps, and the model that they led to.

    Attributes
    ----------
    beta : ndarray (p,)
        Of the model, among all terms.
    estimable : ndarray (p,) of bool
    steps : ndarray (k, 8)
        A row for each `SelectionStep`: action, number of the column, and the numbers; NaN where there is none.
    n_fits : int
    converged : bool
    """

    beta: FloatArray
    estimable: Mask
    steps: FloatArray
    n_fits: int
    converged: bool

    @property
    def iteration(self) -> int:
        """The steps made."""
        return len(self.steps) - 1

    @property
    def n_numbers(self) -> int:
        """How many numbers it holds, but for a few."""
        return 2 * len(self.beta) + self.steps.size

    def is_of(self, n_columns: int) -> bool:
        """Whether its steps are some of so many columns."""
        if self.steps.shape != (len(self.steps), 8) or not len(self.steps):
            return False
        actions, numbers, deviances = self.steps[:, 0], self.steps[1:, 1], self.steps[:, 5]
        ends = (actions[0] == 0) and np.isin(actions[1:], (1, 2)).all()
        return bool(ends and np.isin(numbers, range(n_columns)).all() and np.isfinite(deviances).all())


@dataclass(frozen=True)
class Move:
    """A column to add or to remove."""

    action: str
    column: str
    neighbour: Neighbour


@dataclass
class SelectionPath:
    """The models of a selection so far; each `fit` costs a few passes.

    Attributes
    ----------
    evaluate : callable
        ``beta`` (p,) of the full design to its `Sums` with their information: one pass.
    terms : Terms
    config : SelectionConfig
    per_parameter : float or None
        What AIC or BIC adds to the deviance for each estimate; None where p-values decide.
    steps : list of SelectionStep
    n_fits : int
    """

    evaluate: Evaluate
    terms: Terms
    config: SelectionConfig
    per_parameter: float | None
    steps: list[SelectionStep] = field(default_factory=list)
    n_fits: int = 0

    def fit(self, columns: frozenset[str], start: FloatArray) -> Fitted:
        """Fit a model by Newton's method on the full design's sums, with 0 for what it does not have."""
        self.n_fits += 1
        kept = self.terms.of(columns)
        seen: list[tuple[Sums, FloatArray, Sums]] = []

        def evaluate_part(beta: FloatArray) -> Sums:
            whole = embedded(beta, kept)
            sums = self.evaluate(whole)
            seen[:-1] = []  # of a search the last point and the trial beyond it
            seen.append((part_of(sums, kept), whole, sums))
            return seen[-1][0]

        result = newton(evaluate_part, start[kept], NewtonOptions(TOLERANCE, MAX_ITERATIONS))
        found = [(beta, sums) for part, beta, sums in seen if part is result.point.sums]
        if not found:
            beta = embedded(result.point.beta, kept)
            found = [(beta, self.evaluate(beta))]
        [(beta, sums)] = found
        estimable = kept.copy()
        estimable[np.flatnonzero(kept)[[one.position for one in result.dependences]]] = False
        assert sums.information is not None
        around = QuadraticModel(beta, sums.score, whole_matrix(sums.information), estimable)
        return Fitted(columns, around, sums.deviance, result.ending is Ending.CONVERGED)

    def bookmark(self, model: Fitted) -> SelectionBookmark:
        """Return where the selection is: at a model whose step is recorded."""
        numbers = {name: k for k, name in enumerate(self.terms.columns)}
        rows = [
            (
                _ACTIONS.index(step.action),
                np.nan if step.column is None else numbers[step.column],
                *(np.nan if value is None else value for value in _numbers_of(step)),
            )
            for step in self.steps
        ]
        around = model.around
        return SelectionBookmark(around.beta, around.estimable, np.array(rows), self.n_fits, model.converged)

    def resumed(
        self, bookmark: SelectionBookmark, columns: frozenset[str]
    ) -> tuple[set[frozenset[str]], Fitted]:
        """Go on from a bookmark of a selection that began with `columns`: all models so far, and the last; a pass.

        Raises
        ------
        CheckpointDamaged
            When the steps are none of these columns.
        """
        if not bookmark.is_of(len(self.terms.columns)):
            raise damaged("the checkpoint", "a selection of other columns is in it")
        names = list(self.terms.columns)
        visited = set()
        for row in bookmark.steps.tolist():
            action, number, df, statistic, p_value, deviance, before, after = map(_number, row)
            name = None if number is None else names[int(number)]
            what = _ACTIONS[int(action or 0)]
            if name is not None:
                columns = columns | {name} if what == "add" else columns - {name}
            visited.add(columns)
            df = None if df is None else int(df)
            assert deviance is not None
            self.steps.append(SelectionStep(what, name, df, statistic, p_value, deviance, before, after))
        self.n_fits = bookmark.n_fits
        sums = self.evaluate(bookmark.beta)
        assert sums.information is not None
        matrix = whole_matrix(sums.information)
        around = QuadraticModel(bookmark.beta, sums.score, matrix, bookmark.estimable)
        return visited, Fitted(columns, around, sums.deviance, bookmark.converged)

    def criterion(self, model: Fitted) -> float | None:
        """Return AIC or BIC of a model, None where p-values decide."""
        if self.per_parameter is None:
            return None
        return model.deviance + self.per_parameter * model.n_parameters

    def moves(self, model: Fitted) -> list[Move]:
        """Return every column that may be removed or added, with what that would change."""
        found = []
        if self.config.method != "forward":
            found += [
                Move("remove", name, model.around.without(mask))
                for name, mask in self.terms.columns.items()
                if name in model.columns and name not in self.config.keep
            ]
        if self.config.method != "backward":
            added = {
                name: model.around.with_(mask)
                for name, mask in self.terms.columns.items()
                if name not in model.columns
            }
            found += [Move("add", name, near) for name, near in added.items() if near is not None]
        return found

    def follow(self, move: Move, model: Fitted) -> Fitted:
        """Fit the model that a move leads to."""
        columns = model.columns | {move.column} if move.action == "add" else model.columns - {move.column}
        return self.fit(columns, move.neighbour.beta)

    def record(self, move: Move | None, before: Fitted | None, after: Fitted) -> None:
        """Remember a step and say so."""
        step = SelectionStep(
            action="start" if move is None else move.action,
            column=None if move is None else move.column,
            df=None if move is None else move.neighbour.df,
            statistic=None if move is None else move.neighbour.statistic,
            p_value=None if move is None or move.neighbour.df == 0 else move.neighbour.p_value,
            deviance=after.deviance,
            criterion_before=None if before is None else self.criterion(before),
            criterion_after=self.criterion(after),
        )
        self.steps.append(step)
        what = f"{len(after.columns)} columns" if move is None else f"{move.action} {quoted(move.column)}"
        by = f"deviance {step.deviance:.6f}"
        if step.criterion_after is not None:
            by = f"{self.config.criterion.upper()} {step.criterion_after:.6f}"
        p = "" if step.p_value is None else f", p {step.p_value:.4g}"
        log.info("selection step %d: %s, %s%s", len(self.steps) - 1, what, by, p)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _numbers_of(step: SelectionStep) -> tuple[float | None, ...]:
    """Return the numbers of a step, in the order of its fields."""
    return (
        step.df,
        step.statistic,
        step.p_value,
        step.deviance,
        step.criterion_before,
        step.criterion_after,
    )
