"""The group lasso on Spark: columns kept or dropped whole, binary and over several classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.errors import ConfigError, InputRejected

KKT = 1e-8
FEATURES = {"defaults": {"min_level_count": 1, "reference": "first"}}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 700
    table = pd.DataFrame({"x0": rng.normal(3.0, 1.0, n), "x1": rng.normal(0.0, 5.0, n)})
    for name in ("place", "noise"):
        table[name] = rng.choice(["a", "b", "c", "d"], n)
    effect = table.place.map({"a": 0.0, "b": 1.0, "c": -0.8, "d": 0.05})
    eta = -1.5 + 0.5 * table.x0 + effect
    table["label"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    return table


def config(columns=None, **changes) -> TrainConfig:
    features = {**FEATURES, "columns": columns or {}}
    return TrainConfig(**{"label": {"column": "label"}, "features": features, **changes})


TERMS = ["x0", "x1", *(f"{column}[{level}]" for column in ("place", "noise") for level in "bcd")]
COLUMNS = {"x0": [0], "x1": [1], "place": [2, 3, 4], "noise": [5, 6, 7]}


def design(frame) -> np.ndarray:
    levels = [frame[column] == level for column in ("place", "noise") for level in "bcd"]
    return np.column_stack([frame[["x0", "x1"]], *levels]).astype(float)


def assert_kept_or_dropped(gradient, beta, limits):
    """By hand: of each column the gradient of its norm where it is kept, and no longer than that where it is not."""
    for column, limit in limits.items():
        slope, found = gradient[column], beta[column]
        if found.any():
            assert (found != 0).all()
            np.testing.assert_allclose(slope, limit * found / np.linalg.norm(found), rtol=0, atol=1e-8)
        else:
            assert np.linalg.norm(slope) <= limit + 1e-8


@pytest.mark.spark
def test_categories_are_kept_or_dropped_whole(spark, frame):
    l1, l2 = 0.015, 0.01
    model = fit(
        spark.createDataFrame(frame),
        config(
            {"x1": {"penalty_factor": 0.5, "bounds": "positive"}},
            penalty={"l1": l1, "l2": l2, "groups": "columns"},
        ),
    )
    assert model.converged, model.status_text
    assert model.kkt_residual < KKT
    X, beta = design(frame), np.array([model.estimates[term] for term in TERMS])
    mu = 1 / (1 + np.exp(-(model.estimates["intercept"] + X @ beta)))
    slope = X.T @ (frame.label.to_numpy() - mu) / len(frame)
    slope -= l2 * np.array([1, 0.5, *np.ones(6)]) * beta
    limits = {"x0": l1, "place": l1 * np.sqrt(3), "noise": l1 * np.sqrt(3)}
    gradient = {name: slope[COLUMNS[name]] for name in COLUMNS}
    assert_kept_or_dropped(gradient, {name: beta[COLUMNS[name]] for name in COLUMNS}, limits)
    assert slope[1] <= 0.5 * l1 * (beta[1] >= 0) + 1e-8
    assert beta[1] >= 0
    assert beta[COLUMNS["place"]].all()
    assert not beta[COLUMNS["noise"]].any()
    assert any("group lasso" in note for note in model.notes)


@pytest.mark.spark
def test_over_several_classes_a_column_is_one_group(spark, frame):
    rng = np.random.default_rng(2)
    kind = np.array(["p", "q", "r"])[(frame.label + (rng.random(len(frame)) < 0.3)).to_numpy()]
    settings = {"family": "multinomial", "label": {"column": "kind", "reference": "p"}}
    table = frame.drop(columns="label").assign(kind=kind)
    model = fit(spark.createDataFrame(table), config(penalty={"l1": 0.012, "groups": "columns"}, **settings))
    assert model.converged, model.status_text
    assert model.kkt_residual < KKT
    X = design(frame)
    beta = np.array([[model.estimates[f"{c}:{term}"] for term in TERMS] for c in "qr"])
    eta = np.array([model.estimates[f"{c}:intercept"] for c in "qr"]) + X @ beta.T
    mu = np.exp(eta) / (1 + np.exp(eta).sum(axis=1, keepdims=True))
    slope = ((kind[:, None] == ["q", "r"]) - mu).T @ X / len(frame)
    limits = {name: 0.012 * np.sqrt(2 * len(places)) for name, places in COLUMNS.items()}
    parts = [{name: array[:, places].ravel() for name, places in COLUMNS.items()} for array in (slope, beta)]
    assert_kept_or_dropped(*parts, limits)
    kept = {name: bool(part.any()) for name, part in parts[1].items()}
    assert kept["x0"]
    assert not kept["noise"]


@pytest.mark.spark
def test_a_category_with_bounds_is_no_group(spark, frame):
    with pytest.raises(InputRejected, match=r"column 'place' has bounds and several terms"):
        fit(
            spark.createDataFrame(frame),
            config({"place": {"bounds": "positive"}}, penalty={"l1": 0.01, "groups": "columns"}),
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"penalty": {"l2": 0.1, "groups": "columns"}},
            r"penalty\.groups: columns has no meaning without penalty\.l1",
        ),
        ({"penalty": {"l1": 0.1, "groups": True}}, r"penalty\.groups: expected none or columns"),
        (
            {
                "penalty": {"l1": 0.1, "groups": "columns"},
                "family": "multinomial",
                "columns": {"x0": {"bounds": "positive"}},
            },
            r"penalty\.groups: columns groups the classes of each column, which cannot have bounds",
        ),
    ],
)
def test_groups_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        config(**changes)
