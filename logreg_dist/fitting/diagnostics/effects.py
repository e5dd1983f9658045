"""Average marginal effects of a finished fit, with their standard errors: one pass."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.problems import first_few, quoted
from logreg_dist.design.term_moments import term_scales
from logreg_dist.fitting.diagnostics.effect_plan import EffectPlanner, mean_effects
from logreg_dist.fitting.diagnostics.effect_tasks import EffectSums, effect_bytes, effects_task
from logreg_dist.fitting.diagnostics.fitted import FittedRows, model_covariance
from logreg_dist.fitting.estimates import prior_correction
from logreg_dist.fitting.sums import in_kernel_order
from logreg_dist.inference.delta_method import marginal_effect
from logreg_dist.inference.records import MarginalEffect
from logreg_dist.model.model import LogisticModel
from logreg_dist.staging.label_weights import LabelWeights

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

# What an effect gains along a dependence counts as nothing below this share of its parts: weights of dependences
# have half the digits.
NO_CHANGE = 1e-6
# Of the largest part that a weight could make, in units of the columns' sizes.
ROUNDING = 1e-9
_NO_EFFECTS = "no marginal effects: the model has no covariance of its estimates"
MAX_NAMED = 5
_POPULATION_NOTE = (
    "marginal effects are means over the population: rows count as its rate says that their labels are more frequent or "
    "rarer there"
)


@dataclass(frozen=True)
class Effects:
    """What a model says of its marginal effects.

    Attributes
    ----------
    effects : tuple of MarginalEffect
        In the order of the columns.
    notes : tuple of str
        Which columns have none, and what the effects are of.
    """

    effects: tuple[MarginalEffect, ...]
    notes: tuple[str, ...]


def with_marginal_effects(model: LogisticModel, rows: FittedRows) -> LogisticModel:
    """Return the model with its marginal effects, or a note that it has none; one pass."""
    spread = model_covariance(model, rows)
    if spread is None:
        return replace(model, notes=(*model.notes, _NO_EFFECTS))
    mixing = None
    if rows.mixtures is not None:  # the same covariance, with its digits
        spread = rows.mixtures.covariance if rows.robust is None else rows.robust
        mixing = rows.mixtures.mixing
    found = marginal_effects(rows, spread, mixing)
    return replace(model, marginal_effects=found.effects, notes=(*model.notes, *found.notes))


def marginal_effects(rows: FittedRows, covariance: FloatArray, mixing: FloatArray | None = None) -> Effects:
    """Return the average effect of each column on the probability; one pass.

    Of a number it is the weighted mean of the probability's derivative, through all transforms and interactions
    of the column; of a category, for each level but the reference, the weighted mean change of the probability when all
    rows move from the reference to the level; of an indicator of missing values that from 0 to 1, the column's
    value left as it is. Terms without an estimate count as left out of the model. The rows are taken as given.

    Parameters
    ----------
    rows : FittedRows
    covariance : ndarray (p, p)
        Of the estimates on the centred columns in the order of the terms, 0 for terms without one.
    mixing : ndarray (p, p) or None
        A column for each mixture of terms, where the covariance is of such: of ill-conditioned columns a variance has then
        the digits that the covariance of the columns would lose.

    Notes
    -----
    Bartus (2005), Estimation of marginal effects using margeff, Stata Journal 5(3): what ``margins, dydx(*)``
    of Stata says, a column's effect being one, whatever terms it is part of.
    """
    passes, clock = rows.passes, time.perf_counter()
    planner = EffectPlanner(passes.spec, rows.estimable)
    plan, beta, notes = planner.plan(), rows.beta, list(planner.notes)
    if rows.config.population_rate is not None:
        beta, weights = _of_population(rows, rows.config.population_rate)
        plan = replace(plan, label_weights=weights)
        notes.append(_POPULATION_NOTE)
    kernel_beta = in_kernel_order(beta, passes.positions)
    task = effects_task(passes.design, passes.layout, kernel_beta, plan)
    sums: EffectSums = passes.staged.sum_pass(task, result_bytes=effect_bytes(plan, passes.shape))
    seconds = time.perf_counter() - clock
    log.info("pass %d: %d marginal effects (%.2f s)", passes.staged.n_passes, len(planner.wanted), seconds)
    found, undefined, lost = [], [], []
    for one, effect, in_kernel in mean_effects(planner.wanted, plan, sums, kernel_beta):
        gradient = in_kernel[passes.positions]
        if not gradient[rows.estimable].any():
            continue  # it depends on others, and the model says on which
        name = quoted(one.column if one.level is None else f"{one.column}[{one.level}]")
        if _reaches_beyond(gradient, rows):
            undefined.append(name)
            continue
        tested = marginal_effect(
            effect,
            gradient if mixing is None else mixing.T @ gradient,
            covariance,
            column=one.column,
            level=one.level,
            kind=one.kind,
            confidence=rows.config.inference.confidence,
        )
        if tested is None:
            lost.append(name)
        else:
            found.append(tested)
    for names, why in (
        (undefined, "it would need the estimate of a combination that no row has"),
        (lost, "of its variance nothing is left but rounding"),
    ):
        if names:
            notes.append(f"no marginal effect of {first_few(names, MAX_NAMED)}: {why}")
    return Effects(tuple(found), tuple(notes))


def _of_population(rows: FittedRows, population_rate: float) -> tuple[FloatArray, LabelWeights]:
    """Return the estimates with the population's intercept, and what makes the rows' labels as frequent as there."""
    counts = rows.profile.rows
    rate = counts.label_sum / counts.weight_sum
    beta = rows.beta.copy()
    beta[0] += prior_correction(rate, population_rate)
    return beta, LabelWeights((1.0 - population_rate) / (1.0 - rate), population_rate / rate)


def _reaches_beyond(gradient: FloatArray, rows: FittedRows) -> bool:
    """Whether an effect changes with what a dependent interaction's estimate is taken to be: 0 here, any for the likelihood.

    Of a column that equals others this is not asked: the model without it has an effect of the others.
    """
    n_own = len(gradient) - sum(len(derived.cells) for derived in rows.passes.spec.derived)
    scale = term_scales(rows.passes.spec)
    most = float((np.abs(gradient) / scale).max())
    for dependence in rows.dependences:
        if dependence.position >= n_own:
            parts = [-weight * gradient[k] for k, weight in dependence.weights.items()]
            parts.append(gradient[dependence.position])
            # Where all parts are 0 but for the rounding of the weights, these have nothing to say either.
            size = max((abs(weight) * scale[k] for k, weight in dependence.weights.items()), default=0.0)
            if abs(sum(parts)) > max(NO_CHANGE * sum(map(abs, parts)), ROUNDING * size * most):
                return True
    return False
