"""Real limits of Spark that a wide fit runs into: what the driver takes of a job, and a worker's memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logreg_dist import TrainConfig, fit
from tests.faults.rows import every_bit

pytestmark = [pytest.mark.spark, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
N_ROWS, N_COLUMNS = 2_400, 400  # an information matrix of 1.3 MB
TIMEOUT = 600  # seconds; about 15 when nothing else runs


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> str:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(N_ROWS, N_COLUMNS))
    y = (rng.random(N_ROWS) < 1.0 / (1.0 + np.exp(-0.5 * x[:, :4].sum(axis=1)))).astype(np.int32)
    folder = tmp_path_factory.mktemp("wide")
    columns = {f"x{k}": x[:, k] for k in range(N_COLUMNS)}
    pq.write_table(pa.table({"y": y, **columns}), folder / "part-0.parquet")
    return str(folder)


@pytest.fixture(scope="module")
def found(table, tmp_path_factory) -> dict:
    output = tmp_path_factory.mktemp("tight") / "found.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.tight_sessions", table, output],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(output.read_text())


def test_results_that_the_driver_does_not_take_at_once_come_in_pieces_with_the_same_bits(spark, table, found):
    config = TrainConfig(input={"path": table, "splits": 2}, label={"column": "y"})
    roomy = fit(spark.read.parquet(table), config)

    assert found["model"]["converged"]
    assert found["model"]["covariance"] is not None
    assert every_bit(found["model"]) == every_bit(roomy)


def test_a_worker_that_wants_more_memory_than_it_may_have_is_named_with_the_setting(found):
    assert found["hungry"] == (
        "temporary failure: Python worker of split 1 was killed (memory): spark.executor.pyspark.memory, 3g, was not "
        "enough.\n  Raise it, or take more splits (input.splits)."
    )
