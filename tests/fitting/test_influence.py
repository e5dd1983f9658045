"""Influence of single rows against R and statsmodels, and which rows are kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm

from logreg_dist.fitting.diagnostics.influence import with_influence
from logreg_dist.model.model import LogisticModel
from logreg_dist.staging.carried import CarriedColumn, CarriedRule
from tests.fitting.local_passes import as_trials, fitted_locally
from tests.in_process import logistic_table, plan_of
from tests.oracles import rows as tables
from tests.report.models import small_model

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "rows.json").read_text(encoding="utf-8"))
# Estimates of R and ours, whose digits the factorisations of ill-conditioned columns cost.
DIGITS = 1e-9
# Both are one Newton step from the same estimates, to about R's 15 digits less the condition of the matrix.
STEP_DIGITS = 1e-9


def influential(table: pa.Table, folder: Path, *, n_kept: int | None = 10_000, **asked) -> LogisticModel:
    config = {**asked.pop("config", {}), "checks": {"influence": {"rows": n_kept, **asked.pop("keyed", {})}}}
    _, rows = fitted_locally(table, folder, config=config, **asked)
    return with_influence(small_model(), rows)


def of_trials(table: pa.Table, folder: Path, **asked) -> LogisticModel:
    renamed, trials = as_trials(table)
    return influential(renamed, folder, **trials, **asked)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("influence")
    weighted = {"weight": "weight", "offset": "offset"}
    return {
        "single": influential(tables.single(), folder / "single", n_splits=3),
        "weighted": influential(tables.weighted(), folder / "weighted", config=weighted, n_splits=2),
        "grouped": of_trials(tables.grouped(), folder / "grouped", n_splits=2),
    }


CASES = ("single", "weighted", "grouped")


def by_row(case: str) -> tuple[np.ndarray, np.ndarray]:
    """The rows of R in the order of ours: the largest Cook's distance first."""
    order = np.argsort(-np.array(ORACLE[case]["cook"]), kind="stable")
    return order, np.argsort(order)


@pytest.mark.parametrize("case", CASES)
def test_leverage_residual_and_distance_are_those_of_r(found, case):
    order, _ = by_row(case)
    ours = found[case].influential.columns
    for name, theirs in (
        ("leverage", "hat"),
        ("pearson_residual", "pearson_residual"),
        ("cooks_distance", "cook"),
    ):
        np.testing.assert_allclose(ours[name], np.array(ORACLE[case][theirs])[order], rtol=DIGITS)


@pytest.mark.parametrize("case", CASES)
def test_dfbetas_are_one_step_without_the_row_in_standard_errors(found, case):
    _, place = by_row(case)
    rows = found[case].influential
    expected = np.array(ORACLE[case]["one_step"])
    ours = rows.dfbetas[place[: len(expected)]]
    error = dict(zip(R_TERMS, ORACLE[case]["std_error"], strict=True))
    for k, term in enumerate(R_TERMS):
        if term == "intercept":  # R's is that of the year 2005
            continue
        own = ours[:, rows.terms.index(term)]
        np.testing.assert_allclose(own * error[term], expected[:, k], rtol=STEP_DIGITS, atol=1e-14)


R_TERMS = ("intercept", "income", "score", "year", "visits", "plan[plus]", "plan[top]")


def test_the_intercept_changes_in_the_units_of_the_columns(tmp_path):
    table = logistic_table(60, 4)
    X = np.column_stack([np.ones(60), table["x1"].to_numpy(), table["x2"].to_numpy()])
    y = table["label"].to_numpy()
    model = influential(table, tmp_path)
    fitted = sm.GLM(y, X, family=sm.families.Binomial()).fit(tol=1e-14)
    influence = fitted.get_influence()
    ours = model.influential
    order = np.argsort(-influence.cooks_distance[0], kind="stable")
    np.testing.assert_allclose(ours.columns["cooks_distance"], influence.cooks_distance[0][order], rtol=1e-8)
    np.testing.assert_allclose(ours.columns["leverage"], influence.hat_matrix_diag[order], rtol=1e-8)
    # By hand: one step without the row, from the estimates of all rows.
    mu = fitted.fittedvalues
    w, r = mu * (1 - mu), y - mu
    for k, row in enumerate(order[:5]):
        rest = np.arange(60) != row
        step = np.linalg.solve((X[rest].T * w[rest]) @ X[rest], X[rest].T @ r[rest])
        np.testing.assert_allclose(ours.dfbetas[k], -step / fitted.bse, rtol=1e-7)


