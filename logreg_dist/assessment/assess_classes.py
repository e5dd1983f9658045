"""The story of an assessment of several classes: the confusion of classes, then each class against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from logreg_dist.assessment.assess import assess
from logreg_dist.assessment.class_result import ClassAssessment, class_assessment_of
from logreg_dist.errors import InputRejected
from logreg_dist.scoring.columns import ScoreColumns
from logreg_dist.scoring.predictors import predictor_names


def assess_classes(labelled: DataFrame, wanted: ScoreColumns) -> ClassAssessment:
    """Assess the probabilities of several classes, exactly: one reading, and those of `assess` for each class.

    Parameters
    ----------
    labelled : DataFrame
        ``y`` (number of the class among ``wanted.classes``), linear predictors by `predictor_names`,
        ``weight`` > 0 and ``frequency``; all double.
    wanted : ScoreColumns

    Raises
    ------
    InputRejected
        When no row of positive weight is left.
    """
    rows = labelled.persist()
    try:
        return _assess(rows, wanted)
    finally:
        rows.unpersist()


def _assess(rows: DataFrame, wanted: ScoreColumns) -> ClassAssessment:
    eta, n_classes = _by_class(wanted), len(wanted.classes)
    # What all classes share becomes a column: inside of each term expressions would grow with their cube.
    shared = rows.withColumn("highest", F.greatest(*eta))
    highest, total = F.col("highest"), F.col("total")
    shared = shared.withColumn("total", reduce(add, [F.exp(one - highest) for one in eta]))
    own = reduce(add, [F.when(F.col("y") == k, one).otherwise(F.lit(0.0)) for k, one in enumerate(eta)])
    misses = [
        F.pow(F.exp(one - highest) / total - (F.col("y") == k).cast("double"), F.lit(2.0))
        for k, one in enumerate(eta)
    ]
    # By partition too: the driver then adds in one order, whatever the shuffle did.
    keys = (F.spark_partition_id().alias("part"), F.col("y").alias("actual"))
    found = (
        shared.groupBy(*keys, _most_probable(eta, highest).alias("chosen"))
        .agg(
            F.count("*").alias("rows"),
            F.sum("weight").alias("weight"),
            F.sum("frequency").alias("n_obs"),
            F.sum(F.col("weight") * (F.log(total) + highest - own)).alias("log_loss"),
            F.sum(F.col("weight") * reduce(add, misses)).alias("squared_error"),
        )
        .collect()
    )
    if not found:
        raise InputRejected(
            "the table has no rows to assess.\n  At least one row with a weight above 0 is needed; look at the filter."
        )
    confusion, n_rows = np.zeros((n_classes, n_classes)), np.zeros(n_classes, dtype=np.int64)
    ordered = sorted(found, key=lambda row: (row["part"], row["actual"], row["chosen"]))
    for row in ordered:
        confusion[int(row["actual"]), int(row["chosen"])] += row["weight"]
        n_rows[int(row["actual"])] += row["rows"]
    sums = {name: sum(row[name] for row in ordered) for name in ("n_obs", "log_loss", "squared_error")}
    against_rest = [assess(_against_rest(rows, eta, k)) if n_rows[k] else None for k in range(n_classes)]
    return class_assessment_of(wanted.classes, sums, confusion, n_rows, against_rest)


def _by_class(wanted: ScoreColumns) -> list[Column]:
    names = predictor_names(len(wanted.free))
    return [F.lit(0.0) if place is None else F.col(names[place]) for place in wanted.places]


def _most_probable(eta: Sequence[Column], highest: Column) -> Column:
    """Return the number of the most probable class, of equals the first."""
    chosen = F.when(eta[0] == highest, F.lit(0))
    for k, one in enumerate(eta[1:], start=1):
        chosen = chosen.when(one == highest, F.lit(k))
    return chosen


def _against_rest(rows: DataFrame, eta: Sequence[Column], k: int) -> DataFrame:
    """Return the five columns of `assess` for class k: its log-odds against all others together."""
    others = [one for j, one in enumerate(eta) if j != k]
    top = F.greatest(*others) if len(others) > 1 else others[0]
    log_odds = eta[k] - top - F.log(reduce(add, [F.exp(one - top) for one in others]))
    return rows.select(
        (F.col("y") == k).cast("double").alias("y"),
        log_odds.alias("linear_predictor"),
        "weight",
        "frequency",
    ).withColumn("probability", F.lit(1.0) / (F.lit(1.0) + F.exp(-F.col("linear_predictor"))))
