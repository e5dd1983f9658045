"""A labelled table with its scores, as the five numeric columns that an assessment reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from logreg_dist.config import EvaluateConfig
from logreg_dist.config.policies import level_text
from logreg_dist.design.problems import Problem, counted, listed, quoted, reject
from logreg_dist.errors import ConfigError
from logreg_dist.model.model import LabelRecord, LogisticModel
from logreg_dist.reading.names import LeafColumn
from logreg_dist.scoring.batches import score_through_arrow
from logreg_dist.scoring.contributions import as_number, is_missing, level_of
from logreg_dist.scoring.counts import count_columns, read_counts, refuse_forbidden
from logreg_dist.scoring.expression import ScorePlan, plan_scores
from logreg_dist.scoring.match import ScoreInput, match_table
from logreg_dist.scoring.predictors import predictor_names
from logreg_dist.scoring.tasks import read_notes
from logreg_dist.scoring.terms import count_names
from logreg_dist.scoring.ways import named_counts, without_expression


@dataclass(frozen=True)
class LabelledScores:
    """Rows ready to be assessed.

    Attributes
    ----------
    rows : DataFrame
        ``y, linear_predictor, probability, weight, frequency``, all double; lazy. With several classes
        `y` is the number of the row's class, and there are linear predictors by `predictor_names`.
    n_read : int
        Rows of the table.
    n_unscored : int
        Rows left out because the model's policies give them no score.
    """

    rows: DataFrame
    n_read: int
    n_unscored: int


@dataclass(frozen=True)
class _Roles:
    """The columns of a labelled table that are not features, by name; None where there is none."""

    label: LabelRecord
    weight: str | None
    frequency: str | None
    known_negative: str | None = (
        None  # the model's level for 0, where the configuration has named the other one only
    )

    def names(self) -> list[str]:
        columns = (self.label.column, self.label.events, self.label.trials, self.weight, self.frequency)
        return [name for name in columns if name is not None]


def labelled_scores(table: DataFrame, model: LogisticModel, config: EvaluateConfig) -> LabelledScores:
    """Score a labelled table and bring label and weights into numbers.

    Label, weight and frequency columns are the model's unless the configuration names others. The
    job counts what cannot be assessed.

    Raises
    ------
    InputRejected
        When columns, labels or weights are missing, or labels are of a class that the model does
        not know, all with counts.
    ArtefactInvalid
        When the model did not converge.
    """
    roles = _roles(model, config)
    source = match_table(table, model, keys=(), others=roles.names())
    if without_expression(source):
        return _in_batches(source, roles)
    plan = plan_scores(source)
    y, weight, frequency = _role_values(plan.leaves, roles)
    counts = _check(plan, roles, y, weight)
    names = predictor_names(source.n_free)
    predictors = [found.alias(name) for found, name in zip(plan.linear_predictors, names, strict=True)]
    rows = _assessed(plan.table, y, predictors, weight, frequency, names[0])
    return LabelledScores(
        rows=rows,
        n_read=counts["n_rows"],
        n_unscored=counts["unscored"],
    )


def _assessed(
    table: DataFrame,
    y: Column,
    predictors: Sequence[Column],
    weight: Column,
    frequency: Column,
    first: str,
) -> DataFrame:
    """Return the columns of `LabelledScores.rows`; `first` is the name of the first linear predictor."""
    columns = (y.alias("y"), *predictors, weight.alias("weight"), frequency.alias("frequency"))
    rows = table.select(*columns).filter(f"weight > 0 and {first} is not null")
    if first != "linear_predictor":
        return rows
    eta = F.col("linear_predictor")
    return rows.withColumn("probability", F.lit(1.0) / (F.lit(1.0) + F.exp(-eta)))


def _in_batches(source: ScoreInput, roles: _Roles) -> LabelledScores:
    """Do the same for a model that has no SQL expression: in Arrow batches, label and weights carried along."""
    y, weight, frequency = _role_values(source.leaves, roles)
    found = source.table.agg(*_role_counts(source.leaves, roles, y, weight)).first()
    assert found is not None
    reject(_problems(found.asDict(), roles))
    at_all = source.table.filter(~F.coalesce(weight == 0, F.lit(False)))
    scored = score_through_arrow(replace(source, table=at_all))
    n_counts = len(count_names(source.terms.columns, 0))
    notes = scored.agg(F.collect_list("note").alias("notes")).first()
    assert notes is not None
    counts = named_counts(source, read_notes(notes["notes"], n_counts))
    refuse_forbidden(read_counts(counts, source.terms, ()), source.terms, found["n_rows"])
    carried = {
        name: replace(source.leaves[name], path=(f"carried_{k}",)) for k, name in enumerate(source.others)
    }
    names = predictor_names(source.n_free)
    y, weight, frequency = _role_values(carried, roles)
    rows = _assessed(scored, y, [F.col(name) for name in names], weight, frequency, names[0])
    return LabelledScores(rows=rows, n_read=found["n_rows"], n_unscored=counts["unscored"])


def _role_values(leaves: Mapping[str, LeafColumn], roles: _Roles) -> tuple[Column, Column, Column]:
    """Return label, weight and frequency of the rows."""
    frequency = _number(leaves, roles.frequency) * _number(leaves, roles.label.trials)
    return _outcome(leaves, roles.label), frequency * _number(leaves, roles.weight), frequency


def _roles(model: LogisticModel, config: EvaluateConfig) -> _Roles:
    weight = config.weight or model.config.get("weight")
    frequency = config.frequency or model.config.get("frequency")
    if config.label is None:
        return _Roles(model.label, weight, frequency)
    if model.label.classes is not None:
        if config.label.column is None or config.label.positive is not None:
            raise ConfigError(
                "the model has several classes: label needs a column with a class in each row, and neither positive "
                "nor events and trials."
            )
        return _Roles(replace(model.label, column=config.label.column), weight, frequency)
    positive, negative = model.label.positive, model.label.negative
    if config.label.positive is not None:
        # The scores are probabilities of the model's own positive level, by whatever name it goes here.
        positive, negative = level_text(config.label.positive), None
        if positive == model.label.negative:
            raise ConfigError(
                f"label.positive is {quoted(positive)}, which means 0 to the model: it predicts "
                f"{quoted(str(model.label.positive))}."
            )
    label = LabelRecord(config.label.column, positive, negative, config.label.events, config.label.trials)
    return _Roles(label, weight, frequency, known_negative=model.label.negative)


def _outcome(leaves: Mapping[str, LeafColumn], label: LabelRecord) -> Column:
    if label.column is None:
        trials = _number(leaves, label.trials)
        return F.when(trials > 0, _number(leaves, label.events) / trials).otherwise(F.lit(0.0))
    text = level_of(leaves[label.column].expression(), leaves[label.column].type)
    if label.classes is not None:
        numbers = [F.lit(part) for k, name in enumerate(label.classes) for part in (name, float(k))]
        return F.try_element_at(F.create_map(*numbers), text)
    if label.positive is None:  # a model of counts, which has no levels: those that speak for themselves
        return F.when(text.isin("1", "true"), F.lit(1.0)).when(text.isin("0", "false"), F.lit(0.0))
    is_event = F.when(text == F.lit(label.positive), F.lit(1.0))
    if label.negative is None:  # the configuration names the positive level; the other one means 0
        return is_event.when(text.isNotNull(), F.lit(0.0))
    return is_event.when(text == F.lit(label.negative), F.lit(0.0))


def _number(leaves: Mapping[str, LeafColumn], name: str | None) -> Column:
    return F.lit(1.0) if name is None else as_number(leaves[name].expression(), leaves[name].type)


def _check(plan: ScorePlan, roles: _Roles, y: Column, weight: Column) -> dict[str, int]:
    counts_at_all = ~F.coalesce(weight == 0, F.lit(False))
    found = plan.table.agg(
        *_role_counts(plan.leaves, roles, y, weight), *count_columns(plan, counts_at_all)
    ).first()
    assert found is not None
    counts: dict[str, int] = found.asDict()
    reject(_problems(counts, roles))
    refuse_forbidden(read_counts(counts, plan.terms, ()), plan.terms, counts["n_rows"])
    return counts


def _role_counts(leaves: Mapping[str, LeafColumn], roles: _Roles, y: Column, weight: Column) -> list[Column]:
    """Return aggregates that count the rows, and those whose label or weight cannot be used."""
    usable_weight = F.coalesce(~F.isnan(weight) & (weight >= 0) & (weight < float("inf")), F.lit(False))
    counts_at_all = ~F.coalesce(weight == 0, F.lit(False))  # a row of weight 0 is as good as absent
    no_label = _no_label(leaves, roles.label)
    return [
        F.count("*").alias("n_rows"),
        F.count_if(counts_at_all & no_label).alias("no_label"),
        F.count_if(counts_at_all & ~no_label & y.isNull()).alias("unknown_label"),
        F.count_if(~usable_weight).alias("bad_weight"),
        F.count_if((y < 0) | (y > 1) if roles.label.column is None else F.lit(False)).alias("bad_share"),
        *_open_level_counts(leaves, roles, y, counts_at_all),
    ]


def _open_level_counts(
    leaves: Mapping[str, LeafColumn], roles: _Roles, y: Column, counts_at_all: Column
) -> list[Column]:
    """Return aggregates that count a label's rows where only its positive level is known: 1, 0, and several kinds of 0."""
    if not _is_open(roles.label):
        return []
    assert roles.label.column is not None
    leaf = leaves[roles.label.column]
    other = F.when(counts_at_all & (y == 0), level_of(leaf.expression(), leaf.type))
    return [
        F.count_if(counts_at_all & (y == 1)).alias("positives"),
        F.count_if(other.isNotNull() & ~other.eqNullSafe(roles.known_negative)).alias("new_negatives"),
        F.coalesce(F.min(other) < F.max(other), F.lit(False)).cast("int").alias("more_levels"),
    ]


