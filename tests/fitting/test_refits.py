"""Profile intervals and tests by refits of a fit on a table: in the model, its file and its summary."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pandas as pd
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.errors import ConfigError, InputRejected
from logreg_dist.fitting.diagnostics import refits
from logreg_dist.model.file import load_model
from tests.certified.sets import SETS, load
from tests.inference.test_profile import ORACLES
from tests.inference.test_refit_tests import LR, R_SCORE
from tests.oracles.profile import skewed

SPLITS = 1e-9  # of a standard error: other sums by rounding

ASKED = {"intervals": "profile", "tests": "likelihood_ratio"}
SKEWED = {
    "label": {"column": "y"},
    "frequency": "frequency",
    "offset": "offset",
    "features": {"columns": {"plan": {"reference": "a"}}, "defaults": {"min_level_count": 1}},
}


def fit_skewed(spark, frame: pd.DataFrame | None = None, **config):
    table = spark.createDataFrame(skewed() if frame is None else frame)
    return fit(table, TrainConfig(**SKEWED | {"inference": ASKED} | config))


def limits(model) -> np.ndarray:
    """Return the limits, (p, 2)."""
    return np.array([[row.conf_low, row.conf_high] for row in model.coefficient_rows])


def std_errors(model) -> np.ndarray:
    return np.array([[row.std_error] for row in model.coefficient_rows])


def assert_limits(model, expected: np.ndarray, terms: slice = slice(None)):
    difference = (limits(model) - expected) / std_errors(model)
    assert np.abs(difference[terms]).max() < SPLITS


@pytest.fixture(scope="module")
def model(spark):
    return fit_skewed(spark)


def assert_limits_of_mpmath(model, name):
    stored = json.loads((ORACLES / "profile.json").read_text())[name]["estimate, std_error, low, high"]
    expected = np.array([[float(end) for end in stored[row.term][2:]] for row in model.coefficient_rows])
    assert_limits(model, expected)


def assert_tests_of_r(model, name):
    stored = json.loads((ORACLES / "profile_r.json").read_text())[name]["tests"]
    assert {test.column for test in model.column_tests} == set(stored)
    for test in model.column_tests:
        expected = stored[test.column]
        assert test.df == expected["df"]
        assert (test.lr, test.lr_p_value) == pytest.approx(
            (expected["lr"], expected["lr_p_value"]), rel=10 * LR
        )
        assert (test.score, test.score_p_value) == pytest.approx(
            (expected["score"], expected["score_p_value"]), rel=10 * R_SCORE
        )


@pytest.mark.spark
def test_a_fit_has_the_limits_of_mpmath_and_the_tests_of_r(spark, model, tmp_path):
    born = fit(spark.createDataFrame(load("birthwt")), TrainConfig(**SETS["birthwt"].config, inference=ASKED))
    for one, name in ((born, "birthwt"), (model, "skewed")):
        assert one.converged
        assert one.interval_kind == "profile"
        assert_limits_of_mpmath(one, name)
        assert_tests_of_r(one, name)
    for row in model.coefficient_rows:
        assert np.log([row.odds_ratio_low, row.odds_ratio_high]) == pytest.approx(
            [row.conf_low, row.conf_high]
        )
    assert "95% profile interval" in model.summary()
    again = load_model(model.save(tmp_path))
    assert (again.coefficient_rows, again.column_tests) == (model.coefficient_rows, model.column_tests)
    assert again.interval_kind == "profile"


@pytest.mark.spark
def test_all_refits_take_a_few_passes_together_whatever_the_splits(spark, model):
    plain = fit_skewed(spark, inference={})
    assert plain.interval_kind == "wald"
    assert plain.column_tests == () or plain.column_tests[0].lr is None
    # Eight likelihoods more at every step, and no more passes than the slowest of them takes.
    assert model.n_passes - plain.n_passes <= 8
    frame = skewed().sort_values(["plan", "x"])
    other = fit(spark.createDataFrame(frame).repartition(5), TrainConfig(**SKEWED, inference=ASKED))
    assert len(other.fingerprint["rows_by_split"]) > len(model.fingerprint["rows_by_split"])
    assert_limits(other, limits(model))


@pytest.mark.spark
def test_a_table_of_categories_is_read_once_for_all_refits(spark, monkeypatch):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({name: np.array(list("abc"))[rng.integers(0, 3, 900)] for name in ("one", "two")})
    frame["y"] = (rng.random(900) < 0.3 + 0.2 * (frame["one"] == "b")).astype(float)
    config = TrainConfig(label={"column": "y"}, inference=ASKED)
    plain = TrainConfig(label={"column": "y"})
    table = spark.createDataFrame(frame)
    by_cell, without = fit(table, config), fit(table, plain)
    assert by_cell.n_passes - without.n_passes <= 1
    monkeypatch.setattr(refits, "collapsing_pays", lambda *_: False)
    by_row = fit(table, config)
    assert by_row.n_passes > by_cell.n_passes + 1
    assert_limits(by_cell, limits(by_row))
    for one, other in zip(by_cell.column_tests, by_row.column_tests, strict=True):
        assert (one.lr, one.score) == pytest.approx((other.lr, other.score), rel=1e-9)


@pytest.mark.spark
def test_an_aliased_term_has_no_interval_and_its_column_no_test(spark, model):
    frame = skewed().assign(copied=lambda table: 2 * table["x"] - 3)
    aliased = fit_skewed(spark, frame)
    by_term = {row.term: row for row in aliased.coefficient_rows}
    assert (by_term["copied"].conf_low, by_term["copied"].conf_high) == (None, None)
    for row in model.coefficient_rows:
        assert by_term[row.term].conf_low == pytest.approx(row.conf_low, abs=SPLITS * row.std_error)
    lr = {test.column: test.lr for test in aliased.column_tests}
    assert lr.pop("copied", None) is None
    assert lr == pytest.approx({test.column: test.lr for test in model.column_tests}, rel=1e-8)


@pytest.mark.spark
def test_a_known_rate_of_events_moves_the_interval_of_the_intercept_with_the_intercept(spark, model):
    known = fit_skewed(spark, population_rate=0.1)
    intercept, before = known.coefficient_rows[0], model.coefficient_rows[0]
    shift = intercept.estimate - before.estimate
    assert abs(shift) > 0.5
    assert intercept.conf_low - shift == pytest.approx(before.conf_low, abs=SPLITS)
    assert intercept.conf_high - shift == pytest.approx(before.conf_high, abs=SPLITS)
    assert_limits(known, limits(model), slice(1, None))


@pytest.mark.spark
def test_refits_of_selected_columns_leave_the_others_out(spark):
    selection = {"method": "backward", "criterion": "bic"}
    selected = fit_skewed(spark, selection=selection)
    kept = list(selected.selection.columns)
    assert 0 < len(kept) < 3
    alone = fit_skewed(spark, features=SKEWED["features"] | {"include": kept})
    assert_limits(selected, limits(alone))
    assert [test.lr for test in selected.column_tests] == pytest.approx(
        [test.lr for test in alone.column_tests], rel=1e-9
    )


@pytest.mark.spark
def test_profiles_of_hundreds_of_terms_are_refused_before_the_fit(spark, monkeypatch):
    monkeypatch.setattr(refits, "MAX_PROFILE_TERMS", 4)
    monkeypatch.setattr(importlib.import_module("logreg_dist.fitting.fit"), "fit_binary", None)
    with pytest.raises(InputRejected, match=r"(?s)5 terms are more than 4.*10 coefficient vectors"):
        fit_skewed(spark)


@pytest.mark.spark
def test_limits_and_tests_that_were_not_found_are_left_out_with_a_note(spark, monkeypatch):
    monkeypatch.setattr("logreg_dist.inference.profile.MAX_STEPS", 1)
    monkeypatch.setattr("logreg_dist.inference.profile.MAX_SAFE_STEPS", 1)
    monkeypatch.setattr(refits, "MAX_REFIT_COLUMNS", 2)
    lost = fit_skewed(spark)
    assert {row.conf_low for row in lost.coefficient_rows} == {None}
    assert all(test.lr is None for test in lost.column_tests)
    notes = "\n".join(lost.notes)
    assert "not found: lower of intercept, upper of intercept, lower of x" in notes
    assert "3 columns are more than 2" in notes
    assert lost.summary().count(" -\n") == len(lost.coefficient_rows)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"inference": {"intervals": "profile", "covariance": "hc0"}}, "covariance hc0 does not trust"),
        (
            {"inference": {"intervals": "profile"}, "solver": {"method": "lbfgs"}},
            "profile needs the information",
        ),
        (
            {"inference": {"tests": "likelihood_ratio"}, "solver": {"method": "lbfgs"}},
            "needs the information",
        ),
    ],
)
def test_what_refits_cannot_go_with_is_refused(config, sentence):
    with pytest.raises(ConfigError, match=sentence):
        TrainConfig(label={"column": "y"}, **config)
