"""Penalised fits on Spark: lasso, elastic net, ridge, their factors and scales, binary and multinomial."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from logreg_dist import TrainConfig, fit, load_model
from logreg_dist.errors import ConfigError

SAME_AS_SKLEARN = 1e-5  # saga's own digits
KKT = 1e-8
FEATURES = {"defaults": {"min_level_count": 1, "reference": "first"}}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 800
    table = pd.DataFrame({f"x{k}": rng.normal(2.0 * k, 1.0 + k, n) for k in range(4)})
    table["place"] = rng.choice(["a", "b", "c"], n)
    eta = -0.5 + 0.8 * table.x0 - 0.3 * (table.x1 - 2) + 0.7 * (table.place == "b")
    table["label"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    return table


@pytest.fixture(scope="module")
def table(spark, frame):
    return spark.createDataFrame(frame)


def config(**changes) -> TrainConfig:
    return TrainConfig(**{"label": {"column": "label"}, "features": FEATURES, **changes})


def design(frame: pd.DataFrame) -> np.ndarray:
    X = frame[[f"x{k}" for k in range(4)]].to_numpy()
    return np.column_stack([X, frame.place == "b", frame.place == "c"])


TERMS = ["x0", "x1", "x2", "x3", "place[b]", "place[c]"]


def mean_loss_conditions(frame, estimates, l1, l2, factors=1.0):
    """Return score - l2 beta and the limit l1 of each term, on the mean loss, by the formula."""
    X, y = design(frame), frame.label.to_numpy()
    beta = np.array([estimates[term] for term in TERMS])
    eta = estimates["intercept"] + X @ beta
    score = X.T @ (y - 1 / (1 + np.exp(-eta))) / len(y)
    return score - l2 * factors * beta, beta


@pytest.mark.spark
@pytest.mark.parametrize(("l1", "l2"), [(0.02, 0.0), (0.1, 0.0), (0.01, 0.05)])
def test_the_estimates_meet_the_conditions_of_the_optimum_and_scikit_learn(table, frame, l1, l2):
    model = fit(table, config(penalty={"l1": l1, "l2": l2}))
    assert model.converged, model.status_text
    assert "proximal Newton" in model.status_text
    assert model.kkt_residual < KKT
    gradient, beta = mean_loss_conditions(frame, model.estimates, l1, l2)
    np.testing.assert_allclose(gradient[beta != 0], l1 * np.sign(beta[beta != 0]), rtol=0, atol=1e-8)
    assert (np.abs(gradient[beta == 0]) <= l1 + 1e-8).all()
    assert 0 < (beta == 0).sum() < 6 or l1 == 0.01
    sklearn = LogisticRegression(
        C=1.0 / (len(frame) * (l1 + l2)), l1_ratio=l1 / (l1 + l2), solver="saga", tol=1e-12, max_iter=200_000
    ).fit(design(frame), frame.label)
    np.testing.assert_allclose(beta, sklearn.coef_[0], rtol=0, atol=SAME_AS_SKLEARN)


@pytest.mark.spark
def test_a_start_from_zero_ends_at_the_same_point(table):
    a = fit(table, config(penalty={"l1": 0.02}))
    b = fit(table, config(penalty={"l1": 0.02}, solver={"start": "zero"}))
    for term, estimate in a.estimates.items():
        assert b.estimates[term] == pytest.approx(estimate, abs=1e-8)


@pytest.mark.spark
def test_a_factor_of_zero_frees_a_column_and_a_large_one_holds_it_at_0(table, frame):
    columns = {"x3": {"penalty_factor": 0}, "place": {"penalty_factor": 50}}
    model = fit(table, config(penalty={"l1": 0.05}, features={**FEATURES, "columns": columns}))
    gradient, beta = mean_loss_conditions(frame, model.estimates, 0.05, 0.0)
    free = TERMS.index("x3")
    assert beta[free] != 0
    assert abs(gradient[free]) < 1e-8
    assert (beta[4:] == 0).all()
    assert (np.abs(gradient[4:]) < 50 * 0.05).all()


@pytest.mark.spark
def test_standardize_penalises_numbers_per_standard_deviation(spark, table, frame):
    scaled = frame.copy()
    for name in ("x0", "x1", "x2", "x3"):
        scaled[name] = (frame[name] - frame[name].mean()) / frame[name].std(ddof=0)
    penalty = {"l1": 0.02, "l2": 0.03}
    model = fit(table, config(penalty={**penalty, "standardize": True}))
    plain = fit(spark.createDataFrame(scaled), config(penalty=penalty))
    for name in ("x0", "x1", "x2", "x3"):
        assert model.estimates[name] * frame[name].std(ddof=0) == pytest.approx(
            plain.estimates[name], abs=1e-8
        )
    assert model.estimates["place[b]"] == pytest.approx(plain.estimates["place[b]"], abs=1e-8)


@pytest.mark.spark
def test_other_units_change_nothing_when_standardised(spark, table, frame):
    model = fit(table, config(penalty={"l1": 0.02, "standardize": True}))
    metric = fit(
        spark.createDataFrame(frame.assign(x1=1000 * frame.x1)),
        config(penalty={"l1": 0.02, "standardize": True}),
    )
    assert metric.estimates["x1"] == pytest.approx(model.estimates["x1"] / 1000, rel=1e-7)
    assert metric.deviance == pytest.approx(model.deviance, rel=1e-10)


@pytest.mark.spark
def test_a_ridge_tells_how_well_its_optimum_is_met_too(table, frame):
    model = fit(table, config(penalty={"l2": 0.1}))
    gradient, _ = mean_loss_conditions(frame, model.estimates, 0.0, 0.1)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-8)
    assert model.kkt_residual < KKT
    assert fit(table, config()).kkt_residual is None


@pytest.mark.spark
def test_the_model_counts_what_is_left_and_reads_back(table, tmp_path):
    model = fit(table, config(penalty={"l1": 0.1}))
    n_kept = sum(bool(estimate) for estimate in model.estimates.values())
    assert model.aic == pytest.approx(model.deviance + 2 * n_kept)
    assert f"{n_kept - 1} of 6 terms are not 0" in model.summary()
    assert model.coefficients["std_error"].isna().all()
    path = model.save(tmp_path)
    assert json.loads(path.read_text())["kkt_residual"] == model.kkt_residual
    assert load_model(path).estimates == model.estimates


@pytest.mark.spark
def test_a_column_that_is_there_twice_is_no_obstacle(spark, frame):
    model = fit(spark.createDataFrame(frame.assign(again=frame.x0)), config(penalty={"l1": 0.02}))
    alone = fit(spark.createDataFrame(frame), config(penalty={"l1": 0.02}))
    assert model.converged
    both = model.estimates["x0"] + model.estimates["again"]
    assert both == pytest.approx(alone.estimates["x0"], abs=1e-7)


@pytest.mark.spark
def test_a_separated_label_has_a_lasso(spark):
    x = np.arange(100.0)
    table = pd.DataFrame({"x": x, "label": (x >= 50).astype(int)})
    model = fit(spark.createDataFrame(table), config(penalty={"l1": 0.01}))
    assert model.converged, model.status_text


@pytest.mark.spark
@pytest.mark.parametrize("penalty", [{"l1": 0.01}, {"l2": 0.01}])
def test_a_separating_column_without_a_penalty_is_found(spark, frame, penalty):
    only = frame[(frame.place != "c") | (frame.label == 1)]
    features = {**FEATURES, "columns": {"place": {"penalty_factor": 0}}}
    model = fit(spark.createDataFrame(only), config(penalty=penalty, features=features))
    assert model.status == "separated_quasi", model.status_text
    assert "place[c] (+)" in model.status_text
    assert fit(spark.createDataFrame(only), config(penalty=penalty)).converged


@pytest.mark.spark
def test_equal_columns_without_a_penalty_are_aliased(spark, frame):
    columns = {"x0": {"penalty_factor": 0}, "again": {"penalty_factor": 0}}
    table = frame.assign(again=2.0 * frame.x0)
    model = fit(
        spark.createDataFrame(table), config(penalty={"l1": 0.02}, features={**FEATURES, "columns": columns})
    )
    assert model.converged, model.status_text
    assert [(alias.term, alias.reason) for alias in model.aliased] == [("again", "equals 2*x0")]
    alone = fit(
        spark.createDataFrame(frame),
        config(penalty={"l1": 0.02}, features={**FEATURES, "columns": {"x0": {"penalty_factor": 0}}}),
    )
    assert model.estimates["x0"] == pytest.approx(alone.estimates["x0"], abs=1e-8)


@pytest.mark.spark
def test_an_intercept_of_exactly_0_is_a_parameter(spark):
    table = pd.DataFrame({"label": [0, 1] * 20})
    model = fit(spark.createDataFrame(table), config(features={"include": []}))
    assert model.estimates == {"intercept": 0.0}
    assert model.aic == pytest.approx(model.deviance + 2)
    assert model.lr_df == 0


@pytest.mark.spark
def test_a_table_of_categories_alone_is_penalised_by_cell(spark, frame):
    table = frame[["place", "label"]]
    model = fit(spark.createDataFrame(table), config(penalty={"l1": 0.01}))
    slow = fit(spark.createDataFrame(table.assign(o=0.0)), config(penalty={"l1": 0.01}, offset="o"))
    for term, estimate in slow.estimates.items():
        assert model.estimates[term] == pytest.approx(estimate, abs=1e-8)


@pytest.mark.spark
def test_several_classes_have_a_lasso_too(spark, frame):
    rng = np.random.default_rng(2)
    kind = np.array(["p", "q", "r"])[(frame.label + (rng.random(len(frame)) < 0.3)).to_numpy()]
    table = frame.drop(columns="label").assign(kind=kind)
    settings = {
        "family": "multinomial",
        "label": {"column": "kind", "reference": "p"},
        "penalty": {"l1": 0.02},
    }
    model = fit(spark.createDataFrame(table), config(**settings))
    assert model.converged, model.status_text
    assert model.kkt_residual < KKT
    X, n = design(table), len(table)
    eta = {"p": np.zeros(n)}
    beta = {}
    for name in ("q", "r"):
        beta[name] = np.array([model.estimates[f"{name}:{term}"] for term in TERMS])
        eta[name] = model.estimates[f"{name}:intercept"] + X @ beta[name]
    total = sum(np.exp(one) for one in eta.values())
    for name in ("q", "r"):
        gradient = X.T @ ((kind == name) - np.exp(eta[name]) / total) / n
        moving = beta[name] != 0
        np.testing.assert_allclose(gradient[moving], 0.02 * np.sign(beta[name][moving]), atol=1e-8)
        assert (np.abs(gradient[~moving]) <= 0.02 + 1e-8).all()
    assert any((one == 0).any() for one in beta.values())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"penalty": {"l1": 0.1}, "solver": {"method": "lbfgs"}},
            r"solver\.method: lbfgs cannot have penalty\.l1",
        ),
        (
            {"solver": {"method": "proximal_newton"}},
            r"solver\.method: proximal_newton is for penalty\.l1 > 0",
        ),
        (
            {"features": {"columns": {"x0": {"penalty_factor": 2}}}},
            r"features\.columns\.x0\.penalty_factor: has no meaning without a penalty",
        ),
        ({"penalty": {"l1": -1}}, r"penalty\.l1: expected a number >= 0"),
        ({"penalty": {"standardize": True}}, r"penalty\.standardize: has no meaning without a penalty"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        config(**changes)
