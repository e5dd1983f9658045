"""Fits against certified values: 50 digits by two routes and R, see tests/certified."""

from __future__ import annotations

import math

import pytest

from logreg_dist import TrainConfig, fit
from tests.certified.lre import lre
from tests.certified.sets import SETS, certified_values, load

# Right digits that a user may count on: what double precision leaves of a well-posed fit.
ESTIMATE_DIGITS = 9
STD_ERROR_DIGITS = 8
LIKELIHOOD_DIGITS = 11
# Of float64. What rounding of the rows does to the estimates grows with the condition of the columns, whatever the
# method: a backward-stable one keeps what the condition leaves.
ALL_DIGITS = 16


@pytest.mark.spark
@pytest.mark.parametrize("start", ["sample", "zero"])
@pytest.mark.parametrize("name", SETS)
def test_a_fit_has_the_certified_digits(spark, name, start):
    certified = certified_values(name)
    model = fit(spark.createDataFrame(load(name)), TrainConfig(**SETS[name].config, solver={"start": start}))

    assert model.converged, model.status_text
    expected = {row["term"]: row for row in certified["coefficients"]}
    assert {row.term for row in model.coefficient_rows} == set(expected)
    left = ALL_DIGITS - math.log10(certified["condition"])
    for row in model.coefficient_rows:
        assert lre(row.estimate, expected[row.term]["estimate"]) >= min(ESTIMATE_DIGITS, left), row.term
        assert lre(row.std_error, expected[row.term]["std_error"]) >= min(STD_ERROR_DIGITS, left), row.term
    for measure in ("log_likelihood", "deviance", "weight_sum"):
        assert lre(getattr(model, measure), certified[measure]) >= LIKELIHOOD_DIGITS, measure
    null = certified["null_log_likelihood" if SETS[name].intercept else "offset_log_likelihood"]
    assert lre(model.null_log_likelihood, null) >= LIKELIHOOD_DIGITS
    assert (model.n_rows, model.n_obs) == (certified["n_rows"], float(certified["n_obs"]))
