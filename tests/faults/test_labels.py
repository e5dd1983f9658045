"""Labels of every kind: taken, or refused with their levels and the key to set."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from pyspark.sql import functions as F

from logreg_dist import fit
from logreg_dist.errors import FitNotUsable, InputRejected
from tests.faults.tables import config, exactly, good_rows, with_bad

pytestmark = pytest.mark.spark

THIRDS = np.arange(400) % 3


def test_three_numbers_are_no_binary_label(spark):
    message = """\
input rejected: label column 'y' has 3 levels: '0' (134 rows), '1' (133 rows), '2' (133 rows).
  A binary model needs two. Leave the others out with input.filter, or merge them,
  and set label.positive to the level that means 1.
  For a model of all of them set family to multinomial."""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        fit(spark.createDataFrame(good_rows().assign(y=THIRDS)), config())
    assert error.value.exit_code == 3


def test_levels_that_differ_in_writing_only_are_pointed_out(spark):
    label = np.array(["yes", "no", "Yes "], dtype=object)[THIRDS]
    message = """\
input rejected: label column 'y' has 3 levels: 'Yes ' (133 rows), 'no' (133 rows), 'yes' (134 rows).
  A binary model needs two. Leave the others out with input.filter, or merge them,
  and set label.positive to the level that means 1.
  For a model of all of them set family to multinomial.
  'Yes ' and 'yes' differ only in case or blanks."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(good_rows().assign(y=label)), config())


def test_a_label_level_that_few_rows_have_is_counted_and_never_shown(spark):
    rows = good_rows()
    label = with_bad(np.where(rows.y == 1, "yes", "no"), "ann@example.org", 1)
    message = f"""\
input rejected: label column 'y' has 3 levels: 'no' ({(rows.y[1:] == 0).sum()} rows), \
'yes' ({(rows.y[1:] == 1).sum()} rows) and 1 level with fewer than 20 rows.
  A binary model needs two. Leave the others out with input.filter, or merge them.
  For a model of all of them set family to multinomial."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows.assign(y=label)), config(label={"column": "y", "positive": "yes"}))


def test_a_label_of_names_shows_none_of_them(spark):
    message = """\
input rejected: label column 'y' has 400 levels, each with fewer than 20 rows.
  A binary model needs two. Leave the others out with input.filter, or merge them,
  and set label.positive to the level that means 1."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(good_rows().assign(y=[f"customer {k}" for k in range(400)])), config())


def test_a_label_of_endless_levels_is_not_called_missing(spark):
    table = spark.range(5000).select("id", F.concat(F.lit("k"), "id").alias("y"))
    message = """\
input rejected: label column 'y' has more than 1,000 levels, each with fewer than 20 rows.
  A binary model needs two. Leave the others out with input.filter, or merge them,
  and set label.positive to the level that means 1."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config(input={"path": "any", "splits": 1}))


def test_minus_one_and_one_need_to_be_told_which_means_one(spark):
    rows = good_rows()
    n_one = int(rows.y.sum())
    table = spark.createDataFrame(rows.assign(y=2 * rows.y - 1))
    message = f"""\
input rejected: label column 'y' has 2 levels: '-1' ({400 - n_one} rows), '1' ({n_one} rows); \
nothing says which one means 1.
  Set label.positive to that level."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config())
    told = fit(table, config(label={"column": "y", "positive": 1}))
    assert told.estimates == fit(spark.createDataFrame(rows), config()).estimates
    assert (told.label.positive, told.label.negative) == ("1", "-1")


@pytest.mark.parametrize("kind", ["boolean", "decimal(1,0)", "double", "tinyint", "string"])
def test_labels_that_speak_for_themselves_are_taken_and_mean_the_same(spark, kind):
    rows = good_rows()
    plain = spark.createDataFrame(rows)
    written = plain.withColumn("y", F.col("y").cast(kind))
    assert written.schema["y"].dataType.simpleString() == kind
    assert fit(written, config()).estimates == fit(plain, config()).estimates


def test_decimals_written_by_python_are_taken(spark):
    rows = good_rows()
    table = spark.createDataFrame(rows.assign(y=[Decimal(int(v)) for v in rows.y]))
    assert fit(table, config()).n_events == rows.y.sum()


