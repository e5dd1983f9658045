"""What refits say of a finished fit: profile-likelihood limits of terms, likelihood-ratio and score tests of columns."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.config import TrainConfig
from logreg_dist.design.problems import Problem, first_few, reject
from logreg_dist.design.spec import INTERCEPT, DesignSpec
from logreg_dist.design.term_moments import term_centres
from logreg_dist.fitting.cells import collapsing_pays
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.lockstep import in_lockstep
from logreg_dist.fitting.restricted import part_of
from logreg_dist.fitting.selection import terms_by_column
from logreg_dist.inference.covariance import uncentring
from logreg_dist.inference.profile import ProfileLimit, Summit, profile_limit
from logreg_dist.inference.refit_tests import Refit, refit_without, with_refits
from logreg_dist.model.model import Coefficient, LogisticModel
from logreg_dist.solver.information import embedded
from logreg_dist.solver.result import Sums

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
Evaluate = Callable[[FloatArray], Sums]
EvaluateMany = Callable[[Mapping[int, FloatArray]], Mapping[int, Sums]]

# Each pass of the profiles evaluates two coefficient vectors a term: as much arithmetic as 400 passes of a fit.
MAX_PROFILE_TERMS = 200
# As much for the tests, which evaluate one a column.
MAX_REFIT_COLUMNS = 400
# Notes that name terms or columns name this many.
MAX_NAMED = 20

_LIKELIHOOD_NOTE = (
    "likelihood-ratio and score tests take the model's likelihood to be right, unlike the standard errors"
)
_NO_REFIT = "no likelihood-ratio and score test where the fit without the column did not converge"


def refuse_costly_profiles(spec: DesignSpec, config: TrainConfig) -> None:
    """Raise where profile-likelihood intervals were asked for and would take far longer than all else.

    Before the fit, and not in its place a note: whoever asks for them would find out hours later.

    Raises
    ------
    InputRejected
        With the terms and the cost.
    """
    p = spec.shape().p
    if config.inference.intervals != "profile" or p <= MAX_PROFILE_TERMS:
        return
    reject(
        [
            Problem(
                f"inference.intervals is profile, and {p:,} terms are more than {MAX_PROFILE_TERMS}, up to which it is done",
                f"Each of about 6 passes would evaluate {2 * p:,} coefficient vectors on every row: together the work of "
                f"{12 * p:,}\npasses of the fit. Set it to wald, exclude columns, or merge levels.",
            )
        ]
    )


def with_refits_of(model: LogisticModel, rows: FittedRows) -> LogisticModel:
    """Return a model with the intervals and tests that take refits, where its configuration asks for them.

    All searches run at the same time, so that a pass answers all of them: about as many passes as one of them needs.
    """
    asked = rows.config.inference
    profile, tests = asked.intervals == "profile", asked.tests == "likelihood_ratio"
    if not profile and not tests:
        return model
    if rows.covariance is None:
        what = "profile-likelihood intervals" if profile else "likelihood-ratio tests"
        return _noted(
            model, f"no {what}: they start from a covariance of the estimates, which this fit does not have"
        )
    summit = _summit(model, rows)
    blocks = _blocks(rows) if tests else {}
    if len(blocks) > MAX_REFIT_COLUMNS:
        sentence = f"{len(blocks):,} columns are more than {MAX_REFIT_COLUMNS}, and each takes a refit"
        model = _noted(model, f"no likelihood-ratio and score tests: {sentence}")
        blocks = {}
    directions = term_directions(rows) if profile else {}
    rise = float(stats.chi2.isf(1.0 - asked.confidence, 1))
    searches: list[Callable[[Evaluate], Refit | ProfileLimit | None]] = [
        *(partial(refit_without, summit=summit, block=block) for block in blocks.values()),
        *(
            partial(profile_limit, summit=summit, along=along, rise=rise, side=side)
            for along in directions.values()
            for side in (-1, 1)
        ),
    ]
    if searches:
        log.info(
            "refits: %d at the same time; each pass does the work of so many passes of the fit", len(searches)
        )
    clock = time.perf_counter()
    found: list[Any] = in_lockstep(searches, _evaluator(rows))
    seconds = time.perf_counter() - clock
    log.info(
        "refits: tests of %d columns, profiles of %d terms (%.2f s)", len(blocks), len(directions), seconds
    )
    refits, ends = found[: len(blocks)], found[len(blocks) :]
    if tests:
        model = _noted(model, _LIKELIHOOD_NOTE) if asked.is_robust else model
        model = _with_tests(model, dict(zip(blocks, refits, strict=True)))
    if profile:
        limits = dict(zip(directions, zip(ends[::2], ends[1::2], strict=True), strict=True))
        model = _with_profiles(
            model, limits, {name: float(g @ summit.beta) for name, g in directions.items()}
        )
    return model


def _evaluator(rows: FittedRows) -> EvaluateMany:
    """Return what evaluates several vectors of the k estimated terms, from the table's cells where that costs one pass."""
    passes, kept = rows.passes, rows.estimable
    all_terms: EvaluateMany = passes.evaluate_many
    if collapsing_pays(passes.spec, passes.layout, rows.profile.rows.n_rows):
        by_cell = passes.evaluate_by_cell()

        def all_terms(asked: Mapping[int, FloatArray]) -> Mapping[int, Sums]:
            return {number: by_cell(beta) for number, beta in asked.items()}

    def evaluate_many(asked: Mapping[int, FloatArray]) -> Mapping[int, Sums]:
        found = all_terms({number: embedded(beta, kept) for number, beta in asked.items()})
        return {number: part_of(sums, kept) for number, sums in found.items()}

    return evaluate_many


