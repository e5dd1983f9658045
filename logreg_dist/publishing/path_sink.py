"""A folder of files as the place where a table is published."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame

from logreg_dist.errors import ConfigError, OutputNotVerified
from logreg_dist.publishing.catalog import PUBLISHED
from logreg_dist.publishing.destination import Destination, check_live_output, live_entries
from logreg_dist.publishing.filesystem import Filesystem, join
from logreg_dist.publishing.lease import Lease
from logreg_dist.publishing.sink import Sink, replace_rows
from logreg_dist.publishing.staged import count_live
from logreg_dist.publishing.swap import (
    Swap,
    delete_aside,
    finish_swap,
    is_complete,
    read_plan,
    replaced_folder,
    staging_folder,
    swap_back,
    swap_in,
    write_plan,
)
from logreg_dist.publishing.totals import N_ROWS, StagedBy

log = logging.getLogger(__name__)

SUCCESS = "_SUCCESS"


def path_sink(
    files: Filesystem, table: DataFrame, destination: Destination, by: StagedBy | None = None
) -> Sink:
    """Return the steps for a folder: staged entries, which `by` may have written, are swapped with the live ones.

    Raises
    ------
    ConfigError
        The folder is that of a table, whose readers would not find the rows, and whose dead runs nobody would mend.
    """
    path = destination.path
    if files.exists(join(path, PUBLISHED)):
        raise ConfigError(
            f"output.path '{path}' is the folder of a table of the catalog.\n"
            "  Set output.table to that table, or choose another path."
        )
    return Sink(
        check=lambda: check_live_output(files, destination),
        arrange=lambda rows: rows,
        staged=lambda run_id: staging_folder(path, run_id),
        keeps_staged=lambda lease, done: False,
        replace=lambda lease, observed, committed: _replace_live(
            lease, lambda: count_live(table, destination, by), destination, observed, committed
        ),
        settle=lambda run_id: settle_swap(files, path, run_id),
        clear=lambda run_id, gone: clear_swap(files, path, run_id),
    )


def settle_swap(files: Filesystem, path: str, run_id: str) -> None:
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


def clear_swap(files: Filesystem, path: str, run_id: str) -> None:
    """Delete what a run staged, and what it replaced."""
    delete_aside(files, replaced_folder(path, run_id))
    files.delete_tree(staging_folder(path, run_id))


def _replace_live(
    lease: Lease,
    count: Callable[[], int],
    destination: Destination,
    observed: Mapping[str, Any],
    committed: Callable[[], None],
) -> None:
    files, path, run_id = lease.files, lease.path, lease.holder.run_id
    live = live_entries(files, path)
    whole = destination.mode == "replace_all"
    new = tuple(live_entries(files, staging_folder(path, run_id)))
    old = tuple(live) if whole else tuple(name for name in new if name in live)
    swap = Swap(path=path, run_id=run_id, new=new, old=old, scope=lease.scope)

    def check() -> None:
        _check_live(count, destination, observed[N_ROWS])
        files.write_atomic(join(path, SUCCESS), b"")

    replace_rows(
        lease,
        put=lambda: swap_in(files, swap),
        check=check,
        committed=committed,
        take_back=lambda: swap_back(files, swap),
        give_way=lambda: None,
        finish=lambda: finish_swap(files, swap),
    )


def _check_live(count: Callable[[], int], destination: Destination, n_rows: int) -> None:
    found = count()
    if found != n_rows:
        raise OutputNotVerified(
            f"'{destination.path}': {n_rows:,} rows were published and {found:,} read back.\n"
            "  The old output is restored."
        )
