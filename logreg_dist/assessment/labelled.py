"""A labelled table with its scores, as the five numeric columns that an assessment reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from logreg_dist.config import EvaluateConfig
from logreg_dist.config.policies import level_text
from logreg_dist.design.problems import Problem, quoted, reject
from logreg_dist.model.model import LabelRecord, LogisticModel
from logreg_dist.reading.names import LeafColumn
from logreg_dist.scoring.contributions import level_of
from logreg_dist.scoring.counts import count_columns, read_counts, refuse_forbidden
from logreg_dist.scoring.score import ScorePlan, plan_scores


@dataclass(frozen=True)
class LabelledScores:
    """Rows ready to be assessed.

    Attributes
    ----------
    rows : DataFrame
        ``y, linear_predictor, probability, weight, frequency``, all double; lazy.
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
    plan = plan_scores(table, model, others=roles.names())
    y = _outcome(plan.leaves, roles.label)
    frequency = _number(plan.leaves, roles.frequency) * _number(plan.leaves, roles.label.trials)
    weight = frequency * _number(plan.leaves, roles.weight)
    counts = _check(plan, roles, y, weight)
    rows = plan.table.select(
        y.alias("y"),
        plan.linear_predictor.alias("linear_predictor"),
        weight.alias("weight"),
        frequency.alias("frequency"),
    ).filter("weight > 0 and linear_predictor is not null")
    eta = F.col("linear_predictor")
    return LabelledScores(
        rows=rows.withColumn("probability", F.lit(1.0) / (F.lit(1.0) + F.exp(-eta))),
        n_read=counts["n_rows"],
        n_unscored=counts["unscored"],
    )


def _roles(model: LogisticModel, config: EvaluateConfig) -> _Roles:
    weight = config.weight or model.config.get("weight")
    frequency = config.frequency or model.config.get("frequency")
    if config.label is None:
        return _Roles(model.label, weight, frequency)
    positive, negative = model.label.positive, model.label.negative
    if config.label.positive is not None:
        # The scores are probabilities of the model's own positive level, by whatever name it goes here.
        positive, negative = level_text(config.label.positive), None
    label = LabelRecord(config.label.column, positive, negative, config.label.events, config.label.trials)
    return _Roles(label, weight, frequency)


def _outcome(leaves: Mapping[str, LeafColumn], label: LabelRecord) -> Column:
    if label.column is None:
        trials = _number(leaves, label.trials)
        return F.when(trials > 0, _number(leaves, label.events) / trials).otherwise(F.lit(0.0))
    text = level_of(leaves[label.column].expression(), leaves[label.column].type)
    is_event = F.when(text == F.lit(label.positive), F.lit(1.0))
    if label.negative is None:  # the configuration names the positive level; all others mean 0
        return is_event.when(text.isNotNull(), F.lit(0.0))
    return is_event.when(text == F.lit(label.negative), F.lit(0.0))


def _number(leaves: Mapping[str, LeafColumn], name: str | None) -> Column:
    return F.lit(1.0) if name is None else leaves[name].expression().cast("double")


def _check(plan: ScorePlan, roles: _Roles, y: Column, weight: Column) -> dict[str, int]:
    label = roles.label
    present = F.lit(True)
    if label.column is not None:
        present = plan.leaves[label.column].expression().isNotNull()
    usable_weight = weight.isNotNull() & ~F.isnan(weight) & (weight >= 0) & (weight < float("inf"))
    found = plan.table.agg(
        F.count("*").alias("n_rows"),
        F.count_if(~present).alias("no_label"),
        F.count_if(present & y.isNull()).alias("unknown_label"),
        F.count_if(~F.coalesce(usable_weight, F.lit(False))).alias("bad_weight"),
        F.count_if((y < 0) | (y > 1)).alias("bad_share"),
        *count_columns(plan),
    ).first()
    assert found is not None
    counts: dict[str, int] = found.asDict()
    n_rows = counts["n_rows"]
    what = quoted(label.column or f"{label.events} of {label.trials}")
    sentences = {
        "no_label": "has {n} missing values in {n_rows} rows",
        "unknown_label": "has {n} rows of another class than {known} in {n_rows} rows",
        "bad_share": "has {n} rows with more events than trials in {n_rows} rows",
    }
    known = f"{quoted(label.positive or '1')} and {quoted(label.negative or '0')}"
    problems = [
        Problem(
            f"label {what} {sentence.format(n=f'{counts[key]:,}', n_rows=f'{n_rows:,}', known=known)}",
            "Leave such rows out with input.filter.",
        )
        for key, sentence in sentences.items()
        if counts[key]
    ]
    if counts["bad_weight"]:
        columns = ", ".join(quoted(name) for name in (roles.weight, roles.frequency, label.trials) if name)
        problems.append(
            Problem(
                f"weight column {columns} has {counts['bad_weight']:,} missing, negative or infinite values "
                f"in {n_rows:,} rows",
                "Mend the column or leave such rows out with input.filter.",
            )
        )
    reject(problems)
    refuse_forbidden(read_counts(counts, plan), plan, n_rows)
    return counts
