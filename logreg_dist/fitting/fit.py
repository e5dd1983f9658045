"""The story of a fit, in order."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from logreg_dist.checks.records import Checks
from logreg_dist.config import TrainConfig
from logreg_dist.design.check import check_profile, refuse_too_many_terms
from logreg_dist.design.learn import LearnedDesign
from logreg_dist.design.problems import reject
from logreg_dist.design.term_moments import term_scales
from logreg_dist.errors import EmptyTable
from logreg_dist.fitting.assemble import assemble_model, with_cross_validation
from logreg_dist.fitting.diagnostics.clusters import refuse_one_cluster
from logreg_dist.fitting.diagnostics.diagnose import diagnosed
from logreg_dist.fitting.diagnostics.fitted import fitted_rows
from logreg_dist.fitting.diagnostics.refits import refuse_costly_profiles
from logreg_dist.fitting.diagnostics.robust import RobustOutcome, refuse_without_matrix, robust_outcome
from logreg_dist.fitting.estimates import binary_outcome
from logreg_dist.fitting.label import label_record, refuse_one_class
from logreg_dist.fitting.label_weights import weights_of_labels
from logreg_dist.fitting.multinomial import fit_classes
from logreg_dist.fitting.optimum import find_optimum
from logreg_dist.fitting.outcome import judge
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.path_models import choose_penalty
from logreg_dist.fitting.selection import selected_design
from logreg_dist.fitting.separated import SeparatedRows, look_into_separation, terms_of
from logreg_dist.fitting.start import null_start
from logreg_dist.fitting.tasks import FirstLook, SampleRows, first_look_task
from logreg_dist.fitting.terms import learn_table
from logreg_dist.fitting.warm_start import near_model, refuse_other_model
from logreg_dist.fitting.ways_out import SeparatedFit, WayOut, take_way_out
from logreg_dist.inference.fit_measures import bernoulli_deviance
from logreg_dist.model.file import identified
from logreg_dist.model.findings import with_findings
from logreg_dist.model.model import LogisticModel, Status
from logreg_dist.reading.resolve import ResolvedTable, resolve
from logreg_dist.reading.sources import RowSource, choose_source
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending
from logreg_dist.staging.pass_timing import PassTiming
from logreg_dist.staging.passes import StagedTable
from logreg_dist.staging.profile import TableProfile, merge_profiles
from logreg_dist.staging.stage_split import record_layout

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

MAX_WARNINGS = 20
# Of the null model, in standard errors: its deviance is off by the square.
NULL_TOLERANCE = 1e-6


def fit(
    table: DataFrame,
    config: TrainConfig,
    *,
    on_pass: Callable[[PassTiming], None] = lambda timing: None,
    warm_start: LogisticModel | None = None,
) -> LogisticModel:
    """Fit a logistic regression, binary or multinomial, by maximum or penalised likelihood.

    The table is read once; what follows are passes over encoded splits on the executors' disks.
    Same files, same number of splits, same library versions and CPU family: the same bits.

    Parameters
    ----------
    table : DataFrame
        Of it are read the columns that `config` names, or all. Costs one job to read it and one
        for each pass.
    config : TrainConfig
        `output` and the source in `input` are the business of the job and ignored here.
    on_pass : callable
        Told, after each pass, where its time went.
    warm_start : LogisticModel or None
        An earlier model to start from; the business of the job where the configuration names a file.

    Returns
    -------
    LogisticModel
        Look at `status` before using it: a fit that did not converge is returned too, marked.

    Raises
    ------
    InputRejected
        When the table cannot be used; all problems of a kind together.
    FitNotUsable
        When the label has one class only: there is nothing to estimate.
    ConfigError
        When a policy does not go with the type of a column.
    """
    spark, run_id = table.sparkSession, uuid.uuid4().hex[:12]
    if warm_start is not None:
        refuse_other_model(warm_start, config)
    resolved = resolve(table, config)
    source = choose_source(table, resolved, config)
    plan = resolved.plan.shared_among(source.n_splits)
    with StagedTable(spark, lambda: source.stage(plan, run_id), run_id, on_pass=on_pass) as staged:
        looks = _read(staged, resolved, source, config)
        profile = _profile(looks, resolved)
        reject(check_profile(profile, resolved.asked, config))
        refuse_one_cluster(looks, config)
        if config.family == "binary":
            refuse_one_class(profile, config)
        learned = _learn(staged, resolved, profile, config)
        layout = record_layout(resolved.plan)
        if config.family == "multinomial":
            model = fit_classes(
                spark.sparkContext,
                staged,
                looks,
                profile=profile,
                learned=learned,
                layout=layout,
                config=config,
                warm_start=warm_start,
            )
        else:
            samples = [look.sample for look in looks if look.sample is not None]
            if (label_weights := weights_of_labels(profile, config)) is not None:
                layout = replace(layout, label_weights=label_weights)
                profile = replace(profile, rows=label_weights.of_counts(profile.rows))
                samples = [sample.weighted_by(label_weights) for sample in samples]
            passes = FitPasses(spark.sparkContext, staged, learned.spec, layout)
            model = _solve(passes, learned, profile, samples, config, warm_start)
    model = with_findings(replace(model, fingerprint={"reader": source.reader, **model.fingerprint}))
    model = identified(model)
    _warn(model, n_known=len(learned.notes))
    return model


def _read(
    staged: StagedTable, resolved: ResolvedTable, source: RowSource, config: TrainConfig
) -> list[FirstLook]:
    clock = time.perf_counter()
    staged.stage()
    log.info(
        "pass 1: read %s rows into %d splits with %s, because %s (%.2f s)",
        f"{sum(split.n_rows for split in staged.splits):,}",
        len(staged.splits),
        "pyarrow" if source.reader == "arrow" else "Spark",
        source.why,
        time.perf_counter() - clock,
    )
    clock = time.perf_counter()
    with_sample = config.solver.start == "sample"
    n_clusterings = len(config.inference.cluster or ())
    task = first_look_task(record_layout(resolved.plan), with_sample=with_sample, n_clusterings=n_clusterings)
    looks = staged.run_pass(task)
    n_sampled = sum(look.sample.n_rows for look in looks if look.sample is not None)
    what = f"profile, and a sample of {n_sampled:,} rows to start from" if with_sample else "profile"
    log.info("pass 2: %s (%.2f s)", what, time.perf_counter() - clock)
    return looks


def _profile(looks: list[FirstLook], resolved: ResolvedTable) -> TableProfile:
    parts = [look.profile for look in looks]
    plan = resolved.plan
    profile = merge_profiles(parts, len(plan.numeric), len(plan.categorical), len(plan.sparse))
    if profile.rows.n_read == 0:
        raise EmptyTable("the table has no rows.\n  Check where it is read from, and its filter.")
    return profile


def _learn(
    staged: StagedTable, resolved: ResolvedTable, profile: TableProfile, config: TrainConfig
) -> LearnedDesign:

    def run_pass(task: Callable[..., Any]) -> list[Any]:
        clock = time.perf_counter()
        found = staged.run_pass(task)
        seconds = time.perf_counter() - clock
        log.info("pass %d: medians, knots and scales (%.2f s)", staged.n_passes, seconds)
        return found

    layout, n_splits = record_layout(resolved.plan), len(staged.splits)
    learned = learn_table(run_pass, layout, resolved.asked, profile, config, n_splits=n_splits)
    refuse_too_many_terms(learned.spec)
    refuse_costly_profiles(learned.spec, config)
    for note in learned.notes:
        log.info("%s", note)
    return learned


def _solve(
    passes: FitPasses,
    learned: LearnedDesign,
    profile: TableProfile,
    samples: list[SampleRows],
    config: TrainConfig,
    warm_start: LogisticModel | None,
) -> LogisticModel:
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
    spec = learned.spec
    separated = SeparatedRows(passes, profile, samples, label, config)
    look = look_into_separation(separated, optimum, terms_of(spec, passes.spec))
    optimum, taken = look.optimum, None
    if look.separation is not None and config.solver.on_separation != "error":
        taken = take_way_out(SeparatedFit(separated, samples, optimum, look.separation))
    way_out = taken if isinstance(taken, WayOut) else None
    if way_out is not None:
        optimum, config = way_out.optimum, way_out.config
    outcome = binary_outcome(
        optimum.result,
        null_deviance=_null_deviance(passes, profile, samples),
        spec=spec,
        profile=profile,
        label=label,
        penalised=config.penalty.is_active,
        population_rate=config.population_rate,
        at_bound=optimum.at_bound,
    )
    outcome = outcome if way_out is None else way_out.renamed(outcome)
    verdict = (
        way_out.verdict
        if way_out is not None
        else judge(
            optimum.result,
            look.separation,
            terms=outcome.terms,
            scale=term_scales(spec),
            aliased=outcome.aliased,
            collinear_is_error=config.solver.on_collinear == "error",
            bounded=config.features.bounded,
        )
    )
    if way_out is None and (remark := taken or look.remark):
        verdict = replace(verdict, text=f"{verdict.text}\n  {remark}")
    rows, robust = None, RobustOutcome(outcome)
    if verdict.status is Status.CONVERGED:
        rows = fitted_rows(
            passes,
            optimum.result,
            spec,
            profile=profile,
            samples=samples,
            label=label,
            config=config if way_out is None else way_out.config_of_checks,
            inference=outcome.found.covariance is not None,
        )
        robust = robust_outcome(rows, outcome, spec)
        rows = replace(rows, robust=robust.summed)
        outcome = robust.outcome
    model = assemble_model(
        optimum.result,
        verdict,
        outcome,
        learned=learned,
        profile=profile,
        staged=passes.staged,
        config=config,
        kkt_residual=optimum.kkt_residual,
        selection=optimum.selection,
    )
    if way_out is not None:
        model = way_out.flagged(model, asked)
    if rows is not None:
        checks = Checks(clusters=robust.clusters)
        notes = (*model.notes, *robust.notes)
        model = replace(model, covariance_record=robust.record, checks=checks, notes=notes)
        model = diagnosed(model, rows, outcome)
        model = model if way_out is None else way_out.with_inference(model, rows)
    if look.separation is not None:
        finding = replace(look.separation.finding, way_out=None if way_out is None else way_out.name)
        model = replace(model, checks=replace(model.checks or Checks(), separation=finding))
    return model if chosen is None else with_cross_validation(model, chosen.record, asked)


def _null_deviance(passes: FitPasses, profile: TableProfile, samples: list[SampleRows]) -> float:
    """Return the deviance of the intercept and offset alone; passes only where there is an offset."""
    rows, has_intercept = profile.rows, passes.spec.intercept
    if not passes.layout.has_offset and has_intercept:
        return bernoulli_deviance(rows.label_sum, rows.weight_sum)
    if not passes.layout.has_offset:
        return float(2.0 * np.log(2.0) * rows.weight_sum)
    if not has_intercept:
        return passes.evaluate_null(np.zeros(1)).deviance
    result = newton(passes.evaluate_null, null_start(samples), NewtonOptions(NULL_TOLERANCE))
    if result.ending is not Ending.CONVERGED:
        log.warning("the null model with the offset did not converge: %s", result.ending)
    return result.point.sums.deviance


def _warn(model: LogisticModel, *, n_known: int) -> None:
    """Log what nobody should find out by reading the model file; `n_known` notes were logged before."""
    for term in model.aliased[:MAX_WARNINGS]:
        log.warning("no estimate for %s: it %s", term.term, term.reason)
    if len(model.aliased) > MAX_WARNINGS:
        log.warning("no estimate for %d more terms: see model.json", len(model.aliased) - MAX_WARNINGS)
    for note in model.notes[n_known:]:
        log.warning("%s", note)
