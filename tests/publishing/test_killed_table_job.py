"""Score jobs that write a table of a real metastore (embedded Derby), killed with their JVM at every step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.publishing.score_jobs import hive_settings, write_score_job
from tests.scoring.models import model_of, numeric

pytestmark = [pytest.mark.spark, pytest.mark.faults]

N_ROWS = 500
RUN_SECONDS = 600.0
TABLE = "crm.scored"

# Reads the table as another program would, then runs the job, and kills itself and its JVM right before a step.
READ_THEN_RUN = """
import importlib, json, os, signal, sys
from pathlib import Path
from pyspark.sql import SparkSession
from logreg_dist.cli import main
table, found, config, *step = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
spark.sql("CREATE SCHEMA IF NOT EXISTS crm")
if spark.catalog.tableExists(table):
    Path(found).write_text(json.dumps(sorted(row[0] for row in spark.table(table).select("id").collect())))
def die(*_, **__):
    os.killpg(0, signal.SIGKILL)
if step:
    setattr(importlib.import_module(step[0]), step[1], die)
sys.exit(main(["score", "--config", config]) if config else 0)
"""
PUBLISH, TABLE_SINK = "logreg_dist.publishing.publish", "logreg_dist.publishing.table_sink"
SWITCH = "logreg_dist.publishing.switch"  # a plan is written, and nothing follows it


class Warehouse:
    """A metastore in a folder, and the jobs on it; each is a process of its own, because Derby serves one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        model_of(numeric("x", "double")).save(folder)

    def read_then_run(self, n_rows: int | None, *step: str) -> list[int]:
        """Return the ids that readers find, and then score `n_rows` rows, killed before a step if one is named."""
        found = self.folder / "found.json"
        found.write_text("[]")
        options = " ".join(f"--conf {key}={value}" for key, value in hive_settings(self.folder).items())
        config = "" if n_rows is None else write_score_job(self.folder, n_rows, {"table": TABLE})
        ran = subprocess.run(
            [sys.executable, "-c", READ_THEN_RUN, TABLE, str(found), config, *step],
            cwd=self.folder,
            env={
                **os.environ,
                "PYSPARK_SUBMIT_ARGS": f"--master local[2,4] {options} pyspark-shell",
                "PYSPARK_PYTHON": sys.executable,
            },
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            start_new_session=True,
            check=False,
        )
        assert ran.returncode == (-signal.SIGKILL if step else 0), ran.stderr[-3000:]
        return json.loads(found.read_text())


def test_readers_of_a_table_find_complete_rows_whichever_step_a_job_is_killed_at(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    assert warehouse.read_then_run(N_ROWS) == []
    steps = [
        (PUBLISH, "verify_staged"),
        (TABLE_SINK, "switch_in"),
        (SWITCH, "_is_as_planned"),
        (TABLE_SINK, "_check_live"),
        (TABLE_SINK, "finish_switch"),
    ]
    found = [warehouse.read_then_run(N_ROWS + 1 + k, *step) for k, step in enumerate(steps)]
    found += [warehouse.read_then_run(N_ROWS + 9), warehouse.read_then_run(None)]
    # Once the catalog points at the new rows they stay: they had been verified where they were staged.
    complete = [N_ROWS, N_ROWS, N_ROWS, N_ROWS, N_ROWS + 4, N_ROWS + 5, N_ROWS + 9]
    assert found == [list(range(n)) for n in complete]
    base = tmp_path / "warehouse" / "crm.db" / "scored"
    assert not (base / "_leases").exists()
    assert not list(base.rglob("_unfinished")), "rows that no reader will look at"
