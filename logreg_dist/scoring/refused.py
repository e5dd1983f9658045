"""Scores of a lazy table: a row that must not be scored fails the query when it runs."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from logreg_dist.design.problems import quoted
from logreg_dist.scoring.batches import score_through_arrow
from logreg_dist.scoring.expression import plan_scores
from logreg_dist.scoring.match import ScoreInput
from logreg_dist.scoring.predictors import predictor_names, travelling_names
from logreg_dist.scoring.terms import count_names
from logreg_dist.scoring.ways import carried_columns


def refused_scores(source: ScoreInput, model_id: str) -> DataFrame:
    """Return ``carried_0, ...`` and linear predictors by an expression; lazy."""
    plan = plan_scores(source)
    by_name = {f"missing_key_{i}": missing for i, missing in enumerate(plan.missing_keys.values())}
    for i, found in enumerate(plan.contributions):
        by_name |= {
            f"missing_{i}": found.missing,
            f"unseen_{i}": found.unseen,
            f"unusable_{i}": found.unusable,
        }
    refusals = list(_refusals(source, model_id))

    def guarded(predictor: Column) -> Column:
        for name, sentence in refusals:
            predictor = F.when(by_name[name], _raise(F.lit(sentence))).otherwise(predictor)
        return predictor

    # Each one: Spark leaves out columns that nobody asks for.
    names = predictor_names(source.n_free)
    predictors = [
        guarded(found).alias(name) for found, name in zip(plan.linear_predictors, names, strict=True)
    ]
    return plan.table.select(*carried_columns(source), *predictors)


def refused_scores_in_batches(source: ScoreInput, model_id: str) -> DataFrame:
    """Return the same through NumPy; lazy."""
    number = {name: k for k, name in enumerate(count_names(source.terms.columns, len(source.keys)))}
    refusals = [(number[name], sentence) for name, sentence in _refusals(source, model_id)]
    rows = score_through_arrow(source, refusals)
    note = F.col("note")
    names = travelling_names(source.n_free, with_intervals=source.intervals is not None)
    carried = [name for name in rows.columns if name not in (*names, "note")]
    guarded = (F.when(note.isNotNull(), _raise(note)).otherwise(F.col(name)).alias(name) for name in names)
    return rows.select(*carried, *guarded)


def _refusals(source: ScoreInput, model_id: str) -> Iterator[tuple[str, str]]:
    """Yield what must not be counted, by the names of `count_names`, with the sentence for it."""
    for i, term in enumerate(source.terms.columns):
        kinds = ["missing"] * term.missing_is_error + ["unseen"] * term.unseen_is_error + ["unusable"]
        sentence = (
            f"input rejected: model {model_id} cannot score a value of column {quoted(term.name)}: it is missing or "
            f"unseen and the policy for it is error, or it is no finite number{term.domain}."
        )
        yield from ((f"{kind}_{i}", sentence) for kind in kinds)
    for i, name in enumerate(source.keys):
        yield f"missing_key_{i}", f"input rejected: key column {quoted(name)} has a missing value."


def _raise(sentence: Column) -> Column:
    return F.raise_error(sentence).cast("double")
