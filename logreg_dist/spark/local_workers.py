"""How the Python workers of a local session are started: sooner than Spark does it by itself."""

from __future__ import annotations

import os
from pathlib import Path

from logreg_dist.spark.preflight import is_own_python

DAEMON = "logreg_dist_daemon"
LOCAL_WORKERS = ("spark.python.daemon.module", "spark.executorEnv.PYTHONPATH")
_FOLDER = Path(__file__).with_name("worker_path")


def worker_settings(master: str, worker_python: str) -> dict[str, str]:
    """Return the settings by which workers find PySpark in its folder; none where they are not the driver's own Python.

    Elsewhere the executors may lack the module. A zip has no folder to name either.

    Examples
    --------
    >>> import sys
    >>> worker_settings("local[2]", sys.executable)["spark.python.daemon.module"]
    'logreg_dist_daemon'
    >>> worker_settings("spark://host:7077", sys.executable)
    {}
    """
    is_there = (_FOLDER / f"{DAEMON}.py").is_file() and os.pathsep not in str(_FOLDER)
    if not is_there or not is_own_python(master, worker_python):
        return {}
    return dict(zip(LOCAL_WORKERS, (DAEMON, str(_FOLDER)), strict=True))
