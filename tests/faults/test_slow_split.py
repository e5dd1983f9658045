"""Sixty-four splits of which one is slow in every pass, whoever computes it: it is waited for, and no bit changes."""

from __future__ import annotations

import time

import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.staging.passes import StagedTable
from tests.faults.rows import every_bit, frame, write_files

pytestmark = [pytest.mark.spark, pytest.mark.faults]

N_SPLITS, SLOW_SPLIT = 64, 37
N_ROWS = 12_800
SLOW_SECONDS = 3.0  # hundreds of times what a split of 200 rows takes


def test_one_slow_split_of_64_is_waited_for_and_no_bit_changes(spark, tmp_path, monkeypatch):
    table = write_files(frame(N_ROWS), tmp_path / "table", N_SPLITS)
    config = TrainConfig(
        input={"path": table, "splits": N_SPLITS},
        label={"column": "y"},
        weight="weight",
        solver={"start": "zero"},
    )
    undisturbed = fit(spark.read.parquet(table), config)
    run_pass, seconds = StagedTable.run_pass, []

    def with_a_slow_split(self, task):
        def run(split):
            if split.split == SLOW_SPLIT:
                time.sleep(SLOW_SECONDS)
            return task(split)

        start = time.monotonic()
        results = run_pass(self, run)
        seconds.append(time.monotonic() - start)
        return results

    monkeypatch.setattr(StagedTable, "run_pass", with_a_slow_split)
    slow = fit(spark.read.parquet(table), config)

    assert slow.fingerprint["n_splits"] == N_SPLITS
    assert len(seconds) > 3
    assert min(seconds) > SLOW_SECONDS  # it was slow, each time
    assert every_bit(slow) == every_bit(undisturbed)
