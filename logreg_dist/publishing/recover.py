"""Put right what dead runs left in an output, and clear it; what live runs are using is not touched."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from logreg_dist.errors import TemporaryFailure
from logreg_dist.publishing.filesystem import Filesystem, join
from logreg_dist.publishing.lease import (
    WHOLE,
    Lease,
    dead_runs,
    forget_dead,
    held,
    live_runs,
    overlap,
)
from logreg_dist.publishing.swap import (
    REPLACED,
    STAGING,
    delete_aside,
    is_complete,
    read_plan,
    replaced_folder,
    staging_folder,
    swap_back,
    write_plan,
)

log = logging.getLogger(__name__)

# Nobody claims it, but a run whose lease was deleted by hand may still be writing.
UNCLAIMED_SECONDS = 3600.0


def recover(lease: Lease) -> None:
    """Undo what dead runs left half-done in the output of `lease`, and clear what they left behind.

    A run is dead by its lease, and everything of it is cleared at once, whatever its date. Half-done swaps that
    nobody claims are undone at once too; other folders that nobody claims go when they are an hour old.

    Raises
    ------
    TemporaryFailure
        A dead run left part of this run's scope half-done, and another part of that is in use.
    """
    files, path = lease.files, lease.path
    # Listed before the leases: whoever has a folder by now had a lease before it.
    left = sorted({*_children(files, join(path, STAGING)), *_children(files, join(path, REPLACED))})
    dead, live = dead_runs(files, path), live_runs(files, path)
    for run_id, scope in dead.items():
        with _covered(lease, scope) as covered:
            if covered:
                log.warning("what dead run '%s' left in '%s' is cleared", run_id, path)
                _settle(files, path, run_id)
                _clear(files, path, run_id)
                forget_dead(files, path, run_id)
    for run_id in left:
        if run_id not in dead and run_id not in live:
            _clear_unclaimed(lease, run_id)
    for kind in (REPLACED, STAGING):
        files.delete_if_empty(join(path, kind))


def _clear_unclaimed(lease: Lease, run_id: str) -> None:
    files, path = lease.files, lease.path
    folders = [folder(path, run_id) for folder in (staging_folder, replaced_folder)]
    if files.exists(folders[1]):
        with _covered(lease, read_plan(files, path, run_id).scope) as covered:
            if covered:
                _settle(files, path, run_id)
    ages = [time.time() - files.modified(folder) for folder in folders if files.exists(folder)]
    if ages and min(ages) > UNCLAIMED_SECONDS:
        log.warning("'%s', left by run '%s', is cleared", path, run_id)
        _clear(files, path, run_id)
    elif ages:
        log.warning("run '%s' left something in '%s'; it is cleared after an hour", run_id, path)


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


def _settle(files: Filesystem, path: str, run_id: str) -> None:
    """Undo a swap that is half-done, and see to it that a complete one is never undone."""
    if not files.exists(replaced_folder(path, run_id)):
        return
    swap = read_plan(files, path, run_id)
    if not is_complete(files, swap):
        log.warning("the swap of dead run '%s' in '%s' is undone", run_id, path)
        swap_back(files, swap)
    elif swap.new and not swap.finished:
        # Now, because a partition that is deleted or dropped later would look like one that
        # never arrived.
        write_plan(files, replace(swap, finished=True))


def _clear(files: Filesystem, path: str, run_id: str) -> None:
    delete_aside(files, replaced_folder(path, run_id))
    files.delete_tree(staging_folder(path, run_id))


def _children(files: Filesystem, folder: str) -> list[str]:
    try:
        return files.list_dir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
