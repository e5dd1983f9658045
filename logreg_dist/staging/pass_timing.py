"""Where the time of a pass goes: staging, reading, kernel, and what Spark and the driver need around them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Measured(Generic[Result]):
    """What a task returns when it knows how long it only read.

    Attributes
    ----------
    result : object
        What the pass is for.
    reading : float
        Seconds in which blocks were read and encoded.
    """

    result: Result
    reading: float


@dataclass(frozen=True)
class TaskTiming:
    """Seconds of one split in a pass: staged anew, read, and worked on."""

    staging: float = 0.0
    reading: float = 0.0
    kernel: float = 0.0


@dataclass(frozen=True)
class PassTiming:
    """Seconds of one pass.

    Attributes
    ----------
    number : int
        From 1, as in the log's lines.
    wall : float
        From its start, nearly always that of a Spark job, to its last result.
    driver : float
        Between the pass before and this one: sums, solver, planning.
    slots : int
        Tasks that could run at a time.
    tasks : tuple of TaskTiming
    """

    number: int
    wall: float
    driver: float
    slots: int
    tasks: tuple[TaskTiming, ...]

    def share(self, part: str) -> float:
        """Return the seconds of `part` (a field of `TaskTiming`) as if spread evenly over the slots."""
        seconds: list[float] = [getattr(task, part) for task in self.tasks]
        return sum(seconds) / self.slots

    @property
    def overhead(self) -> float:
        """Wall time that no task accounts for: Spark's scheduling, the way of the results, uneven splits.

        Examples
        --------
        >>> tasks = (TaskTiming(kernel=0.5), TaskTiming(reading=0.1, kernel=0.4))
        >>> timing = PassTiming(3, wall=0.75, driver=0.01, slots=2, tasks=tasks)
        >>> timing.share("kernel"), round(timing.overhead, 9)
        (0.45, 0.25)
        """
        return self.wall - sum(self.share(part) for part in TaskTiming.__dataclass_fields__)


class ReadingClock:
    """Adds up the time that an iterator takes to yield; a builder."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the same items."""
        source = iter(items)
        while True:
            start = time.perf_counter()
            try:
                item = next(source)
            except StopIteration:
                return
            finally:
                self.seconds += time.perf_counter() - start
            yield item
