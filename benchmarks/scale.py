"""The scale command: how our own fit grows with rows, columns, levels and splits."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from benchmarks.cases import CASES, Case
from benchmarks.data import table_of
from benchmarks.measure import Run, run_in_process
from benchmarks.options import Options, Say
from benchmarks.table import spread

SIZES: dict[str, tuple[int, ...]] = {
    "rows": (1_000_000, 4_000_000, 16_000_000),
    "columns": (10, 30, 100, 300, 1000, 2000),
    "levels": (10, 100, 1000, 5000, 20_000),
    "splits": (1, 2, 4, 8, 16, 32, 64),
}
# Of the series in which something else than the rows grows.
BASE_ROWS = {"columns": 100_000, "levels": 1_000_000, "splits": 1_000_000}
HEADER = (
    "size",
    "whole fit, s",
    "ingest, s",
    "a pass, s",
    "passes",
    "us per row",
    "workers MB",
    "driver MB",
    "JVM MB",
    "note",
)


@dataclass(frozen=True)
class Point:
    """The runs at one size; `problem` says why there are none."""

    size: int
    rows: int
    runs: tuple[Run, ...]
    problem: str = ""


def measure_series(series: str, sizes: Sequence[int], options: Options, say: Say) -> list[Point]:
    """Fit at every size in rotation, each run in a process of its own, the first round dropped."""
    found: dict[int, list[Run]] = {size: [] for size in sizes}
    problems: dict[int, str] = {}
    tables = {size: table_of(scaled_case(series, size, options.rows), options.data) for size in sizes}
    for number in range(options.repeat + 1):
        for size, table in tables.items():
            if size in problems:
                continue
            request = {
                "work": "scale",
                "case": asdict(table.case),
                "folder": str(table.folder),
                "splits": size if series == "splits" else None,
            }
            run = run_in_process(request, timeout=options.timeout)
            say(
                f"{series} {size:,} {'dropped' if number == 0 else number}: {run.status} {run.words} {run.wall:.2f} s"
            )
            if run.status != "done":
                problems[size] = f"{run.status}: {run.words}"
            elif number > 0:
                found[size].append(run)
    return [
        Point(size, tables[size].case.rows, tuple(runs), problems.get(size, ""))
        for size, runs in found.items()
    ]


def scaled_case(series: str, size: int, rows: int | None) -> Case:
    """Return the case at a size of a series; `rows` replaces the rows of those where they do not grow.

    Examples
    --------
    >>> scaled_case("levels", 100, 5000).levels, scaled_case("rows", 2000, None).rows
    ((100,), 2000)
    """
    if series == "rows":
        return CASES["D30"].at(size)
    base = rows or BASE_ROWS[series]
    if series == "columns":
        return Case(f"columns{size}", base, "growth with columns", n_dense=size)
    if series == "levels":
        # The rarest of many levels have few rows: a ridge keeps their estimates finite.
        return Case(
            f"levels{size}", base, "growth with levels", n_dense=5, levels=(size,), prior_precision=1.0
        )
    return replace(CASES["D30"].at(base), id="D30")


def scale_rows(points: Sequence[Point]) -> list[list[str]]:
    """Return a row of text for each size, and one with the slopes in log-log."""
    rows = [_row(point) for point in points]
    for name, seconds in (("ingest", _ingest), ("pass", _pass)):
        slope = slope_of(seconds_by_point(points, seconds))
        if slope is not None:
            rows.append([f"slope of {name}", *[""] * (len(HEADER) - 2), f"time grows as size^{slope:.2f}"])
    return rows


def scale_values(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Return everything that was measured, for JSON."""
    return [
        {
            "size": point.size,
            "rows": point.rows,
            "problem": point.problem,
            "runs": [
                {
                    "seconds": run.wall,
                    "ingest_seconds": _ingest(run),
                    "pass_seconds": run.result["pass_seconds"],
                    "passes": run.result["passes"],
                    "workers_mb": run.peak(["workers"]),
                    "driver_mb": run.peak(["driver"]),
                    "jvm_mb": run.peak(["jvm"]),
                }
                for run in point.runs
            ],
        }
        for point in points
    ]


def seconds_by_point(points: Sequence[Point], of: Callable[[Run], float]) -> dict[int, float]:
    """Return the median of something over the runs of each size."""
    return {point.size: statistics.median(map(of, point.runs)) for point in points if point.runs}


def slope_of(seconds: Mapping[int, float]) -> float | None:
    """Return the slope of log seconds over log size by least squares, None below two sizes.

    Examples
    --------
    >>> round(slope_of({10: 1.0, 100: 10.0, 1000: 100.0}), 6)
    1.0
    """
    if len(seconds) < 2:
        return None
    return float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])


def _ingest(run: Run) -> float:
    return run.wall - float(sum(run.result["pass_seconds"]))


def _pass(run: Run) -> float:
    return float(statistics.median(run.result["pass_seconds"]))


def _row(point: Point) -> list[str]:
    if not point.runs:
        words = point.problem or "only the dropped round was run"
        return [f"{point.size:,}", *[""] * (len(HEADER) - 2), words]
    return [
        f"{point.size:,}",
        spread([run.wall for run in point.runs]),
        spread([_ingest(run) for run in point.runs]),
        spread([_pass(run) for run in point.runs]),
        str(point.runs[-1].result["passes"]),
        f"{1e6 * statistics.median(run.wall for run in point.runs) / point.rows:.2f}",
        *(f"{max(run.peak([role]) for run in point.runs):.0f}" for role in ("workers", "driver", "jvm")),
        point.problem,
    ]
