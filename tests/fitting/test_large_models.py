"""Fits without a whole information matrix: a huge category eliminated, and L-BFGS on Spark."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pytest

from logreg_dist import TrainConfig, fit, load_model
from logreg_dist.fitting.estimates import estimates_in_column_units
from logreg_dist.solver.arrowhead import ArrowheadInformation
from tests.in_process import fit_rows, logistic_table

SAME = 1e-10  # relative: two ways to solve one well-conditioned system
DISTANCE = 1e-6  # standard errors between Newton's optimum and that of L-BFGS
N_LEVELS = 600


@pytest.fixture(scope="module")
def wide_table() -> pa.Table:
    """Two numbers and a column of 600 levels with some twenty rows each."""
    rng = np.random.default_rng(2)
    table = logistic_table(20 * N_LEVELS, seed=2)
    codes = rng.integers(0, N_LEVELS, table.num_rows)
    return table.add_column(1, "zip", [[f"z{code:03d}" for code in codes]])


def test_a_column_of_600_levels_is_eliminated_and_gives_the_same_model(wide_table, tmp_path, monkeypatch):
    arrow = fit_rows(wide_table, tmp_path / "arrow", n_splits=2, l2=1e-4)
    assert isinstance(arrow.result.point.sums.information, ArrowheadInformation)
    monkeypatch.setattr("logreg_dist.fitting.sums.HUGE_LEVELS", 10_000)
    whole = fit_rows(wide_table, tmp_path / "whole", n_splits=2, l2=1e-4)
    assert isinstance(whole.result.point.sums.information, np.ndarray)
    np.testing.assert_allclose(arrow.estimate, whole.estimate, rtol=SAME, atol=SAME)
    assert [term for term in arrow.terms[:3]] == ["intercept", "x1", "zip[z001]"]


def test_standard_errors_without_a_covariance_are_those_with_one(wide_table, tmp_path, monkeypatch):
    # The levels are merged in pairs so that none has one label only.
    zips = pa.array([f"z{int(name[1:]) // 2 * 2:03d}" for name in wide_table["zip"].to_pylist()])
    table = wide_table.set_column(1, "zip", zips)
    monkeypatch.setattr("logreg_dist.fitting.sums.HUGE_LEVELS", 100)
    fitted = fit_rows(table, tmp_path, n_splits=2)
    whole = estimates_in_column_units(fitted.result, fitted.spec, penalised=False)
    monkeypatch.setattr("logreg_dist.fitting.estimates.MAX_COVARIANCE_TERMS", 100)
    slim = estimates_in_column_units(fitted.result, fitted.spec, penalised=False)
    assert np.isfinite(slim.variance).all()
    assert slim.covariance is None
    assert whole.covariance.shape == (len(fitted.terms),) * 2
    np.testing.assert_allclose(slim.variance, whole.variance, rtol=SAME)
    np.testing.assert_allclose(np.sqrt(slim.variance), fitted.std_error, rtol=SAME)


@pytest.mark.spark
def test_lbfgs_on_spark_finds_newtons_estimates_and_says_what_it_leaves_out(spark, tmp_path, caplog):
    table = spark.createDataFrame(logistic_table(3_000, levels=("a", "b", "c", "d")).to_pandas())
    label = {"column": "label"}
    exact = fit(table, TrainConfig(label=label))
    with caplog.at_level(logging.INFO, logger="logreg_dist"):
        model = fit(table, TrainConfig(label=label, solver={"method": "lbfgs"}))
    assert model.converged
    assert "L-BFGS steps: about" in model.status_text
    assert len(model.history) == model.n_iterations + 1
    found, expected = model.coefficients, exact.coefficients
    off = (found["estimate"] - expected["estimate"]) / expected["std_error"]
    assert np.abs(off).max() <= DISTANCE
    assert found[["std_error", "z", "p_value", "conf_low"]].isna().all(axis=None)
    assert model.covariance is None
    assert model.lr_p_value is None  # on how many degrees of freedom is not known
    assert any(note.startswith("fitted by L-BFGS") for note in model.notes)
    assert "solver: lbfgs, because solver.method says so" in caplog.messages
    assert sum(message.startswith("pass ") for message in caplog.messages) >= model.n_iterations
    np.testing.assert_allclose([model.deviance, model.aic], [exact.deviance, exact.aic], rtol=1e-12)
    assert load_model(model.save(tmp_path)).coefficient_rows == model.coefficient_rows


@pytest.mark.spark
def test_a_level_with_one_label_is_separation_for_lbfgs_too(spark):
    rows = logistic_table(2_000, levels=("a", "b", "c")).to_pandas()
    rows.loc[rows["plan"] == "b", "label"] = 1.0
    model = fit(
        spark.createDataFrame(rows), TrainConfig(label={"column": "label"}, solver={"method": "lbfgs"})
    )
    assert model.status == "separated_quasi"
    assert "along plan[b] (+): no finite estimates exist." in model.status_text
