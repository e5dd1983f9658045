"""What a folder of files and a table of the catalog have in common for publishing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from logreg_dist.publishing.lease import Lease
from logreg_dist.publishing.swap import has_plan


@dataclass(frozen=True)
class Sink:
    """The steps that differ.

    Attributes
    ----------
    check : callable
        Refuses, before anything is written, what cannot go beside or in place of what is there.
    arrange : callable
        The rows as the sink wants their columns.
    staged : callable
        Run id to the folder for new rows.
    keeps_staged : callable
        Whether that folder stays when a run ends, given its lease and whether it is done.
    replace : callable
        Puts the verified rows of the lease's run in the place of the old ones and reads them back, given what was
        observed while writing; restores the old rows when that fails. Calls its third argument once that is over,
        before the old rows are cleared.
    settle : callable
        Finishes or undoes what the run of this id had begun to replace.
    clear : callable
        Deletes everything of the run of this id that no reader sees, nor will if the run is known to be gone.
    """

    check: Callable[[], None]
    arrange: Callable[[DataFrame], DataFrame]
    staged: Callable[[str], str]
    keeps_staged: Callable[[Lease, bool], bool]
    replace: Callable[[Lease, Mapping[str, Any], Callable[[], None]], None]
    settle: Callable[[str], None]
    clear: Callable[[str, bool], None]


def replace_rows(
    lease: Lease,
    *,
    put: Callable[[], None],
    check: Callable[[], None],
    committed: Callable[[], None],
    take_back: Callable[[], None],
    give_way: Callable[[], None],
    finish: Callable[[], None],
) -> None:
    """Put the verified rows of the lease's run in the place of the old ones, or leave the old ones there.

    Parameters
    ----------
    lease : Lease
    put, check, committed : callable
        Replace the rows by a plan that is written first; read them back; are told that it is over.
    take_back : callable
        Restores the old rows after a failure, from whichever step; may be repeated.
    give_way : callable
        The same where another run took this one for dead, and its plan with it; may be repeated.
    finish : callable
        Clears what was replaced; never raises.

    Raises
    ------
    LeaseLost
        Another run came; the message says so.
    """
    lease.confirm()
    try:
        put()
        lease.confirm()
        check()
        committed()
    except BaseException as error:
        lost = lease.is_lost()
        # Who took this run for dead has seen to its plan, and may have published since. But it deleted the plan then:
        # one that is there was written later, and what followed it is for this run to take back.
        is_own = not lost or has_plan(lease.files, lease.path, lease.holder.run_id)
        _twice_if_interrupted(take_back if is_own else give_way)
        if lost and isinstance(error, OSError):
            lease.confirm()  # says what is behind it
        raise
    finish()


def _twice_if_interrupted(step: Callable[[], None]) -> None:
    """Take a step back, which may be repeated, to its end: the first signal only raises."""
    try:
        step()
    except (KeyboardInterrupt, SystemExit):
        step()
        raise
