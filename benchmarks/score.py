"""The score command: ours, MLlib's `transform`, and pyarrow with NumPy, from Parquet to Parquet."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.cases import CASES
from benchmarks.data import Table, table_of
from benchmarks.measure import Run, run_in_process
from benchmarks.options import Options, Say
from benchmarks.phases import STARTUP
from benchmarks.table import spread

SCORE_WAYS = {
    "ours": "the score job: scores written, read back, counted and swapped in",
    "ours-lazy": "model.score(spark.read.parquet(...)).write.parquet(...)",
    "mllib": "MLlib: pipeline and model transform, key and probability written",
    "direct": "pyarrow and NumPy in one process, a row group at a time",
}
HEADER = (
    "way",
    "Parquet to Parquet, s",
    "vs ours",
    "startup, s",
    "CPU s",
    "peak MB",
    "largest error",
    "note",
)


@dataclass(frozen=True)
class ScoreResult:
    """All ways on a case; the dropped round is not kept unless it is all there is."""

    table: Table
    runs: dict[str, list[Run]]
    problems: dict[str, str]


def compare_scoring(case_id: str, ways: Sequence[str], options: Options, say: Say) -> ScoreResult:
    """Score in rotation, the first round dropped; every run checks every probability it wrote."""
    table = table_of(CASES[case_id].at(options.rows), options.data)
    prepared = run_in_process(_request("prepare-score", "", table), timeout=options.timeout)
    if prepared.status != "done":
        raise RuntimeError(f"no model to score with: {prepared.status}: {prepared.words}")
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    problems: dict[str, str] = {}
    for number in range(options.repeat + 1):
        for way in ways:
            if way in problems:
                continue
            run = run_in_process(_request("score", way, table), timeout=options.timeout)
            say(f"{case_id} {way} {_round(number)}: {run.status} {run.words} {run.wall:.2f} s")
            if run.status != "done":
                problems[way] = f"{run.status}: {run.words}"
            elif number > 0:
                runs[way].append(run)
    return ScoreResult(table, runs, problems)


def score_rows(result: ScoreResult) -> list[list[str]]:
    """Return a row of text for each way, in the order of `HEADER`."""
    ours = _median(result.runs.get("ours", []))
    return [_row(way, runs, ours, result.problems.get(way, "")) for way, runs in result.runs.items()]


def score_values(result: ScoreResult) -> dict[str, Any]:
    """Return everything that was measured, for JSON."""
    return {
        "case": result.table.case.id,
        "rows": result.table.case.rows,
        "problems": result.problems,
        "ways": {
            way: [
                {"seconds": run.wall, "cpu_seconds": run.cpu, "peak_mb": run.peak(), **run.result}
                for run in runs
            ]
            for way, runs in result.runs.items()
        },
    }


def _request(work: str, way: str, table: Table) -> dict[str, Any]:
    return {"work": work, "way": way, "case": asdict(table.case), "folder": str(table.folder)}


def _round(number: int) -> str:
    return f"round {number}" if number else "dropped round"


def _median(runs: Sequence[Run]) -> float | None:
    return statistics.median(run.wall for run in runs) if runs else None


def _row(way: str, runs: Sequence[Run], ours: float | None, problem: str) -> list[str]:
    own = _median(runs)
    if own is None:
        return [way, *[""] * (len(HEADER) - 2), problem or "only the dropped round was run"]
    startups = [seconds for run in runs if (seconds := run.phase(STARTUP)) is not None]
    return [
        way,
        spread([run.wall for run in runs]),
        f"{own / ours:.1f}x" if ours else "",
        spread(startups),
        spread([run.cpu for run in runs]),
        f"{max(run.peak() for run in runs):.0f}",
        f"{max(run.result['max_error'] for run in runs):.0e}",
        problem,
    ]
