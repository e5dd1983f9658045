"""Finding the optimum of a fit, by the method that suits the model."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.design.problems import Problem, reject
from logreg_dist.design.spec import INTERCEPT, DesignSpec
from logreg_dist.fitting.assemble import term_scales
from logreg_dist.fitting.cells import collapsing_pays
from logreg_dist.fitting.method import choose_method, score_is_cheap, shape_obstacle
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.penalty import Penalty, penalty_of
from logreg_dist.fitting.start import sample_start
from logreg_dist.fitting.tasks import SampleRows
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.kernel.block import BlockShape
from logreg_dist.solver.lbfgs import STEPS_PER_ITERATION, LbfgsOptions, lbfgs
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.proximal import ProximalOptions, kkt_residual, proximal_newton
from logreg_dist.solver.result import Ending, Method, Point, SolverResult, Sums
from logreg_dist.staging.profile import TableProfile

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

# Iterations after which a start from a sample was no help; a good one needs four.
PATIENCE = 15


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


def find_optimum(
    passes: FitPasses, profile: TableProfile, samples: list[SampleRows], config: TrainConfig
) -> Optimum:
    """Maximise the likelihood of a staged table.

    Parameters
    ----------
    passes : FitPasses
    profile : TableProfile
    samples : list of SampleRows
        To start from, by split; without any the start is 0.
    config : TrainConfig

    Raises
    ------
    InputRejected
        When the method asked for does not fit the size of the model.
    """
    spec, penalty = passes.spec, penalty_of(passes.spec, profile.rows.weight_sum, config)
    if penalty is not None and penalty.has_lasso:
        # Of all terms as one array, an arrow where a column is huge or not.
        whole = BlockShape(spec.shape().p)
        refuse_lasso(
            shape_obstacle(
                whole, n_splits=len(passes.staged.splits), max_result_bytes=passes.max_result_bytes
            )
        )
        by_cell = collapsing_pays(spec, passes.layout, profile.rows.n_rows)
        evaluate = passes.evaluate_by_cell() if by_cell else passes.evaluate
        start = np.zeros(spec.shape().p) if by_cell else _lasso_start(passes, penalty, samples)
        return lasso_optimum(
            evaluate, start, penalty, term_scales(spec), config, prove=passes.prove_separation
        )
    ridge, free = (None, None) if penalty is None else (penalty.ridge, penalty.free)
    choice = choose_method(
        config.solver.method,
        spec.shape(),
        n_splits=len(passes.staged.splits),
        max_result_bytes=passes.max_result_bytes,
    )
    log.info("solver: %s, because %s", choice.method, choice.why)
    by_newton = choice.method is Method.NEWTON
    found: list[DirectionCounts] = []

    def rises_for_ever(direction: FloatArray) -> bool:
        found.append(passes.prove_separation(direction, with_information=by_newton))
        return found[-1].proves_separation

    tolerance, iterations = config.solver.tolerance, config.solver.max_iterations
    if by_newton:
        by_cell = collapsing_pays(spec, passes.layout, profile.rows.n_rows)
        evaluate = passes.evaluate_by_cell() if by_cell else passes.evaluate
        evaluate_score = passes.evaluate_score if score_is_cheap(spec.shape()) and not by_cell else None

        def iterate(start: FloatArray, at_most: int) -> SolverResult:
            options = NewtonOptions(tolerance, at_most, ridge, free, alias=ridge is None)
            return newton(
                evaluate, start, options, rises_for_ever=rises_for_ever, evaluate_score=evaluate_score
            )

        cold = np.zeros(spec.shape().p)
        start = cold if by_cell else _newton_start(passes, ridge, samples)
        result = iterate(start, min(iterations, PATIENCE) if start.any() else iterations)
        if result.ending in (Ending.ITERATIONS, Ending.STUCK, Ending.SINGULAR) and start.any():
            log.info("the start from the sample leads nowhere; starting from 0")
            result = iterate(cold, iterations)
    else:
        suspects = one_label_directions(spec, profile)
        start = _lbfgs_start(passes, profile)
        result = lbfgs(
            passes.evaluate_score,
            start,
            passes.information_diagonal(start),
            LbfgsOptions(
                tolerance,
                STEPS_PER_ITERATION * iterations,
                ridge,
                suspects,
                np.where(_has_column(spec), term_scales(spec), 0.0),
                free,
            ),
            rises_for_ever=rises_for_ever,
        )
    missed = checked_ridge(
        result, evaluate if by_newton and by_cell else passes.evaluate_score, ridge, term_scales(spec)
    )
    return Optimum(result, found[-1] if result.direction is not None else None, missed)


def lasso_optimum(
    evaluate: Callable[[FloatArray], Sums],
    start: FloatArray,
    penalty: Penalty,
    scale: FloatArray,
    config: TrainConfig,
    *,
    prove: Callable[[FloatArray], DirectionCounts],
) -> Optimum:
    """Minimise a deviance with a penalty on absolute values."""
    log.info("solver: %s, because penalty.l1 is not 0", Method.PROXIMAL_NEWTON)
    options = ProximalOptions(
        penalty.lasso,
        penalty.ridge,
        config.solver.tolerance,
        config.solver.max_iterations,
        penalty.free,
    )
    found: list[DirectionCounts] = []

    def rises_for_ever(direction: FloatArray) -> bool:
        found.append(prove(direction))
        return found[-1].proves_separation

    result = proximal_newton(evaluate, start, options, rises_for_ever=rises_for_ever)
    counts = found[-1] if result.direction is not None else None
    return Optimum(result, counts, kkt_residual(result.point, options, scale))


def refuse_lasso(obstacle: str | None) -> None:
    """Raise where the information matrix, which a lasso is solved on, does not fit.

    Raises
    ------
    InputRejected
        With the reason.
    """
    if obstacle is not None:
        reject(
            [
                Problem(
                    f"penalty.l1 needs the information matrix, but {obstacle}",
                    "Let rare levels merge: raise min_level_count; or set penalty.l1 to 0 and penalty.l2 instead.",
                )
            ]
        )


def checked_ridge(
    result: SolverResult,
    evaluate_score: Callable[[FloatArray], Sums],
    ridge: FloatArray | None,
    scale: FloatArray,
) -> float | None:
    """Return by how much a ridge's optimum is missed at the estimates themselves, None without a ridge; one pass."""
    if ridge is None:
        return None
    options = ProximalOptions(np.zeros_like(ridge), ridge)
    beta = result.point.beta
    return kkt_residual(Point(beta, evaluate_score(beta)), options, scale)


