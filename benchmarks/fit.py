"""Fitting: every peer in turn, each run in a process of its own, judged by one objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.cases import CASES
from benchmarks.data import Table, table_of
from benchmarks.measure import Run, run_in_process
from benchmarks.options import Options, Say
from benchmarks.peers import PEERS
from benchmarks.peers.peer import Peer
from benchmarks.reference import REACHED, Reference, gap_of, reference_of


@dataclass(frozen=True)
class Attempt:
    """A run and how near the optimum it came; `gap` is None where nothing was fitted."""

    tolerance: float
    run: Run
    gap: float | None

    @property
    def counts(self) -> bool:
        """Whether the time of this run may be compared; what is better than the optimum is another model."""
        return self.run.status == "done" and (self.gap is None or abs(self.gap) <= REACHED[-1])


@dataclass(frozen=True)
class PeerResult:
    """What a peer did on a case.

    Attributes
    ----------
    peer : str
    refusal : str
        Why there is no run at all; empty when there is one.
    tried : tuple of Attempt
        The dropped round: one attempt for each tolerance until one reached the reference.
    counted : tuple of Attempt
    """

    peer: str
    refusal: str = ""
    tried: tuple[Attempt, ...] = ()
    counted: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class CaseResult:
    """All peers on a case."""

    table: Table
    reference: Reference
    peers: tuple[PeerResult, ...]


def compare(case_id: str, names: Sequence[str], options: Options, say: Say) -> CaseResult:
    """Run the peers on a case in rotation (A B C, A B C, ...), the first round to warm up and to find tolerances."""
    table = table_of(CASES[case_id].at(options.rows), options.data)
    say(f"{case_id}: {table.case.rows:,} rows, {table.case.n_terms:,} terms; reference fit")
    reference = reference_of(table)
    results = {name: _first_round(PEERS[name], table, reference, options, say) for name in names}
    for number in range(options.repeat):
        for name, result in results.items():
            # What did not reach the reference, or not in time, is not run again: its time would not count.
            if not result.tried or not result.tried[-1].counts:
                continue
            attempt = _attempt(PEERS[name], table, reference, options, result.tried[-1].tolerance)
            say(f"{case_id} {name} round {number + 1}: {_words(attempt)}")
            results[name] = PeerResult(name, "", result.tried, (*result.counted, attempt))
    return CaseResult(table, reference, tuple(results.values()))


def _first_round(peer: Peer, table: Table, reference: Reference, options: Options, say: Say) -> PeerResult:
    if missing := peer.missing():
        return PeerResult(peer.name, f"not installed: {', '.join(missing)}")
    if (reason := peer.refuses(table.case)) is not None:
        return PeerResult(peer.name, f"not supported: {reason}")
    tried: list[Attempt] = []
    for tolerance in peer.tolerances:
        tried.append(_attempt(peer, table, reference, options, tolerance))
        say(f"{table.case.id} {peer.name} dropped round, tolerance {tolerance:g}: {_words(tried[-1])}")
        if tried[-1].counts or tried[-1].run.status != "done":
            break
    return PeerResult(peer.name, "", tuple(tried))


def _attempt(peer: Peer, table: Table, reference: Reference, options: Options, tolerance: float) -> Attempt:
    request = {
        "work": "fit",
        "peer": peer.name,
        "tolerance": tolerance,
        "case": asdict(table.case),
        "folder": str(table.folder),
    }
    run = run_in_process(request, timeout=options.timeout)
    estimates = run.result.get("estimates")
    gap = gap_of(estimates, table, reference) if estimates is not None else None
    return Attempt(tolerance, run, gap)


def _words(attempt: Attempt) -> str:
    run = attempt.run
    if run.status != "done":
        return f"{run.status}: {run.words}"
    gap = "" if attempt.gap is None else f", gap {attempt.gap:.1e}"
    return f"{run.wall:.2f} s{gap}"
