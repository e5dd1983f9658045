"""How a fit ended, in sentences that name columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.records import SeparatingTerm, SeparationFinding
from logreg_dist.design.problems import counted
from logreg_dist.design.spec import INTERCEPT
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.model.model import AliasedTerm, Status
from logreg_dist.printable import printable
from logreg_dist.solver.result import Ending, Method, SolverResult

MIN_EVENTS_PER_PARAMETER = 10
# That a model names.
MAX_TERMS = 50

_LOOK = "Look for near-collinear columns, or shrink the estimates with penalty.l2."
_WAYS_ON = {Ending.ITERATIONS: "Raise solver.max_iterations, or look for near-collinear columns."}


class NamedTerm(Protocol):
    """A coefficient with its name, and the column it belongs to."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def column(self) -> str | None:
        """None for an intercept."""


@dataclass(frozen=True)
class Verdict:
    """A status and its sentence."""

    status: Status
    text: str


@dataclass(frozen=True)
class Separation:
    """What was found out about a separated fit.

    Attributes
    ----------
    counts : DirectionCounts
        Of the rows along the direction in which the likelihood rises for ever.
    terms : tuple of SeparatingTerm
        Those whose estimates run to infinity, first those that separate on their own; empty where only the
        direction is known.
    sentences : tuple of str
        What separates, with its rows.
    proof : str
        ``direction`` or ``linear_programme``.
    ways_out : str
        What to do about it.
    """

    counts: DirectionCounts
    terms: tuple[SeparatingTerm, ...] = ()
    sentences: tuple[str, ...] = ()
    proof: str = "direction"
    ways_out: str = (
        "exclude the column, merge the level into another, or shrink the estimates with penalty.l2"
    )

    @property
    def kind(self) -> str:
        """``complete`` or ``quasi``."""
        return "complete" if self.counts.is_complete else "quasi"

    @property
    def finding(self) -> SeparationFinding:
        """The same as the model file holds it."""
        n_separated, n_neutral = self.counts.separated, self.counts.neutral
        return SeparationFinding(self.kind, self.terms[:MAX_TERMS], n_separated, n_neutral, self.proof, None)


def judge(
    result: SolverResult,
    separation: Separation | None,
    *,
    terms: Sequence[NamedTerm],
    scale: NDArray[np.float64],
    aliased: Sequence[AliasedTerm],
    collinear_is_error: bool,
    bounded: Collection[str] = (),
) -> Verdict:
    """Turn the ending of the iterations into a status with its sentence.

    Parameters
    ----------
    result : SolverResult
    separation : Separation or None
        When the iterations ended as separated.
    terms : sequence of ModelTerm
        Of the p coefficients.
    scale : ndarray (p,)
        Typical size of each term's column, to compare the entries of a direction.
    aliased : sequence of AliasedTerm
        Terms without an estimate.
    collinear_is_error : bool
        Whether aliased terms make the fit unusable.
    bounded : collection of str
        Columns with bounds: left out, such a column may change what the others can do, so that the estimates
        would not be the optimum that was asked for.
    """
    if separation is not None and result.direction is not None:
        return _separated(separation, named_direction(result.direction, terms, scale))
    if not result.history:
        return Verdict(
            Status.NOT_CONVERGED,
            f"not converged: {result.ending} at the start. Look for near-collinear columns, or raise penalty.l2.",
        )
    about = "about " if result.method is Method.LBFGS else ""
    if result.ending is not Ending.CONVERGED:
        last = result.history[-1]
        return Verdict(
            Status.NOT_CONVERGED,
            f"not converged after {last.iteration} iterations: {result.ending}; the last point is "
            f"{about}{last.change:.3g} standard errors from the optimum. {_WAYS_ON.get(result.ending, _LOOK)}",
        )
    if aliased and collinear_is_error:
        return Verdict(Status.RANK_DEFICIENT, _collinear(aliased))
    if aliased and bounded:
        column_of = {term.name: term.column for term in terms}
        # A constant column bounds nothing.
        at_odds = [a for a in aliased if column_of.get(a.term) in bounded and "equals " in a.reason]
        if at_odds:
            return Verdict(Status.RANK_DEFICIENT, _collinear_with_bounds(at_odds))
    return Verdict(Status.CONVERGED, _converged(result))


