"""Results as rows of text, and as values for JSON."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.fit import Attempt, CaseResult, PeerResult
from benchmarks.measure import Run
from benchmarks.phases import CACHED, STARTUP, end_to_end
from benchmarks.reference import REACHED

HEADER = (
    "peer",
    "Parquet to answer, s",
    "vs ours",
    "cached, s",
    "a pass, s",
    "pass vs kernel",
    "startup, s",
    "CPU s",
    "peak MB",
    "iterations",
    "passes",
    "std. errors",
    "gap",
    "reached",
    "tolerance",
    "note",
)


def case_rows(result: CaseResult) -> list[list[str]]:
    """Return a row of text for each peer, in the order of `HEADER`."""
    by_name = {peer.peer: peer for peer in result.peers}
    ours = _median(by_name["ours"], _wall) if "ours" in by_name else None
    kernel = _median(by_name["kernel"], _pass) if "kernel" in by_name else None
    return [_row(peer, ours, kernel) for peer in result.peers]


def case_values(result: CaseResult) -> dict[str, Any]:
    """Return everything that was measured on a case, without samples and estimates."""
    case = result.table.case
    return {
        "case": case.id,
        "rows": case.rows,
        "terms": case.n_terms,
        "reference": {"objective": result.reference.objective, "iterations": result.reference.iterations},
        "peers": [
            {
                "peer": peer.peer,
                "refusal": peer.refusal,
                "dropped": [_attempt_values(attempt) for attempt in peer.tried],
                "counted": [_attempt_values(attempt) for attempt in peer.counted],
            }
            for peer in result.peers
        ],
    }


def reached(gap: float | None) -> str:
    """Return which of the gaps that are asked for was met.

    Examples
    --------
    >>> reached(3e-7), reached(2e-9), reached(0.1), reached(None), reached(float("nan"))
    ('1e-06', '1e-08', 'none', '', 'none')
    """
    if gap is None:
        return ""
    met = [f"{wanted:.0e}" for wanted in REACHED if abs(gap) <= wanted]
    return met[-1] if met else "none"


def text_lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return aligned columns; columns that are empty throughout are left out.

    Examples
    --------
    >>> text_lines(["a", "b"], [["x", ""], ["yy", ""]])
    ['a', '--', 'x', 'yy']
    """
    kept = used_columns(rows)
    widths = [max(len(header[k]), *(len(row[k]) for row in rows)) for k in kept]
    lines = [
        "  ".join(line[k].ljust(w) for k, w in zip(kept, widths, strict=True)) for line in (header, *rows)
    ]
    rule = "  ".join("-" * width for width in widths)
    return [line.rstrip() for line in (lines[0], rule, *lines[1:])]


def used_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns in which some row has something.

    Examples
    --------
    >>> used_columns([["x", "", ""], ["", "", "y"]])
    [0, 2]
    """
    return [k for k in range(len(rows[0])) if any(row[k] for row in rows)] if rows else []


def spread(values: Sequence[float]) -> str:
    """Return the median with min and max.

    Examples
    --------
    >>> spread([1.0, 3.0, 2.0]), spread([12.345])
    ('2.00 (1.00-3.00)', '12.3')
    """
    if not values:
        return ""
    middle = _number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({_number(min(values))}-{_number(max(values))})"


def _row(peer: PeerResult, ours: float | None, kernel: float | None) -> list[str]:
    counted = [attempt for attempt in peer.counted if attempt.counts]
    if not counted:
        return [peer.peer, *[""] * (len(HEADER) - 2), _why_not(peer)]
    last = counted[-1]
    result, own, a_pass = last.run.result, _median(peer, _wall), _median(peer, _pass)
    is_fit = last.gap is not None
    worst = max((abs(attempt.gap) for attempt in counted if attempt.gap is not None), default=None)
    return [
        peer.peer,
        spread([_wall(attempt) for attempt in counted]) if is_fit else "",
        f"{own / ours:.1f}x" if is_fit and own and ours else "",
        _spread_of(counted, lambda attempt: cached_seconds(attempt.run)) if is_fit else "",
        _spread_of(counted, _pass),
        f"{a_pass / kernel:.1f}x" if a_pass and kernel else "",
        _spread_of(counted, lambda attempt: attempt.run.phase(STARTUP)),
        spread([attempt.run.cpu for attempt in counted]),
        f"{max(attempt.run.peak() for attempt in counted):.0f}",
        _text(result.get("iterations")),
        _text(result.get("passes")),
        ("yes" if result.get("has_std_errors") else "no") if is_fit else "",
        "" if worst is None else f"{worst:.0e}",
        reached(worst),
        f"{last.tolerance:g}" if is_fit else "",
        "; ".join(filter(None, [result.get("note", ""), _parts(last.run)])),
    ]


def _why_not(peer: PeerResult) -> str:
    """Say why no time counts; a run that stopped early is shown with its gap, never with a time to compare."""
    if peer.refusal:
        return peer.refusal
    last = (*peer.tried, *peer.counted)[-1]
    if last.run.status != "done":
        return f"{last.run.status}: {last.run.words}"
    if last.counts:
        return "only the dropped round was run"
    gap = last.gap if last.gap is not None else float("nan")
    return f"not at 1e-08: gap {gap:.0e} after {last.run.wall:.1f} s, tolerance {last.tolerance:g}"


def cached_seconds(run: Run) -> float | None:
    """Return the second clock: from the tool's own cached form to the answer."""
    own = run.phase(CACHED)
    if own is not None:
        return own
    passes = run.result.get("pass_seconds") or ()
    return sum(passes) if passes else None


def _pass(attempt: Attempt) -> float | None:
    passes = attempt.run.result.get("pass_seconds") or ()
    return statistics.median(passes) if passes else None


def _parts(run: Run) -> str:
    parts = end_to_end(run.phases)
    return " + ".join(f"{phase.name} {_number(phase.seconds)}" for phase in parts) if len(parts) > 1 else ""


def _attempt_values(attempt: Attempt) -> dict[str, Any]:
    run = attempt.run
    gap = attempt.gap
    return {
        "status": run.status,
        "words": run.words,
        "tolerance": attempt.tolerance,
        "gap": None if gap is None or not math.isfinite(gap) else gap,
        "counts": attempt.counts,
        "seconds": run.wall,
        "cached_seconds": cached_seconds(run),
        "process_seconds": run.seconds,
        "cpu_seconds": run.cpu,
        "peak_mb": None if math.isnan(run.peak()) else run.peak(),
        "phases": {phase.name: phase.seconds for phase in run.phases},
        **{key: value for key, value in run.result.items() if key != "estimates"},
    }


def _spread_of(attempts: Sequence[Attempt], of: Callable[[Attempt], float | None]) -> str:
    return spread([value for value in map(of, attempts) if value is not None])


def _wall(attempt: Attempt) -> float:
    return attempt.run.wall


def _median(peer: PeerResult, of: Callable[[Attempt], float | None]) -> float | None:
    values = [value for attempt in peer.counted if attempt.counts and (value := of(attempt)) is not None]
    return statistics.median(values) if values else None


def _number(value: float) -> str:
    return f"{value:.3g}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _text(value: Any) -> str:
    return "" if value is None else str(value)
