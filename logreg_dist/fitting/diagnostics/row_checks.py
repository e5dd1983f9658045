"""Linearity and fit: one pass over the rows, and a few more to recalibrate a fit that is no optimum of its own."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.bins import merged_bins, with_mean_weight_one
from logreg_dist.checks.fit import goodness_of_fit, hosmer_lemeshow
from logreg_dist.checks.linearity import linearities, logit_bins, score_tests
from logreg_dist.checks.records import Checks, GoodnessOfFit, Linearity
from logreg_dist.checks.row_sums import N_GROUP_SUMS, N_ROWS, WEIGHT, RowPlan, RowSums
from logreg_dist.checks.suggestion import WORTH_IT, largest_miss, suggested
from logreg_dist.design.knots import MAX_TAIL
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.diagnostics.row_plan import (
    MAX_BINS,
    LookedAt,
    look_at,
    numeric_columns,
    row_plan,
    samples_of,
)
from logreg_dist.fitting.diagnostics.row_tasks import LINE_SHAPE, line_task, row_sums_task
from logreg_dist.fitting.sums import in_kernel_order, in_term_order, matrix_in_kernel_order
from logreg_dist.formula.parts import column_text
from logreg_dist.kernel.state import state_bytes
from logreg_dist.model.model import LogisticModel
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, Sums

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

REJECTED = 0.05

_WEIGHTED_NOTE = (
    "no p-values of linearity, link and Hosmer-Lemeshow, and no suggested terms: with importance or class weights their "
    "statistics are not chi-squared"
)
_LIKELIHOOD_NOTE = (
    "score tests of linearity and link take the model's likelihood to be right, unlike the standard errors"
)


def with_row_checks(model: LogisticModel, rows: FittedRows) -> LogisticModel:
    """Return the model with the checks of linearity and of fit; one pass for both.

    One pass more where there is no sample, and about three to recalibrate estimates that do not maximise the likelihood.
    Only of those that do there are score tests, and only where there is a covariance; p-values only without weights,
    which are no numbers of observations.
    """
    asked, passes = rows.config.checks, rows.passes
    numeric, notes = numeric_columns(rows)
    samples = samples_of(rows)
    columns = look_at(rows, numeric, samples) if asked.linearity else []
    covariance = rows.covariance if model.estimator in ("maximum_likelihood", "dropped") else None
    plan = row_plan(rows, columns, samples, with_tests=covariance is not None)
    clock, beta = time.perf_counter(), in_kernel_order(rows.beta, passes.positions)
    task = row_sums_task(passes.design, passes.layout, beta, plan)
    size = 8 * ((len(plan.added) + 1) * passes.shape.p + 8 * MAX_BINS * len(columns))
    sums: RowSums = passes.staged.sum_pass(task, result_bytes=size)
    seconds = time.perf_counter() - clock
    log.info("pass %d: linearity of %d columns, fit (%.2f s)", passes.staged.n_passes, len(columns), seconds)
    statistics: list[float | None] = [None] * (len(columns) + 1)
    if covariance is not None:
        statistics = score_tests(sums, matrix_in_kernel_order(covariance, passes.positions))
    checks = model.checks or Checks()
    if asked.linearity:
        checks = replace(checks, linearity=_linearity(rows, columns, sums, statistics[:-1]))
        model = replace(model, notes=(*model.notes, *notes))
    if asked.fit:
        checks = replace(checks, fit=_fit(rows, plan, sums, statistics[-1]))
    if rows.config.is_weighted:
        checks = _without_p_values(checks)
        model = replace(model, notes=(*model.notes, _WEIGHTED_NOTE))
    elif covariance is not None and rows.config.inference.is_robust:
        model = replace(model, notes=(*model.notes, _LIKELIHOOD_NOTE))
    return replace(model, checks=checks)


def recalibration(rows: FittedRows, plan: RowPlan, sums: RowSums) -> tuple[float, float] | None:
    """Return intercept and slope of the label on the linear predictor; passes only where they are not 0 and 1.

    The offset stays one: only what was estimated is multiplied. Estimates that maximise the likelihood with an intercept
    have 0 and 1. None where they do not exist: the linear predictor is the same in all rows, or tells the labels apart.

    Notes
    -----
    Cox (1958), Biometrika 45, 562.
    """
    passes = rows.passes
    beta = in_kernel_order(rows.beta, passes.positions)
    start = np.array([plan.eta_centre, plan.eta_scale])
    known = Sums(
        n_rows=sums.n_rows,
        weight_sum=float(sums.totals[:2].sum()),
        deviance=sums.deviance,
        score=sums.line_score,
        information=sums.line_information,
    )

    def evaluate_line(line: FloatArray) -> Sums:
        if (line == start).all():  # the pass that all checks share
            return known
        task = line_task(passes.design, passes.layout, beta, plan, line)
        state = passes.staged.sum_pass(task, result_bytes=state_bytes(LINE_SHAPE))
        return in_term_order(state, LINE_SHAPE, np.array([0, 1]))

    result = newton(evaluate_line, start, NewtonOptions(alias=False))
    if result.ending is not Ending.CONVERGED:
        return None
    slope = float(result.point.beta[1] / plan.eta_scale)
    return float(result.point.beta[0] - slope * plan.eta_centre), slope


def _linearity(
    rows: FittedRows, columns: list[LookedAt], sums: RowSums, statistics: list[float | None]
) -> tuple[Linearity, ...]:
    least, count = _least_rows(rows)
    may_spline = rows.profile.rows.n_obs >= least / MAX_TAIL
    tables, first = [], 0
    for one in columns:
        n = len(one.binned.edges) + 1
        table = _as_rows(sums.bins[:, first : first + n], rows)
        tables.append(merged_bins(table, one.binned.edges, least, count))
        first += n
    bins = [logit_bins(table, edges) if len(edges) else () for table, edges in tables]
    names = [one.column.name for one in columns]
    tests = ["box_tidwell" if one.is_positive else "quadratic" for one in columns]
    found = linearities(names, tests, statistics, bins, [None] * len(columns))
    if rows.config.is_weighted:
        return found
    suggestions = [
        suggested(
            table,
            float(rows.beta[one.position]),
            column_text(one.column.name),
            logarithm=one.binned.logarithm,
            may_spline=may_spline,
        )
        # In many rows every bend is significant: only one that can be seen is worth a term. No term names an element.
        if record.p_value_bh is not None
        and record.p_value_bh < REJECTED
        and largest_miss(record.bins) > WORTH_IT
        and one.column.vector is None
        else None
        for one, record, (table, _) in zip(columns, found, tables, strict=True)
    ]
    return linearities(names, tests, statistics, bins, suggestions)


def _least_rows(rows: FittedRows) -> tuple[int, int]:
    """Return how many observations a bin or group has at least, and the sum that counts them."""
    # Weights are not observations: with some, bins are large enough by their rows.
    return rows.config.features.defaults.min_level_count, N_ROWS if rows.config.is_weighted else WEIGHT


def _as_rows(table: FloatArray, rows: FittedRows) -> FloatArray:
    """Return sums of bins in which half an event, or five expected ones, are that whatever the unit of the weights."""
    if not rows.config.is_weighted or not table[WEIGHT].any():
        return table
    return with_mean_weight_one(table, rows.profile.rows.n_obs)


def _without_p_values(checks: Checks) -> Checks:
    linearity, fit = checks.linearity, checks.fit
    if linearity is not None:
        linearity = tuple(replace(one, p_value=None, p_value_bh=None) for one in linearity)
    if fit is not None:
        fit = replace(fit, hosmer_lemeshow_p_value=None, link_p_value=None)
    return replace(checks, linearity=linearity, fit=fit)


def _fit(rows: FittedRows, plan: RowPlan, sums: RowSums, link: float | None) -> GoodnessOfFit:
    config, counts = rows.config, rows.profile.rows
    is_grouped = config.label.trials is not None
    n_units: float | None = counts.n_obs
    if is_grouped:
        n_units = None if config.frequency is not None else float(counts.n_rows)
    return goodness_of_fit(
        sums,
        n_units=n_units,
        n_parameters=int(rows.estimable.sum()),
        says_dispersion=is_grouped and not config.is_weighted,
        groups=hosmer_lemeshow(
            _as_rows(sums.groups, rows) if plan.group_edges else np.zeros((N_GROUP_SUMS, 0)),
            *_least_rows(rows),
        ),
        link=link,
        line=recalibration(rows, plan, sums),
    )
