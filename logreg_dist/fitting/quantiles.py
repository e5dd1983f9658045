"""The quantiles that a design is made of: medians to fill in, knots, edges. Exact, weighted, a few passes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any, TypeVar

import numpy as np

from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.knots import Quantile
from logreg_dist.staging.median import (
    N_BINS,
    Bracket,
    BracketSums,
    Neighbours,
    Place,
    bracket_task,
    neighbour_task,
    ordered_keys,
    value_of_key,
)
from logreg_dist.staging.plan import Kind
from logreg_dist.staging.profile import TableProfile
from logreg_dist.staging.split_file import RecordLayout

RunPass = Callable[[Callable[..., Any]], list[Any]]
Sums = TypeVar("Sums", BracketSums, Neighbours)

MEDIAN = 0.5
# Counts on their way to the driver in one pass, from all splits together.
MAX_SENT_BYTES = 64_000_000
FEWEST_BINS = 64


def weighted_quantiles(
    run_pass: RunPass,
    layout: RecordLayout,
    asked: Sequence[AskedColumn],
    profile: TableProfile,
    wanted: Mapping[str, Collection[float]],
    *,
    n_splits: int = 1,
) -> dict[str, dict[float, Quantile]]:
    """Return quantiles of numeric columns by name and share, units of the column.

    A row of weight 2 counts as two rows. Where exactly the share of the weight ends at a value, the quantile
    lies halfway to the next one (Hyndman and Fan 1996, The American Statistician 50(4), definition 2; R's
    type 2). Costs no pass without any, about six with.

    Parameters
    ----------
    run_pass : callable
        Runs a task on every split and returns the results in their order.
    layout : RecordLayout
    asked : sequence of AskedColumn
    profile : TableProfile
    wanted : mapping of str to shares
        Between 0 and 1, both excluded.
    n_splits : int
        Of the table: with many splits and quantiles each pass counts in fewer bins, and there are more passes.
    """
    names = [column.name for column in asked if column.kind is Kind.NUMERIC]
    weights = dict(enumerate(profile.numeric.weight.tolist()))
    places = [(row, share) for row, name in enumerate(names) for share in sorted(set(wanted.get(name, ())))]
    target = {place: weights[place[0]] * place[1] for place in places if weights[place[0]] > 0}
    ends = {row: (profile.numeric.minimum[row], profile.numeric.maximum[row]) for row, _ in target}
    keys = {row: ordered_keys(np.array(values)).tolist() for row, values in ends.items()}
    n_bins = min(max(MAX_SENT_BYTES // (8 * n_splits * max(len(target), 1)), FEWEST_BINS), N_BINS)
    brackets = {(row, share): Bracket(keys[row][0], keys[row][1], n_bins) for row, share in target}
    while any(not bracket.is_point for bracket in brackets.values()):
        sums = _add_places(run_pass(bracket_task(layout, dict(brackets))))
        brackets = {
            place: bracket.narrow(sums[place].below, sums[place].bins, target[place])
            for place, bracket in brackets.items()
        }
    if not brackets:
        return {}
    values = {place: value_of_key(bracket.low) for place, bracket in brackets.items()}
    beside = _add_places(run_pass(neighbour_task(layout, values)))
    found: dict[str, dict[float, Quantile]] = {}
    for place, value in values.items():
        quantile = Quantile(value, beside[place].above, beside[place].quantile(value, target[place]))
        found.setdefault(names[place[0]], {})[place[1]] = quantile
    return found


def wanted_medians(asked: Sequence[AskedColumn]) -> dict[str, set[float]]:
    """Return the medians that missing values are filled with."""
    return {column.name: {MEDIAN} for column in asked if column.policy.missing.kind == "median"}


def _add_places(parts: list[dict[Place, Sums]]) -> dict[Place, Sums]:
    return {place: reduce(add, (part[place] for part in parts)) for place in parts[0]}
