"""Scores of several classes: the same from every way, and what the columns are called."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from logreg_dist.commands.job import Request
from logreg_dist.commands.score import score
from logreg_dist.errors import ConfigError
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.scoring.columns import score_columns
from logreg_dist.scoring.score import score_table
from tests.scoring.models import categorical, class_model_of, numeric

# exp is not rounded alike in Java and in NumPy; probabilities are of the order of 1.
SAME = 1e-14
WAYS = ("sql", "array", "arrow")
N_ROWS = 500

MODEL = class_model_of(
    numeric("x", "double", "drop"),
    numeric("age", "double", "mean", 40.0),
    categorical("plan", "string", ["p1", "p2"], unseen="reference"),
    categorical("many", "string", [f"m{k}" for k in range(70)], unseen="reference"),
)


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(5)
    x = [None if k % 50 == 0 else float(v) for k, v in enumerate(rng.normal(size=N_ROWS))]
    age = [None if k % 7 == 0 else float(v) for k, v in enumerate(rng.normal(size=N_ROWS))]
    return pa.table(
        {
            "id": np.arange(N_ROWS),
            "x": pa.array(x, pa.float64()),
            "age": pa.array(age, pa.float64()),
            "plan": rng.choice(["p1", "p2", "new"], N_ROWS),
            "many": rng.choice([f"m{k}" for k in range(75)], N_ROWS),
        }
    )


def expected(table: pa.Table) -> pd.DataFrame:
    """The scores by the formula, row by row."""
    estimates, frame = MODEL.estimates, table.to_pandas()
    eta = {"b": np.zeros(N_ROWS)}
    for name in ("a", "c"):
        plan = frame.plan.map({"p2": estimates[f"{name}:plan[p2]"]}).fillna(0.0)
        many = frame.many.map({f"m{k}": estimates[f"{name}:many[m{k}]"] for k in range(1, 70)}).fillna(0.0)
        eta[name] = (
            estimates[f"{name}:intercept"]
            + estimates[f"{name}:x"] * frame.x
            + estimates[f"{name}:age"] * frame.age.fillna(40.0)
            + plan
            + many
        ).to_numpy()
    ranked = np.array([eta[name] for name in "abc"])
    odds = np.exp(ranked)
    found = pd.DataFrame((odds / odds.sum(axis=0)).T, columns=[f"probability_{name}" for name in "abc"])
    best = np.array(["a", "b", "c"], dtype=object)[np.where(np.isnan(ranked), -np.inf, ranked).argmax(axis=0)]
    found["predicted_class"] = np.where(frame.x.isna(), None, best)
    return found.where(frame.x.notna())


def run_job(spark, folder, table: pa.Table, way: str, **changes) -> tuple[pd.DataFrame, RunRecorder]:
    MODEL.save(folder)
    pq.write_table(table, folder / "rows.parquet")
    config = {
        "model": str(folder / "model.json"),
        "input": {"path": str(folder / "rows.parquet")},
        "engine": way,
        "keys": ["id"],
        "output": {"path": str(folder / "scored"), "run_date": "2026-11-21"},
        **changes,
    }
    (folder / "score.yaml").write_text(yaml.safe_dump(config))
    recorder = RunRecorder(job="score", run_id="run")
    score(spark, Request("score", str(folder / "score.yaml")), recorder)
    return spark.read.parquet(str(folder / "scored")).toPandas().sort_values("id"), recorder


@pytest.mark.spark
@pytest.mark.parametrize("way", WAYS)
def test_the_job_writes_the_class_and_a_probability_for_each(spark, tmp_path, table, way):
    scored, recorder = run_job(spark, tmp_path, table, way)
    right = expected(table)
    names = ["predicted_class", "probability_a", "probability_b", "probability_c"]
    assert list(scored.columns) == ["id", *names, "model_id", "run_id", "run_date"]
    for name in names[1:]:
        np.testing.assert_allclose(scored[name], right[name].astype(float), rtol=0, atol=1e-12)
    np.testing.assert_allclose(scored[names[1:]].sum(axis=1)[right.predicted_class.notna()], 1.0, atol=SAME)
    assert scored.predicted_class.where(scored.predicted_class.notna(), None).tolist() == [
        name if isinstance(name, str) else None for name in right.predicted_class
    ]
    assert recorder.details["unscored"] == N_ROWS // 50
    assert recorder.details["missing"] == {"x": N_ROWS // 50, "age": -(-N_ROWS // 7)}


@pytest.mark.spark
def test_a_lazy_table_has_the_same_scores(spark, table, tmp_path):
    pq.write_table(table, tmp_path / "rows.parquet")
    rows = spark.read.parquet(str(tmp_path))
    wide = score_table(rows, MODEL, keys=["id"], columns=["probability", "linear_predictor"]).toPandas()
    narrow = class_model_of(numeric("x", "double", "drop"))
    short = score_table(rows, narrow, keys=["id"], columns=["linear_predictor"]).toPandas()
    right = expected(table)
    for name in "abc":
        np.testing.assert_allclose(
            wide.sort_values("id")[f"probability_{name}"],
            right[f"probability_{name}"].astype(float),
            atol=1e-12,
        )
    assert [name for name in short.columns if name.startswith("linear")] == [
        "linear_predictor_a", "linear_predictor_c",
    ]  # fmt: skip
    x, estimates = table["x"].to_pandas(), narrow.estimates
    np.testing.assert_allclose(
        short.sort_values("id")["linear_predictor_c"],
        estimates["c:intercept"] + estimates["c:x"] * x,
        atol=SAME,
    )


@pytest.mark.spark
@pytest.mark.parametrize("n_columns", [1, 6])
def test_a_lazy_row_that_must_not_be_scored_fails_whatever_column_is_read(spark, n_columns):
    model = class_model_of(*(numeric(f"x{k}", "double") for k in range(n_columns)))
    rows = spark.range(5).select(
        "id", *(F.when(F.col("id") != 3, F.rand(k)).alias(f"x{k}") for k in range(n_columns))
    )
    scored = score_table(rows, model, keys=["id"], columns=["linear_predictor"])
    for name in ("linear_predictor_a", "linear_predictor_c"):
        with pytest.raises(PySparkException, match="cannot score a value of column 'x0'"):
            scored.select(name).collect()


@pytest.mark.spark
@pytest.mark.parametrize("way", WAYS)
def test_of_equally_probable_classes_the_first_is_predicted(spark, tmp_path, table, way, monkeypatch):
    level = class_model_of(numeric("x", "double", "drop"))
    rows = tuple(
        row.__class__(**{**vars(row), "estimate": 0.0 if row.class_name == "c" else -1.0})
        for row in level.coefficient_rows
    )
    monkeypatch.setattr(
        "tests.scoring.test_class_scores.MODEL", level.__class__(**{**vars(level), "coefficient_rows": rows})
    )
    ones = pa.table({"id": [1, 2], "x": [1.0, 0.0]})
    scored, _ = run_job(spark, tmp_path, ones, way)
    # Class a is behind by 1 and more, b and c are equal.
    assert scored.predicted_class.tolist() == ["b", "b"]


@pytest.mark.spark
def test_a_key_called_like_a_probability_is_refused(spark, table):
    rows = spark.createDataFrame([(1, 2.0)], ["probability_a", "x"])
    model = class_model_of(numeric("x", "double", "drop"))
    with pytest.raises(ConfigError, match="the output would have 'probability_a' more than once"):
        score_table(rows, model, keys=["probability_a"])


@pytest.mark.spark
def test_classes_that_differ_in_case_alone_cannot_be_columns(spark):
    model = class_model_of(numeric("x", "double", "drop"), classes=("a", "A", "b"))
    with pytest.raises(ConfigError, match="'probability_A', 'probability_a' more than once"):
        score_table(spark.createDataFrame([(1, 2.0)], ["id", "x"]), model, keys=["id"])


def test_columns_are_named_once_each():
    found = score_columns(MODEL, ["predicted_class", "probability"])
    assert found.names == ("predicted_class", "probability_a", "probability_b", "probability_c")
    assert (found.classes, found.free, found.places) == (("a", "b", "c"), ("a", "c"), (0, None, 1))
