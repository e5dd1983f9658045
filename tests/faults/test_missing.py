"""Values that are not there: which column, how many rows, what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from logreg_dist import fit
from logreg_dist.errors import EmptyTable, FitNotUsable, InputRejected
from tests.faults.tables import config, exactly, good_rows, with_bad

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("nothing", [float("nan"), None])
def test_a_missing_number_names_the_column_the_count_and_the_policies(spark, nothing):
    rows = good_rows()
    table = spark.createDataFrame(rows.assign(x=pd.Series(with_bad(rows.x, nothing, 5), dtype=object)))
    message = """\
input rejected: column 'x' has 5 missing values in 400 rows.
  Models cannot use missing numbers. Set features.columns.x.missing to drop, mean, median,
  constant(v) or indicator."""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        fit(table, config())
    assert error.value.exit_code == 3


def test_one_missing_value_is_spoken_of_in_the_singular(spark):
    rows = good_rows()
    plan = pd.Series(with_bad(["a", "b"] * 200, None, 1), dtype=object)
    message = """\
input rejected: column 'plan' has 1 missing value in 400 rows.
  Models cannot use missing levels. Set features.columns.plan.missing to drop, level
  or constant(v)."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows.assign(plan=plan)), config())


def test_missing_values_of_all_columns_and_roles_are_told_at_once(spark):
    rows = good_rows()
    table = spark.createDataFrame(
        rows.assign(
            y=with_bad(rows.y.astype(float), np.nan, 3),
            x=with_bad(rows.x, np.nan, 5),
            z=with_bad(rows.z, np.nan, 2),
            plan=pd.Series(with_bad(["a", "b"] * 200, None, 1), dtype=object),
            w=with_bad(np.ones(400), np.nan, 1),
            f=with_bad(np.ones(400), np.nan, 4),
            o=with_bad(np.zeros(400), np.nan, 6),
        )
    )
    message = """\
input rejected: 7 columns have missing values in 400 rows: label 'y' 3, weight 'w' 1, frequency 'f' 4, offset 'o' 6, \
'x' 5, 'z' 2, 'plan' 1.
  Set features.columns.<column>.missing: numeric columns take drop, mean, median, constant(v)
  or indicator, categorical ones drop, level or constant(v).
  Rows without label, weight, frequency and offset can only be mended, or left out with input.filter."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config(weight="w", frequency="f", offset="o"))


def test_a_missing_label_alone_says_why_no_policy_helps(spark):
    rows = good_rows()
    table = spark.createDataFrame(rows.assign(y=with_bad(rows.y.astype(float), np.nan, 3)))
    message = """\
input rejected: label column 'y' has 3 missing values in 400 rows.
  A row without a label teaches nothing. Leave such rows out with input.filter."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config())


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("weight", "Weights are finite numbers >= 0."),
        ("frequency", "Counts are whole numbers >= 0."),
        ("offset", "Offsets are finite log-odds."),
    ],
)
def test_a_role_column_alone_says_what_it_must_hold(spark, role, expected):
    table = spark.createDataFrame(good_rows().assign(r=with_bad(np.ones(400), np.nan, 2)))
    message = f"""\
input rejected: {role} column 'r' has 2 missing values in 400 rows.
  {expected} Mend the column or leave such rows out with input.filter."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config(**{role: "r"}))


def test_events_without_trials_are_missing_counts(spark):
    table = spark.createDataFrame(
        good_rows().assign(trials=with_bad(np.full(400, 3.0), np.nan, 2)).rename(columns={"y": "events"})
    )
    message = """\
input rejected: trials column 'trials' has 2 missing values in 400 rows.
  Counts are whole numbers >= 0. Mend the column or leave such rows out with input.filter."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config(label={"events": "events", "trials": "trials"}))


def test_a_table_without_rows_is_rejected_and_not_called_one_class(spark):
    table = spark.createDataFrame(good_rows()).filter("x > 1e9")
    message = """\
input rejected: the table has no rows.
  Check where it is read from, and its filter."""
    with pytest.raises(EmptyTable, match=exactly(message)) as error:
        fit(table, config())
    assert error.value.exit_code == 3
    assert not isinstance(error.value, FitNotUsable)


def test_a_table_of_which_no_row_can_be_used_says_what_became_of_them(spark):
    rows = good_rows().assign(x=np.nan, w=with_bad(np.ones(400), 0.0, 100))
    message = """\
input rejected: none of 400 rows can be used: 300 dropped for missing values (missing: drop) and 100 of weight 0.
  Choose other policies for missing values, mend the weights, or exclude the emptiest columns."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows), config(weight="w", features={"defaults": {"missing": "drop"}}))


def test_a_column_without_any_value_has_no_mean_to_fill_in(spark):
    message = """\
input rejected: columns 'x' and 'z' have no value in any of 400 rows, so there is nothing to fill in.
  Exclude them with features.exclude."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(
            spark.createDataFrame(good_rows().assign(x=np.nan, z=np.nan)),
            config(features={"defaults": {"missing": "mean"}}),
        )


def test_empty_partitions_change_no_bit(spark):
    rows = good_rows()
    halves = [rows[:150], rows[150:]]
    whole = fit(in_partitions(spark, halves), config())
    gaps = fit(in_partitions(spark, [rows[:0], halves[0], rows[:0], halves[1]]), config())
    assert whole.fingerprint["rows_by_split"] == [150, 250]
    assert gaps.fingerprint["rows_by_split"] == [0, 150, 0, 250]
    assert gaps.coefficient_rows == whole.coefficient_rows
    assert gaps.deviance == whole.deviance


def in_partitions(spark, parts):
    """Return a table with each part in a partition of its own."""
    rows = [[tuple(row) for row in part.itertuples(index=False)] for part in parts]
    numbered = spark.sparkContext.parallelize(range(len(rows)), len(rows))
    return spark.createDataFrame(numbered.flatMap(lambda k: rows[k]), "y long, x double, z double")
