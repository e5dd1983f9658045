"""How the Python workers of a local session are started: sooner than Spark does it by itself."""

from __future__ import annotations

from pathlib import Path

from logreg_dist.spark.preflight import is_own_python

DAEMON = "logreg_dist_daemon"
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
    if not is_own_python(master, worker_python) or not _FOLDER.is_dir():
        return {}
    return {"spark.python.daemon.module": DAEMON, "spark.executorEnv.PYTHONPATH": str(_FOLDER)}
