"""Weights: refused when they mean nothing, without effect when they are 0, harmless when huge."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from logreg_dist import fit
from logreg_dist.errors import InputRejected
from tests.faults.tables import config, exactly, good_rows, with_bad

pytestmark = pytest.mark.spark

# Both fits end within 1e-8 standard errors of the same optimum; see `solver.tolerance`.
SAME_OPTIMUM = 1e-8


def test_weights_that_break_the_rule_are_counted_by_how_they_break_it(spark):
    weight = with_bad(with_bad(with_bad(np.ones(400), -1.0, 6), np.inf, 3), np.nan, 1)
    rows = good_rows().assign(w=weight)
    missing = """\
input rejected: weight column 'w' has 1 missing value in 400 rows.
  Weights are finite numbers >= 0. Mend the column or leave such rows out with input.filter.
Also: weight column 'w' has 3 negative values and 2 infinite values in 400 rows.
  Weights are finite numbers >= 0. Mend the column or leave such rows out with input.filter."""
    with pytest.raises(InputRejected, match=exactly(missing)) as error:
        fit(spark.createDataFrame(rows), config(weight="w"))
    assert error.value.exit_code == 3


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-1.0, "1 negative value"),
        (np.inf, "1 infinite value"),
        (-np.inf, "1 negative value"),
        (0.5, "1 value that is not a whole number"),
    ],
)
def test_frequencies_are_counts(spark, value, words):
    rows = good_rows().assign(f=with_bad(np.ones(400), value, 1))
    message = f"""\
input rejected: frequency column 'f' has {words} in 400 rows.
  Counts are whole numbers >= 0. Mend the column or leave such rows out with input.filter."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows), config(frequency="f"))


def test_weights_as_text_are_numbers_or_refused(spark):
    rows = good_rows()
    plain = fit(spark.createDataFrame(rows.assign(w=2.0)), config(weight="w"))
    assert fit(spark.createDataFrame(rows.assign(w="2")), config(weight="w")).estimates == plain.estimates
    message = """\
input rejected: weight column 'w' has 1 value that is not a number in 400 rows.
  Weights are finite numbers >= 0. Mend the column or leave such rows out with input.filter."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows.assign(w=with_bad(["2"] * 400, "two", 1))), config(weight="w"))


def test_rows_of_weight_zero_change_no_bit_whatever_they_hold(spark):
    rows = good_rows().assign(w=1.5, o=0.25, plan=["a", "b"] * 200)
    rows["x"] = [repr(value) for value in rows.x.tolist()]
    rows["y"] = rows.y.astype(str)
    absent = pd.DataFrame(
        {
            "y": ["unknown", None, "2"],
            "x": ["x1", None, "1e300"],
            "z": [np.nan, np.inf, 1e308],
            "w": 0.0,
            "o": [np.nan, np.inf, 1e308],
            "plan": ["never seen", None, "c"],
        }
    )
    mixed = pd.concat([absent[:1], rows[:100], absent[1:], rows[100:], absent], ignore_index=True)
    settings = {
        "weight": "w",
        "offset": "o",
        "features": {"columns": {"x": {"type": "numeric"}}},
        "input": {"path": "any", "splits": 1},
    }
    without = fit(spark.createDataFrame(rows).coalesce(1), config(**settings))
    with_zeros = fit(spark.createDataFrame(mixed).coalesce(1), config(**settings))
    assert with_zeros.coefficient_rows == without.coefficient_rows
    assert with_zeros.deviance == without.deviance
    assert with_zeros.null_deviance == without.null_deviance
    assert (with_zeros.n_rows, with_zeros.n_zero_weight) == (400, 6)
    assert (without.n_rows, without.n_zero_weight) == (400, 0)


def test_zero_trials_are_zero_weight_and_events_out_of_none_are_refused(spark):
    rows = good_rows().rename(columns={"y": "events"}).assign(trials=1)
    label = {"events": "events", "trials": "trials"}
    nobody = pd.DataFrame({"events": [0, 0], "x": [9.0, np.nan], "z": 0.0, "trials": 0})
    plain = fit(spark.createDataFrame(rows), config(label=label))
    padded = fit(spark.createDataFrame(pd.concat([rows, nobody])), config(label=label))
    assert padded.n_zero_weight == 2
    for term, estimate in plain.estimates.items():
        assert padded.estimates[term] == pytest.approx(estimate, rel=SAME_OPTIMUM)
    message = """\
input rejected: events column 'events' has 1 row with more events than trials in 402 rows.
  Counts are whole numbers >= 0. Mend the column or leave such rows out with input.filter."""
    nobody.loc[0, "events"] = 1
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(pd.concat([rows, nobody])), config(label=label))


def test_weights_of_1e18_scale_standard_errors_and_nothing_else(spark):
    rows = good_rows()
    plain = fit(spark.createDataFrame(rows), config())
    heavy = fit(spark.createDataFrame(rows.assign(w=1e18)), config(weight="w"))
    assert heavy.converged
    for before, after in zip(plain.coefficient_rows, heavy.coefficient_rows, strict=True):
        assert after.estimate == pytest.approx(before.estimate, rel=SAME_OPTIMUM)
        assert after.std_error == pytest.approx(before.std_error / 1e9, rel=SAME_OPTIMUM)


def test_weights_whose_sum_drowns_single_rows_are_refused_with_a_way_out(spark):
    message = """\
input rejected: the weights add to 4e+32.
  Beyond 1e22 rounding hides what a row says. Divide the weights by a constant."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(good_rows().assign(w=1e30)), config(weight="w"))


def test_weights_whose_products_overflow_are_counted(spark):
    message = """\
input rejected: weight column 'w' has 400 values beyond 1e100 in 400 rows.
  Weights are finite numbers >= 0. Mend the column or leave such rows out with input.filter.
Also: frequency column 'f' has 2 values beyond 1e100 in 400 rows.
  Counts are whole numbers >= 0. Mend the column or leave such rows out with input.filter."""
    rows = good_rows().assign(w=1e308, f=with_bad(np.ones(400), 1e300, 2))
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows), config(weight="w", frequency="f"))


def test_one_row_of_weight_1e18_decides_what_it_says_and_the_others_the_rest(spark):
    weight = np.where(np.arange(400) == 3, 1e18, 1.0)
    model = fit(spark.createDataFrame(good_rows().assign(w=weight)), config(weight="w"))
    assert model.converged
    # Newton with mpmath at 60 digits.
    expected = {"intercept": -5.82247506427321, "x": 3.94711025633743, "z": -15.0730405632916}
    assert model.estimates == pytest.approx(expected, rel=SAME_OPTIMUM)
