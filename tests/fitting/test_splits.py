"""How a table is split changes a fit by rounding at most; the same splits give the same bits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.staging.pass_timing import PassTiming
from tests.faults.rows import every_bit, frame, write_files

pytestmark = pytest.mark.spark

ROUNDING = 1e-12  # of the largest entry: sums of some thousand rows in another order
N_ROWS = 6_000
N_FILES = 3
TIMEOUT = 180  # seconds


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> str:
    return write_files(frame(N_ROWS), tmp_path_factory.mktemp("splits") / "table", N_FILES)


def asked(table, n_splits, reader="auto"):
    source = {"path": table, "splits": n_splits, "reader": reader}
    return TrainConfig(input=source, label={"column": "y"}, weight="weight")


def fit_in(spark, table, n_splits, reader="auto"):
    return fit(spark.read.parquet(table), asked(table, n_splits, reader))


@pytest.fixture(scope="module")
def whole(spark, table):
    return fit_in(spark, table, 1)


def assert_equal_up_to_rounding(model, other):
    assert model.converged
    assert other.converged
    assert (model.n_rows, model.n_events) == (other.n_rows, other.n_events)
    estimates, expected = (np.array([row.estimate for row in m.coefficient_rows]) for m in (model, other))
    np.testing.assert_allclose(estimates, expected, rtol=0, atol=ROUNDING * np.abs(expected).max())
    largest = np.abs(other.covariance).max()
    np.testing.assert_allclose(model.covariance, other.covariance, rtol=0, atol=ROUNDING * largest)
    np.testing.assert_allclose(model.deviance, other.deviance, rtol=ROUNDING)


@pytest.mark.parametrize("reader", ["spark", "arrow"])
@pytest.mark.parametrize("n_splits", [2, 3, 7, 64])
def test_another_number_of_splits_gives_the_same_model_up_to_rounding(spark, table, whole, n_splits, reader):
    model = fit_in(spark, table, n_splits, reader)

    assert len(model.fingerprint["rows_by_split"]) == n_splits
    assert_equal_up_to_rounding(model, whole)


def test_an_empty_split_changes_nothing(spark, table, whole, tmp_path):
    folder = Path(write_files(frame(N_ROWS), tmp_path / "table", N_FILES))
    empty = Path(write_files(frame(N_ROWS).iloc[:0], tmp_path / "empty", 1))
    (empty / "part-0.parquet").rename(folder / "part-empty.parquet")
    model = fit_in(spark, str(folder), N_FILES + 1, "spark")
    without = fit_in(spark, table, N_FILES, "spark")

    assert sorted(model.fingerprint["rows_by_split"]) == [0, *[N_ROWS // N_FILES] * N_FILES]
    assert model.deviance == without.deviance  # adding nothing is exact
    assert np.array_equal(model.covariance, without.covariance)
    assert_equal_up_to_rounding(model, whole)


@pytest.mark.parametrize("n_splits", [2, 7])
def test_the_same_number_of_splits_gives_the_same_bits(spark, table, n_splits):
    assert every_bit(fit_in(spark, table, n_splits)) == every_bit(fit_in(spark, table, n_splits))


def test_the_size_of_arrows_batches_changes_no_bit(spark, table):
    usual = every_bit(fit_in(spark, table, 2, "spark"))
    for rows in ("1", "7", "10000"):
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", rows)
        try:
            other = fit_in(spark, table, 2, "spark")
        finally:
            spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
        assert every_bit(other) == usual


def test_rows_in_another_order_and_other_row_groups_give_the_same_model_up_to_rounding(
    spark, tmp_path, whole
):
    rows = frame(N_ROWS)
    shuffled = pa.Table.from_pandas(rows.sample(frac=1.0, random_state=3), preserve_index=False)
    pq.write_table(shuffled, tmp_path / "shuffled.parquet", row_group_size=100)
    for reader in ("arrow", "spark"):
        assert_equal_up_to_rounding(fit_in(spark, str(tmp_path / "shuffled.parquet"), 3, reader), whole)
    ordered = pa.Table.from_pandas(rows, preserve_index=False)
    bits = []
    for size in (77, N_ROWS):  # one split: the row groups are then no matter of who reads what
        pq.write_table(ordered, tmp_path / "ordered.parquet", row_group_size=size)
        bits.append(every_bit(fit_in(spark, str(tmp_path / "ordered.parquet"), 1, "arrow")))
    assert bits[0] == bits[1]


def test_a_fit_leaves_sparks_way_of_cutting_files_as_it_was(spark, table):
    key = "spark.sql.files.minPartitionNum"
    assert spark.conf.get(key, None) is None
    fit_in(spark, table, 2, "spark")

    assert spark.conf.get(key, None) is None


def test_more_splits_than_files_do_not_depend_on_where_a_row_came_from(spark, table, tmp_path):
    # What a shuffle over a network does: rows arrive in another order, from other places.
    shuffled = frame(N_ROWS).sample(frac=1.0, random_state=1)
    elsewhere = write_files(shuffled, tmp_path / "shuffled", N_FILES - 1)
    config = asked(table, 7, "spark")

    assert every_bit(fit(spark.read.parquet(elsewhere), config)) == every_bit(
        fit_in(spark, table, 7, "spark")
    )


def test_sums_that_spark_adds_first_have_the_same_bits(spark, table, monkeypatch):
    on_driver = fit_in(spark, table, 20)  # more than two groups
    monkeypatch.setattr("logreg_dist.staging.passes.MAX_SENT_BYTES", 0)

    assert every_bit(fit_in(spark, table, 20)) == every_bit(on_driver)


def test_every_pass_is_timed_and_only_the_first_one_stages(spark, table):
    timings: list[PassTiming] = []
    model = fit(spark.read.parquet(table), asked(table, 2), on_pass=timings.append)

    assert [timing.number for timing in timings] == list(range(1, model.n_passes + 1))
    assert timings[0].share("staging") > 0
    assert {timing.share("staging") for timing in timings[1:]} == {0.0}
    assert all(timing.share("reading") > 0 for timing in timings[2:])
    assert all(timing.wall >= timing.share("kernel") + timing.share("reading") for timing in timings)


def test_splits_that_spark_decides_on_give_the_same_bits_whatever_the_cores(spark, table, monkeypatch):
    # The same 3 partitions on 2 cores and on 64.
    found = []
    for n_cores in (2, 64):
        monkeypatch.setattr(type(spark.sparkContext), "defaultParallelism", n_cores)
        found.append(every_bit(fit_in(spark, table, None, "spark")))
    assert found[0]["fingerprint"] == found[1]["fingerprint"]
    assert found[0] == found[1]


@pytest.mark.slow
def test_pinned_splits_give_the_same_bits_whatever_the_cores(spark, table, tmp_path):
    # Through Spark, 2 merges the partitions of 3 files, which it packs by the cores it has; 7 needs a shuffle.
    script = Path(__file__).with_name("fit_alone.py")
    asked_for = [("spark", 2), ("spark", 7), ("arrow", 2), ("arrow", 7)]
    with (tmp_path / "log").open("w") as log:
        done = subprocess.run(
            [sys.executable, script, "local[1]", table, tmp_path, *(f"{r}:{n}" for r, n in asked_for)],
            stdout=log,
            stderr=log,
            timeout=TIMEOUT,
        )
    assert done.returncode == 0, (tmp_path / "log").read_text()[-3000:]
    for reader, n_splits in asked_for:
        on_one_core = json.loads((tmp_path / f"{reader}:{n_splits}.json").read_text())
        assert every_bit(fit_in(spark, table, n_splits, reader)) == every_bit(on_one_core)
