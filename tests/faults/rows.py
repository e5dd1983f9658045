"""A small table with numbers and categories, in files of a known number, and models as plain values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from logreg_dist.model.file import model_to_json
from logreg_dist.model.model import LogisticModel

LEVELS = np.array(["north", "south", "east", "west", "far away"])


def frame(n_rows: int, seed: int = 7) -> pd.DataFrame:
    """Return `n_rows` rows with rare events and a fractional weight, so that every sum rounds."""
    rng = np.random.default_rng(seed)
    x1, x2 = rng.normal(size=n_rows), rng.lognormal(size=n_rows)
    region = rng.integers(len(LEVELS), size=n_rows)
    eta = -4.0 + 1.3 * x1 + 0.4 * x2 + 0.5 * region
    return pd.DataFrame(
        {
            "x1": x1,
            "x2": x2,
            "region": LEVELS[region],
            "tariff": np.where(rng.random(n_rows) < 0.3, "flat", "metered"),
            "weight": rng.uniform(0.5, 1.5, size=n_rows),
            "y": (rng.random(n_rows) < 1.0 / (1.0 + np.exp(-eta))).astype(np.int32),
        }
    )


def write_files(table: pd.DataFrame, folder: Path, n_files: int) -> str:
    """Write the rows to `n_files` Parquet files, in order, and return the folder."""
    folder.mkdir(parents=True)
    for number, rows in enumerate(np.array_split(np.arange(len(table)), n_files)):
        part = pa.Table.from_pandas(table.iloc[rows], preserve_index=False)
        pq.write_table(part, folder / f"part-{number}.parquet")
    return str(folder)


def every_bit(model: LogisticModel | dict[str, Any]) -> dict[str, Any]:
    """Return what model.json holds but for the seconds; equal values are equal bits.

    JSON has the shortest decimal that reads back as the same double.
    """
    content = model if isinstance(model, dict) else json.loads(model_to_json(model))
    history = [{key: value for key, value in step.items() if key != "seconds"} for step in content["history"]]
    return {key: value for key, value in content.items() if key != "content_hash"} | {"history": history}


def of_the_run(warnings: list[str]) -> list[str]:
    """Leave out what a fit says of its weights, which every run of it says."""
    return [message for message in warnings if "take weights for so many rows" not in message]
