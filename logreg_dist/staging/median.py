"""Exact weighted quantiles over staged splits, by narrowing brackets; runs on the executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from logreg_dist.staging.split_file import RecordLayout, read_chunks
from logreg_dist.staging.staged_split import StagedSplit

FloatArray = NDArray[np.float64]
# A numeric column by its row in the chunks, and the share of the weight: 0.5 for the median.
Place = tuple[int, float]

Wanted = TypeVar("Wanted")

N_BINS = 4096
# Sums of weights round, and otherwise with another number of splits: this near to a share of the weight
# is that share.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Bracket:
    """A range of ordered keys, both ends included, that holds a quantile of a column.

    Doubles sort like their bit patterns read as integers (with the negative ones flipped), so
    halving a range of integers ends at one double after few steps, whatever the scale.

    Attributes
    ----------
    low, high : int
    n_bins : int
        Parts that it is narrowed to one of, with each pass.
    """

    low: int = 0
    high: int = 2**64 - 1
    n_bins: int = N_BINS

    @property
    def width(self) -> int:
        """Keys in one of the bins."""
        return -(-(self.high - self.low + 1) // self.n_bins)

    @property
    def is_point(self) -> bool:
        """Whether one double is left."""
        return self.low == self.high

    def narrow(self, below: float, bins: FloatArray, wanted: float) -> Bracket:
        """Return the bin in which the weight reaches `wanted`: half of it all for the median."""
        reached = below + np.cumsum(bins)
        k = int(np.argmax(reached >= wanted * (1.0 - ROUNDING)))
        low = self.low + k * self.width
        return Bracket(low, min(low + self.width - 1, self.high), self.n_bins)


@dataclass(frozen=True)
class BracketSums:
    """Weight below a bracket and in each of its bins (n_bins,); adds over rows."""

    below: float
    bins: FloatArray

    def __add__(self, other: BracketSums) -> BracketSums:
        return BracketSums(self.below + other.below, self.bins + other.bins)


@dataclass(frozen=True)
class Neighbours:
    """Weight up to a value, and the smallest value above it; adds over rows."""

    up_to: float
    above: float

    def __add__(self, other: Neighbours) -> Neighbours:
        return Neighbours(self.up_to + other.up_to, min(self.above, other.above))

    def quantile(self, value: float, wanted: float) -> float:
        """Return `value`, or its mean with the next one where exactly the weight `wanted` ends at it."""
        return value if self.up_to > wanted * (1.0 + ROUNDING) else (value + self.above) / 2


def bracket_sums(
    split: StagedSplit, layout: RecordLayout, brackets: Mapping[Place, Bracket]
) -> dict[Place, BracketSums]:
    """Return the sums of a split for each quantile."""
    sums = {place: BracketSums(0.0, np.zeros(bracket.n_bins)) for place, bracket in brackets.items()}
    for chunk in read_chunks(Path(split.path), split.n_rows, layout):
        for row, places in _by_row(brackets):
            values, weight = _present(chunk.numeric[row], chunk.weight)
            found = {bracket: sums_of(values, weight, bracket) for bracket in set(places.values())}
            for place, bracket in places.items():
                sums[place] = sums[place] + found[bracket]
    return sums


def neighbours(
    split: StagedSplit, layout: RecordLayout, values: Mapping[Place, float]
) -> dict[Place, Neighbours]:
    """Return for each quantile the weight up to a value and the next larger value."""
    found = {place: Neighbours(0.0, np.inf) for place in values}
    for chunk in read_chunks(Path(split.path), split.n_rows, layout):
        for row, places in _by_row(values):
            present, weight = _present(chunk.numeric[row], chunk.weight)
            for place, value in places.items():
                up_to = float(weight[present <= value].sum())
                above = float(present[present > value].min(initial=np.inf))
                found[place] = found[place] + Neighbours(up_to, above)
    return found


def bracket_task(
    layout: RecordLayout, brackets: Mapping[Place, Bracket]
) -> Callable[[StagedSplit], dict[Place, BracketSums]]:
    """Return the task of `bracket_sums`."""
    return lambda split: bracket_sums(split, layout, brackets)


def neighbour_task(
    layout: RecordLayout, values: Mapping[Place, float]
) -> Callable[[StagedSplit], dict[Place, Neighbours]]:
    """Return the task of `neighbours`."""
    return lambda split: neighbours(split, layout, values)


def sums_of(values: FloatArray, weight: FloatArray, bracket: Bracket) -> BracketSums:
    """Count the weight of values (m,) below a bracket and in its bins.

    Examples
    --------
    >>> sums = sums_of(np.array([-1.0, 2.0]), np.ones(2), Bracket(low=2**63))  # 0.0 and above
    >>> sums.below, sums.bins.sum()
    (1.0, np.float64(1.0))
    """
    keys = ordered_keys(values)
    inside = (keys >= np.uint64(bracket.low)) & (keys <= np.uint64(bracket.high))
    places = (keys[inside] - np.uint64(bracket.low)) // np.uint64(bracket.width)
    bins = np.bincount(places.astype(np.int64), weights=weight[inside], minlength=bracket.n_bins)
    below = float(weight[keys < np.uint64(bracket.low)].sum())
    return BracketSums(below, bins.astype(np.float64, copy=False))


def ordered_keys(values: FloatArray) -> NDArray[np.uint64]:
    """Return integers that sort as the doubles do.

    Examples
    --------
    >>> np.argsort(ordered_keys(np.array([0.5, -2.0, -1.0, 3.0]))).tolist()
    [1, 2, 0, 3]
    """
    bits = np.ascontiguousarray(values + 0.0).view(np.uint64)  # + 0.0 turns -0.0 into 0.0
    negative = bits >> np.uint64(63) == 1
    return np.where(negative, ~bits, bits | np.uint64(1 << 63))


def value_of_key(key: int) -> float:
    """Undo `ordered_keys` for one key.

    Examples
    --------
    >>> [value_of_key(int(key)) for key in ordered_keys(np.array([-2.5, 0.0, 7.0]))]
    [-2.5, 0.0, 7.0]
    """
    bits = key & ~(1 << 63) if key >> 63 else ~key & (2**64 - 1)
    return float(np.array([bits], dtype=np.uint64).view(np.float64)[0])


def _by_row(wanted: Mapping[Place, Wanted]) -> Iterator[tuple[int, dict[Place, Wanted]]]:
    for row in dict.fromkeys(row for row, _ in wanted):
        yield row, {place: what for place, what in wanted.items() if place[0] == row}


def _present(values: FloatArray, weight: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    present = ~np.isnan(values)
    kept = values[present].astype(np.float64, copy=False)  # also where numbers are stored as float32
    return kept, np.ones(len(kept)) if weight is None else weight[present]
