"""The readings of the sorted score groups: each a pass, its sums added in the order of the scores."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from pyspark.sql import DataFrame

from logreg_dist.assessment.curves import Curves, close, empty_curves, trace
from logreg_dist.assessment.groups import FloatArray, ScoreGroups
from logreg_dist.assessment.passes import SUMS_SCHEMA, ddl, sums_of_splits
from logreg_dist.assessment.recalibration import LineState, centre_of, evaluate_line, recalibrate, shift
from logreg_dist.assessment.result import Assessment, assessment_of
from logreg_dist.assessment.totals import Totals, add_up
from logreg_dist.assessment.wire import from_vector
from logreg_dist.errors import InputRejected

logger = logging.getLogger(__name__)
Record = TypeVar("Record")

# Far outside, products of weight sums leave the range of doubles.
_WEIGHT_SUM_RANGE = (1e-100, 1e100)


def read_groups(groups: DataFrame, n_bins: int) -> Assessment:
    """Assess sorted score groups, each score in one row; about seven jobs over `groups`.

    Raises
    ------
    InputRejected
        If the weights add up to something that squares cannot hold, or two readings differ.
    """
    of_splits = _totals_of_splits(groups)
    above = [Totals()]
    for totals in of_splits:
        above.append(above[-1].followed_by(totals))
    whole = above.pop()
    if not _WEIGHT_SUM_RANGE[0] < whole.weight_sum < _WEIGHT_SUM_RANGE[1]:
        raise InputRejected(
            f"the weights of the scored table add up to {whole.weight_sum:g}.\n"
            "  Rescale them: only their proportions matter."
        )
    curves = _curves(groups, above, whole, n_bins)
    line, in_the_large = _recalibration(groups, curves, whole)
    return assessment_of(whole, curves, line=line, in_the_large=in_the_large)


def _totals_of_splits(groups: DataFrame) -> list[Totals]:
    def measure(chunks: Iterator[ScoreGroups], split: int) -> Totals:
        return add_up(chunks)

    return _collect(groups, measure, like=Totals())


def _curves(groups: DataFrame, above: list[Totals], whole: Totals, n_bins: int) -> Curves:
    def measure(chunks: Iterator[ScoreGroups], split: int) -> Curves:
        return trace(chunks, above[split], whole, n_bins=n_bins)

    curves = empty_curves(n_bins)
    for of_split in _collect(groups, measure, like=curves):
        curves = curves.followed_by(of_split)
    return close(curves, whole)


def _recalibration(
    groups: DataFrame, curves: Curves, whole: Totals
) -> tuple[FloatArray | None, float | None]:
    """Fit both recalibrations, starting from fits to some 200 cells of the ROC curve."""
    centre = centre_of(whole)

    def in_cells(beta: FloatArray) -> LineState:
        return evaluate_line(beta, [cells], centre)

    def in_table(beta: FloatArray) -> LineState:
        def measure(chunks: Iterator[ScoreGroups], split: int) -> LineState:
            return evaluate_line(beta, chunks, centre)

        state = LineState(0.0, np.zeros(2), np.zeros((2, 2)))
        for of_split in _collect(groups, measure, like=state):
            state += of_split
        logger.info("assessment: recalibration deviance %.10g", state.deviance)
        return state

    cells = curves.roc.as_groups()
    rough_line = recalibrate(in_cells, add_up([cells]))
    rough_shift = shift(in_cells, whole)
    return recalibrate(in_table, whole, rough_line), shift(in_table, whole, rough_shift or 0.0)


def _collect(groups: DataFrame, measure: Any, *, like: Record) -> list[Record]:
    """Run one pass over the sorted groups and return the record of every split, in their order."""
    rows = groups.mapInArrow(sums_of_splits(measure), ddl(SUMS_SCHEMA)).collect()
    return [
        from_vector(np.frombuffer(row["sums"]), like) for row in sorted(rows, key=lambda row: row["split"])
    ]
