"""Values that are there and cannot be used: infinite, too large, texts that are no numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from logreg_dist import fit
from logreg_dist.errors import InputRejected
from tests.faults.tables import config, exactly, good_rows, with_bad

pytestmark = pytest.mark.spark


def test_infinite_values_are_counted_both_signs_together(spark):
    rows = good_rows()
    rows.loc[0, "x"], rows.loc[399, "x"] = np.inf, -np.inf
    message = """\
input rejected: column 'x' has 2 infinite values in 400 rows.
  Models need finite numbers. Mend the values, leave such rows out with input.filter,
  or exclude the column with features.exclude."""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        fit(spark.createDataFrame(rows), config())
    assert error.value.exit_code == 3


def test_infinite_values_of_several_columns_are_told_at_once(spark):
    rows = good_rows().assign(x=lambda t: with_bad(t.x, np.inf, 1), z=lambda t: with_bad(t.z, -np.inf, 3))
    message = """\
input rejected: 2 columns have infinite values in 400 rows: 'z' 3, 'x' 1.
  Models need finite numbers. Mend the values, leave such rows out with input.filter,
  or exclude the columns with features.exclude."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows), config())


def test_an_infinite_value_counts_before_missing_ones_are_filled(spark):
    rows = good_rows().assign(x=lambda t: with_bad(with_bad(t.x, np.nan, 5), np.inf, 1))
    message = """\
input rejected: column 'x' has 1 infinite value in 400 rows.
  Models need finite numbers. Mend the values, leave such rows out with input.filter,
  or exclude the column with features.exclude."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows), config(features={"defaults": {"missing": "mean"}}))


@pytest.mark.parametrize("size", [1e308, -1e308, 1.1e100])
def test_numbers_whose_products_overflow_are_caught_before_the_fit(spark, size):
    rows = good_rows().assign(x=lambda t: with_bad(t.x, size, 1))
    message = """\
input rejected: column 'x' holds values beyond 1e100, whose products overflow.
  Mend or rescale it, or exclude it with features.exclude."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows), config())


def test_sums_that_overflow_while_the_table_is_surveyed_are_no_warning_but_the_same_error(spark):
    signs = np.where(np.arange(400) % 2, 1e308, -1e308)
    message = """\
input rejected: columns 'x' and 'z' hold values beyond 1e100, whose products overflow.
  Mend or rescale them, or exclude them with features.exclude."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(good_rows().assign(x=signs, z=1e308)), config())


def test_numbers_just_below_the_limit_fit_as_well_as_any(spark):
    rows = good_rows()
    plain = fit(spark.createDataFrame(rows), config())
    large = fit(spark.createDataFrame(rows.assign(x=rows.x * 2.0**320)), config())  # 2e96
    assert large.converged
    # A power of two changes no rounding of x; the two fits differ by that of the solver alone.
    assert large.estimates["x"] * 2.0**320 == pytest.approx(plain.estimates["x"], rel=1e-9)


@pytest.mark.parametrize(("value", "words"), [(np.inf, "1 infinite value"), (-1e308, "1 value beyond 1e100")])
def test_an_offset_must_be_a_log_odds(spark, value, words):
    message = f"""\
input rejected: offset column 'o' has {words} in 400 rows.
  Offsets are finite log-odds. Mend the column or leave such rows out with input.filter."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(
            spark.createDataFrame(good_rows().assign(o=with_bad(np.zeros(400), value, 1))), config(offset="o")
        )


def test_one_text_among_the_numbers_is_counted_and_not_shown(spark):
    rows = good_rows()
    texts = with_bad([str(value) for value in rows.x], "x1", 1)
    message = """\
input rejected: column 'income' is to be numeric: 1 of 400 values is not a number.
  Mend the column, or set features.columns.income.type to categorical."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(
            spark.createDataFrame(rows.drop(columns="x").assign(income=texts)),
            config(features={"columns": {"income": {"type": "numeric"}}}),
        )


def test_texts_in_several_numeric_columns_are_told_at_once(spark):
    rows = good_rows()
    bad = rows.assign(x=with_bad(map(str, rows.x), "n/a", 2), z=with_bad(map(str, rows.z), "", 7))
    message = """\
input rejected: 2 columns are to be numeric and hold texts that are not numbers, in 400 rows: 'z' 7, 'x' 2.
  Mend the columns, or set features.columns.<column>.type to categorical."""
    numeric = {"type": "numeric"}
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(bad), config(features={"columns": {"x": numeric, "z": numeric}}))


def test_a_text_that_is_no_number_is_not_filled_as_if_it_were_missing(spark):
    rows = good_rows()
    texts = pd.Series(with_bad(with_bad(map(str, rows.x), None, 9), "x1", 2), dtype=object)
    message = """\
input rejected: column 'x' is to be numeric: 2 of 400 values are not numbers.
  Mend the column, or set features.columns.x.type to categorical."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(
            spark.createDataFrame(rows.assign(x=texts)),
            config(features={"columns": {"x": {"type": "numeric", "missing": "mean"}}}),
        )


def test_texts_that_are_all_numbers_fit_as_the_numbers(spark):
    rows = good_rows()
    numbers = fit(spark.createDataFrame(rows), config())
    texts = fit(
        spark.createDataFrame(rows.assign(x=[f" {value!r}" for value in rows.x.tolist()])),
        config(features={"columns": {"x": {"type": "numeric"}}}),
    )
    assert texts.estimates == numbers.estimates


def test_fractions_are_no_levels(spark):
    rows = good_rows().assign(code=lambda t: with_bad(np.ones(400), 2.5, 1))
    message = """\
input rejected: categorical column 'code' has 1 value that is not a whole number.
  Levels are texts or whole numbers. Set features.columns.code.type to numeric."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows), config(features={"columns": {"code": {"type": "categorical"}}}))


def test_more_than_six_lines_of_problems_are_cut_and_counted(spark):
    rows = good_rows().assign(
        x=lambda t: with_bad(t.x, np.inf, 1),
        z=lambda t: with_bad(t.z, 1e200, 1),
        w=with_bad(np.ones(400), -1.0, 1),
        plan=pd.Series(with_bad(["a", "b"] * 200, None, 2), dtype=object),
    )
    message = """\
input rejected: column 'plan' has 2 missing values in 400 rows.
  Models cannot use missing levels. Set features.columns.plan.missing to drop, level
  or constant(v).
Also: weight column 'w' has 1 negative value in 400 rows.
  Weights are finite numbers >= 0. Mend the column or leave such rows out with input.filter.
And 2 more problems, told once the above is mended."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows), config(weight="w"))
