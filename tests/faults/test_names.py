"""Columns of every name, order, nesting and type: they work, or are refused before any row is read."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import functions as F

from logreg_dist import EvaluateConfig, fit, load_model
from logreg_dist.assessment.assess import assess
from logreg_dist.assessment.labelled import labelled_scores
from logreg_dist.errors import InputRejected
from tests.faults.tables import config, exactly, good_rows

pytestmark = pytest.mark.spark

AWKWARD = [
    "a.b", "a b", "tick`s", "quote\"s and 'more'", "émoji 😀", "select", "a[missing]", "line\nbreak", "tab\tstop",
    "__eta", "__carried_0", "c0", "*", "{0}", "%s", "$x", "a,b;c", "back\\slash", "1", " ", "</script>", "=cmd()",
]  # fmt: skip

# One rounding of each product and sum, and of the exponential.
SCORE_TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def awkward_rows():
    rng = np.random.default_rng(5)
    rows = good_rows(1500).drop(columns=["z"]).rename(columns={"y": "the `label`.y"})
    for name in AWKWARD:
        rows[name] = rng.normal(size=len(rows))
    rows["the.level"] = np.array(["a`b", "c'd", "e.f", "g]h"], dtype=object)[rng.integers(4, size=len(rows))]
    rows["key.of row"] = np.arange(len(rows))
    return rows


@pytest.fixture(scope="module")
def awkward_model(spark, awkward_rows):
    return fit(
        spark.createDataFrame(awkward_rows),
        config(label={"column": "the `label`.y"}, features={"exclude": ["key.of row"]}),
    )


def test_columns_of_any_name_are_fitted_under_their_names(awkward_model):
    assert awkward_model.converged
    levels = [f"the.level[{level}]" for level in ("a`b", "c'd", "e.f", "g]h")]
    [reference] = set(levels) - set(awkward_model.estimates)
    expected = ["intercept", "x", *AWKWARD, *(level for level in levels if level != reference)]
    assert list(awkward_model.estimates) == expected


def test_columns_of_any_name_order_and_number_are_scored(spark, awkward_rows, awkward_model, tmp_path):
    awkward_model.save(tmp_path)
    loaded = load_model(tmp_path / "model.json")
    shuffled = awkward_rows[sorted(awkward_rows.columns)].assign(**{"not `used`": "?", "a": 1.0})
    found = loaded.score(
        spark.createDataFrame(shuffled), keys=["key.of row"], keep=["a b", "not `used`"]
    ).toPandas()
    assert list(found.columns[:4]) == ["key.of row", "a b", "not `used`", "probability"]
    found = found.sort_values("key.of row")
    np.testing.assert_allclose(
        found.probability, probabilities(awkward_rows, awkward_model), rtol=0, atol=SCORE_TOLERANCE
    )
    np.testing.assert_array_equal(found["a b"], awkward_rows["a b"])


def test_columns_of_any_name_are_assessed(spark, awkward_rows, awkward_model):
    asked = EvaluateConfig(model="any", input={"path": "any"}, output={"path": "other"})
    labelled = labelled_scores(spark.createDataFrame(awkward_rows), awkward_model, asked)
    assessment = assess(labelled.rows)
    assert (labelled.n_read, labelled.n_unscored, assessment.n_rows) == (1500, 0, 1500)
    # The score equation of the intercept: what is expected adds to what happened.
    assert probabilities(awkward_rows, awkward_model).sum() == pytest.approx(assessment.n_events, rel=1e-9)


def probabilities(rows, model):
    eta = np.zeros(len(rows))
    for row in model.coefficient_rows:
        if row.column is None:
            eta += row.estimate
        elif row.level is None:
            eta += row.estimate * rows[row.column].to_numpy()
        else:
            eta += row.estimate * (rows[row.column] == row.level).to_numpy()
    return 1 / (1 + np.exp(-eta))


def test_fields_of_nested_columns_are_features_under_dotted_names(spark):
    rows = good_rows()
    city = np.array(["Aachen", "Bonn"], dtype=object)[np.arange(400) % 2]
    flat = spark.createDataFrame(rows.assign(city=city, id=range(400)))
    nested = flat.select(
        "id", "y", F.struct("city", F.struct(F.col("x").alias("lat"), "z").alias("geo")).alias("address")
    )
    plain = fit(flat.select("y", "city", "x", "z"), config())
    everything = fit(nested, config(features={"exclude": ["id"]}))
    assert list(everything.estimates) == [
        "intercept",
        "address.city[Bonn]",
        "address.geo.lat",
        "address.geo.z",
    ]
    assert list(everything.estimates.values()) == list(plain.estimates.values())
    by_name = fit(nested, config(features={"include": ["address.geo.lat"]}))
    assert list(by_name.estimates) == ["intercept", "address.geo.lat"]
    without = fit(
        nested, config(features={"exclude": ["id", "address"], "include": "all"}, label={"column": "y"})
    )
    assert list(without.estimates) == ["intercept"]
    scored = everything.score(nested, keys=["id"]).toPandas().sort_values("id")
    again = plain.score(flat, keys=["id"]).toPandas().sort_values("id")
    np.testing.assert_allclose(scored.probability, again.probability, rtol=0, atol=SCORE_TOLERANCE)


def test_a_column_that_is_really_called_so_wins_over_a_field(spark):
    rows = good_rows()
    table = spark.createDataFrame(rows).select(
        "y", F.struct(F.lit(1.0).alias("b")).alias("a"), F.col("x").alias("a.b")
    )
    model = fit(table, config())
    assert model.estimates["a.b"] == fit(spark.createDataFrame(rows[["y", "x"]]), config()).estimates["x"]


def test_a_column_called_like_a_term_works_when_there_is_no_such_term(spark):
    rows = good_rows().rename(columns={"x": "plan[b]", "z": "intercept"})
    model = fit(
        spark.createDataFrame(rows.assign(plan="a")), config(intercept=False, features={"exclude": ["plan"]})
    )
    assert list(model.estimates) == ["plan[b]", "intercept"]
    scored = model.score(spark.createDataFrame(rows.assign(id=range(400))), keys=["id"]).toPandas()
    eta = rows["plan[b]"] * model.estimates["plan[b]"] + rows["intercept"] * model.estimates["intercept"]
    np.testing.assert_allclose(
        scored.sort_values("id").probability, 1 / (1 + np.exp(-eta)), rtol=0, atol=SCORE_TOLERANCE
    )


def test_two_terms_of_one_name_are_refused(spark):
    rows = good_rows().assign(plan=["a", "b"] * 200)
    way_out = """\
  Terms are named after columns and levels. Rename one of these columns through a view,
  or exclude it with features.exclude."""
    message = f"""\
