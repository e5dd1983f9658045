"""The story of a binary fit, from the staged table on."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from logreg_dist.checks.records import Checks
from logreg_dist.config import TrainConfig
from logreg_dist.design.learn import LearnedDesign
from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_moments import term_scales
from logreg_dist.fitting.assemble import assemble_model, with_cross_validation
from logreg_dist.fitting.diagnostics.diagnose import diagnosed
from logreg_dist.fitting.diagnostics.fitted import FittedRows, fitted_rows
from logreg_dist.fitting.diagnostics.robust import RobustOutcome, refuse_without_matrix, robust_outcome
from logreg_dist.fitting.estimates import Outcome, binary_outcome
from logreg_dist.fitting.label import label_record
from logreg_dist.fitting.optimum import find_optimum
from logreg_dist.fitting.outcome import Separation, Verdict, judge
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.path_models import choose_penalty
from logreg_dist.fitting.search import Optimum
from logreg_dist.fitting.selection import selected_design
from logreg_dist.fitting.separated import SeparatedRows, look_into_separation, terms_of
from logreg_dist.fitting.start import null_start
from logreg_dist.fitting.tasks import SampleRows
from logreg_dist.fitting.warm_start import near_model
from logreg_dist.fitting.ways_out import SeparatedFit, WayOut, take_way_out
from logreg_dist.inference.fit_measures import bernoulli_deviance
from logreg_dist.model.model import LogisticModel, Status
from logreg_dist.solver.bookmarks import NewtonBookmark
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending
from logreg_dist.staging.profile import TableProfile

log = logging.getLogger(__name__)

# Of the null model, in standard errors: its deviance is off by the square.
NULL_TOLERANCE = 1e-6


def fit_binary(
    passes: FitPasses,
    learned: LearnedDesign,
    profile: TableProfile,
    samples: list[SampleRows],
    config: TrainConfig,
    warm_start: LogisticModel | None,
) -> LogisticModel:
    """Fit a model of two classes to a staged table: penalty, optimum, separation, model, and what follows it.

    Raises
    ------
    InputRejected
        When what is asked for does not fit the size of the model.
    """
    refuse_without_matrix(passes.shape, config)
    label = label_record(config.label, profile.label_levels)
    asked, chosen = config, choose_penalty(passes, profile, config)
    near = None
    if chosen is not None:
        config, near = config.with_penalty(chosen.penalty), chosen.beta
    elif warm_start is not None:
        near = near_model(warm_start, learned.spec, label)
    optimum = find_optimum(passes, profile, samples, config, near=near)
    learned = selected_design(learned, optimum.selection)
    staged = SeparatedRows(passes, profile, samples, label, config)
    ended = _ended(staged, samples, optimum, learned.spec)
    outcome = _outcome(ended, staged, samples, learned.spec)
    verdict = _verdict(ended, outcome, learned.spec)
    rows, robust = None, RobustOutcome(outcome)
    if verdict.status is Status.CONVERGED:
        rows = _fitted(ended, staged, samples, learned.spec, inference=outcome.found.covariance is not None)
        robust = robust_outcome(rows, outcome, learned.spec)
        rows = replace(rows, robust=robust.summed)
    model = assemble_model(
        ended.optimum.result,
        verdict,
        robust.outcome,
        learned=learned,
        profile=profile,
        staged=passes.staged,
        config=ended.config,
        kkt_residual=ended.optimum.kkt_residual,
        selection=ended.optimum.selection,
    )
    model = _followed(model, ended, rows, robust, asked)
    return model if chosen is None else with_cross_validation(model, chosen.record, asked)


@dataclass(frozen=True)
class _Ended:
    """Where a search ended, or the way out of separation that was taken.

    Attributes
    ----------
    optimum : Optimum
    config : TrainConfig
        Of the fit that it is the optimum of.
    separation : Separation or None
    way_out : WayOut or None
    remark : str
        What is to be said beside the verdict.
    """

    optimum: Optimum
    config: TrainConfig
    separation: Separation | None
    way_out: WayOut | None
    remark: str


def _ended(staged: SeparatedRows, samples: list[SampleRows], optimum: Optimum, spec: DesignSpec) -> _Ended:
    """Look whether the label is separated, and take the way out that was asked for."""
    look = look_into_separation(staged, optimum, terms_of(spec, staged.passes.spec))
    config = staged.config
    if look.separation is None or config.solver.on_separation == "error":
        return _Ended(look.optimum, config, look.separation, None, look.remark)
    taken = take_way_out(SeparatedFit(staged, samples, look.optimum, look.separation))
    if isinstance(taken, WayOut):
        return _Ended(taken.optimum, taken.config, look.separation, taken, "")
    return _Ended(look.optimum, config, look.separation, None, taken or look.remark)


def _outcome(ended: _Ended, staged: SeparatedRows, samples: list[SampleRows], spec: DesignSpec) -> Outcome:
    outcome = binary_outcome(
        ended.optimum.result,
        null_deviance=_null_deviance(staged.passes, staged.profile, samples),
        spec=spec,
        profile=staged.profile,
        label=staged.label,
        penalised=ended.config.penalty.is_active,
        population_rate=ended.config.population_rate,
        at_bound=ended.optimum.at_bound,
    )
    return outcome if ended.way_out is None else ended.way_out.renamed(outcome)


def _verdict(ended: _Ended, outcome: Outcome, spec: DesignSpec) -> Verdict:
    if ended.way_out is not None:
        return ended.way_out.verdict
    verdict = judge(
        ended.optimum.result,
        ended.separation,
        terms=outcome.terms,
        scale=term_scales(spec),
        aliased=outcome.aliased,
        collinear_is_error=ended.config.solver.on_collinear == "error",
        bounded=ended.config.features.bounded,
    )
    return replace(verdict, text=f"{verdict.text}\n  {ended.remark}") if ended.remark else verdict


def _fitted(
    ended: _Ended, staged: SeparatedRows, samples: list[SampleRows], spec: DesignSpec, *, inference: bool
) -> FittedRows:
    return fitted_rows(
        staged.passes,
        ended.optimum.result,
        spec,
        profile=staged.profile,
        samples=samples,
        label=staged.label,
        config=ended.config if ended.way_out is None else ended.way_out.config_of_checks,
        inference=inference,
    )


def _followed(
    model: LogisticModel,
    ended: _Ended,
    rows: FittedRows | None,
    robust: RobustOutcome,
    asked: TrainConfig,
) -> LogisticModel:
    """Return the model with what follows its estimates: flags, covariances, tests, checks, what separated it."""
    way_out = ended.way_out
    if way_out is not None:
        model = way_out.flagged(model, asked)
    if rows is not None:
        checks, notes = Checks(clusters=robust.clusters), (*model.notes, *robust.notes)
        model = replace(model, covariance_record=robust.record, checks=checks, notes=notes)
        model = diagnosed(model, rows, robust.outcome)
        model = model if way_out is None else way_out.with_inference(model, rows)
    if ended.separation is None:
        return model
    finding = replace(ended.separation.finding, way_out=None if way_out is None else way_out.name)
    return replace(model, checks=replace(model.checks or Checks(), separation=finding))


def _null_deviance(passes: FitPasses, profile: TableProfile, samples: list[SampleRows]) -> float:
    """Return the deviance of the intercept and offset alone; passes only where there is an offset."""
    rows, has_intercept = profile.rows, passes.spec.intercept
    if not passes.layout.has_offset and has_intercept:
        return bernoulli_deviance(rows.label_sum, rows.weight_sum)
    if not passes.layout.has_offset:
        return float(2.0 * np.log(2.0) * rows.weight_sum)
    if not has_intercept:
        return passes.evaluate_null(np.zeros(1)).deviance
    page = passes.journal.page("intercept alone", NewtonBookmark, 1)
    result = newton(passes.evaluate_null, null_start(samples), NewtonOptions(NULL_TOLERANCE), page=page)
    if result.ending is not Ending.CONVERGED:
        log.warning("the null model with the offset did not converge: %s", result.ending)
    return result.point.sums.deviance
