"""The clock of a run: named stretches of time, in the order in which they happened."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

# Shown apart: starting sessions and importing libraries, and what is only measured besides.
STARTUP = "startup"
CACHED = "cached"
BESIDE = "beside"


@dataclass(frozen=True)
class Phase:
    """A stretch of time on the machine's monotonic clock, seconds; all processes share that clock."""

    name: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


class Phases:
    """Collects the phases of one run."""

    def __init__(self) -> None:
        self.done: list[Phase] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a block."""
        start = time.monotonic()
        yield
        self.done.append(Phase(name, start, time.monotonic()))

    def again(self, name: str, phase: Phase) -> None:
        """Count a phase under another name too: a fit on a tool's cached form is on both clocks."""
        self.done.append(Phase(name, phase.start, phase.end))

    def lasting(self, name: str, seconds: float) -> None:
        """Add a phase that something else measured, as if it ended now."""
        now = time.monotonic()
        self.done.append(Phase(name, now - seconds, now))


def end_to_end(phases: Sequence[Phase]) -> list[Phase]:
    """Return the phases from Parquet to the answer, in order.

    Examples
    --------
    >>> run = [Phase("startup", 0.0, 3.0), Phase("load", 3.0, 4.0), Phase("fit", 4.0, 9.0), Phase("cached", 9.0, 11.0)]
    >>> [phase.name for phase in end_to_end(run)]
    ['load', 'fit']
    """
    return [phase for phase in phases if phase.name not in (STARTUP, CACHED, BESIDE)]


def seconds_of(phases: Sequence[Phase], name: str) -> float | None:
    """Return the seconds of all phases with a name together, None when there is none."""
    found = [phase.seconds for phase in phases if phase.name == name]
    return sum(found) if found else None
