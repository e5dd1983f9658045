"""The story of a fit of several classes, from the staged table on."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pyspark import SparkContext

from logreg_dist.config import TrainConfig
from logreg_dist.config.policies import level_text
from logreg_dist.design.check import refuse_too_many_terms
from logreg_dist.design.classes import Classes, learn_classes
from logreg_dist.design.learn import LearnedDesign
from logreg_dist.design.problems import Problem, counted, quoted, reject
from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_moments import term_centres, term_scales
from logreg_dist.errors import FitNotUsable
from logreg_dist.fitting.aliases import describe_aliases
from logreg_dist.fitting.assemble import assemble_model, with_cross_validation
from logreg_dist.fitting.class_optimum import find_class_optimum
from logreg_dist.fitting.class_passes import ClassPasses
from logreg_dist.fitting.diagnostics.diagnose import diagnosed_classes
from logreg_dist.fitting.estimates import Estimates, ModelTerm, Outcome
from logreg_dist.fitting.journal import Journal
from logreg_dist.fitting.label_weights import weights_by_class
from logreg_dist.fitting.outcome import MIN_EVENTS_PER_PARAMETER, Separation, judge
from logreg_dist.fitting.path_models import choose_class_penalty
from logreg_dist.fitting.search import Optimum
from logreg_dist.fitting.selection import selected_design
from logreg_dist.fitting.tasks import FirstLook
from logreg_dist.fitting.warm_start import near_class_model
from logreg_dist.inference.class_covariance import class_covariance, class_variances, uncentred_classes
from logreg_dist.model.file import MAX_COVARIANCE_TERMS
from logreg_dist.model.model import AliasedTerm, LabelRecord, LogisticModel
from logreg_dist.solver.linear_system import SingularInformation
from logreg_dist.solver.result import SolverResult
from logreg_dist.staging.passes import StagedTable
from logreg_dist.staging.profile import TableProfile
from logreg_dist.staging.split_file import RecordLayout

log = logging.getLogger(__name__)


def fit_classes(
    context: SparkContext,
    staged: StagedTable,
    looks: Sequence[FirstLook],
    *,
    profile: TableProfile,
    learned: LearnedDesign,
    layout: RecordLayout,
    config: TrainConfig,
    warm_start: LogisticModel | None = None,
    journal: Journal | None = None,
) -> LogisticModel:
    """Fit a multinomial model of a staged table.

    Raises
    ------
    InputRejected
        When a class is too rare, or the reference is none of the classes.
    FitNotUsable
        When there is one class only.
    """
    sums = class_totals(looks)
    counts = {name: profile.label_levels.levels[name][0] for name in sums}
    classes, sums = _with_class_weights(_learn(sums, counts, config), sums, config)
    weights = {name: weight for name, (_, weight) in sums.items()}
    if classes.weights is not None:
        profile = replace(profile, rows=replace(profile.rows, weight_sum=sum(weights.values())))
    spec = learned.spec
    terms = class_terms_of(spec, classes)  # refuses names that clash, before any pass
    refuse_too_many_terms(spec, len(classes.free))
    passes = ClassPasses(context, staged, spec, classes, layout, journal)
    samples = [look.sample for look in looks if look.sample is not None]
    asked, chosen = config, choose_class_penalty(passes, weights, terms, config)
    near = None
    if chosen is not None:
        config, near = config.with_penalty(chosen.penalty), chosen.beta
    elif warm_start is not None:
        near = near_class_model(warm_start, spec, classes)
    optimum = find_class_optimum(passes, profile, samples, config, near=near)
    result = optimum.result
    learned = selected_design(learned, optimum.selection)
    spec, terms = learned.spec, class_terms_of(learned.spec, classes)
    outcome = _outcome(optimum, spec, classes, terms, sums=sums, counts=counts, config=config)
    separation = None if optimum.counts is None else Separation(optimum.counts)
    verdict = judge(
        result,
        separation,
        terms=terms,
        scale=np.tile(term_scales(spec), len(classes.free)),
        aliased=outcome.aliased,
        collinear_is_error=config.solver.on_collinear == "error",
        bounded=config.features.bounded,
    )
    model = assemble_model(
        result,
        verdict,
        outcome,
        learned=learned,
        profile=profile,
        staged=staged,
        config=config,
        kkt_residual=optimum.kkt_residual,
        selection=optimum.selection,
    )
    if model.converged:
        information = result.point.sums.information
        assert information is None or isinstance(information, np.ndarray)
        model = diagnosed_classes(model, outcome, information, counts=counts, config=config)
    return model if chosen is None else with_cross_validation(model, chosen.record, asked)


def _outcome(
    optimum: Optimum,
    spec: DesignSpec,
    classes: Classes,
    terms: tuple[ModelTerm, ...],
    *,
    sums: Mapping[str, tuple[int, float]],
    counts: Mapping[str, float],
    config: TrainConfig,
) -> Outcome:
    result = optimum.result
    rows = {name: sums[name][0] for name in classes.names}
    return Outcome(
        family="multinomial",
        label=LabelRecord(config.label.column, None, None, None, None, classes=rows),
        n_events=None,
        null_deviance=_null_deviance({name: weight for name, (_, weight) in sums.items()}, spec.intercept),
        found=estimates_of_classes(
            result, spec, len(classes.free), penalised=config.penalty.is_active or any(optimum.at_bound)
        ),
        terms=terms,
        aliased=_aliases(result, spec, classes),
        few_events=_few_rows_note(counts, len(spec.terms()) - int(spec.intercept)),
        reference_class=classes.reference,
        at_bound=optimum.at_bound,
    )


def class_totals(looks: Sequence[FirstLook]) -> dict[str, tuple[int, float]]:
    """Return rows and weight of each class over all splits, classes without rows left out."""
    rows, weights = Counter[str](), Counter[str]()
    for look in looks:
        for name, (n, weight) in look.classes.items():
            rows[name] += n
            weights[name] += weight  # type: ignore[assignment]  # counters of floats add as well
    return {name: (n, float(weights[name])) for name, n in rows.items() if n}


def class_terms_of(spec: DesignSpec, classes: Classes) -> tuple[ModelTerm, ...]:
    """Return the coefficients of all classes, class after class.

    Raises
    ------
    InputRejected
        When a class and a column together have the name of another class and column.
    """
    terms = tuple(
        ModelTerm(f"{name}:{term.name}", term.column, term.level, name)
        for name in classes.free
        for term in spec.terms()
    )
    twice = [name for name, n in Counter(term.name for term in terms).items() if n > 1]
    if twice:
        reject(
            [
                Problem(
                    f"{counted(len(twice), 'term name')} of the form class:column would stand for two things",
                    "A class or a column holds a colon. Rename it through a view.",
                )
            ]
        )
    return terms


def estimates_of_classes(
    result: SolverResult, spec: DesignSpec, n_free: int, *, penalised: bool
) -> Estimates:
    """Undo the centring, which touches the intercepts alone, and invert the joint information.

    As `estimates_in_column_units`, for ``n_free`` classes one after the other.
    """
    beta, centres = result.point.beta.reshape(n_free, -1), term_centres(spec)
    intercept = 0 if spec.intercept else None
    estimable = np.ones(beta.size, dtype=bool)
    estimable[[dependence.position for dependence in result.dependences]] = False
    estimate = np.where(estimable, uncentred_classes(beta, centres, intercept).ravel(), np.nan)
    nothing = Estimates(estimate, np.full(beta.size, np.nan), None, estimable)
    information = result.point.sums.information
    if penalised or information is None:
        return nothing
    assert isinstance(information, np.ndarray)
    try:
        if beta.size > MAX_COVARIANCE_TERMS:
            spread = class_variances(information, estimable, centres, intercept)
            return Estimates(estimate, spread, None, estimable)
        found = class_covariance(information, estimable, centres, intercept)
    except SingularInformation:  # a fit that did not converge; its status says so
        return nothing
    spread = np.full(beta.size, np.nan)
    spread[estimable] = np.diag(found)
    return Estimates(estimate, spread, found if np.isfinite(found).all() else None, estimable)


def _learn(
    sums: Mapping[str, tuple[int, float]], counts: Mapping[str, float], config: TrainConfig
) -> Classes:
    column = quoted(str(config.label.column))
    reference = None if config.label.reference is None else level_text(config.label.reference)
    min_count = config.features.defaults.min_level_count
    if len(sums) < 2:
        [(name, (n_rows, _))] = sums.items()
        held = f"the class {quoted(name)}" if n_rows >= min_count else "the same class"
        raise FitNotUsable(
            f"label column {column} has one class only: all {counted(n_rows, 'row')} that count have {held}.\n"
            "  A model needs rows of two classes or more. Check input.filter."
        )
    if reference is not None and reference not in sums:
        _refuse_reference(column, reference, n_classes=len(sums))
    # With one row a class can be told from all others along any of many directions.
    fewest = max(min_count, 2)
    rare = sum(n < fewest for n in counts.values())
    if rare:
        reject(
            [
                Problem(
                    f"label column {column}: {rare:,} of {len(counts):,} classes {'has' if rare == 1 else 'have'} "
                    f"fewer than {fewest} rows",
                    "Merge rare classes, leave them out with input.filter, or lower "
                    "features.defaults.min_level_count\n(a class is named in model, summary and scores; with one row "
                    "nothing can be estimated).",
                )
            ]
        )
    return learn_classes(counts, reference)


def _with_class_weights(
    classes: Classes, sums: dict[str, tuple[int, float]], config: TrainConfig
) -> tuple[Classes, dict[str, tuple[int, float]]]:
    """Return the classes with the weights that the configuration gives them, and their sums of weights then."""
    factors = weights_by_class(config, {name: weight for name, (_, weight) in sums.items()})
    if factors is None:
        return classes, sums
    in_order = tuple(factors[name] for name in (*classes.free, classes.reference))
    weighted = {name: (n, factors[name] * weight) for name, (n, weight) in sums.items()}
    return replace(classes, weights=in_order), weighted


def _refuse_reference(column: str, reference: str, *, n_classes: int) -> None:
    reject(
        [
            Problem(
                f"label.reference is {quoted(reference)}, which label column {column} does not hold",
                f"It has {n_classes:,} classes. Choose one of them, or leave label.reference out for the most "
                "frequent one.",
            )
        ]
    )


def _aliases(result: SolverResult, spec: DesignSpec, classes: Classes) -> tuple[AliasedTerm, ...]:
    """Describe the dependent terms of each class: terms depend on each other in all classes alike."""
    p, centres = len(spec.terms()), term_centres(spec)
    found = []
    for k, name in enumerate(classes.free):
        own = [one.within(k * p, p) for one in result.dependences if k * p <= one.position < (k + 1) * p]
        described = describe_aliases(own, spec, centres)
        found += [AliasedTerm(f"{name}:{alias.term}", alias.reason) for alias in described]
    return tuple(found)


def _null_deviance(weights: Mapping[str, float], has_intercept: bool) -> float:
    total = sum(weights.values())
    if not has_intercept:
        return 2.0 * math.log(len(weights)) * total
    return -2.0 * sum(weight * math.log(weight / total) for weight in weights.values() if weight > 0)


def _few_rows_note(counts: Mapping[str, float], n_terms: int) -> tuple[str, ...]:
    fewest = min(counts.values())
    if n_terms == 0 or fewest >= MIN_EVENTS_PER_PARAMETER * n_terms:
        return ()
    return (
        f"{fewest / n_terms:.1f} rows of the rarest class per parameter of a class ({fewest:,.0f} rows, {n_terms} "
        f"parameters): below {MIN_EVENTS_PER_PARAMETER} estimates and intervals are unreliable",
    )
