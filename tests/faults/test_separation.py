"""Separation: named with column, level, direction and counts, in six lines at most; and its ways out, flagged."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from logreg_dist import fit
from logreg_dist.model.file import model_from_json, model_to_json
from tests.faults.tables import config

pytestmark = pytest.mark.spark

# Of one model and the same one reached by another way.
SAME_FIT = 1e-7
WAYS = "  Ways out: set solver.on_separation to firth, ridge or drop; exclude the column; or merge the level into another."


def rows(n_rows: int = 300) -> pd.DataFrame:
    """Return overlapping rows; "a" is the most frequent plan, and the reference."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=n_rows)
    plan = np.array(["a", "a", "b", "c"])[rng.integers(0, 4, n_rows)]
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-x))).astype(int)
    return pd.DataFrame(
        {"x": x, "plan": plan, "region": np.array(["n", "n", "s"])[rng.integers(0, 3, n_rows)], "y": y}
    )


def without_events(**where: str) -> pd.DataFrame:
    table = rows()
    table.loc[np.logical_and.reduce([table[name] == level for name, level in where.items()]), "y"] = 0
    return table


def fitted(spark, table, terms=None, **solver):
    features = {"terms": terms} if terms else {}
    return fit(spark.createDataFrame(table), config(features=features, solver=solver))


def test_a_level_without_events_is_named_with_direction_and_counts(spark):
    table = without_events(plan="b")
    model = fitted(spark, table)
    n = int((table.plan == "b").sum())
    assert model.status == "separated_quasi"
    assert model.status_text.splitlines() == [
        f"the label is quasi-completely separated ({n} rows; {300 - n} on the boundary) along plan[b] (-): "
        "no finite estimates exist.",
        f"  all {n} rows of plan[b] have label '0'.",
        WAYS,
    ]
    found = model.checks.separation
    assert (found.kind, found.n_separated, found.n_neutral, found.way_out) == ("quasi", n, 300 - n, None)
    [term] = found.terms
    assert (term.term, term.sign, term.text) == ("plan[b]", "-", f"all {n} rows of plan[b] have label '0'")
    assert model_from_json(model_to_json(model)).checks == model.checks


def test_a_number_that_separates_is_named_with_direction_and_counts_and_no_value(spark):
    table = rows()
    table["y"] = (table.x < 0.123456).astype(int)
    model = fitted(spark, table)
    n = int(table.y.sum())
    assert model.status == "separated_complete"
    assert model.status_text.splitlines() == [
        "the label is completely separated (300 rows) along x (-): no finite estimates exist.",
        f"  all {300 - n} rows above a threshold of x have label '0' and all {n} rows below it have label '1'.",
        WAYS,
    ]
    assert model.checks.separation.terms[0].term == "x"


@pytest.mark.parametrize(
    ("plan", "along", "cell"),
    [
        ("b", "plan[b]:region[s] (-)", "plan[b]:region[s]"),
        ("a", None, "plan[a]:region[s], a reference cell,"),
    ],
)
def test_what_separates_only_in_an_interaction_is_named(spark, plan, along, cell):
    table = without_events(plan=plan, region="s")
    assert fitted(spark, table).converged
    model = fitted(spark, table, ["x", "plan", "region", "plan:region"])
    n = int(((table.plan == plan) & (table.region == "s")).sum())
    first, second, third = model.status_text.splitlines()
    assert f"({n} rows; {300 - n} on the boundary) along " in first
    assert along is None or f"along {along}: " in first
    assert second == f"  all {n} rows of {cell} have label '0'."
    assert third == WAYS


def test_a_steep_slope_that_one_row_overlaps_is_no_separation(spark):
    x = np.linspace(-1, 1, 301)
    y = (x > 0.001).astype(int)
    y[[149, 152]] = [1, 0]
    model = fitted(spark, pd.DataFrame({"x": x, "y": y}))
    assert model.converged
    assert model.estimates["x"] > 30
    assert model.checks.separation is None


def test_a_fit_cut_short_is_decided_by_a_linear_programme(spark):
    table = rows()
    table["y"] = (table.x > 0).astype(int)
    table.loc[np.abs(table.x) < 0.05, "x"] = 0.0
    model = fitted(spark, table, max_iterations=1, start="zero")
    assert model.status == "not_converged"  # no rows on the driver without a sample
    decided = fitted(spark, table, max_iterations=1)
    assert (decided.status, decided.checks.separation.proof) == ("separated_quasi", "linear_programme")
    honest = fitted(spark, rows(), max_iterations=1, tolerance=1e-14)
    assert honest.status == "converged" or honest.status_text.endswith(
        "A linear programme over all rows finds no separation."
    )


def flagged(model, way: str) -> None:
    """Hold what every way out says of itself."""
    assert model.converged
    assert model.checks.separation.way_out == way
    assert "because the label is quasi-completely separated (" in model.status_text
    assert sum("the label is quasi-completely separated (" in note for note in model.notes) == 1
    assert all(math.isfinite(value) for value in model.estimates.values())
    assert model.config["solver"]["on_separation"] == way
    assert not model.config["penalty"]["l2"]


