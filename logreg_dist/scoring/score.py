"""Scoring a table: lazy, whatever the table and the way."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from logreg_dist.design.problems import quoted
from logreg_dist.errors import ConfigError
from logreg_dist.model.model import LogisticModel
from logreg_dist.scoring.columns import ScoreColumns, score_columns
from logreg_dist.scoring.intervals import asked_intervals
from logreg_dist.scoring.match import ScoreInput, match_table
from logreg_dist.scoring.predictors import HALF_WIDTH, predictor_names
from logreg_dist.scoring.refused import refused_scores, refused_scores_in_batches
from logreg_dist.scoring.ways import lazy_way


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
        Of ``probability`` (of the positive level), ``conf_low`` and ``conf_high`` (the ends of its interval, see
        `asked_intervals`), ``linear_predictor`` (log-odds) and ``predicted_class`` (at 0.5). With several classes
        ``probability`` stands for ``predicted_class`` (the most probable one, of equals the first) and
        ``probability_<class>`` for every class.
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
        When two columns of the output would have one name, or the model has no intervals.
    """
    intervals = asked_intervals(model, columns)
    refuse_repeated_names([*keys, *keep, *score_columns(model, columns).names, "model_id", "run_id"])
    source = match_table(table, model, keys=keys, others=keep, intervals=intervals)
    refused = refused_scores if lazy_way(source).name == "sql" else refused_scores_in_batches
    rows = refused(source, model.model_id)
    return select_scores(rows, source, model, columns=columns, run_id=run_id or new_run_id())


def select_scores(
    rows: DataFrame, source: ScoreInput, model: LogisticModel, *, columns: Sequence[str], run_id: str
) -> DataFrame:
    """Return the carried columns under their names, the scores and the ids; lazy.

    Parameters
    ----------
    rows : DataFrame
        ``carried_0, carried_1, ...`` and linear predictors.
    source : ScoreInput
    model : LogisticModel
    columns : sequence of str
        See `score_table`.
    run_id : str
    """
    wanted = score_columns(model, columns)
    if wanted.is_binary:
        available = _binary_scores(wanted)
    else:
        rows, available = _class_scores(rows, wanted)
    return rows.select(
        *(F.col(f"carried_{i}").alias(name) for i, name in enumerate((*source.keys, *source.others))),
        *(available[name].alias(name) for name in wanted.names),
        F.lit(model.model_id).alias("model_id"),
        F.lit(run_id).alias("run_id"),
    )


def _binary_scores(wanted: ScoreColumns) -> dict[str, Column]:
    eta = F.col("linear_predictor")
    negative, positive = wanted.classes
    found = {
        "probability": _probability(eta),
        "linear_predictor": eta,
        "predicted_class": F.when(eta >= 0, F.lit(positive)).when(eta < 0, F.lit(negative)),
    }
    if wanted.has_intervals:
        half_width = F.col(HALF_WIDTH)
        found |= {"conf_low": _probability(eta - half_width), "conf_high": _probability(eta + half_width)}
    return found


def _probability(eta: Column) -> Column:
    return F.lit(1.0) / (F.lit(1.0) + F.exp(-eta))


def _class_scores(rows: DataFrame, wanted: ScoreColumns) -> tuple[DataFrame, dict[str, Column]]:
    """Return the rows and the scores of several classes, as `class_probabilities` works them out.

    What all classes share becomes a column of its own: inside of each probability it would make
    expressions that grow with the cube of the classes.
    """
    names = predictor_names(len(wanted.free))
    # 0 for the reference, and null like the others in a row without a score.
    reference = F.when(F.col(names[0]).isNotNull(), F.lit(0.0))
    eta = [reference if place is None else F.col(names[place]) for place in wanted.places]
    rows = rows.withColumn("__highest", F.greatest(*eta))
    highest, total = F.col("__highest"), F.col("__total")
    odds = [F.exp(one - highest) for one in eta]
    rows = rows.withColumn("__total", reduce(add, odds))
    predicted: Column | None = None
    for name, one in zip(wanted.classes, eta, strict=True):
        branch = F.when if predicted is None else predicted.when
        predicted = branch(one == highest, F.lit(name))
    assert predicted is not None
    found = {f"probability_{name}": one / total for name, one in zip(wanted.classes, odds, strict=True)}
    found |= {
        f"linear_predictor_{name}": F.col(column) for name, column in zip(wanted.free, names, strict=True)
    }
    return rows, found | {"predicted_class": predicted}


def new_run_id() -> str:
    """Return an id for a run, unique without coordination."""
    return uuid.uuid4().hex[:16]


def refuse_repeated_names(names: Sequence[str]) -> None:
    """Raise when two columns of the output would have one name.

    Raises
    ------
    ConfigError
        With the names.
    """
    # Spark does not tell names apart by case.
    lower = [name.lower() for name in names]
    repeated = sorted({name for name in names if lower.count(name.lower()) > 1})
    if repeated:
        raise ConfigError(
            f"the output would have {', '.join(quoted(name) for name in repeated)} more than once.\n"
            "  Name each column once among keys, keep and columns; scoring adds model_id and run_id."
        )
