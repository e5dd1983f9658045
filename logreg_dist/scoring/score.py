"""Scoring a table with a Spark SQL expression: lazy, no Python on the way of the rows."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from logreg_dist.design.problems import quoted
from logreg_dist.design.spec import CategoricalColumn, NumericColumn
from logreg_dist.errors import ArtefactInvalid, ConfigError
from logreg_dist.model.model import LogisticModel
from logreg_dist.reading.names import LeafColumn, leaf_columns, quote
from logreg_dist.scoring.contributions import (
    Contribution,
    case_of_levels,
    categorical_contribution,
    is_missing,
    level_estimates,
    level_of,
    numeric_contribution,
    offset_contribution,
)
from logreg_dist.scoring.match import match_columns

# Up to here a CASE costs less than a join; a row passes half of its branches.
MAX_CASE_LEVELS = 64


@dataclass(frozen=True)
class ScorePlan:
    """A table joined and ready to be scored, with every column's contribution.

    Attributes
    ----------
    table : DataFrame
        The input, with one more column for each large category.
    leaves : mapping of str to LeafColumn
        The columns that scoring reads.
    contributions : mapping of str to Contribution
        By column.
    linear_predictor : Column
        Log-odds, the offset included; null where a row cannot be scored.
    offset : str or None
        The one contribution that is no feature.
    missing_keys : mapping of str to Column
        By key column, whether a row has none: such a row could not be told from others.
    """

    table: DataFrame
    leaves: Mapping[str, LeafColumn]
    contributions: Mapping[str, Contribution]
    linear_predictor: Column
    offset: str | None
    missing_keys: Mapping[str, Column]


def score_table(
    table: DataFrame,
    model: LogisticModel,
    *,
    keys: Sequence[str],
    keep: Sequence[str] = (),
    columns: Sequence[str] = ("probability",),
    run_id: str | None = None,
) -> DataFrame:
    """Return keys and scores of a table; lazy.

    Reads the model's columns, `keys` and `keep`; returns these two, `columns`, ``model_id`` and
    ``run_id``. Extra columns and their order do not matter.

    Parameters
    ----------
    table : DataFrame
    model : LogisticModel
        Must have converged.
    keys, keep : sequence of str
        Columns to carry.
    columns : sequence of str
        Of ``probability`` (of the positive level), ``linear_predictor`` (log-odds) and
        ``predicted_class`` (at 0.5).
    run_id : str or None
        A new one when None.

    Raises
    ------
    InputRejected
        When a column is missing or of another type. A row that its policies do not allow to be
        scored (missing or unseen under ``error``, infinite) or has no key fails the query when it
        runs.
    ArtefactInvalid
        When the model did not converge.
    ConfigError
        When two columns of the output would have one name.
    """
    _refuse_repeated_names([*keys, *keep, *columns, "model_id", "run_id"])
    plan = plan_scores(table, model, keys=keys, others=keep)
    guarded = plan.linear_predictor
    for name, contribution in plan.contributions.items():
        guarded = F.when(_forbidden(contribution), _raise(_cannot_score(name, model))).otherwise(guarded)
    for name, missing in plan.missing_keys.items():
        guarded = F.when(missing, _raise(f"key column {quoted(name)} has a missing value")).otherwise(guarded)
    return select_scores(
        plan, model, guarded, carried=[*keys, *keep], columns=columns, run_id=run_id or new_run_id()
    )


def plan_scores(
    table: DataFrame, model: LogisticModel, *, keys: Sequence[str], others: Sequence[str]
) -> ScorePlan:
    """Match a table with a model and work out every column's contribution; no job.

    Parameters
    ----------
    table : DataFrame
    model : LogisticModel
    keys : sequence of str
        Columns that identify a row.
    others : sequence of str
        Further columns that the table must have.

    Raises
    ------
    InputRejected
    ArtefactInvalid
    """
    if not model.converged:
        raise ArtefactInvalid(
            f"the model's status is {model.status}: its estimates must not be used.\n  {model.status_text}"
        )
    offset = model.config.get("offset")
    carried = [*keys, *others, *([offset] if offset else [])]
    leaves = match_columns(leaf_columns(table.schema), model, carried)
    estimates = model.estimates
    contributions: dict[str, Contribution] = {}
    for i, column in enumerate(model.design.columns):
        leaf = leaves[column.name]
        if isinstance(column, NumericColumn):
            found = numeric_contribution(column, leaf.expression(), leaf.type, estimates)
        else:
            table, listed = _look_up_levels(
                table, column, leaf, estimates, alias=f"__estimate_{i}_{new_run_id()}"
            )
            found = categorical_contribution(column, leaf.expression(), leaf.type, estimates, listed)
        contributions[column.name] = found
    if offset:
        contributions[offset] = offset_contribution(leaves[offset].expression(), leaves[offset].type)
    values = [contribution.value for contribution in contributions.values()]
    if model.design.intercept:
        values.insert(0, F.lit(estimates["intercept"]))
    missing_keys = {name: is_missing(leaves[name].expression(), leaves[name].type) for name in keys}
    return ScorePlan(table, leaves, contributions, _balanced_sum(values), offset, missing_keys)


def select_scores(
    plan: ScorePlan,
    model: LogisticModel,
    linear_predictor: Column,
    *,
    carried: Sequence[str],
    columns: Sequence[str],
    run_id: str,
) -> DataFrame:
    """Return the carried columns and the scores; lazy."""
    eta = F.col("__eta")
    probability = F.lit(1.0) / (F.lit(1.0) + F.exp(-eta))
    positive, negative = model.label.positive or "1", model.label.negative or "0"
    available = {
        "probability": probability,
        "linear_predictor": eta,
        "predicted_class": F.when(eta >= 0, F.lit(positive)).when(eta < 0, F.lit(negative)),
    }
    names = [f"__carried_{i}" for i in range(len(carried))]
    inner = plan.table.select(
        *(plan.leaves[name].expression().alias(alias) for name, alias in zip(carried, names, strict=True)),
        linear_predictor.alias("__eta"),
    )
    return inner.select(
        *(F.col(alias).alias(name) for name, alias in zip(carried, names, strict=True)),
        *(available[name].alias(name) for name in columns),
        F.lit(model.model_id).alias("model_id"),
        F.lit(run_id).alias("run_id"),
    )


def new_run_id() -> str:
    """Return an id for a run, unique without coordination."""
    return uuid.uuid4().hex[:16]


def _refuse_repeated_names(names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(
            f"the output would have {', '.join(quoted(name) for name in repeated)} more than once.\n"
            "  Name each column once among keys, keep and columns; scoring adds model_id and run_id."
        )


def _look_up_levels(
    table: DataFrame,
    column: CategoricalColumn,
    leaf: LeafColumn,
    estimates: Mapping[str, float],
    *,
    alias: str,
) -> tuple[DataFrame, Column]:
    by_level = level_estimates(column, estimates)
    text = level_of(leaf.expression(), leaf.type)
    if len(by_level) <= MAX_CASE_LEVELS:
        return table, case_of_levels(text, by_level)
    levels = table.sparkSession.createDataFrame(
        list(by_level.items()), f"`{alias}_level` string, {alias} double"
    )
    # Each level is there once, so the join neither adds nor loses rows.
    joined = table.join(F.broadcast(levels), text == F.col(f"{alias}_level"), "left").drop(f"{alias}_level")
    return joined, F.col(quote(alias))


def _forbidden(contribution: Contribution) -> Column:
    forbidden = contribution.unusable
    if contribution.missing_is_error:
        forbidden = forbidden | contribution.missing
    if contribution.unseen_is_error:
        forbidden = forbidden | contribution.unseen
    return forbidden


def _cannot_score(name: str, model: LogisticModel) -> str:
    return (
        f"model {model.model_id} cannot score a value of column {quoted(name)}: it is missing or unseen and the "
        "policy for it is error, or it is no finite number"
    )


def _raise(what: str) -> Column:
    return F.raise_error(F.lit(f"input rejected: {what}.")).cast("double")


def _balanced_sum(values: Sequence[Column]) -> Column:
    """Add columns as a balanced tree: a long chain would overflow the optimiser's stack."""
    if not values:
        return F.lit(0.0)
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    return _balanced_sum(values[:middle]) + _balanced_sum(values[middle:])
