"""Fit a table of tests/faults/rows.py under a master of its own.

Usage: python fit_alone.py MASTER TABLE FOLDER READER:SPLITS...: writes FOLDER/<reader>:<splits>.json for each.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from logreg_dist import TrainConfig, fit
from logreg_dist.model.file import model_to_json


def main(master: str, table: str, folder: Path, asked: list[str]) -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master(master)
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "localhost")
        .config("spark.log.level", "OFF")
        .getOrCreate()
    )
    for name in asked:
        reader, n_splits = name.split(":")
        source = {"path": table, "reader": reader, "splits": int(n_splits)}
        config = TrainConfig(input=source, label={"column": "y"}, weight="weight")
        (folder / f"{name}.json").write_text(model_to_json(fit(spark.read.parquet(table), config)))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
