"""The number of threads of BLAS decides bits of a solve: a fit takes one, and gives the others back."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from logreg_dist import TrainConfig, fit
from tests.faults.rows import frame, write_files


def threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


@pytest.mark.spark
def test_a_fit_takes_one_thread_of_blas_on_the_driver(spark, tmp_path):
    table = write_files(frame(400), tmp_path / "table", 1)
    config = TrainConfig(input={"path": table, "splits": 1}, label={"column": "y"})
    during: list[set[int]] = []
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        fit(spark.read.parquet(table), config, on_pass=lambda timing: during.append(threads()))
        assert threads() == before == {2}
    assert during
    assert all(found == {1} for found in during)
