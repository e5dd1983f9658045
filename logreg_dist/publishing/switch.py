"""Point the catalog at new rows, so that any crash can be undone.

The rows of each run lie in a folder of their own, ``_published/<run_id>``. The catalog finds a partition, or a table
without partitions, in one folder or in another: a reader that asks it sees the old rows or the new ones. The
plan of a switch is written to ``_replaced/<run_id>/_swap.json`` before anything is pointed elsewhere.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from logreg_dist.errors import OutputNotVerified
from logreg_dist.publishing.catalog import PUBLISHED, Catalog
from logreg_dist.publishing.destination import live_entries
from logreg_dist.publishing.filesystem import FILE_SCHEME, Filesystem, join, names_in
from logreg_dist.publishing.swap import PLAN, REPLACED, delete_aside, plan_scope, replaced_folder

log = logging.getLogger(__name__)

# Where partitions point that are about to be dropped: dropping one of a managed table deletes its folder.
NOTHING = "_nothing"
# Lies among the rows of a run until readers find them.
UNFINISHED = "_unfinished"


@dataclass(frozen=True)
class Switch:
    """The plan: where each part is to be found, and was; parts of `old` that are not in `new` are dropped."""

    path: str
    run_id: str
    scope: str
    new: Mapping[str, str]
    old: Mapping[str, str]
    finished: bool = False

    @property
    def dropped(self) -> tuple[str, ...]:
        """The parts that end."""
        return tuple(part for part in self.old if part not in self.new)


def published_folder(path: str, run_id: str) -> str:
    """Return the folder of the rows of run `run_id`."""
    return join(path, PUBLISHED, run_id)


def switch_in(files: Filesystem, catalog: Catalog, switch: Switch) -> None:
    """Point each part at its new folder, each in one step.

    Raises
    ------
    FileNotFoundError
        What was read of the catalog, or the new folder, is so no more; nothing was pointed elsewhere then.
    """
    _write_plan(files, switch)
    # Now: who takes this run for dead looks for its plan first. A plan that comes later is seen by nobody.
    if not _is_as_planned(files, catalog, switch):
        _forget_plan(files, switch)
        raise FileNotFoundError(f"rows of '{switch.path}' were replaced or deleted meanwhile")
    for part, folder in switch.new.items():
        catalog.point(part, folder)
    if switch.dropped:
        files.make_dirs(_nothing(switch))
    for part in switch.dropped:
        catalog.point(part, _nothing(switch))


def switch_back(files: Filesystem, catalog: Catalog, switch: Switch) -> None:
    """Point each part at its old folder, wherever `switch_in` stopped; safe to repeat.

    Raises
    ------
    OutputNotVerified
        The catalog does not take it; the message names where the old rows lie.
    """
    try:
        now = catalog.locations(None)
        for part, folder in switch.old.items():
            # Elsewhere it is by another run, which took this one for dead.
            if part not in now or _is_own(switch, part, now[part]):
                catalog.point(part, folder)
        for part in switch.new:
            if part not in switch.old and part in now and _is_own(switch, part, now[part]):
                catalog.drop(part)
        _forget_plan(files, switch)
    except OSError as error:
        raise OutputNotVerified(
            f"the catalog could not be pointed at the old rows of '{switch.path}' again: {error}.\n"
            f"  They lie in {', '.join(sorted(set(switch.old.values())))[:300]}; the next run mends that."
        ) from error


def give_way(files: Filesystem, catalog: Catalog, switch: Switch) -> None:
    """Point what shows the rows of a run that was taken for dead at what was there when it last looked.

    Where nothing was there, or is no more, its rows stay: they are verified, and nothing would be worse.
    """
    now = catalog.locations(None)
    for part, folder in switch.old.items():
        if part in now and _is_own(switch, part, now[part]) and files.exists(folder):
            catalog.point(part, folder)


def finish_switch(files: Filesystem, catalog: Catalog, switch: Switch) -> None:
    """Note that the new rows are verified, and drop the parts that end; never raises, the new rows are in place.

    The old rows stay until a later run clears them, because a reader may have been told where they lie.
    """
    try:
        _write_plan(files, replace(switch, finished=True))
        files.delete_tree(join(published_folder(switch.path, switch.run_id), UNFINISHED))
        for part in switch.dropped:
            catalog.drop(part)
        if not switch.old:
            _forget_plan(files, switch)
    except OSError as error:
        log.warning("what was replaced in '%s' could not be noted: %s", switch.path, error)


def settle_switch(files: Filesystem, catalog: Catalog, path: str, run_id: str) -> None:
    """Finish a dead run's switch if all of it had happened, and undo it otherwise."""
    switch = _read_plan(files, path, run_id)
    if switch is None:
        return
    now = catalog.locations(None)
    arrived = all(same_place(now.get(part), folder) for part, folder in switch.new.items())
    emptied = all(part not in now or same_place(now[part], _nothing(switch)) for part in switch.dropped)
    if switch.finished or (arrived and emptied):
        finish_switch(files, catalog, switch)
    else:
        log.warning("the switch of dead run '%s' in '%s' is undone", run_id, path)
        switch_back(files, catalog, switch)


