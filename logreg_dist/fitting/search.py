"""The search for the optimum of any likelihood, by the method that was chosen for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config.train import SolverConfig
from logreg_dist.design.problems import Problem, reject
from logreg_dist.fitting.journal import MAIN, Journal
from logreg_dist.fitting.method import MethodChoice
from logreg_dist.fitting.penalty import Penalty, proximal_options
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.model.selection import SelectionRecord
from logreg_dist.solver.approach import RoughInformation
from logreg_dist.solver.bookmarks import LbfgsBookmark, NewtonBookmark, Page, ProximalBookmark
from logreg_dist.solver.lbfgs import STEPS_PER_ITERATION, LbfgsOptions, by_diagonal, lbfgs
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.proximal import kkt_residual, proximal_newton
from logreg_dist.solver.result import Ending, Method, Point, SolverResult, Sums
from logreg_dist.solver.surrogate import Remainder

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
Evaluate = Callable[[FloatArray], Sums]
Question = Callable[[FloatArray], bool]

# Iterations after which a start from a sample was no help; a good one needs four.
PATIENCE = 15
# The name of the search that follows such a start.
FROM_ZERO = "from 0"
# How a search ends whose start was too far away.
_NOWHERE = (Ending.ITERATIONS, Ending.STUCK, Ending.SINGULAR)


@dataclass(frozen=True)
class Start:
    """Where a search starts.

    Attributes
    ----------
    beta : ndarray (p,)
        The optimum of a sample; zeros when it is no help.
    rough : RoughInformation or None
        Of all rows near it, as a sample has it, where steps may begin with that.
    remainder : Remainder or None
        Of the sample, where steps with the information of all rows may be corrected by it.
    """

    beta: FloatArray
    rough: RoughInformation | None = None
    remainder: Remainder | None = None


class Prove(Protocol):
    """Counts the rows on either side of a direction (p,), see `prove_separation`."""

    def __call__(self, direction: FloatArray, *, with_information: bool) -> DirectionCounts:
        """Count them; passes."""


@dataclass(frozen=True)
class Likelihood:
    """What a search must know of a model on a staged table; all coefficients are one vector (p,).

    Attributes
    ----------
    evaluate, evaluate_score : callable
        ``beta`` to `Sums` with their information, and without: one pass each.
    several_steps : bool
        Whether the second is so much cheaper that several steps are worth taking with one matrix.
    information_diagonal : callable
        ``beta`` to the diagonal of the information.
    prove : callable
    scale : ndarray (p,)
        Typical size of each term's column.
    of_column : ndarray (p,) of bool
        False for intercepts.
    sample_start : callable
        Returns a `Start` from a sample.
    flat_start : ndarray (p,)
        Where L-BFGS starts.
    suspects : sequence of ndarray (p,)
        Directions that may separate the label, for L-BFGS.
    """

    evaluate: Evaluate
    evaluate_score: Evaluate
    several_steps: bool
    information_diagonal: Callable[[FloatArray], FloatArray]
    prove: Prove
    scale: FloatArray
    of_column: NDArray[np.bool_]
    sample_start: Callable[[], Start]
    flat_start: FloatArray
    suspects: Sequence[FloatArray] = ()


@dataclass(frozen=True)
class Optimum:
    """Where a search ended.

    Attributes
    ----------
    result : SolverResult
    counts : DirectionCounts or None
        Of the rows along the direction in which the likelihood rises for ever, where there is one.
    kkt_residual : float or None
        By how much the conditions of a penalised or bounded optimum are missed, see `kkt_residual`.
    at_bound : tuple of str or None
        Of each estimate the bound that it lies at; empty where there are no bounds.
    selection : SelectionRecord or None
        How the columns were selected, where they were; the estimates are those of the selected ones.
    """

    result: SolverResult
    counts: DirectionCounts | None
    kkt_residual: float | None = None
    at_bound: tuple[str | None, ...] = ()
    selection: SelectionRecord | None = None


def search(
    likelihood: Likelihood,
    penalty: Penalty | None,
    choice: MethodChoice,
    solver: SolverConfig,
    journal: Journal,
) -> Optimum:
    """Maximise a likelihood, less its penalty, by the method chosen; the journal knows how far an earlier run came."""
    log.info("solver: %s, because %s", choice.method, choice.why)
    found: list[DirectionCounts] = []

    def rises_for_ever(direction: FloatArray) -> bool:
        with_information = choice.method is not Method.LBFGS
        found.append(likelihood.prove(direction, with_information=with_information))
        return found[-1].proves_separation

    result = _SEARCHES[choice.method](likelihood, penalty, solver, rises_for_ever, journal)
    counts = found[-1] if result.direction is not None else None
    box = None if penalty is None else penalty.box
    at_bound = () if box is None else box.ends_at(result.point.beta)
    if at_bound:
        aliased = {dependence.position for dependence in result.dependences}
        at_bound = tuple(None if k in aliased else end for k, end in enumerate(at_bound))
    return Optimum(result, counts, _missed(result, likelihood, penalty), at_bound)


def choose_proximal(obstacle: str | None, penalty: Penalty) -> MethodChoice:
    """Return the method of a penalty on absolute values, and of bounds.

    Raises
    ------
    InputRejected
        When the information matrix, which the lasso is solved on, does not fit: `obstacle` says why.
    """
    by_lasso = bool(penalty.lasso.any())
    if obstacle is not None:
        what, instead = "bounds of columns need", "leave the bounds out"
        if by_lasso:
            what, instead = "penalty.l1 needs", "set penalty.l1 to 0 and penalty.l2 instead"
        reject(
            [
                Problem(
                    f"{what} the information matrix, but {obstacle}",
                    "Let rare levels merge: raise min_level_count; of texts lower vocabulary or buckets;\n"
                    f"or {instead}.",
                )
            ]
        )
    return MethodChoice(
        Method.PROXIMAL_NEWTON, "penalty.l1 is not 0" if by_lasso else "there are bounds on estimates"
    )


def _by_newton(
    likelihood: Likelihood,
    penalty: Penalty | None,
    solver: SolverConfig,
    rises_for_ever: Question,
    journal: Journal,
) -> SolverResult:
    ridge, free = (None, None) if penalty is None else (penalty.ridge, penalty.free)

    def iterate(
        start: FloatArray,
        at_most: int,
        page: Page[NewtonBookmark],
        rough: RoughInformation | None = None,
        remainder: Remainder | None = None,
    ) -> SolverResult:
        by_score = likelihood.several_steps or rough is not None
        return newton(
            likelihood.evaluate,
            start,
            NewtonOptions(solver.tolerance, at_most, ridge, free, alias=ridge is None),
            rises_for_ever=rises_for_ever,
            evaluate_score=likelihood.evaluate_score if by_score else None,
            rough=rough,
            remainder=remainder,
            page=page,
        )

    start, most = likelihood.sample_start(), solver.max_iterations
    p, cold = len(start.beta), np.zeros_like(start.beta)
    again = journal.page(FROM_ZERO, NewtonBookmark, p)
    if again.resume is not None:  # an earlier run knows that the start led nowhere
        return iterate(cold, most, again)
    warm = bool(start.beta.any())
    page = journal.page(MAIN, NewtonBookmark, p)
    result = iterate(start.beta, min(most, PATIENCE) if warm else most, page, start.rough, start.remainder)
    if result.ending in _NOWHERE and warm:
        log.info("the start from the sample leads nowhere; starting from 0")
        result = iterate(cold, most, again)
    return result


def _by_proximal_newton(
    likelihood: Likelihood,
    penalty: Penalty | None,
    solver: SolverConfig,
    rises_for_ever: Question,
    journal: Journal,
) -> SolverResult:
    assert penalty is not None
    options = proximal_options(penalty, solver.tolerance, solver.max_iterations)
    start = likelihood.sample_start().beta

    def iterate(start: FloatArray, page: Page[ProximalBookmark]) -> SolverResult:
        return proximal_newton(likelihood.evaluate, start, options, rises_for_ever=rises_for_ever, page=page)

    cold = np.zeros_like(start)
    again = journal.page(FROM_ZERO, ProximalBookmark, len(start))
    if again.resume is not None:
        return iterate(cold, again)
    result = iterate(start, journal.page(MAIN, ProximalBookmark, len(start)))
    if result.ending in _NOWHERE and start.any():
        log.info("the start leads nowhere; starting from 0")
        result = iterate(cold, again)
    return result


def _by_lbfgs(
    likelihood: Likelihood,
    penalty: Penalty | None,
    solver: SolverConfig,
    rises_for_ever: Question,
    journal: Journal,
) -> SolverResult:
    start = likelihood.flat_start
    options = LbfgsOptions(
        tolerance=solver.tolerance,
        max_iterations=STEPS_PER_ITERATION * solver.max_iterations,
        ridge=None if penalty is None else penalty.ridge,
        suspects=likelihood.suspects,
        scale=np.where(likelihood.of_column, likelihood.scale, 0.0),
        free=None if penalty is None else penalty.free,
    )
    precondition = by_diagonal(likelihood.information_diagonal(start), options.ridge)
    return lbfgs(
        likelihood.evaluate_score,
        start,
        precondition,
        options,
        rises_for_ever=rises_for_ever,
        page=journal.page(MAIN, LbfgsBookmark, len(start)),
    )


def _missed(result: SolverResult, likelihood: Likelihood, penalty: Penalty | None) -> float | None:
    """Return by how much a penalised optimum is missed at the estimates themselves; a pass after Newton's last step."""
    if penalty is None:
        return None
    point = result.point
    if result.method is Method.NEWTON or result.is_ahead:
        point = Point(point.beta, likelihood.evaluate_score(point.beta))
    return kkt_residual(point, proximal_options(penalty), likelihood.scale)


_SEARCHES = {
    Method.NEWTON: _by_newton,
    Method.PROXIMAL_NEWTON: _by_proximal_newton,
    Method.LBFGS: _by_lbfgs,
}
