"""Where the time of a fit's passes went, as a table and for run.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from logreg_dist.report.table import text_table
from logreg_dist.staging.pass_timing import PassTiming

_PARTS = ("staging", "reading", "kernel")


def pass_records(timings: Sequence[PassTiming]) -> list[dict[str, Any]]:
    """Return the seconds of each pass: a part of the tasks as if spread evenly over the cores.

    ``overhead`` is what no task accounts for: scheduling, the way of the results, uneven splits;
    ``driver`` what went by before the pass.
    """
    return [
        {"pass": timing.number, **{name: round(value, 4) for name, value in _seconds(timing).items()}}
        for timing in timings
    ]


def pass_table(timings: Sequence[PassTiming]) -> str:
    """Return the same as text, with a line of sums.

    Examples
    --------
    >>> from logreg_dist.staging.pass_timing import TaskTiming
    >>> print(pass_table([PassTiming(3, 0.75, 0.01, 1, (TaskTiming(0.0, 0.25, 0.25),))]))
    seconds  staging  reading  kernel  overhead  driver  wall
    pass 3      0.00     0.25    0.25      0.25    0.01  0.75
    all         0.00     0.25    0.25      0.25    0.01  0.75
    """
    seconds = [_seconds(timing) for timing in timings]
    names = list(_seconds(PassTiming(0, 0.0, 0.0, 1, ())))
    rows = [
        [f"pass {timing.number}", *(f"{part[name]:.2f}" for name in names)]
        for timing, part in zip(timings, seconds, strict=True)
    ]
    rows.append(["all", *(f"{sum(part[name] for part in seconds):.2f}" for name in names)])
    return text_table(["seconds", *names], rows)


def _seconds(timing: PassTiming) -> dict[str, float]:
    parts = {name: timing.share(name) for name in _PARTS}
    return {**parts, "overhead": timing.overhead, "driver": timing.driver, "wall": timing.wall}