def _summit(model: LogisticModel, rows: FittedRows) -> Summit:
    kept = rows.estimable
    assert rows.covariance is not None
    return Summit(rows.beta[kept], model.deviance, rows.covariance[np.ix_(kept, kept)])


def _blocks(rows: FittedRows) -> dict[str, NDArray[np.bool_]]:
    """Return by column which of the k estimated terms are its own, where there are any."""
    columns = terms_by_column(rows.passes.spec).columns
    blocks = {column: mask[rows.estimable] for column, mask in columns.items()}
    return {column: block for column, block in blocks.items() if block.any()}


def term_directions(rows: FittedRows) -> dict[str, FloatArray]:
    """Return by term what combination (k,) of the estimated coefficients of centred columns it is."""
    spec, kept = rows.passes.spec, rows.estimable
    directions = dict(zip(np.array(rows.names)[kept].tolist(), np.eye(int(kept.sum())), strict=True))
    if spec.intercept and kept[0]:
        directions[INTERCEPT] = uncentring(term_centres(spec), 0)[kept]
    return directions


def _with_tests(model: LogisticModel, refits: Mapping[str, Refit | None]) -> LogisticModel:
    """Add the tests of each column."""
    model = replace(model, column_tests=with_refits(model.column_tests, refits))
    failed = [column for column, refit in refits.items() if refit is None]
    return _noted(model, f"{_NO_REFIT}: {first_few(failed, MAX_NAMED)}") if failed else model


def _with_profiles(
    model: LogisticModel, limits: Mapping[str, Sequence[ProfileLimit]], centres: Mapping[str, float]
) -> LogisticModel:
    """Replace the intervals of the coefficients, which `centres` are the estimates of in the units of the limits.

    As distances from the estimates: the correction for a population's rate of events moves both alike.
    """
    coefficients = tuple(
        with_interval(row, *(end.limit - centres[row.term] for end in limits[row.term]))
        if row.term in limits
        else row
        for row in model.coefficient_rows
    )
    model = replace(model, coefficient_rows=coefficients, interval_kind="profile")
    for sentence in _missing_limits(limits):
        model = _noted(model, sentence)
    return model


def with_interval(row: Coefficient, below: float, above: float) -> Coefficient:
    """Return a row with limits at distances from its estimate; None where there is no limit."""
    assert row.estimate is not None
    low, high = _finite(row.estimate + below), _finite(row.estimate + above)
    return replace(
        row, conf_low=low, conf_high=high, odds_ratio_low=_odds_ratio(low), odds_ratio_high=_odds_ratio(high)
    )


def _missing_limits(limits: Mapping[str, Sequence[ProfileLimit]]) -> list[str]:
    """Say which limits there are none of, and why."""
    endless: list[str] = []
    lost: list[str] = []
    for term, ends in limits.items():
        for end, name in zip(ends, ("lower", "upper"), strict=True):
            if end.beta is None:
                (endless if math.isinf(end.limit) else lost).append(f"{name} of {term}")
    sentences = []
    if endless:
        sentences.append(
            f"profile likelihood without a limit, because it never falls to its level: {first_few(endless, MAX_NAMED)}"
        )
    if lost:
        sentences.append(
            f"limits of the profile likelihood that were not found: {first_few(lost, MAX_NAMED)}"
        )
    return sentences


def _noted(model: LogisticModel, sentence: str) -> LogisticModel:
    return replace(model, notes=(*model.notes, sentence))


def _odds_ratio(value: float | None) -> float | None:
    return None if value is None or value > math.log(np.finfo(float).max) else math.exp(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
