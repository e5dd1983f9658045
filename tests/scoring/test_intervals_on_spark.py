"""Every way of scoring gives the same intervals, and the job verifies them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from chispa.schema_comparer import assert_schema_equality
from pyspark.sql import DataFrame

from logreg_dist.commands.job import Request
from logreg_dist.commands.score import score
from logreg_dist.errors import ConfigError
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.scoring.intervals import asked_intervals
from logreg_dist.scoring.match import match_table
from logreg_dist.scoring.ways import lazy_way
from tests.scoring.models import categorical, model_of, numeric
from tests.scoring.test_ways import rows

pytestmark = pytest.mark.spark

SAME = 1e-12
COLUMNS = ["probability", "conf_low", "conf_high"]


def drawn_model():
    """Columns of many types and policies with a covariance by chance."""
    model = model_of(
        replace(numeric("x", "double", "mean", 0.25), centre=0.1),
        numeric("odd `name`.x", "float", "indicator", -1.0),
        numeric("price", "decimal(9,2)", "drop"),
        replace(numeric("since", "date", "constant(0)", 0.0), centre=19000.0, scale=1.0),
        numeric("text", "string", "mean", 1.5),
        categorical(
            "plan", "string", ["p1", "p2", "__other__", "__missing__"], missing="level", unseen="other"
        ),
        categorical("ratio", "double", ["1", "2"], missing="level", unseen="null"),
        categorical("many", "string", [f"m{k}" for k in range(70)], unseen="reference"),
        offset="o",
    )
    # Small slopes: days since 1970 are 20,000.
    p = len(model.coefficient_rows)
    small = tuple(
        replace(row, estimate=row.estimate * (1e-5 if row.column == "since" else 0.05))
        for row in model.coefficient_rows
    )
    root = np.random.default_rng(2).normal(size=(p, p)) / 50
    size = np.array([1e-5 if row.column == "since" else 1.0 for row in small])
    return replace(model, coefficient_rows=small, covariance=root @ root.T * np.outer(size, size))


def run_job(spark, folder: Path, model, way: str) -> tuple[DataFrame, RunRecorder]:
    place = folder / way
    model.save(place)
    values = {
        "model": str(place / "model.json"),
        "input": {"path": str(folder / "table.parquet")},
        "engine": way,
        "keys": ["id"],
        "output": {"path": str(place / "scored"), "run_date": "2026-11-21", "columns": COLUMNS},
    }
    (place / "score.yaml").write_text(yaml.safe_dump(values))
    recorder = RunRecorder(job="score", run_id="run")
    score(spark, Request("score", str(place / "score.yaml")), recorder)
    return spark.read.parquet(str(place / "scored")), recorder


def test_all_ways_write_the_same_intervals(spark, tmp_path):
    model = drawn_model()
    pq.write_table(rows(0), tmp_path / "table.parquet", row_group_size=70)
    tables, recorders = zip(
        *(run_job(spark, tmp_path, model, way) for way in ("array", "arrow")), strict=True
    )
    assert [recorder.details["engine"]["writer"] for recorder in recorders] == ["spark", "arrow"]
    lazy = model.score(spark.read.parquet(str(tmp_path / "table.parquet")), keys=["id"], columns=COLUMNS)
    assert_schema_equality(tables[1].schema, tables[0].schema)
    frames = [
        t.select("id", *COLUMNS).toPandas().sort_values("id", ignore_index=True) for t in (*tables, lazy)
    ]
    expected = frames[0]
    assert recorders[0].details["unscored"] == expected.probability.isna().sum() > 50
    for column in COLUMNS:
        assert expected[column].isna().equals(expected.probability.isna())
    known = expected.dropna()
    assert (known.conf_low < known.probability).all()
    assert (known.probability < known.conf_high).all()
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, expected, rtol=SAME, atol=0)


def test_intervals_are_never_an_expression(spark, tmp_path):
    model = replace(model_of(numeric("x", "double", "mean", 0.0)), covariance=np.eye(2))
    table = spark.range(3).selectExpr("id", "double(id) x")
    source = match_table(table, model, keys=["id"], others=[], intervals=asked_intervals(model, COLUMNS))
    assert lazy_way(source).name == "array"
    assert lazy_way(replace(source, intervals=None)).name == "sql"
    pq.write_table(rows(0), tmp_path / "table.parquet")
    with pytest.raises(
        ConfigError, match="engine is sql, but the intervals conf_low and conf_high have no SQL"
    ):
        run_job(spark, tmp_path, model, "sql")


def test_a_model_without_intervals_is_refused_before_the_table_is_looked_at(spark, tmp_path):
    with pytest.raises(
        ConfigError, match="columns ask for conf_low and conf_high, which the model does not have"
    ):
        run_job(spark, tmp_path, model_of(numeric("x", "double")), "auto")