def test_firth_gives_finite_estimates_with_their_own_intervals_and_tests(spark):
    table = without_events(plan="b")[["plan", "y"]]
    model = fitted(spark, table, on_separation="firth")
    flagged(model, "firth")
    assert (model.estimator, model.interval_kind) == ("firth", "profile")
    cells = table.groupby("plan").y.agg(["sum", "size"])
    odds = np.log((cells["sum"] + 0.5) / (cells["size"] - cells["sum"] + 0.5))  # a saturated model
    assert model.estimates["plan[b]"] == pytest.approx(odds["b"] - odds["a"], rel=SAME_FIT)
    row = next(row for row in model.coefficient_rows if row.term == "plan[b]")
    assert row.conf_low < row.estimate < row.conf_high < 0
    assert row.estimate - row.conf_low > 1.2 * (row.conf_high - row.estimate)  # nothing bounds it from below
    assert 0 < row.p_value < 1e-3
    assert row.z < 0 < model.lr_statistic
    again = model_from_json(model_to_json(model))
    assert (again.estimator, again.estimates) == ("firth", model.estimates)


def test_firth_on_the_executors_is_firth_on_the_driver(spark):
    # Without a sample nothing is on the driver, and frequencies are rows.
    table = without_events(plan="b")
    table["k"] = 1 + np.arange(300) % 3
    counted = {"frequency": "k", "inference": {"intervals": "profile"}}
    solver = {"on_separation": "firth", "start": "zero"}
    staged = fit(spark.createDataFrame(table), config(solver=solver, **counted))
    repeated = table.loc[table.index.repeat(table.k)].drop(columns="k")
    local = fit(spark.createDataFrame(repeated), config(solver={"on_separation": "firth"}))
    assert staged.estimates == pytest.approx(local.estimates, rel=SAME_FIT)
    for one, other in zip(staged.coefficient_rows, local.coefficient_rows, strict=True):
        found, expected = ([row.std_error, row.conf_low, row.conf_high, row.z] for row in (one, other))
        assert found == pytest.approx(expected, rel=1e-6)


def test_columns_of_firths_fit_are_tested_by_its_likelihood_and_not_by_walds(spark):
    model = fitted(spark, without_events(plan="b"), on_separation="firth")
    rows_of = {row.term: row for row in model.coefficient_rows}
    tests = {test.column: test for test in model.column_tests}
    for column, term in (("x", "x"), ("region", "region[s]")):
        test, row = tests[column], rows_of[term]
        assert (test.lr, test.lr_p_value) == (pytest.approx(row.z**2, rel=1e-14), row.p_value)
    assert (tests["plan"].df, tests["plan"].lr) == (2, None)
    assert all(test.wald is None and test.wald_p_holm is None for test in model.column_tests)
    assert any(note.startswith("tests of columns are likelihood ratios of Firth's") for note in model.notes)
    [useful] = [one for one in model.checks.findings if one.check == "usefulness"]
    assert "likelihood-ratio tests" in useful.text
    assert model_from_json(model_to_json(model)).column_tests == model.column_tests


def test_a_weak_ridge_is_the_penalty_that_its_note_says(spark):
    table = without_events(plan="b")
    model = fitted(spark, table, on_separation="ridge")
    flagged(model, "ridge")
    assert model.estimator == "ridge"
    assert "(penalty.l2 0.000533333 with penalty.standardize)" in model.notes[-1]  # 1 / 2.5**2 / 300
    penalty = {"l2": 0.16 / 300, "standardize": True}
    assert fit(spark.createDataFrame(table), config(penalty=penalty)).estimates == pytest.approx(
        model.estimates, rel=SAME_FIT
    )
    assert all(row.std_error is None for row in model.coefficient_rows)
    assert any("no standard errors, tests or intervals" in note for note in model.notes)


def test_what_is_left_out_is_said_and_the_rest_is_the_fit_without_it(spark):
    table = without_events(plan="b")
    model = fitted(spark, table, on_separation="drop")
    flagged(model, "drop")
    n = int((table.plan == "b").sum())
    [left_out] = model.aliased
    assert left_out.term == "plan[b]"
    assert left_out.reason == f"is left out: it separates the label: all {n} rows of plan[b] have label '0'"
    assert model.estimator == model_from_json(model_to_json(model)).estimator == "dropped"
    assert "left out plan[b] (1 term), that is, held at 0" in model.notes[-1]
    assert "tests and intervals take this choice, which the label made, as given" in model.notes[-1]
    merged = fitted(spark, table.assign(plan=table.plan.replace("b", "a")))
    for row in merged.coefficient_rows:
        found = next(one for one in model.coefficient_rows if one.term == row.term)
        assert found.estimate == pytest.approx(row.estimate, rel=SAME_FIT)
        assert found.std_error == pytest.approx(row.std_error, rel=SAME_FIT)
    assert model.deviance == pytest.approx(merged.deviance, rel=SAME_FIT)
    assert model.lr_df == merged.lr_df


def test_columns_that_separate_together_are_left_out_one_by_one(spark):
    table = rows()[["x"]]
    table["z"] = np.random.default_rng(5).normal(size=300)
    table["noise"] = np.random.default_rng(6).normal(size=300)
    table["y"] = (table.x + 3 * table.z > 0).astype(int)
    model = fitted(spark, table, on_separation="drop")
    assert model.converged
    [left_out] = model.aliased
    assert left_out.term == "z"
    assert left_out.reason == "is left out: with others it separates the label (300 rows)"
