"""The Spark SQL expression of a model: no Python on the way of the rows."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from logreg_dist.reading.names import LeafColumn, quote
from logreg_dist.scoring.contributions import (
    Contribution,
    case_of_levels,
    categorical_contribution,
    is_missing,
    level_of,
    numeric_contribution,
)
from logreg_dist.scoring.curve_expression import table_entry
from logreg_dist.scoring.match import ScoreInput
from logreg_dist.scoring.products import JointTerm
from logreg_dist.scoring.terms import LevelTerm, NumericTerm, ScoreTerms

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
    terms : ScoreTerms
    contributions : tuple of Contribution
        For each of ``terms.columns``.
    linear_predictors : tuple of Column
        Log-odds, the offset included, of each class but the reference; null where a row cannot be scored.
    missing_keys : mapping of str to Column
        By key column, whether a row has none: such a row could not be told from others.
    """

    table: DataFrame
    leaves: Mapping[str, LeafColumn]
    terms: ScoreTerms
    contributions: tuple[Contribution, ...]
    linear_predictors: tuple[Column, ...]
    missing_keys: Mapping[str, Column]

    @property
    def linear_predictor(self) -> Column:
        """The first linear predictor, a binary model's only one."""
        return self.linear_predictors[0]


def plan_scores(source: ScoreInput) -> ScorePlan:
    """Work out every column's contribution; no job."""
    table, leaves = source.table, source.leaves
    table, contributions = _contributions(table, leaves, source.terms)
    table, products = _products(table, leaves, source.terms)
    predictors = [_linear_predictor(source.terms, contributions, products)]
    for terms in source.further:
        table, others = _contributions(table, leaves, terms)
        table, products = _products(table, leaves, terms)
        predictors.append(_linear_predictor(terms, others, products))
    return ScorePlan(
        table=table,
        leaves=leaves,
        terms=source.terms,
        contributions=tuple(contributions),
        linear_predictors=tuple(predictors),
        missing_keys={name: is_missing(leaves[name].expression(), leaves[name].type) for name in source.keys},
    )


def _contributions(
    table: DataFrame, leaves: Mapping[str, LeafColumn], terms: ScoreTerms
) -> tuple[DataFrame, list[Contribution]]:
    contributions = []
    for term in terms.columns:
        assert isinstance(term, (NumericTerm, LevelTerm)), "vectors and texts are scored in batches"
        table, found = _contribution(table, leaves[term.name], term)
        contributions.append(found)
    return table, contributions


def _contribution(
    table: DataFrame, leaf: LeafColumn, term: NumericTerm | LevelTerm
) -> tuple[DataFrame, Contribution]:
    if isinstance(term, NumericTerm):
        return table, numeric_contribution(term, leaf.expression(), leaf.type)
    table, listed = _look_up_levels(table, term, leaf, alias=f"__estimate_{uuid.uuid4().hex[:16]}")
    return table, categorical_contribution(term, leaf.expression(), leaf.type, listed)


def _products(
    table: DataFrame, leaves: Mapping[str, LeafColumn], terms: ScoreTerms
) -> tuple[DataFrame, list[Column]]:
    """Return what pairs of columns add; null where one of them has no value."""
    values = []
    for product in terms.products:
        pairs = (product.numbers,) if isinstance(product, JointTerm) else product.factors
        for first, second in pairs:
            table, a = _contribution(table, leaves[first.name], first)
            table, b = _contribution(table, leaves[second.name], second)
            if isinstance(product, JointTerm):
                values.append(table_entry(product.table, a.value + b.value))
            else:
                values.append(a.value * b.value)
    return table, values


def _linear_predictor(
    terms: ScoreTerms, contributions: Sequence[Contribution], products: Sequence[Column]
) -> Column:
    values = [*(contribution.value for contribution in contributions), *products]
    if terms.intercept is not None:
        values.insert(0, F.lit(terms.intercept))
    return _balanced_sum(values)


def _look_up_levels(
    table: DataFrame, term: LevelTerm, leaf: LeafColumn, *, alias: str
) -> tuple[DataFrame, Column]:
    text = level_of(leaf.expression(), leaf.type)
    if len(term.estimates) <= MAX_CASE_LEVELS:
        return table, case_of_levels(text, term.estimates)
    levels = table.sparkSession.createDataFrame(
        list(term.estimates.items()), f"`{alias}_level` string, {alias} double"
    )
    # Each level is there once, so the join neither adds nor loses rows.
    joined = table.join(F.broadcast(levels), text == F.col(f"{alias}_level"), "left").drop(f"{alias}_level")
    return joined, F.col(quote(alias))


def _balanced_sum(values: Sequence[Column]) -> Column:
    """Add columns as a balanced tree: a long chain would overflow the optimiser's stack."""
    if not values:
        return F.lit(0.0)
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    return _balanced_sum(values[:middle]) + _balanced_sum(values[middle:])
