"""Terms that depend on others: no estimate, and the reason spelled out; or a refusal. Never silence."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_dist import fit
from tests.faults.tables import config, good_rows

pytestmark = pytest.mark.spark

THIRDS = np.arange(400) % 3

# The estimates of the remaining terms are those of a fit without the dependent one.
SAME_FIT = 1e-9


def aliased(spark, rows, **settings):
    model = fit(spark.createDataFrame(rows), config(**settings))
    assert model.converged
    without_estimate = [row.term for row in model.coefficient_rows if row.estimate is None]
    assert without_estimate == [term.term for term in model.aliased]
    return {term.term: term.reason for term in model.aliased}


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda t: 2 * t.x - t.z + 3, "equals 2*x - z + 3"),
        (lambda t: t.x, "equals x"),
        (lambda t: -t.x, "equals -x"),
        (lambda t: 1 - t.x, "equals 1 - x"),
        (lambda t: t.z - t.x, "equals z - x"),
        (lambda t: -0.5 * t.x - 2, "equals -0.5*x - 2"),
        (lambda t: 5.1, "is constant"),
        (lambda t: 0.0, "is constant"),
        (lambda t: 1e12 + 0.0 * t.x, "is constant"),
    ],
)
def test_an_exact_dependence_is_spelled_out(spark, make, reason):
    rows = good_rows()
    assert aliased(spark, rows.assign(c=make(rows))) == {"c": reason}


def test_the_other_terms_have_the_estimates_of_a_fit_without_the_dependent_one(spark, caplog):
    rows = good_rows()
    plain = fit(spark.createDataFrame(rows), config())
    doubled = fit(spark.createDataFrame(rows.assign(c=2 * rows.x - rows.z + 3)), config())
    for term, estimate in plain.estimates.items():
        assert doubled.estimates[term] == pytest.approx(estimate, rel=SAME_FIT)
    assert doubled.deviance == pytest.approx(plain.deviance, rel=SAME_FIT)
    assert "no estimate for c: it equals 2*x - z + 3" in [record.getMessage() for record in caplog.records]
    assert "c: equals 2*x - z + 3" in doubled.summary()


def test_indicators_of_all_levels_are_a_dummy_trap(spark):
    rows = good_rows().assign(d1=THIRDS == 0, d2=THIRDS == 1, d3=THIRDS == 2)
    assert aliased(spark, rows) == {"d3": "equals 1 - d1 - d2"}


def test_indicators_beside_their_own_categorical_column_alias_its_levels(spark):
    plan = np.array(["free", "basic", "pro plus"], dtype=object)[THIRDS]
    rows = good_rows().assign(basic=THIRDS == 1, pro=THIRDS == 2, plan=plan)
    settings = {"features": {"columns": {"plan": {"reference": "free"}}}}
    assert aliased(spark, rows, **settings) == {"plan[basic]": "equals basic", "plan[pro plus]": "equals pro"}


def test_a_level_can_be_part_of_a_dependence(spark):
    plan = np.array(["free", "basic", "pro plus"], dtype=object)[THIRDS]
    rows = good_rows().assign(plan=plan, price=np.array([0.0, 9.5, 20.0])[THIRDS])
    settings = {"features": {"columns": {"plan": {"reference": "free"}}}}
    assert aliased(spark, rows, **settings) == {"price": "equals 9.5*plan[basic] + 20*plan[pro plus]"}


def test_without_an_intercept_a_constant_column_is_estimated_and_zeros_are_not(spark):
    rows = good_rows().assign(one=1.0, nothing=0.0)
    assert aliased(spark, rows, intercept=False) == {"nothing": "is zero in every row"}


@pytest.mark.parametrize("noise", [1e-14, 1e-10, 1e-8])
def test_near_dependence_below_what_sums_can_tell_is_called_equal(spark, noise):
    rows = good_rows()
    jitter = np.random.default_rng(1).normal(size=len(rows))
    assert aliased(spark, rows.assign(c=rows.x + noise * jitter)) == {"c": "equals x"}


def test_near_dependence_that_sums_can_tell_from_an_exact_one_is_called_near(spark):
    rows = good_rows()
    jitter = np.random.default_rng(1).normal(size=len(rows))
    assert aliased(spark, rows.assign(c=rows.x + 8e-7 * jitter)) == {"c": "nearly equals x"}


def test_a_dependence_of_large_columns_keeps_its_small_constant(spark):
    rows = good_rows()
    rows["x"] *= 2.0**20
    assert aliased(spark, rows.assign(c=rows.x + 3)) == {"c": "equals x + 3"}


def test_dependent_terms_are_an_error_when_so_configured(spark):
    rows = good_rows()
    rows = rows.assign(c=2 * rows.x - rows.z + 3, d=1.0)
    model = fit(spark.createDataFrame(rows), config(solver={"on_collinear": "error"}))
    assert (model.status, model.converged) == ("rank_deficient", False)
    assert model.status_text == (
        "2 terms depend on earlier ones, and solver.on_collinear is error:\n"
        "  c equals 2*x - z + 3; d is constant.\n"
        "  Exclude them, or set solver.on_collinear to alias."
    )


def test_independent_terms_converge_when_dependent_ones_are_an_error(spark):
    model = fit(spark.createDataFrame(good_rows()), config(solver={"on_collinear": "error"}))
    assert model.converged
    assert model.aliased == ()


def test_a_categorical_column_with_a_single_level_is_noted(spark):
    model = fit(spark.createDataFrame(good_rows().assign(country="NL")), config())
    assert model.notes == ("'country' has a single level and therefore no term",)
    assert list(model.estimates) == ["intercept", "x", "z"]
    assert "'country' has a single level and therefore no term" in model.summary()
