"""What a reader of a model should know of its fit, in sentences."""

from __future__ import annotations

from logreg_dist.config import TrainConfig
from logreg_dist.design.learn import LearnedDesign
from logreg_dist.design.problems import quoted
from logreg_dist.fitting.estimates import Outcome
from logreg_dist.model.cross_validation import CrossValidation
from logreg_dist.solver.result import Method, SolverResult
from logreg_dist.staging.profile import RowCounts

_SINGLE_NOTE = (
    "single precision: every number was rounded to float32 (by up to 6e-8 of itself) before the fit, which is exact "
    "for the rounded table"
)
_WEIGHTS_NOTE = (
    "class weights: likelihood, estimates and probabilities are those of a table whose rows count by the weight of "
    "their class, not of the table as it is"
)
_WEIGHTED_ERRORS_NOTE = (
    "standard errors, tests and intervals take {which} for so many rows: where they are not, they are too small or too "
    "large"
)
_LBFGS_NOTE = (
    "fitted by L-BFGS without an information matrix: no standard errors, tests or intervals; whether terms "
    "depend on each other, or several of them separate the label together, was not looked into; AIC and BIC count every "
    "term"
)
_BOUNDS_NOTE = (
    "estimates lie at their bounds: no standard errors, tests or intervals, because with bounds at work estimates "
    "are not normally distributed; AIC and BIC count the terms that are not at a bound"
)
_INACTIVE_BOUNDS_NOTE = (
    "no estimate lies at a bound: estimates, standard errors and tests are those of the fit without bounds, and "
    "intervals may reach beyond them"
)
_SELECTION_NOTE = (
    "the columns were selected by the same rows: standard errors, p-values and intervals take them as given and are too "
    "optimistic"
)


def notes_of_fit(
    result: SolverResult,
    outcome: Outcome,
    learned: LearnedDesign,
    rows: RowCounts,
    config: TrainConfig,
    *,
    selected: bool,
) -> tuple[str, ...]:
    """Return the notes of a fit, those of its design first; `selected` says whether its columns were."""
    notes = [*learned.notes, *outcome.few_events]
    if config.penalty.is_active:
        counted = "the terms that are not 0" if config.penalty.l1 > 0 else "every term in full"
        counted += ", more than a group lasso uses" if config.penalty.groups == "columns" else ""
        notes.append(f"penalised fit: no standard errors, tests or intervals; AIC and BIC count {counted}")
    elif outcome.has_active_bounds:
        notes.append(_BOUNDS_NOTE)
    elif outcome.at_bound:
        notes.append(_INACTIVE_BOUNDS_NOTE)
    elif is_without_matrix(result):
        notes.append(_LBFGS_NOTE)
    if selected:
        notes.append(_SELECTION_NOTE)
    if config.population_rate is not None:
        notes.append(
            f"the intercept is that of a population with a rate of {config.population_rate:g}; likelihood, AIC and BIC "
            f"are those of the table, whose rate is {rows.label_sum / rows.weight_sum:.6g}"
        )
    if config.label.class_weights is not None:
        notes.append(_WEIGHTS_NOTE)
    if config.is_weighted and outcome.found.covariance is not None and not config.inference.is_robust:
        kinds = {"weights": config.weight, "class weights": config.label.class_weights}
        which = " and ".join(kind for kind, asked in kinds.items() if asked is not None)
        notes.append(_WEIGHTED_ERRORS_NOTE.format(which=which))
    notes += _watched_notes(config)
    if config.solver.precision == "float32":
        notes.append(_SINGLE_NOTE)
    return tuple(notes)


def is_without_matrix(result: SolverResult) -> bool:
    """Whether a fit never formed the information matrix, so that nothing is known of dependent terms."""
    return result.method is Method.LBFGS and result.point.sums.information is None


def _watched_notes(config: TrainConfig) -> list[str]:
    """Say which columns are no features because a check looks at them."""
    features = config.features
    if features.include != "all":
        return []
    named = {*features.columns, *features.exclude, *config.role_columns.values()}
    return [
        f"column {quoted(name)} is what {key} names, and therefore no feature; list it in features.columns to make it one"
        for key, name in config.watched_columns.items()
        if name not in named
    ]


def cross_validation_notes(record: CrossValidation) -> tuple[str, ...]:
    """Say how the penalty of a model was chosen."""
    point = record.points[record.chosen]
    chosen = (
        f"penalty l1 {point.l1:.6g}, l2 {point.l2:.6g} by cross-validation of {record.folds} folds: log loss "
        f"{point.log_loss:.6g} +- {point.std_error:.2g} on rows that a fit has not seen"
    )
    if len(record.points) == record.n_asked:
        return (chosen,)
    ended = (
        f"cross-validation ended at penalty {len(record.points)} of {record.n_asked}: with weaker ones some fold has "
        "no optimum that can be reached"
    )
    return (chosen, ended)