input rejected: a term name would stand for two things: 'intercept' for the intercept and column 'intercept'.
{way_out}"""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        fit(spark.createDataFrame(rows.rename(columns={"x": "intercept"})), config())
    assert error.value.exit_code == 3
    message = f"""\
input rejected: a term name would stand for two things: 'plan[b]' for column 'plan[b]' and level 'b' of column 'plan'.
{way_out}"""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(spark.createDataFrame(rows.rename(columns={"x": "plan[b]"})), config())
    message = f"""\
input rejected: a term name would stand for two things: 'x[missing]' for the missing values of column 'x' and \
column 'x[missing]'.
{way_out}"""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(
            spark.createDataFrame(rows.rename(columns={"z": "x[missing]"})),
            config(features={"columns": {"x": {"missing": "indicator"}}}),
        )


def test_names_that_differ_only_in_case_are_refused(spark):
    table = spark.createDataFrame(good_rows()).select("*", F.col("x").alias("X"))
    message = """\
input rejected: columns differ only in case: 'x' and 'X'.
  Spark cannot tell them apart. Rename one, or read the table through a view."""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        fit(table, config())
    assert error.value.exit_code == 3


def test_fields_that_differ_only_in_case_are_refused(spark):
    table = spark.createDataFrame(good_rows())
    nested = table.select("y", F.struct(F.col("x").alias("a"), F.col("z").alias("A")).alias("s"))
    message = """\
input rejected: columns differ only in case: 's.a' and 's.A'.
  Spark cannot tell them apart. Rename one, or read the table through a view."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(nested, config())


