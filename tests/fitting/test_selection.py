"""Selected columns on Spark: the model has them and no others, and says how they were found."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from logreg_dist import TrainConfig, fit, load_model
from logreg_dist.errors import ArtefactInvalid, ConfigError
from logreg_dist.model.file import model_from_json
from tests.certified.frames import birthwt
from tests.model.models import sealed

FEATURES = {"defaults": {"min_level_count": 1}, "columns": {"race": {"reference": "white"}}}


def config(**changes) -> TrainConfig:
    return TrainConfig(**{"label": {"column": "low"}, "features": FEATURES, **changes})


@pytest.mark.spark
def test_the_model_is_that_of_the_selected_columns_and_scores_without_the_others(spark, tmp_path, caplog):
    table = spark.createDataFrame(birthwt())
    with caplog.at_level("INFO", logger="logreg_dist"):
        model = fit(table, config(selection={"method": "backward"}))
    assert model.converged, model.status_text
    # R 4.2.2: step(glm(low ~ ., binomial, birthwt without bwt), direction = "backward")
    assert model.aic == pytest.approx(217.985587197454, abs=1e-6)
    assert model.selection.columns == ("lwt", "race", "smoke", "ptl", "ht", "ui")
    assert model.selection.left_out == ("age", "ftv")
    assert "selection step 1: remove 'ftv', AIC 219.42" in caplog.text
    assert any("selected by the same rows" in note for note in model.notes)
    text = model.summary()
    assert "Columns selected backward by AIC" in text
    assert "2 remove age" in text
    assert "Left out: age, ftv" in text

    alone = fit(table.drop("age", "ftv"), config())
    for one, other in zip(model.coefficient_rows, alone.coefficient_rows, strict=True):
        assert one.term == other.term
        assert one.estimate == pytest.approx(other.estimate, rel=1e-9)
        assert one.std_error == pytest.approx(other.std_error, rel=1e-7)
    assert model.lr_df == alone.lr_df

    again = load_model(model.save(tmp_path))
    assert again.selection == model.selection
    scored = again.score(table.drop("age", "ftv").withColumnRenamed("low", "key"), keys=["key"])
    assert scored.count() == 189

    data = json.loads((tmp_path / "model.json").read_text())
    data["selection"]["columns"].remove("ui")
    with pytest.raises(ArtefactInvalid, match="selected columns are not those of the design"):
        model_from_json(sealed(data))
    del data["selection"]  # as from before there were selections
    assert model_from_json(sealed(data)).selection is None


@pytest.mark.spark
def test_nothing_selected_is_a_model_of_the_intercept(spark):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    table["level"] = rng.choice(["u", "v", "w"], 300)
    table["low"] = (np.arange(300) % 3 == 0).astype(int)
    frame = spark.createDataFrame(table)
    model = fit(frame, config(selection={"method": "stepwise", "criterion": "bic"}, features={}))
    assert model.converged
    assert model.estimates == {"intercept": pytest.approx(np.log(0.5), rel=1e-10)}
    assert model.design.columns == ()
    assert model.aic == pytest.approx(model.null_deviance + 2)
    kept = model.score(frame.select("low"), keys=["low"]).toPandas()
    np.testing.assert_allclose(kept["probability"], 1 / 3, rtol=1e-9)


@pytest.mark.spark
def test_several_classes_keep_a_column_for_all_of_them_or_for_none(spark):
    rng = np.random.default_rng(5)
    table = birthwt()
    table["kind"] = np.where(table.low == 1, "p", np.where(rng.random(len(table)) < 0.5, "q", "r"))
    label = {"column": "kind", "reference": "p"}
    frame = spark.createDataFrame(table.drop(columns="low"))
    model = fit(
        frame,
        config(family="multinomial", label=label, selection={"method": "backward", "criterion": "wald"}),
    )
    assert model.converged, model.status_text
    columns = model.selection.columns
    assert 0 < len(columns) < 8
    terms = {row.column for row in model.coefficient_rows if row.column is not None}
    assert terms == set(columns)
    alone = fit(frame.select("kind", *columns), config(family="multinomial", label=label))
    assert model.estimates == pytest.approx(alone.estimates, rel=1e-7)
    assert model.selection.steps[1].df == 2


@pytest.mark.spark
def test_a_selected_column_that_separates_is_named(spark):
    table = birthwt().assign(sure=lambda t: t.low * 2.0 + 0.1 * t.age / 45)
    model = fit(spark.createDataFrame(table), config(selection={"method": "forward"}))
    assert model.status == "separated_complete"
    assert "sure (+)" in model.status_text
    assert dataclasses.asdict(model.selection.steps[-1])["column"] == "sure"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"penalty": {"l2": 0.1}}, r"selection\.method: backward cannot have a penalty"),
        ({"features": {"columns": {"age": {"bounds": "positive"}}}}, r"selection\.method: backward cannot have bounds"),
        ({"intercept": False}, r"selection\.method: backward needs intercept: true"),
        ({"solver": {"method": "lbfgs"}}, r"solver\.method: lbfgs cannot have a selection"),
        ({"features": {"exclude": ["age"]}}, r'selection\.keep: lists "age", which is not among the features'),
        ({"selection": {"keep": ["age"]}}, r"selection\.keep: has no meaning without selection\.method"),
        (
            {"selection": {"method": "stepwise", "criterion": "wald", "p_enter": 0.2}},
            r"selection\.p_enter: is above p_remove",
        ),
        ({"selection": {"method": "both"}}, r"selection\.method: expected one of none, backward, forward, stepwise"),
    ],
)  # fmt: skip
def test_settings_that_contradict_a_selection_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        config(**{"selection": {"method": "backward", "keep": ["age"]}, **changes})


@pytest.mark.spark
def test_a_vector_that_was_selected_is_one_column_of_the_model_file(spark, tmp_path):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 3))
    y = (rng.random(400) < 1 / (1 + np.exp(-X[:, 0]))).astype(int)
    rows = pd.DataFrame({"emb": [row[:2].tolist() for row in X], "noise": X[:, 2], "y": y})
    asked = TrainConfig(label={"column": "y"}, selection={"method": "backward", "criterion": "bic"})
    model = fit(spark.createDataFrame(rows), asked)
    assert load_model(model.save(tmp_path)).selection.columns == ("emb",)
