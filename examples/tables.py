"""What every `prepare.py` does with its table: split it and write it as Parquet."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HOLDOUT_PERCENT = 30


def in_holdout(keys: Sequence[str], percent: int = HOLDOUT_PERCENT) -> list[bool]:
    """Tell which rows a hash of their key puts into the hold-out.

    The split is the same on every machine, and a row never changes sides when rows are added.

    Examples
    --------
    >>> in_holdout(["C00002", "C00003", "C00002"], percent=50)
    [False, True, False]
    """
    return [zlib.crc32(key.encode()) % 100 < percent for key in keys]


def split(
    frame: pd.DataFrame,
    key: str,
    *,
    label: str,
    percent: int = HOLDOUT_PERCENT,
    unlabelled: str = "unlabelled",
) -> dict[str, pa.Table]:
    """Return the tables `train` and `holdout`, and all rows without their label, to be scored."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    held = pa.array(in_holdout(table.column(key).to_pylist(), percent))
    return {
        "train": table.filter(pc.invert(held)),
        "holdout": table.filter(held),
        unlabelled: table.drop_columns([label]),
    }


def numbered(n: int, letter: str) -> list[str]:
    """Return keys for a table that came without one.

    Examples
    --------
    >>> numbered(2, "C")
    ['C00001', 'C00002']
    """
    return [f"{letter}{number:05d}" for number in range(1, n + 1)]


def write(folder: Path, parts: Mapping[str, pa.Table], rows: str) -> None:
    """Write each table in two files, so that two cores can read at the same time; `rows` says of what."""
    for name, part in parts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        half = -(-part.num_rows // 2)
        for number in range(2):
            pq.write_table(part.slice(number * half, half), folder / name / f"part-{number}.parquet")
        sys.stderr.write(f"{folder / name}: {part.num_rows:,} {rows}\n")


def folder_asked(default: str) -> Path:
    """Return the folder named on the command line, or the default."""
    return Path(sys.argv[1] if len(sys.argv) > 1 else default)
