"""Counting what is odd about the scored rows, in the same job that scores them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from logreg_dist.design.problems import config_key, quoted
from logreg_dist.errors import InputRejected
from logreg_dist.scoring.score import ScorePlan


def count_columns(plan: ScorePlan) -> list[Column]:
    """Return aggregates that count missing, unseen and unusable values and rows without a score.

    Their names are ``missing_<i>``, ``unseen_<i>``, ``unusable_<i>`` with the column's number, and
    ``unscored``.
    """
    counts = [F.count_if(plan.linear_predictor.isNull()).alias("unscored")]
    for i, contribution in enumerate(plan.contributions.values()):
        counts += [
            F.count_if(contribution.missing).alias(f"missing_{i}"),
            F.count_if(contribution.unseen).alias(f"unseen_{i}"),
            F.count_if(contribution.unusable).alias(f"unusable_{i}"),
        ]
    return counts


@dataclass(frozen=True)
class ScoreCounts:
    """Rows by what was odd about them, for each column that had any.

    Attributes
    ----------
    missing, unseen, unusable : mapping of str to int
    unscored : int
        Rows whose score is null.
    """

    missing: Mapping[str, int]
    unseen: Mapping[str, int]
    unusable: Mapping[str, int]
    unscored: int


def read_counts(observed: Mapping[str, int], plan: ScorePlan) -> ScoreCounts:
    """Return the observed aggregates of `count_columns` by column."""

    def of(kind: str) -> dict[str, int]:
        pairs = ((name, int(observed[f"{kind}_{i}"])) for i, name in enumerate(plan.contributions))
        return {name: n for name, n in pairs if n}

    return ScoreCounts(of("missing"), of("unseen"), of("unusable"), int(observed["unscored"]))


def refuse_forbidden(counts: ScoreCounts, plan: ScorePlan, n_rows: int) -> None:
    """Raise when rows were met that their policies do not allow to be scored.

    Raises
    ------
    InputRejected
        With every such column, its count and the policy to set.
    """
    problems = []
    for name, contribution in plan.contributions.items():
        key = f"features.columns.{config_key(name)}"
        if contribution.missing_is_error and counts.missing.get(name):
            problems.append(
                f"column {quoted(name)} has {counts.missing[name]:,} missing values; its policy is error"
                f" ({key}.missing)"
            )
        if contribution.unseen_is_error and counts.unseen.get(name):
            problems.append(
                f"column {quoted(name)} has {counts.unseen[name]:,} values that the model has not seen"
                f" ({key}.unseen)"
            )
        if counts.unusable.get(name):
            problems.append(
                f"column {quoted(name)} has {counts.unusable[name]:,} values that are no finite number"
            )
    if problems:
        shown = [f"  {problem}" for problem in problems[:3]]
        more = [f"  and {len(problems) - 3} more columns"] if len(problems) > 3 else []
        raise InputRejected(
            "\n".join(
                [
                    f"{len(problems)} column{'s' * (len(problems) > 1)} cannot be scored in {n_rows:,} rows.",
                    *shown,
                    *more,
                    "  Mend the rows, leave them out with input.filter, or train with another policy.",
                ]
            )
        )
