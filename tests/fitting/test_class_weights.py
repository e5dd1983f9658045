"""Class weights are prior weights by label: the same fit as with a column of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from logreg_dist import TrainConfig, fit
from logreg_dist.config.label import LabelConfig
from logreg_dist.errors import ConfigError, InputRejected

ESTIMATES = 1e-10  # relative; the same likelihood, weights multiplied in another order


def a_table(n=600, seed=3):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    y = np.where(rng.random(n) < 1 / (1 + np.exp(2.5 - x)), "yes", "no")
    return pd.DataFrame({"x": x, "z": z, "y": y, "w": rng.uniform(0.5, 2.0, n)})


def settings(**changes):
    label = {"column": "y", "positive": "yes"} | changes.pop("label", {})
    return TrainConfig(label=label, features={"include": ["x", "z"]}, **changes)


@pytest.mark.spark
@pytest.mark.parametrize("offset", [None, "z"])
def test_given_weights_are_the_same_as_a_column_of_them(spark, offset):
    rows = a_table()
    rows["by_hand"] = rows["w"] * np.where(rows["y"] == "yes", 8.0, 1.0)
    table = spark.createDataFrame(rows)
    changes = {"offset": offset} if offset else {}
    features = {"include": ["x"] if offset else ["x", "z"]}
    label = {"column": "y", "positive": "yes"}
    by_label = fit(
        table,
        TrainConfig(label=label | {"class_weights": {"yes": 8}}, weight="w", features=features, **changes),
    )
    by_column = fit(table, TrainConfig(label=label, weight="by_hand", features=features, **changes))

    assert by_label.converged
    for one, other in zip(by_label.coefficient_rows, by_column.coefficient_rows, strict=True):
        assert one.estimate == pytest.approx(other.estimate, rel=ESTIMATES)
        assert one.std_error == pytest.approx(other.std_error, rel=1e-8)
    for measure in ("deviance", "null_deviance", "weight_sum"):
        assert getattr(by_label, measure) == pytest.approx(getattr(by_column, measure), rel=1e-9)
    assert (by_label.n_rows, by_label.n_events) == (len(rows), (rows["y"] == "yes").sum())
    assert any(note.startswith("class weights:") for note in by_label.notes)


@pytest.mark.spark
@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_balanced_weights_are_scikit_learns(spark, l2):
    rows = a_table()
    model = fit(
        spark.createDataFrame(rows), settings(label={"class_weights": "balanced"}, penalty={"l2": l2})
    )
    peer = LogisticRegression(
        C=1 / (len(rows) * l2) if l2 else np.inf, class_weight="balanced", solver="newton-cholesky", tol=1e-12
    ).fit(rows[["x", "z"]], rows["y"])
    found = [model.estimates[name] for name in ("intercept", "x", "z")]
    np.testing.assert_allclose(found, [*peer.intercept_, *peer.coef_[0]], rtol=1e-6)


@pytest.mark.spark
def test_tables_of_categories_alone_are_counted_with_their_weights(spark):
    rows = a_table(2_000)
    rows = pd.DataFrame({"g": np.where(rows["x"] > 0, "a", "b"), "y": rows["y"]})
    rows["by_hand"] = np.where(rows["y"] == "yes", 8.0, 1.0)
    table = spark.createDataFrame(rows)
    label, features = {"column": "y", "positive": "yes"}, {"include": ["g"]}
    weighted = TrainConfig(label=label | {"class_weights": {"yes": 8}}, features=features)
    expected = fit(table, TrainConfig(label=label, weight="by_hand", features=features))
    assert fit(table, weighted).estimates == pytest.approx(expected.estimates, rel=ESTIMATES)


@pytest.mark.spark
def test_events_and_other_trials_of_a_row_are_balanced_apart(spark):
    rng = np.random.default_rng(5)
    grouped = pd.DataFrame({"x": rng.normal(size=80), "n": rng.integers(1, 9, 80)})
    grouped["k"] = rng.binomial(grouped["n"], 1 / (1 + np.exp(1.5 - grouped["x"])))
    single = pd.concat(
        [
            pd.DataFrame({"x": np.repeat(grouped["x"], grouped["k"]), "y": 1}),
            pd.DataFrame({"x": np.repeat(grouped["x"], grouped["n"] - grouped["k"]), "y": 0}),
        ]
    )
    features = {"include": ["x"]}
    counts = TrainConfig(label={"events": "k", "trials": "n", "class_weights": "balanced"}, features=features)
    rows = TrainConfig(label={"column": "y", "class_weights": "balanced"}, features=features)
    found = fit(spark.createDataFrame(grouped), counts)
    expected = fit(spark.createDataFrame(single), rows)
    assert found.estimates == pytest.approx(expected.estimates, rel=ESTIMATES)
    assert found.deviance == pytest.approx(expected.deviance, rel=1e-10)


@pytest.mark.spark
def test_several_classes_have_their_weights(spark):
    rng = np.random.default_rng(6)
    x = rng.normal(size=900)
    eta = np.column_stack([np.zeros(900), x - 1, -x])
    y = (eta + rng.gumbel(size=eta.shape)).argmax(axis=1)
    rows = pd.DataFrame({"x": x, "y": np.array(["a", "b", "c"])[y], "w": rng.uniform(0.5, 2, 900)})
    rows["by_hand"] = rows["w"] * np.array([1.0, 4.0, 0.5])[y]
    table = spark.createDataFrame(rows)
    others = {"family": "multinomial", "features": {"include": ["x"]}}
    label = {"column": "y", "reference": "a"}
    weighted = fit(
        table, TrainConfig(label=label | {"class_weights": {"b": 4, "c": 0.5}}, weight="w", **others)
    )
    expected = fit(table, TrainConfig(label=label, weight="by_hand", **others))
    assert weighted.estimates == pytest.approx(expected.estimates, rel=ESTIMATES)
    for measure in ("deviance", "null_deviance", "weight_sum"):
        assert getattr(weighted, measure) == pytest.approx(getattr(expected, measure), rel=1e-9)
    assert weighted.label.classes == {name: int((y == k).sum()) for k, name in enumerate("abc")}

    balanced = fit(table, TrainConfig(label=label | {"class_weights": "balanced"}, **others))
    peer = LogisticRegression(C=np.inf, class_weight="balanced", solver="newton-cholesky", tol=1e-12)
    peer.fit(rows[["x"]], rows["y"])
    slopes = [balanced.estimates["b:x"], balanced.estimates["c:x"]]
    np.testing.assert_allclose(slopes, (peer.coef_ - peer.coef_[0])[1:, 0], rtol=1e-6)


@pytest.mark.spark
def test_a_weight_for_a_class_that_is_not_there_is_refused(spark):
    with pytest.raises(InputRejected, match=r"a weight for 'Yes', which label column 'y' does not hold"):
        fit(spark.createDataFrame(a_table()), settings(label={"class_weights": {"Yes": 2}}))


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ({"column": "y", "class_weights": "even"}, r"class_weights: expected balanced, or a weight"),
        (
            {"column": "y", "class_weights": {"a": 0}},
            r"class_weights: expected balanced, or a weight above 0",
        ),
        (
            {"events": "k", "trials": "n", "class_weights": {"a": 2}},
            r"class_weights: takes only balanced with events and trials",
        ),
    ],
)
def test_weights_without_a_meaning_are_refused(label, words):
    with pytest.raises(ConfigError, match=words):
        TrainConfig(label=label)


def test_two_ways_of_moving_the_intercept_are_one_too_many():
    label = LabelConfig(column="y", class_weights="balanced")
    with pytest.raises(
        ConfigError, match=r"population_rate: and label.class_weights both move the intercept"
    ):
        TrainConfig(label=label, population_rate=0.01)
