"""A train job in a process of its own, killed when its checkpoint says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from logreg_dist.commands.checkpoint import NAME
from logreg_dist.fitting.checkpoint_file import kept_from_json

ROOT = Path(__file__).parents[2]
SECONDS = 300


def write_config(folder: Path, **values: Any) -> Path:
    """Write a configuration of the rows of tests/faults/rows.py in ``folder/table``; the output is ``folder/out``."""
    config = {
        "input": {"path": str(folder / "table"), "splits": 3},
        "label": {"column": "y"},
        "weight": "weight",
        "solver": {"start": "zero"},
        "output": {"path": str(folder / "out")},
    }
    (folder / "train.yaml").write_text(yaml.safe_dump(config | values))
    return folder / "train.yaml"


def start_job(config: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start ``python jobs/train.py`` in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "jobs" / "train.py"), "--config", str(config), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_job(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the job to its end."""
    job = start_job(config, *arguments)
    out, err = job.communicate(timeout=SECONDS)
    return subprocess.CompletedProcess(job.args, job.returncode, out, err)


def kill_after(config: Path, iteration: int, *arguments: str) -> int:
    """Run the job, SIGKILL it and its JVM when its checkpoint has come so far, and return how far it has.

    How far is that of all searches together: a cross-validation has many.
    """
    file = Path(yaml.safe_load(config.read_text())["output"]["path"]) / NAME
    job = start_job(config, *arguments)
    end = time.monotonic() + SECONDS
    while job.poll() is None and time.monotonic() < end:
        if progress(file) >= iteration:
            os.killpg(job.pid, signal.SIGKILL)
            break
        time.sleep(0.002)
    _, err = job.communicate(timeout=SECONDS)
    assert job.returncode == -signal.SIGKILL, err
    return progress(file)


def progress(file: Path) -> int:
    """Return the iterations in a checkpoint, -1 where there is none."""
    try:
        kept, _ = kept_from_json(file.read_bytes(), str(file))
    except FileNotFoundError:
        return -1
    return sum(bookmark.iteration for bookmark in kept.bookmarks.values())


def bits_of(model: Path) -> dict[str, Any]:
    """Return a model's content without what two runs of the same fit may differ in: time, passes, where it lies."""
    content = json.loads(model.read_text())
    for step in content["history"]:
        del step["seconds"]
    del content["content_hash"], content["n_passes"], content["config"]["output"]
    if content["cross_validation"] is not None:
        del content["cross_validation"]["n_passes"]
    return content