def one_label_directions(spec: DesignSpec, profile: TableProfile) -> list[FloatArray]:
    """Return the direction that separates the levels whose rows all have one label: none or one.

    The likelihood rises for ever along it, since it is 0 for all other rows. A reference level
    is told from the others by the intercept.
    """
    direction = np.zeros(spec.shape().p)
    positions = {term.name: k for k, term in enumerate(spec.terms())}
    for column, found in zip(spec.categorical, profile.categorical, strict=True):
        for level in column.levels:
            n, events = found.levels.get(level, (0.0, 0.0))
            if n <= 0 or 0 < events < n:
                continue
            sign = 1.0 if events else -1.0
            if level != column.reference:
                direction[positions[f"{column.name}[{level}]"]] += sign
            elif spec.intercept:
                direction[positions[INTERCEPT]] += sign
                for other in column.coefficient_levels:
                    direction[positions[f"{column.name}[{other}]"]] -= sign
    return [direction] if direction.any() else []


def _newton_start(passes: FitPasses, ridge: FloatArray | None, samples: list[SampleRows]) -> FloatArray:
    spec = passes.spec
    weak = np.where(_has_column(spec), term_scales(spec) ** 2, 0.0)
    return sample_start(samples, spec, ridge=ridge, weak_ridge=weak)


def _lasso_start(passes: FitPasses, penalty: Penalty, samples: list[SampleRows]) -> FloatArray:
    weak = np.where(_has_column(passes.spec), term_scales(passes.spec) ** 2, 0.0)
    return sample_start(samples, passes.spec, ridge=penalty.ridge, weak_ridge=weak, lasso=penalty.lasso)


def _lbfgs_start(passes: FitPasses, profile: TableProfile) -> FloatArray:
    """Return the model of the intercept alone: a sample says too little about so many terms."""
    start = np.zeros(passes.spec.shape().p)
    rows = profile.rows
    if passes.spec.intercept and not passes.layout.has_offset:
        start[0] = math.log(rows.label_sum / (rows.weight_sum - rows.label_sum))
    return start


def _has_column(spec: DesignSpec) -> NDArray[np.bool_]:
    return np.array([term.column is not None for term in spec.terms()])
