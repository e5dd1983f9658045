"""What runs around the task of a pass on an executor: timing, lost files, adding results of neighbours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from math import isqrt
from operator import add
from typing import Any, Generic, TypeVar

from logreg_dist.staging.pass_timing import Measured, TaskTiming
from logreg_dist.staging.staged_split import StagedSplit

Result = TypeVar("Result")

SMALLEST_GROUP = 8
# Of the results of a pass on their way to the driver; beyond it Spark adds them in groups first.
MAX_SENT_BYTES = 256_000_000


class Lost:
    """What a task returns when the staged file is not on its machine: it must not guess."""


class Added:
    """Stands for a result that was added to that of the first split of its group."""


@dataclass(frozen=True)
class Done(Generic[Result]):
    """What comes back of one split."""

    split: StagedSplit
    result: Result | Lost | Added
    timing: TaskTiming


def over_splits(
    task: Callable[[StagedSplit], Result | Measured[Result]],
) -> Callable[[Iterable[StagedSplit]], Iterator[Done[Result]]]:
    """Return the function for `mapPartitions` that applies `task` to staged splits."""

    def run(splits: Iterable[StagedSplit]) -> Iterator[Done[Result]]:
        for split in splits:
            yield _measured(task, split)

    return run


def group_size(n_splits: int) -> int:
    """Return how many neighbouring splits are added to one result.

    About the square root, so that neither a group nor the number of groups grows fast. It depends on
    the number of splits alone: sums must not depend on anything else.

    Examples
    --------
    >>> group_size(4), group_size(64), group_size(2000)
    (8, 8, 45)
    """
    return max(SMALLEST_GROUP, isqrt(max(n_splits - 1, 0)) + 1)


def add_in_groups(results: list[Any], n_splits: int) -> Any:
    """Add results, one for each split in order, within groups and then the groups.

    Examples
    --------
    >>> add_in_groups([1, 2, 3], 3)
    6
    """
    size = group_size(n_splits)
    return reduce(add, [reduce(add, results[k : k + size]) for k in range(0, len(results), size)])


def added(members: Iterable[Done[Any]]) -> list[Done[Any]]:
    """Add the results of a group in the order of its splits; the first one carries the sum.

    With a lost file among them nothing is added: the pass is made again.
    """
    dones = sorted(members, key=lambda done: done.split.split)
    if any(isinstance(done.result, Lost) for done in dones):
        return [replace(done, result=Lost()) for done in dones]
    total = reduce(add, [done.result for done in dones])
    return [replace(done, result=Added() if k else total) for k, done in enumerate(dones)]


def _measured(task: Callable[[StagedSplit], Result | Measured[Result]], split: StagedSplit) -> Done[Result]:
    start = time.perf_counter()
    try:
        found = task(split)
    except FileNotFoundError:
        return Done(split, Lost(), TaskTiming())
    seconds = time.perf_counter() - start
    if isinstance(found, Measured):
        return Done(split, found.result, TaskTiming(0.0, found.reading, seconds - found.reading))
    return Done(split, found, TaskTiming(kernel=seconds))