def few_events_note(n_events: float, n_obs: float, n_terms: int) -> list[str]:
    """Return a warning when there are fewer than ten events (or non-events) for each parameter.

    Notes
    -----
    Peduzzi et al. (1996), J. Clin. Epidemiol. 49, 1373-1379.

    Examples
    --------
    >>> few_events_note(45, 1000, 9)
    ['5.0 events per parameter (45 of the rarer label, 9 parameters): below 10 estimates and intervals are unreliable']
    """
    rarer = min(n_events, n_obs - n_events)
    if n_terms == 0 or rarer >= MIN_EVENTS_PER_PARAMETER * n_terms:
        return []
    return [
        f"{rarer / n_terms:.1f} events per parameter ({rarer:,.0f} of the rarer label, {n_terms} parameters): "
        f"below {MIN_EVENTS_PER_PARAMETER} estimates and intervals are unreliable"
    ]


def _converged(result: SolverResult) -> str:
    steps, change = result.n_steps, f"{result.history[-1].change:.1g} standard errors from the optimum"
    if result.method is Method.LBFGS:
        return f"converged after {steps} L-BFGS step{'s' * (steps != 1)}: about {change}"
    if result.method is Method.PROXIMAL_NEWTON:
        return f"converged after {steps} proximal Newton step{'s' * (steps != 1)}: {change}"
    return f"converged after {steps} Newton step{'s' * (steps != 1)}: {change} before the last"


def _collinear(aliased: Sequence[AliasedTerm]) -> str:
    depend, them = ("terms depend", "them") if len(aliased) > 1 else ("term depends", "it")
    return "\n  ".join(
        [
            f"{len(aliased):,} {depend} on earlier ones, and solver.on_collinear is error:",
            f"{_dependences(aliased)}.",
            f"Exclude {them}, or set solver.on_collinear to alias.",
        ]
    )


def _collinear_with_bounds(aliased: Sequence[AliasedTerm]) -> str:
    return "\n  ".join(
        [
            "estimates with bounds are not unique, because terms depend on others:",
            f"{_dependences(aliased)}.",
            "Exclude one of the columns, remove the bounds, or set penalty.l2.",
        ]
    )


def _dependences(aliased: Sequence[AliasedTerm]) -> str:
    more = [f"and {len(aliased) - 3:,} more"] if len(aliased) > 3 else []
    return printable("; ".join([*(f"{term.term} {term.reason}" for term in aliased[:3]), *more]))


def _separated(separation: Separation, direction: Sequence[str]) -> Verdict:
    sentences = [
        f"{separated_along(separation, direction)}: no finite estimates exist.",
        *([printable(f"{'; '.join(separation.sentences[:3])}.")] if separation.sentences else []),
        f"Ways out: {separation.ways_out}.",
    ]
    status = Status.SEPARATED_COMPLETE if separation.counts.is_complete else Status.SEPARATED_QUASI
    return Verdict(status, "\n  ".join(sentences))


def separated_along(separation: Separation, direction: Sequence[str] = ()) -> str:
    """Say how far and along which terms the label is separated, those that do it on their own if there are any."""
    counts, complete = separation.counts, separation.counts.is_complete
    # A column that does it alone says more than the direction, which mixes all that separate.
    alone = [term for term in separation.terms if term.text is not None]
    named = [f"{term.term} ({term.sign})" for term in alone or separation.terms if term.term != INTERCEPT]
    named = named or list(direction)
    along = ", ".join(named[:8]) + (f" and {len(named) - 8} more terms" if len(named) > 8 else "")
    rows = counted(counts.separated, "row")
    if not complete:
        rows += f"; {counts.neutral:,} on the boundary"
    extent = "completely" if complete else "quasi-completely"
    return f"the label is {extent} separated ({rows}) along {printable(along) or 'the intercept'}"


def named_direction(
    direction: NDArray[np.float64], terms: Sequence[NamedTerm], scale: NDArray[np.float64]
) -> list[str]:
    """Return the terms that matter in a direction with their signs, the largest first."""
    size = np.abs(direction) * scale
    order = [int(k) for k in np.argsort(-size) if size[k] > 0.01 * size.max() and terms[k].column is not None]
    return [f"{terms[k].name} ({'+' if direction[k] > 0 else '-'})" for k in order]
