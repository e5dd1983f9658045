"""Where the numbers come from: machine, libraries, settings, revision."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import numpy as np  # noqa: F401 - loads the BLAS that is reported
import psutil
import scipy.linalg  # noqa: F401
import threadpoolctl

from benchmarks.peers.spark_session import DRIVER_MEMORY, MASTER

_LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pyspark",
    "h2o",
    "glum",
    "tabmat",
    "scikit-learn",
    "statsmodels",
)


def describe_environment() -> dict[str, str]:
    """Return what stands above every table: a word for each thing, in order."""
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "BLAS": "; ".join(sorted(set(map(_library, threadpoolctl.threadpool_info())))),
        "Java": _first_line(["java", "-version"]),
        "Spark": f"master {MASTER}, driver memory {DRIVER_MEMORY}, MLlib on Spark's Java BLAS (no native one)",
        "R": _first_line(["Rscript", "--version"]),
        "libraries": ", ".join(f"{name} {version}" for name in _LIBRARIES if (version := _version(name))),
        "revision": _revision(),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _library(found: dict[str, object]) -> str:
    core = f", core type {found['architecture']}" if found.get("architecture") else ""
    return f"{found['internal_api']} {found.get('version') or ''}{core}".replace(" ,", ",")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not installed"
    return (done.stderr or done.stdout).strip().splitlines()[0]


def _revision() -> str:
    root = Path(__file__).parent
    commands = (["git", "rev-parse", "--short", "HEAD"], ["git", "status", "--porcelain"])
    try:
        done = [subprocess.run(c, cwd=root, capture_output=True, text=True, check=True) for c in commands]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done[0].stdout.strip() + (" with uncommitted changes" if done[1].stdout.strip() else "")
