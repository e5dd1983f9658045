"""Bounds on the estimates of columns: the key, the fit on Spark, and what the model says about it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from logreg_dist import TrainConfig, fit, load_model
from logreg_dist.errors import ConfigError, InputRejected

SAME_AS_SCIPY = 1e-6
KKT = 1e-8
FEATURES = {"defaults": {"min_level_count": 1, "reference": "first"}}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 600
    table = pd.DataFrame({f"x{k}": rng.normal(20.0 * k, 1.0 + k, n) for k in range(3)})
    table["place"] = rng.choice(["a", "b", "c"], n)
    eta = (
        -0.5
        + 0.8 * table.x0
        - 0.3 * (table.x1 - 20)
        + 0.7 * (table.place == "b")
        - 0.4 * (table.place == "c")
    )
    table["label"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    return table


@pytest.fixture(scope="module")
def table(spark, frame):
    return spark.createDataFrame(frame)


def config(columns=None, **changes) -> TrainConfig:
    features = {**FEATURES, "columns": columns or {}}
    return TrainConfig(**{"label": {"column": "label"}, "features": features, **changes})


TERMS = ["intercept", "x0", "x1", "x2", "place[b]", "place[c]"]


def by_scipy(frame, bounds):
    X = frame[["x0", "x1", "x2"]].to_numpy()
    centres = X.mean(axis=0)
    design = np.column_stack([np.ones(len(X)), X - centres, frame.place == "b", frame.place == "c"])
    y = frame.label.to_numpy()

    def loss(beta):
        eta = design @ beta
        return np.logaddexp(0, eta).sum() - y @ eta, design.T @ (1 / (1 + np.exp(-eta)) - y)

    options = {"ftol": 1e-16, "gtol": 1e-10, "maxiter": 10_000, "maxfun": 100_000}
    found = minimize(loss, np.zeros(6), jac=True, bounds=bounds, method="L-BFGS-B", options=options).x
    found[0] -= centres @ found[1:4]
    return dict(zip(TERMS, found, strict=True))


@pytest.mark.spark
def test_a_model_with_bounds_is_scipys_and_says_which_estimates_are_at_them(table, frame, tmp_path):
    columns = {
        "x0": {"bounds": {"upper": 0.5}},
        "x1": {"bounds": "positive"},
        "x2": {"bounds": {"lower": -5, "upper": 5}},
        "place": {"bounds": "positive"},
    }
    model = fit(table, config(columns))
    assert model.converged, model.status_text
    ends = [(None, None), (None, 0.5), (0, None), (-5, 5), (0, None), (0, None)]
    expected = by_scipy(frame, ends)
    for term, estimate in model.estimates.items():
        size = 20 if term == "intercept" else 1  # it sums the others times their means
        assert estimate == pytest.approx(expected[term], abs=size * SAME_AS_SCIPY), term
    at_bound = {row.term: row.at_bound for row in model.coefficient_rows}
    assert at_bound == {
        "intercept": None, "x0": "upper", "x1": "lower", "x2": None, "place[b]": None, "place[c]": "lower",
    }  # fmt: skip
    assert model.estimates["x0"] == 0.5
    assert model.kkt_residual < KKT
    assert model.coefficients["std_error"].isna().all()
    assert model.lr_p_value is None
    assert model.aic == pytest.approx(model.deviance + 2 * 3)
    assert any("no standard errors" in note and "bounds" in note for note in model.notes)
    text = model.summary()
    assert "at upper bound" in text
    assert "Bounded: 3 of 5 terms are at a bound" in text
    path = model.save(tmp_path)
    assert [row["at_bound"] for row in json.loads(path.read_text())["coefficients"]] == list(
        at_bound.values()
    )
    assert load_model(path).coefficient_rows == model.coefficient_rows


@pytest.mark.spark
def test_bounds_that_hold_nothing_leave_the_fit_and_its_inference(table):
    plain = fit(table, config())
    model = fit(table, config({"x0": {"bounds": "positive"}, "place": {"bounds": {"lower": -3, "upper": 3}}}))
    for one, other in zip(model.coefficient_rows, plain.coefficient_rows, strict=True):
        assert one.estimate == pytest.approx(other.estimate, rel=1e-10)
        assert one.std_error == pytest.approx(other.std_error, rel=1e-8)
        assert one.at_bound is None
    assert model.lr_p_value == pytest.approx(plain.lr_p_value, rel=1e-6)
    assert any("no estimate lies at a bound" in note for note in model.notes)
    assert model.kkt_residual < KKT


@pytest.mark.spark
def test_several_classes_with_a_lasso_stay_inside_their_bounds(spark, frame):
    rng = np.random.default_rng(2)
    kind = np.array(["p", "q", "r"])[(frame.label + (rng.random(len(frame)) < 0.3)).to_numpy()]
    table = frame.drop(columns="label").assign(kind=kind)
    model = fit(
        spark.createDataFrame(table),
        config(
            {"x0": {"bounds": {"upper": 0.2}}, "place": {"bounds": "negative"}},
            family="multinomial",
            label={"column": "kind", "reference": "p"},
            penalty={"l1": 0.005},
        ),
    )
    assert model.converged, model.status_text
    assert model.kkt_residual < KKT
    at_bound = {row.term: row.at_bound for row in model.coefficient_rows}
    assert at_bound["r:x0"] == "upper"
    X = np.column_stack([frame[["x0", "x1", "x2"]], frame.place == "b", frame.place == "c"])
    beta = {c: np.array([model.estimates[f"{c}:{term}"] for term in TERMS[1:]]) for c in "qr"}
    eta = {c: model.estimates[f"{c}:intercept"] + X @ beta[c] for c in "qr"}
    total = 1 + sum(np.exp(one) for one in eta.values())
    high = np.array([0.2, np.inf, np.inf, 0.0, 0.0])
    for c in "qr":
        gradient = X.T @ ((kind == c) - np.exp(eta[c]) / total) / len(table)
        at_end = beta[c] == high
        inside = (beta[c] != 0) & ~at_end
        np.testing.assert_allclose(gradient[inside], 0.005 * np.sign(beta[c][inside]), atol=1e-7)
        assert (
            gradient[at_end] >= 0.005 * np.sign(beta[c][at_end]) - 1e-7 - 0.005 * (beta[c][at_end] == 0)
        ).all()


@pytest.mark.spark
def test_estimates_with_bounds_that_are_not_unique_are_refused(spark, frame):
    table = spark.createDataFrame(frame.assign(again=2.0 * frame.x0, constant=1.0))
    model = fit(table, config({"again": {"bounds": "negative"}, "constant": {"bounds": {"lower": 1}}}))
    assert model.status == "rank_deficient"
    assert "again equals 2*x0" in model.status_text
    assert "constant" not in model.status_text
    assert fit(table, config({"again": {"bounds": "negative"}}, penalty={"l2": 0.01})).converged


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bounds": {"lower": 2, "upper": 1}}, r"columns\.x0\.bounds\.lower: 2 is above upper, 1"),
        ({"bounds": "up"}, r"columns\.x0\.bounds: expected positive, negative, or a section"),
        ({"bounds": {"lower": "a"}}, r"columns\.x0\.bounds\.lower: expected a number"),
        ({"bounds": {"low": 1}}, r"columns\.x0\.bounds\.low: unknown key; did you mean"),
        ({"bounds": {"lower": float("inf")}}, r"columns\.x0\.bounds\.lower: expected a number"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        config({"x0": changes})


@pytest.mark.parametrize("method", ["newton", "lbfgs"])
def test_solvers_without_bounds_are_refused(method):
    with pytest.raises(ConfigError, match=rf"solver\.method: {method} cannot have bounds of columns"):
        config({"x0": {"bounds": "positive"}}, solver={"method": method})


def test_the_short_forms_are_what_they_say_and_a_config_reads_back():
    short = config({"x0": {"bounds": "positive"}, "x1": {"bounds": "negative"}})
    long = config({"x0": {"bounds": {"lower": 0}}, "x1": {"bounds": {"upper": 0}}})
    assert short == long == TrainConfig(**short.as_dict())
    assert short.features.policy("x0").bounds.ends == (0.0, np.inf)
    assert config({"x0": {"bounds": {"lower": None}}}).features.bounded == frozenset()


@pytest.mark.spark
def test_bounds_that_would_hold_for_no_term_are_refused(spark):
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"age": rng.uniform(1, 9, 300), "y": rng.integers(0, 2, 300)})
    asked = TrainConfig(
        label={"column": "y"},
        features={"columns": {"age": {"bounds": "positive"}}, "terms": ["log(age)"]},
    )
    with pytest.raises(InputRejected, match="column 'age' has bounds and no term of its own"):
        fit(spark.createDataFrame(rows), asked)


@pytest.mark.spark
def test_an_aliased_term_is_at_no_bound(spark):
    rng = np.random.default_rng(1)
    x = rng.normal(size=300)
    rows = pd.DataFrame({"x": x, "same": 1.0, "y": (rng.random(300) < 1 / (1 + np.exp(-x))).astype(int)})
    asked = TrainConfig(label={"column": "y"}, features={"columns": {"same": {"bounds": "positive"}}})
    model = fit(spark.createDataFrame(rows), asked)
    assert [row.at_bound for row in model.coefficient_rows] == [None] * 3
    assert model.coefficient_rows[1].std_error is not None
