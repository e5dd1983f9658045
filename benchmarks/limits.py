"""What the machine can do at best: the lines that every table is read against."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable

import numpy as np
import pyarrow.dataset as ds
from threadpoolctl import threadpool_limits

from benchmarks.data import Table

N_PROCESSES = 2
_COPY_VALUES = 16_000_000  # 128 MB: far beyond the caches
_SYRK_FLOP = 4e9  # per timing
_REPEATS = 5
_SPARK_JOBS = 20


def measure_limits(table: Table) -> dict[str, float]:
    """Return the limits for a case, by what they are called in the table.

    Scan: all feature columns of the Parquet files into Arrow, threads as many as cores, best of three
    (the page cache is warm). Copy: bytes read and written. SYRK: float64, one thread for each process, chunks of
    8,192 rows of the case's dense columns, ``p (p + 1)`` operations a row.
    """
    d = max(table.case.n_dense + 1, 2)
    return {
        "Parquet scan, s": min(_scan(table) for _ in range(3)),
        "memory copy, 1 process, GB/s": _together(1, _copy_rate, d),
        f"memory copy, {N_PROCESSES} processes, GB/s": _together(N_PROCESSES, _copy_rate, d),
        f"SYRK p={d}, 1 thread, GFLOP/s": _together(1, _syrk_rate, d),
        f"SYRK p={d}, {N_PROCESSES} processes, GFLOP/s": _together(N_PROCESSES, _syrk_rate, d),
        "empty Spark job of 2 Python tasks, s": _empty_job(),
    }


def _scan(table: Table) -> float:
    start = time.perf_counter()
    scanner = ds.dataset(table.path).scanner(columns=[*table.case.features, "label"], use_threads=True)
    rows = sum(batch.num_rows for batch in scanner.to_batches())
    assert rows == table.case.rows
    return time.perf_counter() - start


def _together(n: int, rate: Callable[[int], float], d: int) -> float:
    """Return the sum of the rates of `n` processes that run at the same time."""
    with multiprocessing.get_context("spawn").Pool(n) as pool:
        return sum(pool.map(rate, [d] * n, chunksize=1))


def _copy_rate(_: int) -> float:
    source, target = np.ones(_COPY_VALUES), np.zeros(_COPY_VALUES)
    return 2 * source.nbytes / _best(lambda: np.copyto(target, source)) / 1e9


def _syrk_rate(d: int) -> float:
    rows = 8192
    part = np.random.default_rng(0).standard_normal((d, rows))
    flop = rows * d * (d + 1)
    times = max(1, int(_SYRK_FLOP / flop))

    def products() -> None:
        for _ in range(times):
            part @ part.T  # NumPy calls SYRK for a matrix and its own transpose

    with threadpool_limits(1):
        return times * flop / _best(products) / 1e9


def _best(work: Callable[[], None]) -> float:
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _empty_job() -> float:
    from benchmarks.peers.spark_session import job_session

    spark = job_session()
    rdd = spark.sparkContext.parallelize(range(2), 2)
    seconds = []
    for _ in range(_SPARK_JOBS):
        start = time.perf_counter()
        rdd.mapPartitions(list).collect()
        seconds.append(time.perf_counter() - start)
    spark.stop()
    return statistics.median(seconds[_SPARK_JOBS // 4 :])
