"""A fit and a scoring of a table of ten times the memory that the executors are given, on two real executors."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyspark
import pytest
import yaml

from tests.faults.large_table import BETA, INTERCEPT, N_COLUMNS, write_table
from tests.faults.results import keep_results
from tests.faults.watched import Watched, watched

pytestmark = [pytest.mark.spark, pytest.mark.faults]

ROOT = Path(__file__).resolve().parents[2]
MB = 1 << 20
TIMES = float(os.environ.get("LARGE_TIMES", "10"))  # less, to try it
HEAP, PYTHON, EXECUTORS = (
    450,
    600,
    2,
)  # MB of each executor: the least that Spark starts with; of its Python worker
GIVEN = EXECUTORS * (HEAP + PYTHON) * MB
# Limits of a worker's addresses, of which scoring takes more for the row groups it writes; no more memory.
ADDRESSES = {"train": PYTHON, "score": 1000}
OVERHEAD = 384  # MB that Spark itself adds for what of a JVM is not its heap: code, threads, buffers
NUMBER_BYTES = 8
DISK_BYTES = 0.75  # of scratch, table and scores at once, for each byte of the table in memory
TIMEOUT = 3600  # seconds for a job; one to three minutes when nothing else runs
STANDARD_ERRORS = 6.0  # of 21 estimates none is further from the truth by chance
SAME_ROWS = 1e-9  # sums of the same rows in another order
SAME_FIT = 1e-8


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("large")
    need = TIMES * GIVEN * DISK_BYTES
    free = shutil.disk_usage(home).free
    if free < need:
        pytest.skip(f"{need / 1e9:.0f} GB of disk are needed and {free / 1e9:.0f} GB are free")
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def table(folder) -> dict[str, int]:
    row_bytes = NUMBER_BYTES * (1 + N_COLUMNS)
    write_table(folder, int(TIMES * GIVEN / row_bytes) + 8)
    return json.loads((folder / "table.json").read_text())


def job(folder: Path, name: str, config: dict) -> Watched:
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    settings = {
        "spark.executor.memory": f"{HEAP}m",
        "spark.executor.pyspark.memory": f"{ADDRESSES[name.split('-')[0]]}m",
        # Of addresses glibc reserves 64 MB for each thread.
        "spark.executorEnv.MALLOC_ARENA_MAX": "1",
        "spark.driver.host": "localhost",
        "spark.local.dir": str(scratch),
        "spark.ui.enabled": "false",
    }
    options = " ".join(f"--conf {key}={value}" for key, value in settings.items())
    environment = {
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_WORKER_DIR": str(folder / "work"),
        "PYSPARK_SUBMIT_ARGS": f"--master local-cluster[{EXECUTORS},1,{HEAP}] --driver-memory 600m {options} pyspark-shell",
    }
    done = watched(
        [sys.executable, ROOT / "jobs" / f"{name.split('-')[0]}.py", "--config", folder / f"{name}.yaml"],
        environment=os.environ | environment,
        scratch=folder / "scratch",
        timeout=TIMEOUT,
    )
    numbers = {key: value for key, value in asdict(done).items() if key != "output"}
    keep_results(f"large-{name}", {"times": TIMES, "given": GIVEN, **numbers})
    return done


@pytest.fixture(scope="module")
def fits(folder, table) -> dict[str, Watched]:
    return {
        reader: job(
            folder,
            f"train-{reader}",
            {
                "input": {"path": str(folder / "table"), "reader": reader},
                "label": {"column": "y"},
                "features": {"exclude": ["id"]},
                "solver": {"precision": "float32"},  # exact for these values
                "output": {"path": str(folder / reader)},
            },
        )
        for reader in ("arrow", "spark")
    }


@pytest.fixture(scope="module")
def scoring(folder, fits) -> Watched:
    config = {
        "model": str(folder / "arrow" / "model.json"),
        "input": {"path": str(folder / "table")},
        "keys": ["id"],
        "output": {"path": str(folder / "scored"), "run_date": "2026-11-21"},
    }
    return job(folder, "score", config)


def model_of(folder: Path, reader: str) -> dict:
    return json.loads((folder / reader / "model.json").read_text())


@pytest.mark.parametrize("reader", ["arrow", "spark"])
def test_the_fit_of_a_table_of_ten_times_the_memory_finds_the_truth(folder, table, fits, reader):
    assert fits[reader].returncode == 0, fits[reader].output[-3000:]
    model = model_of(folder, reader)

    assert model["converged"]
    assert (model["n_rows"], model["n_events"]) == (table["n_rows"], table["n_events"])
    found = np.array([[row["estimate"], row["std_error"]] for row in model["coefficients"]])
    z = (found[:, 0] - [INTERCEPT, *BETA]) / found[:, 1]
    assert np.abs(z).max() < STANDARD_ERRORS


def test_both_readers_lead_to_one_model(folder, fits):
    one, other = (
        [row["estimate"] for row in model_of(folder, reader)["coefficients"]] for reader in ("arrow", "spark")
    )

    np.testing.assert_allclose(one, other, rtol=SAME_FIT)


def test_every_row_is_scored_once_and_the_scores_add_up_to_the_events(folder, table, scoring):
    assert scoring.returncode == 0, scoring.output[-3000:]
    n_rows, ids, probabilities = 0, np.zeros(table["n_rows"], dtype=bool), 0.0
    for batch in ds.dataset(folder / "scored", partitioning="hive").to_batches(columns=["id", "probability"]):
        ids[batch["id"].to_numpy()] = True
        n_rows += batch.num_rows
        probabilities += pc.sum(batch["probability"]).as_py() or 0.0

    assert ids.all()
    assert n_rows == table["n_rows"]
    # The score equation of the intercept: at the optimum fitted probabilities add up to the events.
    assert probabilities == pytest.approx(table["n_events"], rel=SAME_ROWS)


def test_executors_and_workers_stay_within_what_they_were_given(fits, scoring):
    for done in (*fits.values(), scoring):
        assert 0 < done.own["executor JVM"] < (HEAP + OVERHEAD) * MB
        assert 0 < done.resident["Python worker"] < PYTHON * MB


def test_no_staged_file_is_left(folder, fits):
    assert [path for path in folder.rglob("logreg_dist-*") if path.is_dir()] == []
