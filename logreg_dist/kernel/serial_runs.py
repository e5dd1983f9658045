"""Rows in an order: sorted runs, cut into ranges, and the pairs of rows that follow each other in them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import FloatArray

HashArray = NDArray[np.uint64]

# A row's place in the order: its series, its place there, and among equals its split and its row of that.
Key = tuple[int, float, int, int]


@dataclass(frozen=True)
class Run:
    """Rows of one split in order; m rows.

    Attributes
    ----------
    split : int
    series : ndarray (m,) of uint64
        Rows of one series follow each other; the cluster, or 0 for all.
    order : ndarray (m,)
        Place in the series; equal ones keep the table's order.
    row : ndarray (m,) of int
        Number in the split.
    value : ndarray (m,)
    """

    split: int
    series: HashArray
    order: FloatArray
    row: NDArray[np.int64]
    value: FloatArray

    def key(self, k: int) -> Key:
        """Return the place of the k-th row."""
        return int(self.series[k]), float(self.order[k]), self.split, int(self.row[k])

    def part(self, which: slice | NDArray[np.intp]) -> Run:
        """Return some of the rows."""
        return Run(self.split, self.series[which], self.order[which], self.row[which], self.value[which])


def sorted_run(run: Run) -> Run:
    """Return the rows of a run in order.

    Examples
    --------
    >>> series, row = np.zeros(3, dtype=np.uint64), np.arange(3)
    >>> sorted_run(Run(0, series, np.array([2.0, 1.0, 1.0]), row, np.array([5.0, 6.0, 7.0]))).value.tolist()
    [6.0, 7.0, 5.0]
    """
    return run.part(np.lexsort((run.row, run.order, run.series)))


def cut(run: Run, cuts: Sequence[Key]) -> Iterator[tuple[int, Run]]:
    """Yield the rows of a sorted run by the range that they are in; range k ends before the k-th of the ascending `cuts`."""
    start = 0
    for k, limit in enumerate(cuts):
        stop = bisect_left(range(len(run.row)), limit, lo=start, key=run.key)
        if stop > start:
            yield k, run.part(slice(start, stop))
        start = stop
    if start < len(run.row):
        yield len(cuts), run.part(slice(start, None))


def even_cuts(samples: Sequence[Sequence[Key]], n_ranges: int) -> list[Key]:
    """Return at most ``n_ranges - 1`` ascending keys that cut rows into ranges of about equal size.

    Parameters
    ----------
    samples : sequence of sequence of Key
        Keys of rows, of each split's equally many rows apart.
    n_ranges : int

    Examples
    --------
    >>> even_cuts([[(0, 1.0, 0, 0), (0, 3.0, 0, 1)], [(0, 2.0, 1, 0)]], 2)
    [(0, 2.0, 1, 0)]
    """
    keys = sorted(key for sample in samples for key in sample)
    places = {k * len(keys) // n_ranges for k in range(1, n_ranges)} - {0}
    return [keys[k] for k in sorted(places)]


@dataclass(frozen=True)
class PairSums:
    """Sums over pairs of values that follow each other; sums of different pairs add.

    Attributes
    ----------
    n : int
    first, second : float
        Of the earlier and of the later ones.
    first_squares, second_squares, products : float
    """

    n: int = 0
    first: float = 0.0
    second: float = 0.0
    first_squares: float = 0.0
    second_squares: float = 0.0
    products: float = 0.0

    def __add__(self, other: PairSums) -> PairSums:
        return PairSums(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


@dataclass(frozen=True)
class RangeSums:
    """The pairs within a range, and what its neighbours need to pair with: series and value of its ends."""

    pairs: PairSums
    first: tuple[int, float]
    last: tuple[int, float]


def range_sums(runs: Sequence[Run]) -> RangeSums:
    """Return the pairs of a range of which `runs` are all rows, sorted each, in the order of their splits and rows.

    Examples
    --------
    >>> row = np.arange(3)
    >>> run = Run(0, np.array([1, 1, 2], dtype=np.uint64), np.zeros(3), row, np.array([1.0, 2.0, 3.0]))
    >>> found = range_sums([run])
    >>> found.pairs.n, found.pairs.products, found.last
    (1, 2.0, (2, 3.0))
    """
    series, order, value = (
        np.concatenate([getattr(run, name) for run in runs]) for name in ("series", "order", "value")
    )
    at = np.lexsort((order, series))  # stable
    series, value = series[at], value[at]
    ends = (int(series[0]), float(value[0])), (int(series[-1]), float(value[-1]))
    together = series[1:] == series[:-1]
    return RangeSums(_pair_sums(value[:-1][together], value[1:][together]), *ends)


def joined_ranges(ranges: Sequence[RangeSums]) -> PairSums:
    """Return the pairs of all ranges, in order, with those that a cut lies between."""
    total = PairSums()
    for k, one in enumerate(ranges):
        if k and ranges[k - 1].last[0] == one.first[0]:
            total = total + _pair_sums(np.array([ranges[k - 1].last[1]]), np.array([one.first[1]]))
        total = total + one.pairs
    return total


def _pair_sums(first: FloatArray, second: FloatArray) -> PairSums:
    with np.errstate(over="ignore", invalid="ignore"):  # of infinite residuals there is no correlation
        sums = (
            first.sum(),
            second.sum(),
            (first * first).sum(),
            (second * second).sum(),
            (first * second).sum(),
        )
    return PairSums(len(first), *map(float, sums))