def test_columns_of_the_same_name_are_refused(spark):
    table = spark.createDataFrame(good_rows()).select("*", F.col("x"), F.col("x"), F.col("z").alias("Z"))
    message = """\
input rejected: columns have the same name: 'x' (3 times); columns differ only in case: 'z' and 'Z'.
  Spark cannot tell them apart. Rename one, or read the table through a view."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config())


def test_the_same_collisions_are_refused_at_scoring(spark):
    rows = good_rows().assign(id=range(400))
    model = fit(spark.createDataFrame(rows), config(features={"exclude": ["id"]}))
    table = spark.createDataFrame(rows).select("*", F.col("x").alias("X"))
    message = """\
input rejected: columns differ only in case: 'x' and 'X'.
  Spark cannot tell them apart. Rename one, or read the table through a view."""
    with pytest.raises(InputRejected, match=exactly(message)):
        model.score(table, keys=["id"])


def test_a_column_without_a_name_is_refused(spark):
    table = spark.createDataFrame(good_rows().rename(columns={"x": ""}))
    message = """\
input rejected: a column has an empty name.
  Give it one, or read the table through a view."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config())


def test_a_column_that_is_not_there_is_named_with_the_key_and_the_nearest_one(spark):
    table = spark.createDataFrame(good_rows().rename(columns={"x": "tenure"}))
    message = """\
input rejected: the table has no column 'tenuer', which features.include and features.columns.tenuer name.
  It has 3 columns. Did you mean 'tenure'?"""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        fit(table, config(features={"include": ["tenuer", "z"], "columns": {"tenuer": {"missing": "mean"}}}))
    assert error.value.exit_code == 3


def test_columns_that_are_not_there_are_all_named(spark):
    table = spark.createDataFrame(good_rows())
    message = """\
input rejected: the table does not have 4 columns that the configuration names: 'why' (label.column), 'Z' (weight), \
'X' (features.exclude) and 'w.o' (features.columns."w.o").
  It has 3 columns. Did you mean 'z' for 'Z' and 'x' for 'X'?"""
    features = {"exclude": ["X"], "columns": {"w.o": {"missing": "mean"}}}
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config(label={"column": "why"}, weight="Z", features=features))


def test_types_that_are_no_features_are_named_and_times_say_what_they_could_be(spark):
    table = spark.createDataFrame(good_rows()).select(
        "y",
        F.array(F.col("x").cast("string")).alias("list"),
        F.create_map("x", "z").alias("lookup"),
        F.lit(b"z").alias("raw"),
        F.current_date().alias("day"),
        F.current_timestamp().alias("moment"),
    )
    message = """\
input rejected: columns 'list' (array<string>), 'lookup' (map<double,double>) and 'raw' (binary) cannot be features.
  Exclude them with features.exclude, or make numbers, texts or arrays of numbers of them in a view.
Also: columns 'day' (date) and 'moment' (timestamp) can mean more than one thing to a model.
  Set features.columns.<column>.type to numeric (days since 1970-01-01), dates also to categorical,
  or exclude them with features.exclude."""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        fit(table, config())
    assert error.value.exit_code == 3


@pytest.mark.parametrize(
    ("kind", "choices"),
    [
        ("date", "numeric (days since 1970-01-01) or categorical"),
        ("timestamp", "numeric (days since 1970-01-01)"),
        ("timestamp_ntz", "numeric (days since 1970-01-01)"),
    ],
)
def test_a_time_without_a_declared_type_says_which_there_are(spark, kind, choices):
    table = spark.createDataFrame(good_rows()).withColumn("when", F.lit("2026-01-31").cast(kind))
    message = f"""\
input rejected: column 'when' ({kind}) can mean more than one thing to a model.
  Set features.columns.when.type to {choices},
  or exclude it with features.exclude."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config())


def test_moments_are_no_levels(spark):
    table = spark.createDataFrame(good_rows()).withColumn("when", F.current_timestamp())
    message = """\
input rejected: column 'when' (timestamp) cannot be categorical: nearly every moment is a level of its own.
  Set type to numeric (days since 1970-01-01), or make dates of it in a view."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config(features={"columns": {"when": {"type": "categorical"}}}))
