"""Scores of the SQL expression against ``1 / (1 + exp(-X beta))`` in NumPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from chispa.schema_comparer import assert_schema_equality
from pyspark.sql import types as T

from logreg_dist import TrainConfig, fit, load_model
from logreg_dist.errors import ArtefactInvalid, ConfigError
from logreg_dist.scoring.contributions import case_of_levels
from logreg_dist.scoring.expression import MAX_CASE_LEVELS
from logreg_dist.scoring.match import match_table
from logreg_dist.scoring.refused import refused_scores

# One rounding of each term and of the exponential.
SCORE_TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def customers():
    rng = np.random.default_rng(7)
    n = 3_000
    frame = pd.DataFrame(
        {
            "key": np.arange(n),
            "age": rng.integers(18, 90, n),
            "income": rng.lognormal(10, 1, n),
            "is_new": rng.random(n) < 0.3,
            "plan": rng.choice(["basic", "plus", "pro"], n),
            "zip": [f"z{k:03d}" for k in rng.integers(0, 150, n)],
            "code": rng.integers(1, 6, n),
        }
    )
    eta = 0.03 * frame.age - 0.00002 * frame.income + 0.5 * frame.is_new - 1.0 + 0.4 * (frame.plan == "pro")
    frame["churn"] = np.where(rng.random(n) < 1 / (1 + np.exp(-eta)), "Yes", "No")
    return frame


@pytest.fixture(scope="module")
def model(spark, customers):
    config = TrainConfig(
        label={"column": "churn", "positive": "Yes"},
        features={
            "exclude": ["key"],
            "defaults": {"min_level_count": 5},
            "columns": {"code": {"type": "categorical"}},
        },
    )
    return fit(spark.createDataFrame(customers), config)


@pytest.mark.spark
def test_scores_are_the_sigmoid_of_x_beta(spark, customers, model):
    scored = model.score(
        spark.createDataFrame(customers), keys=["key"], columns=["probability", "linear_predictor"]
    )
    found = scored.toPandas().sort_values("key")
    eta = _x_beta(customers, model)
    np.testing.assert_allclose(found.linear_predictor, eta, rtol=0, atol=SCORE_TOLERANCE * np.abs(eta).max())
    np.testing.assert_allclose(found.probability, 1 / (1 + np.exp(-eta)), rtol=0, atol=SCORE_TOLERANCE)


@pytest.mark.spark
def test_many_levels_are_joined_and_few_are_a_case_with_the_same_scores(spark, customers, model, monkeypatch):
    assert len(model.design.categorical[1].levels) > MAX_CASE_LEVELS
    source = match_table(spark.createDataFrame(customers), model, keys=["key"], others=[])
    joined = refused_scores(source, "joined")
    monkeypatch.setattr("logreg_dist.scoring.expression.MAX_CASE_LEVELS", 10_000)
    cased = refused_scores(source, "cased")
    assert "Join" in joined._jdf.queryExecution().toString()
    assert "Join" not in cased._jdf.queryExecution().toString()
    pd.testing.assert_frame_equal(
        *(rows.toPandas().sort_values("carried_0", ignore_index=True) for rows in (joined, cased)),
        check_exact=True,
    )


@pytest.mark.spark
def test_the_mean_score_of_the_training_table_is_its_share_of_events(spark, customers, model):
    scored = model.score(spark.createDataFrame(customers), keys=["key"]).toPandas()
    # The score equation of the intercept.
    assert scored.probability.mean() == pytest.approx((customers.churn == "Yes").mean(), abs=1e-9)


@pytest.mark.spark
def test_the_output_has_keys_kept_columns_scores_and_ids_in_this_order(spark, customers, model):
    scored = model.score(
        spark.createDataFrame(customers),
        keys=["key"],
        keep=["plan"],
        columns=["predicted_class", "probability"],
    )
    assert_schema_equality(
        scored.schema,
        T.StructType(
            [
                T.StructField("key", T.LongType()),
                T.StructField("plan", T.StringType()),
                T.StructField("predicted_class", T.StringType()),
                T.StructField("probability", T.DoubleType()),
                T.StructField("model_id", T.StringType(), nullable=False),
                T.StructField("run_id", T.StringType(), nullable=False),
            ]
        ),
        ignore_nullable=True,
    )
    frame = scored.toPandas()
    assert set(frame.model_id) == {model.model_id}
    assert (frame.predicted_class == np.where(frame.probability >= 0.5, "Yes", "No")).all()


@pytest.mark.spark
def test_a_saved_and_loaded_model_scores_the_same_bits(spark, customers, model, tmp_path):
    model.save(tmp_path)
    table = spark.createDataFrame(customers)
    before = model.score(table, keys=["key"]).toPandas().sort_values("key")
    after = load_model(tmp_path / "model.json").score(table, keys=["key"]).toPandas().sort_values("key")
    assert before.probability.tolist() == after.probability.tolist()


@pytest.mark.spark
def test_extreme_log_odds_give_exact_zeros_and_ones(spark, customers, model):
    extreme = customers.assign(income=[1e12, -1e12] * (len(customers) // 2))
    scored = model.score(spark.createDataFrame(extreme), keys=["key"]).toPandas().sort_values("key")
    assert set(scored.probability) == {0.0, 1.0}


@pytest.mark.spark
def test_an_offset_of_the_fit_is_added_at_scoring(spark, customers):
    rng = np.random.default_rng(3)
    frame = customers.assign(exposure=rng.normal(size=len(customers)))
    config = TrainConfig(
        label={"column": "churn", "positive": "Yes"}, features={"include": ["age"]}, offset="exposure"
    )
    fitted = fit(spark.createDataFrame(frame), config)
    scored = fitted.score(spark.createDataFrame(frame), keys=["key"], columns=["linear_predictor"]).toPandas()
    expected = fitted.estimates["intercept"] + fitted.estimates["age"] * frame.age + frame.exposure
    np.testing.assert_allclose(scored.sort_values("key").linear_predictor, expected, atol=SCORE_TOLERANCE)


@pytest.mark.spark
def test_a_model_that_did_not_converge_scores_nothing(spark, customers):
    config = TrainConfig(
        label={"column": "churn", "positive": "Yes"},
        features={"include": ["age", "plan"]},
        solver={"max_iterations": 1, "start": "zero"},
    )
    unfinished = fit(spark.createDataFrame(customers), config)
    assert unfinished.status == "not_converged"
    with pytest.raises(ArtefactInvalid, match="status is not_converged: its estimates must not be used"):
        unfinished.score(spark.createDataFrame(customers), keys=["key"])


@pytest.mark.spark
def test_columns_of_one_name_are_refused(spark, customers, model):
    with pytest.raises(ConfigError, match="the output would have 'key' more than once"):
        model.score(spark.createDataFrame(customers), keys=["key"], keep=["key", "plan"])


@pytest.mark.spark
def test_long_whole_decimals_are_levels_of_their_own(spark):
    table = spark.range(400).selectExpr(
        "id",
        "cast(9007199254740990 + id % 4 as decimal(18, 0)) code",
        "cast(id % 20 < 3 + 4 * (id % 4) as int) y",
    )
    columns = {"code": {"type": "categorical"}}
    fitted = fit(
        table, TrainConfig(label={"column": "y"}, features={"include": ["code"], "columns": columns})
    )
    scored = fitted.score(table, keys=["id"], keep=["code", "y"]).toPandas().groupby("code")
    # With one column of levels the scores are the share of events of each level.
    assert len(scored) == 4
    np.testing.assert_allclose(scored.probability.mean(), scored.y.mean(), atol=1e-9)
    assert scored.y.mean().nunique() > 1


@pytest.mark.spark
def test_a_case_of_levels_is_null_for_other_texts(spark):
    table = spark.createDataFrame([("a",), ("b",), ("c",), (None,)], "level string")
    row = table.select(case_of_levels(table.level, {"a": 1.0, "b": 0.0}).alias("x")).collect()
    assert [r.x for r in row] == [1.0, 0.0, None, None]


def _x_beta(frame, model):
    """Sum the terms one by one: numbers times estimates, and the estimate of each row's level."""
    eta = np.zeros(len(frame))
    for row in model.coefficient_rows:
        if row.column is None:
            eta += row.estimate
        elif row.level is None:
            eta += row.estimate * frame[row.column].astype(float).to_numpy()
        else:
            eta += row.estimate * (frame[row.column].astype(str) == row.level).to_numpy()
    return eta
