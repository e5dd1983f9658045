"""Marginal effects of fits on Spark: every kind of column, against the scores of tables that were changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import functions as F

from logreg_dist import TrainConfig, fit
from logreg_dist.design.term_moments import term_centres
from logreg_dist.errors import ConfigError
from logreg_dist.inference.covariance import centred_covariance
from logreg_dist.model.file import model_from_json, model_to_json

pytestmark = pytest.mark.spark

N = 600


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    x = rng.normal(size=N)
    plan = rng.choice(["a", "b", "rare", "rarer", None], N, p=[0.5, 0.3, 0.03, 0.02, 0.15])
    words = rng.choice(["good day", "bad day", "good bad", "day"], N)
    eta = 0.5 * x + 0.8 * (plan == "b") + 0.5 * pd.Series(words).str.contains("good").to_numpy() - 0.5
    return pd.DataFrame(
        {
            "id": np.arange(N),
            "x": x,
            "plan": plan,
            "words": words,
            "emb": rng.normal(size=(N, 2)).tolist(),
            "label": (rng.random(N) < 1 / (1 + np.exp(-eta))).astype(int),
        }
    )


@pytest.fixture(scope="module")
def table(spark, frame):
    schema = "id long, x double, plan string, words string, emb array<double>, label int"
    return spark.createDataFrame(frame, schema).repartition(2).cache()


def config(**changes) -> TrainConfig:
    columns = {"plan": {"missing": "level", "unseen": "other"}, "words": {"type": "text"}}
    features = {"exclude": ["id"], "defaults": {"min_level_count": 40}, "columns": columns}
    inference = {"marginal_effects": True}
    return TrainConfig(label={"column": "label"}, **{"features": features, "inference": inference} | changes)


@pytest.fixture(scope="module")
def model(table):
    return fit(table, config())


def test_every_column_has_an_effect_and_the_file_holds_them(model):
    names = [(one.column, one.level, one.kind) for one in model.marginal_effects]
    assert names == [
        ("x", None, "slope"),
        ("plan", "b", "difference"),
        ("plan", "__other__", "difference"),
        ("plan", "__missing__", "difference"),
        ("words", "bad", "slope"),
        ("words", "day", "slope"),
        ("words", "good", "slope"),
        ("emb", "0", "slope"),
        ("emb", "1", "slope"),
    ]
    assert model_from_json(model_to_json(model)).marginal_effects == model.marginal_effects
    at_centres = centred_covariance(model.covariance, term_centres(model.design), 0)[0]
    np.testing.assert_allclose(model.covariance_at_centres, at_centres, rtol=1e-9, atol=1e-15)
    [line] = [line for line in model.summary().splitlines() if line.startswith("plan[__missing__]")][1:]
    assert f"{model.marginal_effects[3].effect:.5g}" in line


@pytest.mark.parametrize(("level", "value"), [("__other__", "rare"), ("__missing__", None)])
def test_the_effect_of_a_level_is_the_change_of_the_mean_score(model, table, level, value):
    def mean_score(value: str | None) -> float:
        changed = table.withColumn("plan", F.lit(value).cast("string"))
        scored = model.score(changed, keys=["id"])
        return float(scored.agg(F.mean("probability")).collect()[0][0])

    [found] = [one.effect for one in model.marginal_effects if one.level == level]
    assert found == pytest.approx(mean_score(value) - mean_score("a"), rel=1e-10)


def test_effects_are_for_binary_fits_without_a_penalty():
    with pytest.raises(ConfigError, match=r"inference.marginal_effects: true is for fits without a penalty"):
        config(penalty={"l2": 0.1})
    with pytest.raises(ConfigError, match=r"inference.marginal_effects: true is for family binary"):
        config(family="multinomial")
