"""What the executors' Python is and has, asked once before a job begins: the errors come early and name the setting."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pyspark.sql import SparkSession

from logreg_dist.errors import ConfigError, LogregError, TemporaryFailure
from logreg_dist.spark.masters import is_in_one_process
from logreg_dist.spark.worker_failures import OTHER_PYTHON, SEND_PACKAGE

log = logging.getLogger(__name__)

# Plain, because executors that lack this package cannot read anything of it.
Report = Mapping[str, str | None]

NEEDED = ("numpy", "pyarrow")
PACKAGE = "logreg_dist"
MAX_TASKS = 1_000  # they run side by side, one for each core
_SHOWN = 3


def check_executors(spark: SparkSession) -> None:
    """Ask the executors for their Python, numpy, pyarrow and this package; one short Spark job.

    A local session whose workers run the driver's own Python is not asked. Executors that come later are not
    either: what they lack is told when a task fails there.

    Raises
    ------
    ConfigError
        When they all lack something, or have another version of this package; Spark's own error where their Python
        has another minor version.
    TemporaryFailure
        When only some of them do.
    """
    context = spark.sparkContext
    if is_own_python(context.master, context.pythonExec):
        return
    clock = time.perf_counter()
    n_tasks = min(max(context.defaultParallelism, 1), MAX_TASKS)
    task = report_task()
    found = context.parallelize(range(n_tasks), n_tasks).mapPartitions(task).collect()
    [driver] = task(())
    judge(driver, found)
    log.info("executors: %s (%.2f s)", _in_short(found), time.perf_counter() - clock)


def is_own_python(master: str, worker_python: str) -> bool:
    """Whether workers are processes of this machine that run this very Python.

    Examples
    --------
    >>> is_own_python("local[2,4]", sys.executable), is_own_python("local-cluster[2,1,1500]", sys.executable)
    (True, False)
    """
    found = shutil.which(worker_python)
    # Not by what links lead to: a venv's Python is a link to one that has none of its packages.
    return is_in_one_process(master) and found is not None and os.path.abspath(found) == sys.executable


def report_task() -> Callable[[Iterable[object]], Iterator[Report]]:
    """Return the task that tells what the Python it runs in has. It travels by value: nothing need be there."""

    def report(_: Iterable[object]) -> Iterator[Report]:
        import hashlib
        import importlib
        import importlib.resources
        import platform
        import socket
        import sys

        def version(name: str) -> str | None:
            try:
                return str(importlib.import_module(name).__version__)
            except ImportError:
                return None

        def code() -> str | None:
            """Digest the source of the package, in a folder or a zip."""
            try:
                folders = [("", importlib.resources.files("logreg_dist"))]
            except ImportError:
                return None
            digest = hashlib.sha256()
            while folders:
                path, folder = folders.pop()
                for entry in sorted(folder.iterdir(), key=lambda one: one.name):
                    if entry.name.endswith(".py"):
                        digest.update(f"{path}/{entry.name}\n".encode() + entry.read_bytes())
                    elif entry.is_dir() and entry.name != "__pycache__":
                        folders.append((f"{path}/{entry.name}", entry))
            return digest.hexdigest()[:16]

        yield {
            "host": socket.gethostname(),
            "executable": sys.executable,
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "pyarrow": version("pyarrow"),
            "logreg_dist": code(),
        }

    return report


def judge(driver: Report, executors: Sequence[Report]) -> None:
    """Raise for what executors lack and warn of other versions.

    Raises
    ------
    ConfigError, TemporaryFailure
        As `check_executors`.
    """
    for name in (*NEEDED, PACKAGE):
        without = [one for one in executors if one[name] is None]
        if without:
            way_out = SEND_PACKAGE if name == PACKAGE else OTHER_PYTHON
            raise _refused(without, executors, f"the executors' Python has no {name}", way_out)
    other = [one for one in executors if one[PACKAGE] != driver[PACKAGE]]
    if other:
        raise _refused(
            other, executors, f"the executors have another version of {PACKAGE} than the driver", SEND_PACKAGE
        )
    for name in NEEDED:
        versions = sorted({str(one[name]) for one in executors})
        if len(versions) > 1:
            log.warning(
                "the executors have different versions of %s (%s): a task that is run again elsewhere may give other "
                "last digits",
                name,
                ", ".join(versions[:_SHOWN]),
            )
        elif versions != [driver[name]]:
            log.warning(
                "%s is %s on the executors and %s on the driver: last digits may differ from those of a local fit",
                name,
                versions[0],
                driver[name],
            )


def _refused(those: Sequence[Report], executors: Sequence[Report], what: str, way_out: str) -> LogregError:
    hosts = sorted({str(one["host"]) for one in those})
    pythons = sorted({f"{one['python']} at {one['executable']}" for one in those})
    shown = ", ".join(hosts[:_SHOWN]) + (f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else "")
    if len(those) < len(executors):
        return TemporaryFailure(
            f"{what}, on some hosts: {shown} (Python {pythons[0]}).\n  Others have it. Mend these hosts, or: {way_out}"
        )
    return ConfigError(f"{what}: Python {pythons[0]}, on {shown}.\n  {way_out}")


def _in_short(found: Sequence[Report]) -> str:
    names = ("python", *NEEDED)
    return ", ".join(f"{name} {' / '.join(sorted({str(one[name]) for one in found}))}" for name in names)
