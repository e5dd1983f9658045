"""A job of Spark's watched from outside: the memory of each kind of process, at its highest."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ROLES = ("driver", "driver JVM", "executor JVM", "Python worker")
SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Watched:
    """How a job ended and what its processes took.

    Attributes
    ----------
    returncode : int
    seconds : float
    output : str
        What the job printed, both streams.
    own : mapping of str to int
        Most bytes that a process of a role held for itself: neither pages of files nor shared memory.
    resident : mapping of str to int
        Most bytes that a process of a role had in memory, pages of mapped files included.
    disk : int
        Most bytes below the watched folder.
    """

    returncode: int
    seconds: float
    output: str
    own: Mapping[str, int]
    resident: Mapping[str, int]
    disk: int


def watched(
    command: Sequence[object], *, environment: Mapping[str, str], scratch: Path, timeout: float
) -> Watched:
    """Run `command` and look at its processes ten times a second."""
    log = scratch.with_suffix(".log")
    own, resident, disk = dict.fromkeys(ROLES, 0), dict.fromkeys(ROLES, 0), [0]
    start = time.monotonic()
    with log.open("w") as file:
        job = subprocess.Popen(list(map(str, command)), env=dict(environment), stdout=file, stderr=file)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            for role, process in _processes(job.pid):
                with suppress(OSError):
                    memory = _memory(process)
                    own[role] = max(own[role], memory["RssAnon"])
                    resident[role] = max(resident[role], memory["VmRSS"])
            disk[0] = max(disk[0], _bytes_below(scratch))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        returncode = job.wait(timeout)
    finally:
        ended.set()
        watcher.join()
        job.kill()
    return Watched(returncode, time.monotonic() - start, log.read_text(), own, resident, disk[0])


def _processes(pid: int) -> list[tuple[str, int]]:
    found = [("driver", pid)]
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                found += [(role, process.pid) for role in _role(process)]
    return found


def _role(process: psutil.Process) -> list[str]:
    words = " ".join(process.cmdline())
    if "CoarseGrainedExecutorBackend" in words:
        return ["executor JVM"]
    if "SparkSubmit" in words:
        return ["driver JVM"]
    # The daemon is one of them: its workers are forks of it.
    return ["Python worker"] if "pyspark.worker" in words else []


def _memory(pid: int) -> dict[str, int]:
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    found = {
        words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[0] in ("VmRSS:", "RssAnon:")
    }
    return {"VmRSS": 0, "RssAnon": 0, **found}


def _bytes_below(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):  # which, unlike rglob, takes it that folders vanish
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total
