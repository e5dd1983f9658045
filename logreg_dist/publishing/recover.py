"""Put right what dead runs left in an output, and clear it; what live runs are using is not touched."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from logreg_dist.errors import TemporaryFailure
from logreg_dist.publishing.filesystem import join
from logreg_dist.publishing.lease import (
    WHOLE,
    Lease,
    dead_runs,
    forget_dead,
    held,
    is_gone,
    live_runs,
    overlap,
)
from logreg_dist.publishing.sink import Sink
from logreg_dist.publishing.swap import REPLACED, STAGING, plan_scope, replaced_folder, runs_aside
from logreg_dist.publishing.switch import published_folder, unfinished_runs

log = logging.getLogger(__name__)

# Nobody claims it, but a run whose lease was deleted by hand may still be writing, and readers of a table
# may still be on their way to rows that were replaced: Spark takes a folder that is gone for an empty one.
UNCLAIMED_SECONDS = 3600.0


def recover(lease: Lease, sink: Sink) -> None:
    """Finish or undo what dead runs left half-done in the output of `lease`, and clear what they left behind.

    A run is dead by its lease, and everything of it is cleared at once, whatever its date. Half-done swaps that
    nobody claims are undone at once too; other folders that nobody claims go when they are an hour old.

    Raises
    ------
    TemporaryFailure
        A dead run left part of this run's scope half-done, and another part of that is in use.
    """
    files, path = lease.files, lease.path
    # Listed before the leases: whoever has a folder by now had a lease before it.
    left = runs_aside(files, path)
    unfinished = set(unfinished_runs(files, path))
    dead, live = dead_runs(files, path), live_runs(files, path)
    for run_id, scope in dead.items():
        with _covered(lease, scope) as covered:
            if covered:
                log.warning("what dead run '%s' left in '%s' is cleared", run_id, path)
                sink.settle(run_id)
                sink.clear(run_id, is_gone(files, path, run_id))
                forget_dead(files, path, run_id)
    for run_id in sorted(left | unfinished):
        if run_id not in dead and run_id not in live:
            rows = [published_folder(path, run_id)] if run_id in unfinished else []
            _clear_unclaimed(lease, sink, run_id, rows)
    for kind in (REPLACED, STAGING):
        files.delete_if_empty(join(path, kind))


def _clear_unclaimed(lease: Lease, sink: Sink, run_id: str, rows: list[str]) -> None:
    files, path = lease.files, lease.path
    folders = [*(join(path, kind, run_id) for kind in (STAGING, REPLACED)), *rows]
    scope = plan_scope(files, path, run_id) if files.exists(replaced_folder(path, run_id)) else None
    if scope is not None:
        with _covered(lease, scope) as covered:
            if covered:
                sink.settle(run_id)
    ages = [time.time() - files.modified(folder) for folder in folders if files.exists(folder)]
    if ages and min(ages) > UNCLAIMED_SECONDS:
        log.info("what run '%s' left in '%s' is cleared", run_id, path)
        sink.clear(run_id, True)
    elif ages:
        log.info("run '%s' left something in '%s'; it is cleared after an hour", run_id, path)


@contextmanager
def _covered(lease: Lease, scope: str) -> Iterator[bool]:
    """Hold a dead run's scope for the body; False when others are busy there, who will see to it."""
    if lease.scope in (WHOLE, scope):
        yield True
        return
    own = lease.holder
    recovery = held(
        lease.files,
        lease.path,
        f"{own.run_id}.recovery",
        scope=scope,
        processes=[int(pid) for pid in own.processes],
        family=own.family,
    )
    with ExitStack() as stack:
        try:
            stack.enter_context(recovery)
        except TemporaryFailure:
            if overlap(scope, lease.scope):
                raise
            covered = False
        else:
            covered = True
        yield covered
