"""The medians that missing values are filled with: exact, weighted, a few passes."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TypeVar

from logreg_dist.reading.resolve import ResolvedTable
from logreg_dist.staging.median import (
    Bracket,
    BracketSums,
    Neighbours,
    bracket_task,
    neighbour_task,
    value_of_key,
)
from logreg_dist.staging.passes import StagedTable
from logreg_dist.staging.plan import Kind
from logreg_dist.staging.profile import TableProfile
from logreg_dist.staging.stage_split import record_layout

Sums = TypeVar("Sums", BracketSums, Neighbours)


def weighted_medians(staged: StagedTable, resolved: ResolvedTable, profile: TableProfile) -> dict[str, float]:
    """Return the weighted median of every column whose policy is ``median``, units of the column.

    A row of weight 2 counts as two rows. Where half of the weight lies exactly between two values,
    the median is their mean, as usual. Costs no pass without such columns, about six with.
    """
    numeric = [column for column in resolved.asked if column.kind is Kind.NUMERIC]
    names = {row: column.name for row, column in enumerate(numeric) if column.policy.missing.kind == "median"}
    half = {row: float(profile.numeric.weight[row]) / 2 for row in names}
    brackets = {row: Bracket() for row in names if half[row] > 0}
    layout = record_layout(resolved.plan)
    while any(not bracket.is_point for bracket in brackets.values()):
        sums = _add_columns(staged.run_pass(bracket_task(layout, dict(brackets))))
        brackets = {
            row: bracket.narrow(sums[row].below, sums[row].bins, half[row])
            for row, bracket in brackets.items()
        }
    if not brackets:
        return {}
    lower = {row: value_of_key(bracket.low) for row, bracket in brackets.items()}
    found = _add_columns(staged.run_pass(neighbour_task(layout, lower)))
    return {names[row]: found[row].median(value, half[row]) for row, value in lower.items()}


def _add_columns(parts: list[dict[int, Sums]]) -> dict[int, Sums]:
    return {row: reduce(add, (part[row] for part in parts)) for row in parts[0]}
