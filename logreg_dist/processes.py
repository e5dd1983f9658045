"""Which processes of this machine live: what files that dead runs left behind are judged by."""

from __future__ import annotations

import os
from pathlib import Path

# Mounted with hidepid, it shows the processes of other users to nobody.
PROCESSES = Path("/proc")


def this_machine() -> str:
    """Name what process numbers are unique in: one boot of one kernel, one namespace; '' where that is unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def start_of(process: int) -> str:
    """Return when a process started, in clock ticks since boot: a number that is used again has another.

    '' where it has ended, or cannot be looked at.

    Examples
    --------
    >>> is_running(os.getpid(), start_of(os.getpid())), is_running(os.getpid(), "1")
    (True, False)
    """
    fields = _stat(process)
    return "" if fields is None or _has_ended(fields) else fields[19]


def is_running(process: int, start: str) -> bool:
    """Whether the process of this machine that had this number and `start` may live; False only where it is known not to."""
    fields = _stat(process)
    if fields is None:
        return _has_number(process)
    return not _has_ended(fields) and fields[19] == start


def _stat(process: int) -> list[str] | None:
    """Return what /proc says after the name, None where it says nothing: for want of file handles, or to this user."""
    try:
        return (PROCESSES / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _has_ended(fields: list[str]) -> bool:
    return fields[0] in ("Z", "X")  # nobody has asked for its exit code yet


def _has_number(process: int) -> bool:
    """Whether there is such a process, also one of another user that is hidden from this one."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
