"""What every fit says without another pass: tests of columns, collinearity, sample size, on Spark."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.checks.records import Cell
from logreg_dist.model.file import model_from_json, model_to_json
from tests import oracles
from tests.certified.sets import SETS, load

pytestmark = pytest.mark.spark

# car::Anova, car::vif and svd: tests/oracles/columns.R.
ORACLE = json.loads(Path(oracles.__file__).with_name("columns.json").read_text(encoding="utf-8"))
DIGITS = 1e-7  # relative: two solutions of 8 certified digits in their standard errors
DEFAULTS = {"min_level_count": 20, "reference": "first"}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A number, a category with a level and missing values of 3 events each and a level that is too rare; three classes."""
    rng = np.random.default_rng(7)
    n = 900
    x, plan = rng.normal(50.0, 10.0, n), np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, n)]
    y = rng.random(n) < 1 / (1 + np.exp(-(0.04 * (x - 50) - 0.3)))
    plan[:6], plan[6:36], plan[36:66] = "rare", None, "d"
    y[6:66] = np.arange(60) % 30 < 3
    kind = np.where(y, "yes", np.where(rng.random(n) < 0.4, "no", "perhaps"))
    return pd.DataFrame({"x": x, "plan": plan, "y": y.astype(int), "kind": kind})


def config(**changes) -> TrainConfig:
    features = {
        "include": ["x", "plan"],
        "defaults": DEFAULTS,
        "columns": {"plan": {"type": "categorical", "missing": "level"}},
    }
    return TrainConfig(**{"label": {"column": "y"}, "features": features, **changes})


def test_a_certified_fit_has_the_tests_and_inflations_of_car_and_costs_no_pass(spark):
    table = spark.createDataFrame(load("credit_data"))
    settings = SETS["credit_data"].config
    model = fit(table, TrainConfig(**settings))
    tests, right = {test.column: test for test in model.column_tests}, ORACLE["credit_data"]
    assert {row["column"]: row["wald"] for row in right["tests"]} == pytest.approx(
        {name: test.wald for name, test in tests.items()}, rel=DIGITS
    )
    found = model.checks.collinearity
    assert {row["column"]: row["gvif"] for row in right["vif"]} == pytest.approx(
        {one.column: one.gvif for one in found.inflations}, rel=DIGITS
    )
    assert [one.index for one in found.conditions] == pytest.approx(
        [row["index"] for row in right["conditions"]], rel=DIGITS
    )
    assert model.covariance_record.kind == "model"
    contrast = model.contrast("Home", "parents", "rent")
    assert (contrast.estimate, contrast.std_error) == pytest.approx(
        (right["contrasts"][0]["estimate"], right["contrasts"][0]["std_error"]), rel=DIGITS
    )
    read = model_from_json(model_to_json(model))
    assert (read.column_tests, read.checks) == (model.column_tests, model.checks)
    assert read.contrast("Home", "parents", "rent") == contrast

    without = fit(table, TrainConfig(**settings, checks={"collinearity": False, "sample_size": False}))
    assert without.n_passes == model.n_passes
    assert (without.checks.collinearity, without.checks.sample_size) == (None, None)
    assert without.column_tests == model.column_tests


def test_cells_are_counted_as_the_design_has_them_and_rare_levels_have_no_name(spark, frame):
    model = fit(spark.createDataFrame(frame), config())
    found = model.checks.sample_size
    counts = frame.assign(plan=frame.plan.fillna("__missing__")).groupby("plan").y.agg(["count", "sum"])
    assert found.n_parameters == len(model.coefficient_rows) - 1
    assert found.n_rarer == min(frame.y.sum(), (1 - frame.y).sum())
    assert found.events_per_parameter == found.n_rarer / found.n_parameters
    assert Cell("plan", "d", 30.0, 3.0) in found.tiny_cells
    expected = {"__other__" if level == "rare" else level: tuple(row) for level, row in counts.iterrows()}
    few = {level: row for level, row in expected.items() if min(row[1], row[0] - row[1]) < 5}
    assert found.n_tiny_cells + found.n_empty_cells == len(few)
    named = {cell.level: (cell.n, cell.events) for cell in (*found.tiny_cells, *found.empty_cells)}
    assert named == {level: row for level, row in few.items() if row[0] >= 20}
    assert "rare" not in named
    assert "'rare'" not in model_to_json(model)


def test_several_classes_have_joint_tests_and_the_rarest_class(spark, frame):
    model = fit(
        spark.createDataFrame(frame),
        config(family="multinomial", label={"column": "kind", "reference": "no"}),
    )
    n_slopes = len(model.coefficient_rows) // 2 - 1
    assert [(test.column, test.df) for test in model.column_tests] == [("x", 2), ("plan", 2 * (n_slopes - 1))]
    joint = model.contrast([{"perhaps:x": 1.0}, {"yes:x": 1.0}])
    assert model.column_tests[0].wald == pytest.approx(joint.wald, rel=1e-10)
    sample = model.checks.sample_size
    assert (sample.n_parameters, sample.n_rarer) == (n_slopes, frame.kind.value_counts().min())
    assert sample.n_empty_cells is None
    found = model.checks.collinearity
    assert [(one.column, one.df) for one in found.inflations] == [("x", 2), ("plan", 2 * (n_slopes - 1))]
    assert found.conditions == ()
    # From the definition, on the covariance of the model: determinants of correlations without intercepts.
    slopes = [k for k, row in enumerate(model.coefficient_rows) if row.column is not None]
    spread = model.covariance[np.ix_(slopes, slopes)]
    R = spread / np.sqrt(np.outer(np.diag(spread), np.diag(spread)))
    x = np.array([model.coefficient_rows[k].column == "x" for k in slopes])
    gvif = np.linalg.det(R[np.ix_(x, x)]) * np.linalg.det(R[np.ix_(~x, ~x)]) / np.linalg.det(R)
    assert found.inflations[0].gvif == pytest.approx(gvif, rel=1e-9)
    assert model_from_json(model_to_json(model)).checks == model.checks


def test_a_penalised_fit_has_a_sample_size_and_no_tests(spark, frame):
    model = fit(spark.createDataFrame(frame), config(penalty={"l2": 0.01}))
    assert (model.column_tests, model.checks.collinearity, model.covariance_record) == ((), None, None)
    assert model.checks.sample_size.n_parameters == len(model.coefficient_rows) - 1


@pytest.mark.spark
def test_a_model_without_any_estimate_has_no_collinearity_and_is_fitted(spark):
    rows = pd.DataFrame({"x": np.zeros(20), "y": np.arange(20) % 2})
    model = fit(spark.createDataFrame(rows), TrainConfig(label={"column": "y"}, intercept=False))
    assert model.converged
    assert model.checks.collinearity is None
