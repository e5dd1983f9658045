"""How the runs of a command are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Where progress goes.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How the runs are made.

    Attributes
    ----------
    repeat : int
        Counted rounds; one more comes before them and is dropped.
    timeout : float
        Seconds for the whole process of one run.
    rows : int or None
        Instead of the case's own.
    data : Path
        Where generated tables are kept.
    """

    repeat: int
    timeout: float
    rows: int | None
    data: Path
