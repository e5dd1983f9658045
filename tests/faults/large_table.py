"""A table of any size with a known truth, small on disk: for fits on more data than the executors have memory.

Usage: python large_table.py FOLDER ROWS: writes FOLDER/table and FOLDER/table.json, in two processes.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

N_COLUMNS = 20
# Multiples of a power of two: exact in float32 too, so staging in half the space loses nothing.
VALUES = (np.arange(64) - 31.5) / 16
INTERCEPT = -1.0
BETA = np.linspace(-0.3, 0.3, N_COLUMNS)
N_FILES = 8
ROWS_AT_ONCE = 250_000  # and of a row group


def write_table(folder: Path, n_rows: int) -> None:
    """Write `n_rows` rows to ``folder/table`` and the sum of the labels to ``folder/table.json``."""
    (folder / "table").mkdir(parents=True)
    with ProcessPoolExecutor(max_workers=2) as pool:
        events = list(pool.map(_write_file, repeat(folder), range(N_FILES), repeat(n_rows // N_FILES)))
    (folder / "table.json").write_text(
        json.dumps({"n_rows": n_rows // N_FILES * N_FILES, "n_events": sum(events)})
    )


def _write_file(folder: Path, number: int, n_rows: int) -> int:
    rng = np.random.default_rng(number)
    names = [f"x{k:02d}" for k in range(N_COLUMNS)]
    kinds = [("id", pa.int64()), ("y", pa.int8()), *((name, pa.float64()) for name in names)]
    n_events, first = 0, number * n_rows
    # Without Arrow's own schema, that readers get numbers and not dictionaries.
    path = folder / "table" / f"part-{number}.parquet"
    with pq.ParquetWriter(path, pa.schema(kinds), store_schema=False, compression="zstd") as file:
        for start in range(0, n_rows, ROWS_AT_ONCE):
            size = min(ROWS_AT_ONCE, n_rows - start)
            codes = rng.integers(0, len(VALUES), (N_COLUMNS, size), dtype=np.uint8)
            eta = INTERCEPT + BETA @ VALUES[codes]
            y = rng.random(size) < 1 / (1 + np.exp(-eta))
            n_events += int(y.sum())
            numbers = [pa.array(VALUES[code]) for code in codes]
            ids = np.arange(first + start, first + start + size)
            arrays = [pa.array(ids), pa.array(y.astype(np.int8)), *numbers]
            file.write_batch(pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in kinds]))
    return n_events


if __name__ == "__main__":
    write_table(Path(sys.argv[1]), int(sys.argv[2]))
