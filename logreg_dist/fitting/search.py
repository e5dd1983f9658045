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
from logreg_dist.fitting.method import MethodChoice
from logreg_dist.fitting.penalty import Penalty
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.solver.lbfgs import STEPS_PER_ITERATION, LbfgsOptions, lbfgs
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.proximal import ProximalOptions, kkt_residual, proximal_newton
from logreg_dist.solver.result import Ending, Method, Point, SolverResult, Sums

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
Evaluate = Callable[[FloatArray], Sums]
Question = Callable[[FloatArray], bool]

# Iterations after which a start from a sample was no help; a good one needs four.
PATIENCE = 15


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
        Returns the optimum of a sample; zeros when it is no help.
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
    sample_start: Callable[[], FloatArray]
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
        By how much the conditions of a penalised optimum are missed, see `kkt_residual`.
    """

    result: SolverResult
    counts: DirectionCounts | None
    kkt_residual: float | None = None


def search(
    likelihood: Likelihood, penalty: Penalty | None, choice: MethodChoice, solver: SolverConfig
) -> Optimum:
    """Maximise a likelihood, less its penalty, by the method chosen."""
    log.info("solver: %s, because %s", choice.method, choice.why)
    found: list[DirectionCounts] = []

    def rises_for_ever(direction: FloatArray) -> bool:
        with_information = choice.method is not Method.LBFGS
        found.append(likelihood.prove(direction, with_information=with_information))
        return found[-1].proves_separation

    result = _SEARCHES[choice.method](likelihood, penalty, solver, rises_for_ever)
    counts = found[-1] if result.direction is not None else None
    return Optimum(result, counts, _missed(result, likelihood, penalty))


def choose_lasso(obstacle: str | None) -> MethodChoice:
    """Return the method of a penalty on absolute values.

    Raises
    ------
    InputRejected
        When the information matrix, which the lasso is solved on, does not fit: `obstacle` says why.
    """
    if obstacle is not None:
        reject(
            [
                Problem(
                    f"penalty.l1 needs the information matrix, but {obstacle}",
                    "Let rare levels merge: raise min_level_count; of texts lower vocabulary or buckets; or set penalty.l1\n"
                    "to 0 and penalty.l2 instead.",
                )
            ]
        )
    return MethodChoice(Method.PROXIMAL_NEWTON, "penalty.l1 is not 0")


def _by_newton(
    likelihood: Likelihood, penalty: Penalty | None, solver: SolverConfig, rises_for_ever: Question
) -> SolverResult:
    ridge, free = (None, None) if penalty is None else (penalty.ridge, penalty.free)

    def iterate(start: FloatArray, at_most: int) -> SolverResult:
        return newton(
            likelihood.evaluate,
            start,
            NewtonOptions(solver.tolerance, at_most, ridge, free, alias=ridge is None),
            rises_for_ever=rises_for_ever,
            evaluate_score=likelihood.evaluate_score if likelihood.several_steps else None,
        )

    start, most = likelihood.sample_start(), solver.max_iterations
    result = iterate(start, min(most, PATIENCE) if start.any() else most)
    if result.ending in (Ending.ITERATIONS, Ending.STUCK, Ending.SINGULAR) and start.any():
        log.info("the start from the sample leads nowhere; starting from 0")
        result = iterate(np.zeros_like(start), most)
    return result


def _by_proximal_newton(
    likelihood: Likelihood, penalty: Penalty | None, solver: SolverConfig, rises_for_ever: Question
) -> SolverResult:
    assert penalty is not None
    options = ProximalOptions(
        penalty.lasso, penalty.ridge, solver.tolerance, solver.max_iterations, penalty.free
    )
    start = likelihood.sample_start()
    return proximal_newton(likelihood.evaluate, start, options, rises_for_ever=rises_for_ever)


def _by_lbfgs(
    likelihood: Likelihood, penalty: Penalty | None, solver: SolverConfig, rises_for_ever: Question
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
    diagonal = likelihood.information_diagonal(start)
    return lbfgs(likelihood.evaluate_score, start, diagonal, options, rises_for_ever=rises_for_ever)


def _missed(result: SolverResult, likelihood: Likelihood, penalty: Penalty | None) -> float | None:
    """Return by how much a penalised optimum is missed at the estimates themselves; a pass after Newton's last step."""
    if penalty is None:
        return None
    point = result.point
    if result.method is Method.NEWTON:
        point = Point(point.beta, likelihood.evaluate_score(point.beta))
    return kkt_residual(point, ProximalOptions(penalty.lasso, penalty.ridge), likelihood.scale)


_SEARCHES = {
    Method.NEWTON: _by_newton,
    Method.PROXIMAL_NEWTON: _by_proximal_newton,
    Method.LBFGS: _by_lbfgs,
}
