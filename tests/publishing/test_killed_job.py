"""Score jobs of their own that are killed, and what the next run and readers find."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from logreg_dist.commands.job import Request
from logreg_dist.commands.score import score
from logreg_dist.publishing.run_record import RunRecorder
from tests.publishing.score_jobs import write_score_job
from tests.scoring.models import model_of, numeric

pytestmark = pytest.mark.spark

N_ROWS = 2_000
RUN_SECONDS = 600.0
DATE = "run_date=2026-11-21"

# Kills itself right before a step of the publishing: nothing is mocked, and no `finally` runs.
KILLED = """
import importlib, os, signal, sys
from logreg_dist.cli import main
module, step, config = sys.argv[1:]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(importlib.import_module(module), step, die)
sys.exit(main(["score", "--config", config]))
"""
PUBLISH, PATH_SINK = "logreg_dist.publishing.publish", "logreg_dist.publishing.path_sink"


class Job:
    """The score job over a table of its own."""

    def __init__(self, spark: Any, folder: Path) -> None:
        self.spark, self.folder, self.output = spark, folder, folder / "scored"
        model_of(numeric("x", "double")).save(folder)
        self.runs = 0

    def prepare(self, n_rows: int, engine: str = "auto") -> str:
        return write_score_job(self.folder, n_rows, {"path": str(self.output)}, engine=engine)

    def run(self, n_rows: int, engine: str = "auto") -> None:
        self.runs += 1
        recorder = RunRecorder(job="score", run_id=f"run{self.runs}")
        score(self.spark, Request("score", self.prepare(n_rows, engine)), recorder)

    def run_and_be_killed(self, n_rows: int, module: str, step: str, engine: str = "auto") -> None:
        command = [sys.executable, "-c", KILLED, module, step, self.prepare(n_rows, engine)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
        assert ran.returncode == -signal.SIGKILL, ran.stderr[-2000:]

    def n_rows(self) -> int:
        """Count the rows as a reader of the folder does."""
        return len(set(ids_in(self.output)))

    def left(self) -> list[str]:
        return sorted(entry.name for entry in self.output.iterdir() if not entry.name.startswith("."))


def ids_in(output: Path) -> list[int]:
    files = sorted(output.glob("run_date=*/*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read()["id"].to_pylist()]


@pytest.fixture
def job(spark: Any, tmp_path: Path) -> Job:
    return Job(spark, tmp_path)


def test_a_driver_killed_between_staging_and_publishing_leaves_no_trace_after_the_next_run(job: Job) -> None:
    job.run(N_ROWS)
    job.run_and_be_killed(N_ROWS + 1, PUBLISH, "verify_staged")
    assert (job.output / "_staging").exists()
    assert sorted(ids_in(job.output)) == list(range(N_ROWS)), "the old rows"
    job.run(N_ROWS + 2)
    assert sorted(ids_in(job.output)) == list(range(N_ROWS + 2)), "each row once"
    assert job.left() == ["_SUCCESS", DATE]


@pytest.mark.faults
@pytest.mark.parametrize("engine", ["arrow", "sql"])
def test_readers_find_complete_rows_whichever_step_a_job_is_killed_at(job: Job, engine: str) -> None:
    job.run(N_ROWS, engine)
    seen: set[int | str] = set()
    stop = threading.Event()

    def read_on() -> None:
        while not stop.is_set():
            try:
                found = ids_in(job.output)
                seen.add(len(found) if sorted(found) == list(range(len(found))) else "mixed rows")
            except FileNotFoundError:
                pass  # listed, and gone before it was opened: readers try again

    reader = threading.Thread(target=read_on)
    reader.start()
    steps = [
        (PUBLISH, "verify_staged"),
        (PATH_SINK, "swap_in"),
        (PATH_SINK, "_check_live"),
        (PATH_SINK, "finish_swap"),
    ]
    try:
        for k, (module, step) in enumerate(steps):
            job.run_and_be_killed(N_ROWS + 1 + k, module, step, engine)
        job.run(N_ROWS + 9, engine)
    finally:
        stop.set()
        reader.join()
    # Killed after the swap: those rows had been verified where they were staged.
    assert seen <= {N_ROWS, N_ROWS + 3, N_ROWS + 4, N_ROWS + 9}
    assert seen >= {N_ROWS, N_ROWS + 3}
    assert job.left() == ["_SUCCESS", DATE]
