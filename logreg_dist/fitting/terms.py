"""Learning transforms and interactions from the staged table: a few passes, and the design that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

from logreg_dist.config import TrainConfig
from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.asked_terms import AskedDerived, domain_bounds, domain_problems, size_problems
from logreg_dist.design.derived import DerivedColumn, Part, Transform
from logreg_dist.design.derived_survey import DerivedSurvey, count_up_to_task, derived_survey_task
from logreg_dist.design.knots import Quantile
from logreg_dist.design.learn import LearnedDesign, learn_design
from logreg_dist.design.learn_terms import (
    derived_columns,
    learn_parts,
    orthogonal_polynomials,
    replaced_notes,
    settle,
    wanted_quantiles,
)
from logreg_dist.design.problems import reject
from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_names import equal_names
from logreg_dist.fitting.quantiles import MEDIAN, RunPass, wanted_medians, weighted_quantiles
from logreg_dist.formula import TermPart
from logreg_dist.staging.profile import TableProfile
from logreg_dist.staging.split_file import RecordLayout


def learn_table(
    run_pass: RunPass,
    layout: RecordLayout,
    columns: Sequence[AskedColumn],
    profile: TableProfile,
    config: TrainConfig,
    *,
    n_splits: int = 1,
) -> LearnedDesign:
    """Learn the design of columns and terms; passes only for medians and terms.

    Raises
    ------
    InputRejected
        When the table cannot be used after all.
    """
    features, n_obs = config.features, profile.rows.n_obs
    by_name = {column.name: column for column in columns}
    asked = AskedDerived(features.asked_terms.derived, by_name, features.defaults.min_level_count)
    reject(size_problems(asked, n_obs))
    wanted = wanted_medians(columns)
    for name, shares in wanted_quantiles(asked, n_obs).items():
        wanted[name] = wanted.get(name, set()) | shares
    quantiles = weighted_quantiles(run_pass, layout, columns, profile, wanted, n_splits=n_splits)
    medians = {name: found[MEDIAN].quantile for name, found in quantiles.items() if MEDIAN in found}
    learned = learn_design(columns, profile, intercept=config.intercept, medians=medians)
    reject(learned.problems)
    if not asked.terms:
        return learned
    weights_count = config.weight is None
    learned = learn_terms(run_pass, layout, asked, learned, profile, quantiles, weights_count=weights_count)
    notes = replaced_notes(features.asked_terms.replaced, learned.spec)
    return replace(learned, notes=(*learned.notes, *notes))


def learn_terms(
    run_pass: RunPass,
    layout: RecordLayout,
    asked: AskedDerived,
    learned: LearnedDesign,
    profile: TableProfile,
    quantiles: Mapping[str, Mapping[float, Quantile]],
    *,
    weights_count: bool = False,
) -> LearnedDesign:
    """Add to a design what is derived from its columns; one pass, and one more where there are polynomials.

    Parameters
    ----------
    run_pass : callable
        Runs a task on every split and returns the results in their order.
    layout : RecordLayout
    asked : AskedDerived
    learned : LearnedDesign
        Of the columns.
    profile : TableProfile
    quantiles : mapping
        The knots and edges that `wanted_quantiles` asks for.
    weights_count : bool
        Whether the staged weights are frequencies and trials, with no importance weight among them.

    Raises
    ------
    InputRejected
        When a value has no logarithm, a column varies too little for its term, or there are too many terms.
    """
    spec = learned.spec
    _refuse_outside(run_pass, layout, asked, spec, profile)
    parts, problems, notes = learn_parts(asked, spec, profile, quantiles)
    reject(problems)
    parts |= _polynomials(run_pass, layout, spec, parts)
    derived, problems = derived_columns(asked, spec, parts)
    reject(problems)
    spec = replace(spec, derived=tuple(derived))
    settled, problems, more = settle(
        asked, spec, _survey(run_pass, layout, spec, weights_count=weights_count)
    )
    reject([*problems, *equal_names(settled)])
    return replace(learned, spec=settled, notes=(*learned.notes, *notes, *more))


def _refuse_outside(
    run_pass: RunPass, layout: RecordLayout, asked: AskedDerived, spec: DesignSpec, profile: TableProfile
) -> None:
    outside, problems = domain_bounds(asked, profile, spec)
    if outside:  # counted only now: this table is rejected
        found = run_pass(count_up_to_task(layout, outside))
        counts = {row: sum(part[row] for part in found) for row in outside}
        problems = [*domain_problems(asked, spec, counts), *problems]
    reject(problems)


def _polynomials(
    run_pass: RunPass, layout: RecordLayout, spec: DesignSpec, parts: Mapping[TermPart, Part]
) -> dict[TermPart, Part]:
    powers = {
        part: found
        for part, found in parts.items()
        if part.function == "poly" and isinstance(found, Transform)
    }
    if not powers:
        return {}
    columns = tuple(
        DerivedColumn(
            (found,), tuple((k,) for k in range(found.size)), (0.0,) * found.size, (1.0,) * found.size
        )
        for found in powers.values()
    )
    survey = _survey(run_pass, layout, replace(spec, derived=columns), weights_count=False)
    moments, place = {}, 0
    for part, found in powers.items():
        moments[part] = survey.numbers.mean[place : place + found.size]
        place += found.size
    polynomials, problems = orthogonal_polynomials(powers, moments)
    reject(problems)
    return dict(polynomials)


def _survey(
    run_pass: RunPass, layout: RecordLayout, spec: DesignSpec, *, weights_count: bool
) -> DerivedSurvey:
    task = derived_survey_task(spec, layout, weights_count=weights_count)
    found: DerivedSurvey = reduce(add, run_pass(task))
    return found
