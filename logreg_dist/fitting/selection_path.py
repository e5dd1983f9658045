"""The models on the way of a selection: each is the full design with some coefficients held at 0."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config.selection import SelectionConfig
from logreg_dist.design.problems import quoted
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
