"""Put staged entries in the place of live ones, so that any crash can be undone.

Entries are what lies directly in a table's folder: partition folders or data files. The plan of a
swap is written to ``_replaced/<run_id>/_swap.json`` before anything moves, so the next run can tell
old entries from new ones, whatever happened to this one.

Where the filesystem can exchange two names in one step, a reader finds the old entry or the new one at every
instant. What tells them apart after a crash is then their identity (inode), which the plan holds.
Elsewhere the old entry moves aside and the new one in, and the old one waits in ``_replaced``.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from logreg_dist.errors import OutputNotVerified
from logreg_dist.publishing.destination import live_entries
from logreg_dist.publishing.filesystem import Filesystem, join, names_in

log = logging.getLogger(__name__)

STAGING = "_staging"
REPLACED = "_replaced"
PLAN = "_swap.json"
# A reader that opened a folder before it moved lists it to the end, if nobody empties it meanwhile.
LISTING_SECONDS = 0.5


@dataclass(frozen=True)
class Swap:
    """The plan: entries `new` of the staging folder of `run_id` replace entries `old` of `path`.

    Attributes
    ----------
    path, run_id : str
    new, old : tuple of str
    scope : str
        What the run holds of the output, as in its lease.
    identities : mapping of str to str
        Of the new entries, where the filesystem tells.
    finished : bool
        The new entries are verified.
    """

    path: str
    run_id: str
    new: tuple[str, ...]
    old: tuple[str, ...]
    scope: str = ""
    identities: Mapping[str, str] = field(default_factory=dict)
    finished: bool = False


def staging_folder(path: str, run_id: str) -> str:
    """Return the folder in which run `run_id` prepares its rows."""
    return join(path, STAGING, run_id)


def replaced_folder(path: str, run_id: str) -> str:
    """Return the folder in which run `run_id` keeps the old entries until the new ones are verified."""
    return join(path, REPLACED, run_id)


def swap_in(files: Filesystem, swap: Swap) -> None:
    """Put the staged entries in the place of the old ones, which move aside.

    An entry on both sides is exchanged in one step where the filesystem can, otherwise it is missing for the time
    between two renames; entries on one side come and go one by one, the old ones first.

    Raises
    ------
    FileNotFoundError
        Something was staged and is no more; nothing has moved then.
    """
    staged, aside = staging_folder(swap.path, swap.run_id), replaced_folder(swap.path, swap.run_id)
    found = {name: files.identity(join(staged, name)) for name in swap.new}
    known = {name: identity for name, identity in found.items() if identity is not None}
    write_plan(files, replace(swap, identities=known))
    # Now: who takes this run for dead deletes what it staged, after its plan. A plan that comes later is seen by nobody.
    gone = [name for name in swap.new if not files.exists(join(staged, name))]
    if gone:
        _forget_plan(files, swap)
        raise FileNotFoundError(f"the staged '{join(staged, gone[0])}' is gone")
    for name in swap.old:
        if name not in swap.new:
            files.rename(join(swap.path, name), join(aside, name))
    for name in swap.new:
        arriving, live = join(staged, name), join(swap.path, name)
        if name in swap.old and files.exchange(arriving, live):
            files.rename(arriving, join(aside, name))
            continue
        if name in swap.old:
            files.rename(live, join(aside, name))
        files.rename(arriving, live)


def swap_back(files: Filesystem, swap: Swap) -> None:
    """Restore the old entries, wherever `swap_in` stopped; safe to repeat.

    Raises
    ------
    OutputNotVerified
        They could not be moved back; the message names where they lie.
    """
    aside = replaced_folder(swap.path, swap.run_id)
    try:
        swap = read_plan(files, swap.path, swap.run_id)
        if swap.identities:
            _delete_seen(files, [entry for name in swap.new for entry in _put_back_known(files, swap, name)])
        else:
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
        write_plan(files, replace(swap, finished=True))
        delete_aside(files, aside)
        files.delete_if_empty(join(swap.path, REPLACED))
    except OSError as error:
        log.warning("the replaced output in '%s' could not be deleted: %s", aside, error)


def is_complete(files: Filesystem, swap: Swap) -> bool:
    """Whether all new entries are in place, and all old ones gone, or were at some time."""
    if swap.finished:
        return True
    aside = replaced_folder(swap.path, swap.run_id)
    left = [name for name in swap.old if name not in swap.new and not files.exists(join(aside, name))]
    return all(_arrived(files, swap, name) for name in swap.new) and not any(
        files.exists(join(swap.path, name)) for name in left
    )


def write_plan(files: Filesystem, swap: Swap) -> None:
    """Write the plan where the next run looks for it."""
    plan = join(replaced_folder(swap.path, swap.run_id), PLAN)
    files.write_atomic(plan, json.dumps(asdict(swap), indent=2).encode())


def runs_aside(files: Filesystem, path: str) -> set[str]:
    """Return the runs that have staged rows, or put replaced ones aside, in an output folder."""
    return {*names_in(files, join(path, STAGING)), *names_in(files, join(path, REPLACED))}


def has_plan(files: Filesystem, path: str, run_id: str) -> bool:
    """Whether a run has begun to replace rows and has neither finished nor undone it."""
    return files.exists(join(replaced_folder(path, run_id), PLAN))


def read_plan(files: Filesystem, path: str, run_id: str) -> Swap:
    """Read a plan; a folder without one is taken as old entries that wait to return."""
    aside = replaced_folder(path, run_id)
    try:
        plan: dict[str, Any] = json.loads(files.read_bytes(join(aside, PLAN)))
        # Not the recorded path: the output may have been moved, or be named in another way now.
        swap = Swap(
            path=path,
            run_id=run_id,
            new=tuple(plan["new"]),
            old=tuple(plan["old"]),
            scope=str(plan["scope"]),
            # Once they were device:inode.
            identities={name: known.rpartition(":")[2] for name, known in plan["identities"].items()},
            finished=bool(plan["finished"]),
        )
        return swap if _is_recognised(files, swap) else replace(swap, identities={})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        waiting = live_entries(files, aside) if files.is_dir(aside) else []
        old = tuple(name for name in waiting if not files.exists(join(path, name)))
        return Swap(path=path, run_id=run_id, new=old, old=old)


def _is_recognised(files: Filesystem, swap: Swap) -> bool:
    """Whether any new entry is found by its identity: after a copy, none is, and names must do."""
    places = (staging_folder(swap.path, swap.run_id), swap.path, replaced_folder(swap.path, swap.run_id))
    return any(
        files.identity(join(place, name)) == known
        for name, known in swap.identities.items()
        for place in places
    )


def plan_scope(files: Filesystem, path: str, run_id: str) -> str | None:
    """Return what the run of a plan held of the output: None once it is finished, all where it does not tell."""
    try:
        plan: dict[str, Any] = json.loads(files.read_bytes(join(replaced_folder(path, run_id), PLAN)))
        return None if plan["finished"] else str(plan["scope"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def delete_aside(files: Filesystem, aside: str) -> None:
    """Delete what a run replaced, its plan last."""
    _delete_seen(files, [join(aside, name) for name in names_in(files, aside) if name != PLAN])
    files.delete_tree(aside)


def _delete_seen(files: Filesystem, entries: list[str]) -> None:
    """Delete what readers could see until a moment ago."""
    if any(map(files.is_dir, entries)):
        time.sleep(LISTING_SECONDS)
    for entry in entries:
        files.delete_tree(entry)


def _put_back_known(files: Filesystem, swap: Swap, name: str) -> list[str]:
    """Undo what happened to one of the new entries, which its identity tells; return what is to be deleted."""
    staged, live = join(staging_folder(swap.path, swap.run_id), name), join(swap.path, name)
    aside = join(replaced_folder(swap.path, swap.run_id), name)

    def is_new(place: str) -> bool:
        return files.identity(place) == swap.identities.get(name)

    if name not in swap.old:
        if is_new(live):
            files.delete_tree(live)
        return []
    old = next((place for place in (aside, staged) if files.exists(place) and not is_new(place)), None)
    if old is not None and files.exists(live) and files.exchange(old, live):
        return [old]
    if old is not None:
        files.delete_tree(live)
        files.rename(old, live)
    return [aside] if is_new(aside) else []  # an exchange that ended before its new entry was deleted


def _forget_plan(files: Filesystem, swap: Swap) -> None:
    aside = replaced_folder(swap.path, swap.run_id)
    files.delete_tree(join(aside, PLAN))
    files.delete_if_empty(aside)
    files.delete_if_empty(join(swap.path, REPLACED))


def _arrived(files: Filesystem, swap: Swap, name: str) -> bool:
    live = join(swap.path, name)
    if name in swap.identities:
        return files.identity(live) == swap.identities[name]
    return files.exists(live) and not files.exists(join(staging_folder(swap.path, swap.run_id), name))