def clear_published(
    files: Filesystem, catalog: Catalog, path: str, run_id: str, *, retired_seconds: float, gone: bool = True
) -> None:
    """Delete the rows of a run that the catalog does not point at, and those it replaced, once they are old enough.

    Those of a run that is not known to be `gone` stay for now: it may be paused between the last look at its lease and
    the next statement to the catalog, and readers would find nothing.
    """
    aside = replaced_folder(path, run_id)
    switch = _read_plan(files, path, run_id)
    if switch is not None and switch.finished:
        if time.time() - files.modified(join(aside, PLAN)) <= retired_seconds:
            return
        for part, folder in switch.old.items():
            now = catalog.locations(part).get(part)
            if same_place(now, _nothing(switch)):
                catalog.drop(part)  # its run was to, and could not
                now = None
            if now is not None and not files.exists(now):
                log.warning("'%s' is gone, where the catalog points; the rows in '%s' are left", now, folder)
            elif not same_place(now, folder):
                _delete_rows(files, path, folder)
    delete_aside(files, aside)
    folder = published_folder(path, run_id)
    if not files.exists(folder) or same_place(catalog.locations("").get(""), folder):
        return
    if not gone:
        begin_published(files, path, run_id)  # the hour begins
        return
    for name in files.list_dir(folder):
        here = join(folder, name)
        if "=" not in name or not same_place(catalog.locations(name).get(name), here):
            files.delete_tree(here)
    files.delete_if_empty(folder)
    files.delete_if_empty(join(path, PUBLISHED))


def begin_published(files: Filesystem, path: str, run_id: str) -> None:
    """Mark the folder of a run as one that no reader looks at yet."""
    files.write_atomic(join(published_folder(path, run_id), UNFINISHED), b"")


def unfinished_runs(files: Filesystem, path: str) -> list[str]:
    """Return the runs with rows that were never published, whoever wrote them."""
    published = join(path, PUBLISHED)
    run_ids = names_in(files, published)
    return [run_id for run_id in run_ids if files.exists(join(published, run_id, UNFINISHED))]


def unreadable_plans(files: Filesystem, path: str) -> list[str]:
    """Return the folders of replaced rows that no finished plan gives up, nor any plan of a switch explains."""
    replaced = join(path, REPLACED)
    unexplained = [
        join(replaced, run_id)
        for run_id in names_in(files, replaced)
        if _read_plan(files, path, run_id) is None and plan_scope(files, path, run_id) is not None
    ]
    return [
        aside
        for aside in unexplained
        if files.exists(join(aside, PLAN)) or (files.is_dir(aside) and live_entries(files, aside))
    ]


def same_place(one: str | None, other: str | None) -> bool:
    """Whether two locations are one folder, as far as their names tell.

    Examples
    --------
    >>> same_place("file:/a/b", "/a/b/"), same_place(None, "/a/b")
    (True, False)
    """
    if one is None or other is None:
        return False
    return FILE_SCHEME.sub("", one).rstrip("/") == FILE_SCHEME.sub("", other).rstrip("/")


def _is_as_planned(files: Filesystem, catalog: Catalog, switch: Switch) -> bool:
    if not all(map(files.exists, switch.new.values())):
        return False
    parts = {*switch.new, *switch.old}
    now = catalog.locations(None if len(parts) > 1 else next(iter(parts)))
    return all(
        same_place(now[part], switch.old.get(part)) if part in now else part not in switch.old
        for part in parts
    )


def _is_own(switch: Switch, part: str, folder: str) -> bool:
    return same_place(folder, switch.new.get(part)) or same_place(folder, _nothing(switch))


def _forget_plan(files: Filesystem, switch: Switch) -> None:
    delete_aside(files, replaced_folder(switch.path, switch.run_id))
    files.delete_if_empty(join(switch.path, REPLACED))


def _nothing(switch: Switch) -> str:
    return join(published_folder(switch.path, switch.run_id), NOTHING)


def _write_plan(files: Filesystem, switch: Switch) -> None:
    plan = join(replaced_folder(switch.path, switch.run_id), PLAN)
    files.write_atomic(plan, json.dumps(asdict(switch), indent=2).encode())


def _read_plan(files: Filesystem, path: str, run_id: str) -> Switch | None:
    try:
        plan = json.loads(files.read_bytes(join(replaced_folder(path, run_id), PLAN)))
        if "identities" in plan:
            return None  # of a run that wrote to the folder itself
        return Switch(
            path=path,
            run_id=run_id,
            scope=str(plan["scope"]),
            new=dict(plan["new"]),
            old=dict(plan["old"]),
            finished=bool(plan["finished"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _delete_rows(files: Filesystem, path: str, folder: str) -> None:
    """Delete replaced rows, where they lie in the table's own folder."""
    if same_place(folder, path):
        for name in live_entries(files, path):
            files.delete_tree(join(path, name))
        return
    if not FILE_SCHEME.sub("", folder).startswith(FILE_SCHEME.sub("", path).rstrip("/") + "/"):
        log.warning("the replaced rows in '%s' are left: they lie outside of '%s'", folder, path)
        return
    files.delete_tree(folder)
    parent = folder.rpartition("/")[0]
    if not same_place(parent, path):
        files.delete_if_empty(parent)