def test_the_summary_counts_all_rows_and_keeps_some(tmp_path, found):
    few = influential(tables.single(), tmp_path, n_kept=7, n_splits=4)
    oracle, summary = ORACLE["single"], few.checks.influence
    hat, cook = np.array(oracle["hat"]), np.array(oracle["cook"])
    assert summary.n_kept == len(few.influential.dfbetas) == 7
    assert summary.n_high_leverage == (hat > 3 * 7 / 400).sum()
    assert summary.n_high_cook == (cook > 4 / 400).sum()
    np.testing.assert_allclose(summary.mean_leverage, hat.mean(), rtol=DIGITS)
    np.testing.assert_allclose(summary.largest_leverage, hat.max(), rtol=DIGITS)
    np.testing.assert_allclose(summary.largest_cook, cook.max(), rtol=DIGITS)
    everything = found["single"].influential
    np.testing.assert_allclose(few.influential.dfbetas, everything.dfbetas[:7], rtol=1e-9)
    worst = np.abs(few.influential.dfbetas).max(axis=0)
    assert summary.largest_dfbeta == worst.max()
    assert summary.dfbeta_term == few.influential.terms[worst.argmax()]


def test_rows_are_told_by_their_keys_whatever_their_split(tmp_path):
    table = tables.single()
    keys = pa.array([f"row {k}" for k in range(400)])
    keyed = table.append_column("key", keys)
    plan = replace(plan_of(table), carried=(CarriedColumn("key", CarriedRule.TEXT, table.num_columns),))
    model = influential(keyed, tmp_path, plan=plan, n_kept=25, n_splits=5, keyed={"key": "key"}, config={})
    order, _ = by_row("single")
    assert model.influential.keys == tuple(f"row {k}" for k in order[:25])
    asked = {"plan": plan, "n_kept": None, "keyed": {"key": "key"}}
    unsaid = influential(keyed, tmp_path / "unsaid", **asked)
    assert unsaid.influential.keys == tuple(f"row {k}" for k in order[:20])


def test_of_equal_rows_the_first_are_kept(tmp_path):
    table = logistic_table(40, 4, p=1)
    twice = pa.concat_tables([table, table])
    key = twice.append_column("key", pa.array([str(k) for k in range(80)]))
    plan = replace(plan_of(twice), carried=(CarriedColumn("key", CarriedRule.TEXT, 2),))
    model = influential(key, tmp_path, plan=plan, n_kept=3, n_splits=2, keyed={"key": "key"})
    first, second, third = (int(one) for one in model.influential.keys)
    assert second == first + 40
    assert third < 40


def test_a_row_of_frequency_k_is_left_out_as_a_whole(tmp_path):
    table = logistic_table(80, 5)
    k = np.where(np.arange(80) == 11, 30, 1)
    counted = table.append_column("frequency", pa.array(k))
    weighted = table.append_column("weight", pa.array(k.astype(float)))
    first = influential(counted, tmp_path / "counted", config={"frequency": "frequency"})
    second = influential(weighted, tmp_path / "weighted", config={"weight": "weight"})
    np.testing.assert_array_equal(first.influential.dfbetas, second.influential.dfbetas)
    assert first.influential.columns["leverage"].max() > 0.3  # thirty rows at one point


def test_a_row_with_a_coefficient_of_its_own_has_no_distance(tmp_path):
    table = tables.grouped(40)
    plan = table["plan"].to_pylist()
    plan[7] = "only one"
    events = table["events"].to_numpy().copy()
    trials = table["trials"].to_numpy().copy()
    events[7], trials[7] = 3.0, 10.0
    table = pa.table(
        {
            **{name: table[name] for name in ("income", "score")},
            "plan": plan,
            "events": events,
            "trials": trials,
        }
    )
    model = of_trials(table, tmp_path)
    assert model.checks.influence.n_kept == 39
    np.testing.assert_allclose(model.checks.influence.largest_leverage, 1.0, rtol=1e-9)
    assert np.isfinite(model.influential.dfbetas).all()


def test_without_a_covariance_there_is_a_note(tmp_path):
    _, rows = fitted_locally(
        logistic_table(100, 2),
        tmp_path,
        l2=0.1,
        inference=False,
        config={"checks": {"influence": {"rows": 5}}},
    )
    model = with_influence(small_model(), rows)
    assert model.influential is None
    assert model.notes[-1] == "influence was not looked into: the model has no covariance of its estimates"
