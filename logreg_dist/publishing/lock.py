"""One run at a time writes an output: a small file names the holder."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from logreg_dist.errors import TemporaryFailure
from logreg_dist.publishing.filesystem import Filesystem, join

log = logging.getLogger(__name__)

LOCK = "_lock"
REFRESH_SECONDS = 60.0
# Many missed refreshes, so that a long pause of the driver or a skewed clock does not pass for death.
STALE_SECONDS = 900.0


@contextmanager
def held(files: Filesystem, path: str, run_id: str) -> Iterator[None]:
    """Hold the output folder `path` for the duration of the body.

    The file ``_lock`` is rewritten every minute, so a holder on another host counts as dead after
    15 minutes of silence, and one on this host as soon as its process is gone. On object stores
    two runs that start in the same instant may both get the lock.

    Raises
    ------
    TemporaryFailure
        Another run that is alive holds it; the message names run, host and process.
    """
    lock = join(path, LOCK)
    content = json.dumps(_this_process(run_id)).encode()
    if not files.create_new(lock, content):
        _take_over(files, lock, content)
    stop = threading.Event()
    refresher = threading.Thread(target=_refresh, args=(files, lock, content, stop), daemon=True)
    refresher.start()
    try:
        yield
    finally:
        stop.set()
        refresher.join()
        _release(files, lock, content)


def _this_process(run_id: str) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process_start": _process_start(os.getpid()),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _process_start(pid: int) -> str | None:
    """Return when a process started, in clock ticks: a reused process id has another one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _take_over(files: Filesystem, lock: str, content: bytes) -> None:
    holder = _holder(files, lock)
    silent = time.time() - files.modified(lock) if files.exists(lock) else 0.0
    if _is_dead(holder) or silent > STALE_SECONDS:
        log.warning("the lock of dead run '%s' is taken over", holder.get("run_id"))
        files.delete_tree(lock)
        if files.create_new(lock, content):
            return
        holder = _holder(files, lock)
    known = (
        f"run '{holder.get('run_id')}' is writing the same output (host {holder.get('host')}, process "
        f"{holder.get('pid')}, since {holder.get('since')})"
    )
    raise TemporaryFailure(
        f"{known if holder else 'another run is writing the same output'}.\n"
        f"  Try again when it has ended. If it is dead, delete '{lock}'."
    )


def _holder(files: Filesystem, lock: str) -> dict[str, Any]:
    """Read the lock; one that is being written or was just released tells nothing."""
    try:
        found = json.loads(files.read_bytes(lock))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_dead(holder: dict[str, Any]) -> bool:
    pid = holder.get("pid")
    if holder.get("host") != socket.gethostname() or not isinstance(pid, int):
        return False
    if holder.get("process_start") is not None:
        return bool(_process_start(pid) != holder["process_start"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _refresh(files: Filesystem, lock: str, content: bytes, stop: threading.Event) -> None:
    while not stop.wait(REFRESH_SECONDS):
        try:
            # Another run may have taken this one for dead, after a long sleep of the machine.
            if files.read_bytes(lock) == content:
                files.write_atomic(lock, content)
        except OSError as error:
            log.warning("the lock '%s' could not be refreshed: %s", lock, error)


def _release(files: Filesystem, lock: str, content: bytes) -> None:
    try:
        if files.read_bytes(lock) == content:
            files.delete_tree(lock)
    except OSError as error:
        log.warning("the lock '%s' could not be removed: %s", lock, error)
