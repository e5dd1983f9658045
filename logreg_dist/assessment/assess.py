"""The story of an assessment: group by score, sort, read the sorted groups twice, recalibrate."""

from __future__ import annotations

import logging
import math

from pyspark.sql import DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.types import DoubleType

from logreg_dist.assessment.passes import CHUNK_SCHEMA, GROUP_SCHEMA, add_up_rows, ddl, merge_groups
from logreg_dist.assessment.readings import read_groups
from logreg_dist.assessment.result import Assessment
from logreg_dist.assessment.rows import COLUMNS, ZERO_WEIGHT
from logreg_dist.errors import InputRejected, bullet_list

logger = logging.getLogger(__name__)

# Groups in one sorted split: 28 MB, and a task's own cost is small beside it.
_GROUPS_PER_SPLIT = 500_000


def assess(scored: DataFrame, *, n_bins: int = 10, n_splits: int | None = None) -> Assessment:
    """Assess probabilities against outcomes, exactly: ties, weights and any number of rows.

    Costs one job that reads `scored` once and keeps its score groups on the executors (memory,
    then disk), one that sorts them, and about seven light ones over the sorted groups. The driver
    receives sums of splits only, never rows.

    Parameters
    ----------
    scored : DataFrame
        Columns of type double; others are ignored:

        - ``y``: 0 or 1, or the share of events of a row that stands for several trials;
        - ``linear_predictor``: log-odds;
        - ``probability``: ``1 / (1 + exp(-linear_predictor))``;
        - ``weight``: importance times frequency (times trials), >= 0; a row of weight 0 is absent;
        - ``frequency``: how many observations the row counts for (times trials), >= 0.
    n_bins : int
        Number of calibration bins, at least 1.
    n_splits : int or None
        Into how many ranges of score to sort; None takes one for each 500,000 scores. The result
        depends on it by rounding only (1e-12 relative).

    Raises
    ------
    InputRejected
        If a column is absent or not double, a value cannot be used (all such problems together),
        no row of positive weight is left, or the table changes while it is read.
    ValueError
        If `n_bins` or `n_splits` is below 1.

    Notes
    -----
    Sums are added in the order of the scores, ties in the order of the table: the same bits whatever
    the executors did, as long as the scores are cut at the same places. With one split (up to
    500,000 scores) they always are; beyond, Spark chooses the places from a sample, and another
    choice changes the last digits.

    One class only gives None for what needs two, and a note.
    """
    if n_bins < 1 or (n_splits is not None and n_splits < 1):
        raise ValueError("n_bins and n_splits must be at least 1")
    chunks = _five_columns(scored).mapInArrow(add_up_rows, ddl(CHUNK_SCHEMA)).persist()
    try:
        n_groups = _count_groups(chunks)
        groups = _sort(chunks, n_splits or math.ceil(n_groups / _GROUPS_PER_SPLIT)).persist()
        try:
            return read_groups(groups, n_bins)
        finally:
            groups.unpersist()
    finally:
        chunks.unpersist()


def _five_columns(scored: DataFrame) -> DataFrame:
    types = {field.name: field.dataType for field in scored.schema.fields}
    wrong = [
        f"{name}: {types[name].simpleString() if name in types else 'absent'}"
        for name in COLUMNS
        if not isinstance(types.get(name), DoubleType)
    ]
    if wrong:
        raise InputRejected(
            "the scored table lacks columns of type double.\n"
            f"{bullet_list(wrong)}\n  Expected: {', '.join(COLUMNS)}."
        )
    return scored.select(*COLUMNS)


def _count_groups(chunks: DataFrame) -> int:
    """Materialise the chunks of score groups and reject what cannot be used."""
    counted = (
        chunks.groupBy("problem").agg(sf.count("*").alias("groups"), sf.sum("n_rows").alias("rows")).collect()
    )
    problems = {row["problem"]: int(row["rows"]) for row in counted if row["problem"] is not None}
    n_zero_weight = problems.pop(ZERO_WEIGHT, 0)
    if problems:
        lines = [f"{name} in {n_rows:,} rows" for name, n_rows in sorted(problems.items())]
        raise InputRejected(
            f"the scored table has values that cannot be assessed.\n{bullet_list(lines)}\n"
            "  Filter these rows, or correct the columns, before the assessment."
        )
    n_groups = sum(int(row["groups"]) for row in counted if row["problem"] is None)
    if n_groups == 0:
        raise InputRejected(
            f"the scored table has no rows to assess ({n_zero_weight:,} rows have weight 0).\n"
            "  At least one row with a weight above 0 is needed; look at the filter and the weight."
        )
    logger.info("assessment: %d score groups", n_groups)
    return n_groups


def _sort(chunks: DataFrame, n_splits: int) -> DataFrame:
    """Sort the groups over the splits, highest score first; equal scores meet in one split."""
    descending = sf.col("linear_predictor").desc()
    return (
        chunks.where("problem is null")
        .repartitionByRange(n_splits, descending)
        # Ties are added in the order in which the table holds them, whatever the shuffle did.
        .sortWithinPartitions(descending, "split", "chunk")
        .drop("problem", "split", "chunk")
        .mapInArrow(merge_groups, ddl(GROUP_SCHEMA))
    )
