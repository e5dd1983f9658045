"""Score jobs over tables of their own, and the settings of a real metastore (embedded Derby) for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml


def write_score_job(folder: Path, n_rows: int, output: dict[str, Any], **more: Any) -> str:
    """Write a table with ids from 0 and the configuration that scores it; return the configuration's path."""
    x = np.random.default_rng(n_rows).normal(size=n_rows)
    table = folder / f"rows{n_rows}.parquet"
    pd.DataFrame({"id": range(n_rows), "x": x}).to_parquet(table)
    values = {
        "model": str(folder / "model.json"),
        "input": {"path": str(table)},
        "keys": ["id"],
        "output": {"run_date": "2026-11-21", **output},
        **more,
    }
    (folder / "score.yaml").write_text(yaml.safe_dump(values))
    return str(folder / "score.yaml")


def hive_settings(folder: Path) -> dict[str, str]:
    """Return Spark's settings for a catalog in `folder`."""
    return {
        "spark.ui.enabled": "false",
        "spark.driver.host": "localhost",
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={folder}/metastore_db;create=true"
        ),
    }