def _is_open(label: LabelRecord) -> bool:
    return label.column is not None and label.positive is not None and label.negative is None


def _no_label(leaves: Mapping[str, LeafColumn], label: LabelRecord) -> Column:
    names = [name for name in (label.column, label.events, label.trials) if name is not None]
    missing = [is_missing(leaves[name].expression(), leaves[name].type) for name in names]
    return reduce(or_, missing)


def _problems(counts: Mapping[str, int], roles: _Roles) -> list[Problem]:
    label, n_rows = roles.label, counted(counts["n_rows"], "row")
    what = f"label column {quoted(str(label.column))}"
    way_out = "Leave such rows out with input.filter."
    if label.column is None:
        what = f"label {quoted(str(label.events))} of {quoted(str(label.trials))}"
        known = "that are not numbers"
    elif label.classes is not None:
        known = "of a class that the model does not know"
    elif label.positive is None:
        known = "other than 0, 1, true and false"
        way_out = "Set label.positive to the level that means 1, or leave such rows out with input.filter."
    else:
        known = f"other than {quoted(label.positive)} and {quoted(str(label.negative))}"
    sentences = {
        "no_label": ("missing value", ""),
        "unknown_label": ("value", f" {known}"),
        "bad_share": ("row", " with more events than trials"),
    }
    problems = [
        Problem(f"{what} has {counted(counts[key], noun)}{which} in {n_rows}", way_out)
        for key, (noun, which) in sentences.items()
        if counts[key]
    ]
    problems += _open_level_problems(counts, label, what)
    if counts["bad_weight"]:
        columns = listed([quoted(name) for name in (roles.weight, roles.frequency, label.trials) if name])
        problems.append(
            Problem(
                f"weight {columns} has {counted(counts['bad_weight'], 'value')} missing, negative, infinite or no "
                f"number in {n_rows}",
                "Mend the column or leave such rows out with input.filter.",
            )
        )
    return problems


def _open_level_problems(counts: Mapping[str, int], label: LabelRecord, what: str) -> list[Problem]:
    """Return what is wrong with the levels beside the positive one, as `train` would."""
    if not _is_open(label):
        return []
    positive, n_rows = quoted(str(label.positive)), counted(counts["n_rows"], "row")
    problems = []
    if counts["new_negatives"] and not counts["positives"]:
        problems.append(
            Problem(
                f"label.positive is {positive}, which {what} does not hold in {n_rows}",
                "Set label.positive to the level that means what the model predicts.",
            )
        )
    if counts["more_levels"]:
        problems.append(
            Problem(
                f"{what} has more than one level beside {positive} in {n_rows}",
                "A binary model is assessed on two. Leave the others out with input.filter, or merge them.",
            )
        )
    return problems
