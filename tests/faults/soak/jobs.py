"""A job as a scheduler starts it, and the processes that belong to it: found by a mark in their environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyspark

ROOT = Path(__file__).resolve().parents[3]
MARK = "SOAK_MARK"
# Less compiling in Java virtual machines that live for seconds: a fifth of the processor time.
QUICK_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
LOCAL = "local[1,4]"
# A little more than the least that Spark starts with, of which the serial collector keeps a part for itself.
EXECUTOR_MB = 512
CLUSTER = f"local-cluster[2,1,{EXECUTOR_MB}]"
VICTIMS = ("driver", "driver JVM", "Python worker", "executor JVM")


@dataclass
class Job:
    """One attempt of a run: a process and all that it starts."""

    process: subprocess.Popen[bytes]
    mark: str
    log: Path
    started: float = field(default_factory=time.monotonic)

    def victims(self, kind: str) -> list[psutil.Process]:
        """Return the living processes of a kind, in the order of their birth."""
        found = [one for one in marked(self.mark) if _kind(one, self.process.pid) == kind]
        return sorted(found, key=lambda one: one.pid)


def start_job(arguments: Sequence[str], *, folder: Path, master: str) -> Job:
    """Start a job in `folder`; its output goes to a file there, its scratch below ``folder/local``."""
    mark = uuid.uuid4().hex
    log = folder / "logs" / f"{mark}.log"
    settings = {
        "spark.executor.memory": f"{EXECUTOR_MB}m",
        "spark.executor.extraJavaOptions": QUICK_JAVA,
        "spark.driver.host": "localhost",
        "spark.ui.enabled": "false",
        "spark.local.dir": str(folder / "local"),
        "spark.log.level": "ERROR",
    }
    options = " ".join(f"--conf '{key}={value}'" for key, value in settings.items())
    environment = {
        MARK: mark,
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_WORKER_DIR": str(folder / "work"),
        "SPARK_SUBMIT_OPTS": QUICK_JAVA,
        "PYSPARK_SUBMIT_ARGS": f"--master {master} --driver-memory 512m {options} pyspark-shell",
        "TMPDIR": str(folder / "tmp"),
        "PYSPARK_PYTHON": sys.executable,
    }
    job, *rest = arguments
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "jobs" / f"{job}.py"), *rest],
            cwd=folder,
            env=os.environ | environment,
            stdout=file,
            stderr=file,
        )
    return Job(process, mark, log)


def marked(mark: str) -> list[psutil.Process]:
    """Return the living processes that were started with `mark` in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_all(job: Job, patience: float) -> int:
    """Wait for every process of a job to end and return how many had to be killed in the end."""
    end = time.monotonic() + patience
    while (left := marked(job.mark)) and time.monotonic() < end:
        time.sleep(0.1)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    return len(left)


def _kind(process: psutil.Process, driver: int) -> str:
    if process.pid == driver:
        return "driver"
    words = _words(process)
    if "CoarseGrainedExecutorBackend" in words:
        return "executor JVM"
    if "SparkSubmit" in words:
        return "driver JVM"
    # Workers are forks of the daemon, so it is their parent.
    return "Python worker" if "pyspark.worker" in words and "pyspark.worker" in _parent_words(process) else ""


def _words(process: psutil.Process | None) -> str:
    with suppress(psutil.Error, OSError):  # gone, or about to be
        return " ".join(process.cmdline()) if process is not None else ""
    return ""


def _parent_words(process: psutil.Process) -> str:
    with suppress(psutil.Error, OSError):
        return _words(process.parent())
    return ""