def test_a_positive_level_that_is_not_there_names_the_nearest_one(spark):
    rows = good_rows()
    table = spark.createDataFrame(rows.assign(y=np.where(rows.y == 1, "Yes", "No")))
    n_one = int(rows.y.sum())
    message = f"""\
input rejected: label.positive is 'yes', which label column 'y' does not hold.
  It has 2 levels: 'No' ({400 - n_one} rows), 'Yes' ({n_one} rows). Did you mean 'Yes'?"""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config(label={"column": "y", "positive": "yes"}))


def test_the_nearest_level_is_not_named_when_few_rows_have_it(spark):
    table = spark.createDataFrame(good_rows().assign(y=with_bad(["No"] * 400, "Yes", 5)))
    message = """\
input rejected: label.positive is 'yes', which label column 'y' does not hold.
  It has 2 levels: 'No' (395 rows) and 1 level with fewer than 20 rows."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config(label={"column": "y", "positive": "yes"}))


def test_fractions_as_labels_point_to_events_and_trials(spark):
    rows = good_rows()
    message = f"""\
input rejected: label column 'y' has {int(rows.y.sum())} values that are not whole numbers in 400 rows.
  A binary label has two levels, such as 0 and 1. For shares of events use label.events and label.trials."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows.assign(y=rows.y / 2)), config())


def test_types_that_hold_no_label_or_weight_are_refused_before_any_row_is_read(spark):
    table = spark.createDataFrame(good_rows()).select(
        "x", F.array("y").alias("y"), F.to_date(F.lit("2026-01-01")).alias("w")
    )
    message = """\
input rejected: label.column is 'y' (array<bigint>) and weight is 'w' (date), types that cannot be used there.
  Labels, clusters and keys are texts, numbers, booleans or dates, orders numbers or times; weights, counts
  and offsets are numbers."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config(weight="w"))


@pytest.mark.parametrize(("level", "shown"), [(0, "'0'"), (1, "'1'"), ("lost", "'lost'")])
def test_one_class_is_a_fit_that_cannot_be_used(spark, level, shown):
    message = f"""\
fit not usable: label column 'y' has one class only: all 400 rows have the label {shown}.
  A model needs rows of two classes. Check label.positive and input.filter."""
    with pytest.raises(FitNotUsable, match=exactly(message)) as error:
        fit(spark.createDataFrame(good_rows().assign(y=level)), config())
    assert error.value.exit_code == 4


def test_one_class_is_also_what_dropping_and_weights_leave(spark):
    rows = good_rows()
    message = f"""\
fit not usable: label column 'y' has one class only: all {(rows.y == 1).sum()} rows have the label 1.
  A model needs rows of two classes. Check label.positive and input.filter."""
    with pytest.raises(FitNotUsable, match=exactly(message)):
        fit(
            spark.createDataFrame(rows.assign(x=rows.x.where(rows.y == 1))),
            config(features={"defaults": {"missing": "drop"}}),
        )


def test_trials_without_any_event_are_one_class(spark):
    rows = good_rows().assign(bought=0, mailed=3).drop(columns="y")
    message = """\
fit not usable: events 'bought' of trials 'mailed' have one class only: no trial is an event in all 400 rows.
  A model needs both. Check input.filter."""
    with pytest.raises(FitNotUsable, match=exactly(message)):
        fit(spark.createDataFrame(rows), config(label={"events": "bought", "trials": "mailed"}))


def test_more_events_than_trials_are_counted(spark):
    rows = good_rows().assign(bought=with_bad([1] * 400, 4, 2), mailed=3).drop(columns="y")
    message = """\
input rejected: events column 'bought' has 2 rows with more events than trials in 400 rows.
  Counts are whole numbers >= 0. Mend the column or leave such rows out with input.filter."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows), config(label={"events": "bought", "trials": "mailed"}))


def test_few_events_per_parameter_are_a_note_and_a_warning_with_the_number(spark, caplog):
    rows = good_rows(30)
    rarer = int(min(rows.y.sum(), 30 - rows.y.sum()))
    model = fit(spark.createDataFrame(rows), config())
    note = (
        f"{rarer / 2:.1f} events per parameter ({rarer} of the rarer label, 2 parameters): "
        "below 10 estimates and intervals are unreliable"
    )
    assert model.notes == (note,)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [note]


def test_enough_events_are_nothing_to_speak_of(spark, caplog):
    assert fit(spark.createDataFrame(good_rows()), config()).notes == ()
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
