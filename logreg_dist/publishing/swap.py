"""Put staged entries in the place of live ones, so that any crash can be undone.

Entries are what lies directly in a table's folder: partition folders or data files. The plan of a
swap is written to ``_replaced/<run_id>/_swap.json`` before anything moves, so the next run can tell
old entries from new ones, whatever happened to this one.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from logreg_dist.errors import OutputNotVerified
from logreg_dist.publishing.destination import live_entries
from logreg_dist.publishing.filesystem import Filesystem, join

log = logging.getLogger(__name__)

STAGING = "_staging"
REPLACED = "_replaced"
PLAN = "_swap.json"
# A younger folder may belong to a run that is still alive.
LEFTOVER_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Swap:
    """The plan: entries `new` of the staging folder of `run_id` replace entries `old` of `path`."""

    path: str
    run_id: str
    new: tuple[str, ...]
    old: tuple[str, ...]
    finished: bool = False


def staging_folder(path: str, run_id: str) -> str:
    """Return the folder in which run `run_id` prepares its rows."""
    return join(path, STAGING, run_id)


def replaced_folder(path: str, run_id: str) -> str:
    """Return the folder in which run `run_id` keeps the old entries until the new ones are verified."""
    return join(path, REPLACED, run_id)


def swap_in(files: Filesystem, swap: Swap) -> None:
    """Move the old entries aside and the staged ones in; readers see a gap of a few renames."""
    _write_plan(files, swap)
    staged, aside = staging_folder(swap.path, swap.run_id), replaced_folder(swap.path, swap.run_id)
    for name in swap.old:
        files.rename(join(swap.path, name), join(aside, name))
    for name in swap.new:
        files.rename(join(staged, name), join(swap.path, name))


def swap_back(files: Filesystem, swap: Swap) -> None:
    """Restore the old entries, wherever `swap_in` stopped; safe to repeat.

    Raises
    ------
    OutputNotVerified
        They could not be moved back; the message names where they lie.
    """
    aside = replaced_folder(swap.path, swap.run_id)
    try:
        # All new entries go before any old one returns: a crash in between is then still seen
        # as an unfinished swap by the next run.
        for name in swap.new:
            if name not in swap.old or files.exists(join(aside, name)):
                files.delete_tree(join(swap.path, name))
        for name in swap.old:
            if files.exists(join(aside, name)):
                files.rename(join(aside, name), join(swap.path, name))
        _forget_plan(files, swap)
    except OSError as error:
        raise OutputNotVerified(
            f"the old output could not be moved back into '{swap.path}': {error}.\n"
            f"  It lies in '{aside}'; the next run moves it back."
        ) from error


def finish_swap(files: Filesystem, swap: Swap) -> None:
    """Drop the old entries for good; the plan is marked first and deleted last.

    Never raises for files that cannot be deleted: the new output is in place, and what is left is
    cleared by a later run.
    """
    aside = replaced_folder(swap.path, swap.run_id)
    try:
        _write_plan(files, replace(swap, finished=True))
        _delete_aside(files, aside)
        delete_when_empty(files, join(swap.path, REPLACED))
    except OSError as error:
        log.warning("the replaced output in '%s' could not be deleted: %s", aside, error)


def recover(files: Filesystem, path: str) -> None:
    """Undo what dead runs left half-done in `path`, and clear what they left behind.

    Old entries whose replacement never arrived are moved back at once. Other leftovers are deleted
    when they are older than 24 hours; younger ones are logged.
    """
    for run_id in _children(files, join(path, REPLACED)):
        swap = _read_plan(files, path, run_id)
        if _is_unfinished(files, swap):
            log.warning("the swap of dead run '%s' in '%s' is undone", run_id, path)
            swap_back(files, swap)
        elif swap.new and not swap.finished:
            # Now, because a partition that is deleted or dropped later would look like one that
            # never arrived.
            _write_plan(files, replace(swap, finished=True))
    for kind in (REPLACED, STAGING):
        for run_id in _children(files, join(path, kind)):
            _delete_when_old(files, join(path, kind, run_id))
        delete_when_empty(files, join(path, kind))


def delete_when_empty(files: Filesystem, folder: str) -> None:
    """Delete a folder that holds nothing."""
    if files.is_dir(folder) and not files.list_dir(folder):
        files.delete_tree(folder)


def _write_plan(files: Filesystem, swap: Swap) -> None:
    plan = join(replaced_folder(swap.path, swap.run_id), PLAN)
    files.write_atomic(plan, json.dumps(asdict(swap), indent=2).encode())


def _read_plan(files: Filesystem, path: str, run_id: str) -> Swap:
    """Read a plan; a folder without one is taken as old entries that wait to return."""
    aside = replaced_folder(path, run_id)
    try:
        plan: dict[str, Any] = json.loads(files.read_bytes(join(aside, PLAN)))
        # Not the recorded path: the output may have been moved, or be named in another way now.
        new, old, finished = tuple(plan["new"]), tuple(plan["old"]), bool(plan["finished"])
    except (OSError, ValueError, KeyError, TypeError):
        waiting = live_entries(files, aside) if files.is_dir(aside) else []
        old = tuple(name for name in waiting if not files.exists(join(path, name)))
        return Swap(path=path, run_id=run_id, new=old, old=old)
    return Swap(path=path, run_id=run_id, new=new, old=old, finished=finished)


def _forget_plan(files: Filesystem, swap: Swap) -> None:
    aside = replaced_folder(swap.path, swap.run_id)
    files.delete_tree(join(aside, PLAN))
    delete_when_empty(files, aside)
    delete_when_empty(files, join(swap.path, REPLACED))


def _is_unfinished(files: Filesystem, swap: Swap) -> bool:
    if swap.finished:
        return False
    staged = staging_folder(swap.path, swap.run_id)
    arrived = [
        files.exists(join(swap.path, name)) and not files.exists(join(staged, name)) for name in swap.new
    ]
    return not all(arrived)


def _delete_aside(files: Filesystem, aside: str) -> None:
    for name in files.list_dir(aside):
        if name != PLAN:
            files.delete_tree(join(aside, name))
    files.delete_tree(aside)


def _delete_when_old(files: Filesystem, folder: str) -> None:
    hours = (time.time() - files.modified(folder)) / 3600
    if hours * 3600 <= LEFTOVER_SECONDS:
        log.warning("'%s' was left by another run %.1f hours ago; it is deleted after 24", folder, hours)
        return
    log.warning("'%s', left by a dead run %.1f hours ago, is deleted", folder, hours)
    if files.is_dir(folder):
        _delete_aside(files, folder)
    else:
        files.delete_tree(folder)


def _children(files: Filesystem, folder: str) -> list[str]:
    return files.list_dir(folder) if files.is_dir(folder) else []
