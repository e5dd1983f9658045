"""What a folder of files and a table of the catalog have in common for publishing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from logreg_dist.publishing.lease import Lease


def taken_back(step: Callable[[], None]) -> None:
    """Take a step back, which may be repeated, also when it is interrupted: the first signal only raises."""
    try:
        step()
    except (KeyboardInterrupt, SystemExit):
        step()
        raise


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
