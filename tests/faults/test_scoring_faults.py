"""Tables that do not fit the model: refused with what was expected, found and nearest; or scored as the policy says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from logreg_dist import EvaluateConfig, fit
from logreg_dist.assessment.labelled import labelled_scores
from logreg_dist.commands.job import Request
from logreg_dist.commands.score import score
from logreg_dist.errors import InputRejected
from logreg_dist.publishing.run_record import RunRecorder
from tests.faults.tables import config, exactly, good_rows, with_bad

pytestmark = pytest.mark.spark

# One rounding of each product and sum, and of the exponential.
SCORE_TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def rows():
    plan = np.array(["basic", "plus", "pro"], dtype=object)[np.arange(400) % 3]
    return good_rows().assign(plan=plan, id=[f"c{k:03d}" for k in range(400)])


@pytest.fixture(scope="module")
def models(spark, rows):
    """One model for each policy for unseen levels; `plan` has no rare level."""
    table = spark.createDataFrame(rows.drop(columns="id"))
    policies = ("error", "reference", "other", "null")
    return {
        p: fit(table, config(features={"defaults": {"unseen": p, "reference": "first"}})) for p in policies
    }


class ScoreJob:
    """The score job in a folder, in the session of the tests."""

    def __init__(self, spark, folder: Path) -> None:
        self.spark, self.folder = spark, folder
        self.output = folder / "scored"
        self.recorder = RunRecorder(job="score", run_id="none")
        self.runs = 0

    def run(self, model, rows: pd.DataFrame, **settings) -> RunRecorder:
        self.runs += 1
        model.save(self.folder)
        rows.to_parquet(self.folder / f"table{self.runs}.parquet")
        values = {
            "model": str(self.folder / "model.json"),
            "input": {"path": str(self.folder / f"table{self.runs}.parquet")},
            "keys": ["id"],
            "output": {"path": str(self.output), "run_date": "2026-11-21"},
        }
        (self.folder / "score.yaml").write_text(yaml.safe_dump(values | settings))
        self.recorder = RunRecorder(job="score", run_id=f"run{self.runs}")
        score(self.spark, Request("score", str(self.folder / "score.yaml")), self.recorder)
        return self.recorder

    def probabilities(self) -> pd.Series:
        return pq.read_table(self.output).to_pandas().set_index("id").probability.sort_index()


@pytest.fixture
def job(spark, tmp_path):
    return ScoreJob(spark, tmp_path)


def with_new_plan(rows, n=3):
    return rows.assign(plan=with_bad(rows.plan, "brand new", n))


def test_an_unseen_level_is_an_error_by_default_and_the_old_output_stays(job, models, rows):
    job.run(models["error"], rows)
    before = job.probabilities()
    message = """\
input rejected: column 'plan' has 3 values that the model has not seen (policy unseen: error) in 400 rows.
  Mend the rows, leave them out with input.filter, or train with another policy."""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        job.run(models["error"], with_new_plan(rows))
    assert error.value.exit_code == 3
    assert job.recorder.details["unseen"] == {"plan": 3}
    pd.testing.assert_series_equal(job.probabilities(), before, check_exact=True)


def test_an_unseen_level_can_be_taken_for_the_reference(job, models, rows):
    recorder = job.run(models["reference"], with_new_plan(rows))
    assert (recorder.details["unseen"], recorder.details["unscored"]) == ({"plan": 3}, 0)
    b = models["reference"].estimates
    eta = b["intercept"] + b["x"] * rows.x[:3] + b["z"] * rows.z[:3]
    np.testing.assert_allclose(job.probabilities()[:3], 1 / (1 + np.exp(-eta)), rtol=0, atol=SCORE_TOLERANCE)


def test_an_unseen_level_can_have_no_score(job, models, rows):
    recorder = job.run(models["null"], with_new_plan(rows))
    assert (recorder.details["unseen"], recorder.details["unscored"]) == ({"plan": 3}, 3)
    assert job.probabilities().isna().tolist() == [True] * 3 + [False] * 397


def test_other_without_a_rare_level_in_training_says_so(job, models, rows):
    message = """\
input rejected: column 'plan' has 1 value that the model has not seen (policy unseen: other, but training made no \
level __other__) in 400 rows.
  Mend the rows, leave them out with input.filter, or train with another policy."""
    with pytest.raises(InputRejected, match=exactly(message)):
        job.run(models["other"], with_new_plan(rows, 1))


def test_levels_merged_in_training_score_as_other_and_are_counted_as_unseen(job, spark, rows):
    rare = rows.assign(plan=[f"rare {k}" if k < 30 else plan for k, plan in enumerate(rows.plan)])
    model = fit(spark.createDataFrame(rare.drop(columns="id")), config())
    recorder = job.run(model, rare)
    assert (recorder.details["unseen"], recorder.details["unscored"]) == ({"plan": 30}, 0)
    b = model.estimates
    eta = b["intercept"] + b["x"] * rows.x[:30] + b["z"] * rows.z[:30] + b["plan[__other__]"]
    np.testing.assert_allclose(job.probabilities()[:30], 1 / (1 + np.exp(-eta)), rtol=0, atol=SCORE_TOLERANCE)
    # As they were fitted: the score equation of the merged level.
    assert job.probabilities()[:30].sum() == pytest.approx(rows.y[:30].sum(), rel=1e-9)


def test_a_missing_level_that_training_never_met_is_an_unseen_level(job, spark, rows):
    holes = rows.assign(plan=with_bad(rows.plan, None, 2))
    table = spark.createDataFrame(rows.drop(columns="id"))

    def model(unseen):
        return fit(table, config(features={"columns": {"plan": {"missing": "level", "unseen": unseen}}}))

    message = """\
input rejected: column 'plan' has 2 values that the model has not seen (policy unseen: error) in 400 rows.
  Mend the rows, leave them out with input.filter, or train with another policy."""
    with pytest.raises(InputRejected, match=exactly(message)):
        job.run(model("error"), holes)
    recorder = job.run(model("reference"), holes)
    assert recorder.details["missing"] == recorder.details["unseen"] == {"plan": 2}
    assert job.probabilities().notna().all()


def test_every_column_with_values_that_cannot_be_scored_is_named_with_its_count(job, models, rows):
    broken = with_new_plan(rows).assign(
        x=with_bad(rows.x, np.nan, 12),
        z=with_bad(with_bad(rows.z, np.inf, 2), 1e308, 1),
        id=with_bad(rows.id, None, 1),
    )
    message = """\
input rejected: 4 problems in 400 rows:
  key column 'id' has 1 missing value
  column 'x' has 12 missing values (policy missing: error)
  column 'z' has 2 values that are no finite numbers
  and 1 more
  Mend the rows, leave them out with input.filter, or train with another policy."""
    with pytest.raises(InputRejected, match=exactly(message)):
        job.run(models["error"], broken)
    assert job.recorder.details == {
        "engine": {"name": "arrow", "why": "the input is plain Parquet files", "writer": "arrow"},
        "missing": {"x": 12},
        "unseen": {"plan": 3},
        "unusable": {"z": 2},
        "missing_keys": {"id": 1},
        "unscored": 12,
    }
    assert not list(job.folder.glob("scored/run_date=*"))


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_row_without_a_key_is_refused(job, models, rows, nothing):
    numbered = rows.assign(id=np.arange(400.0)).astype({"id": object if nothing is None else float})
    message = """\
input rejected: key column 'id' has 2 missing values in 400 rows.
  Mend the rows, leave them out with input.filter, or train with another policy."""
    with pytest.raises(InputRejected, match=exactly(message)):
        job.run(models["error"], numbered.assign(id=with_bad(numbered.id, nothing, 2)))


def test_further_columns_are_carried_as_they_are_missing_or_not(job, models, rows):
    notes = with_bad(["n"] * 400, None, 5)
    job.run(
        models["error"], rows.assign(note=notes, wrong=with_bad(rows.x, np.inf, 1)), keep=["note", "wrong"]
    )
    table = pq.read_table(job.output).to_pandas().sort_values("id")
    assert table.note.isna().sum() == 5
    assert np.isinf(table.wrong).sum() == 1


def test_offsets_at_scoring_must_be_log_odds(job, spark, rows):
    with_offset = rows.assign(o=0.5)
    model = fit(spark.createDataFrame(with_offset.drop(columns="id")), config(offset="o"))
    message = """\
input rejected: 2 problems in 400 rows:
  offset column 'o' has 3 missing values
  offset column 'o' has 1 value that is no finite number
  Mend the rows, leave them out with input.filter, or train with another policy."""
    texts = with_bad(with_bad(["0.5"] * 400, None, 4), "half", 1)
    with pytest.raises(InputRejected, match=exactly(message)):
        job.run(model, with_offset.assign(o=texts))


def test_a_column_that_is_missing_or_renamed_names_what_was_expected_and_the_nearest(spark, models, rows):
    table = spark.createDataFrame(rows.drop(columns="x").rename(columns={"plan": "plans"}))
    message = """\
input rejected: the table does not fit the model:
  there is no column 'x' (a number).
  there is no column 'plan' (text). Did you mean 'plans'?
  there is no column 'customer_id'.
  Rename or cast in a view, or train on a table with these columns."""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        models["error"].score(table, keys=["customer_id"])
    assert error.value.exit_code == 3


def test_a_column_of_another_type_names_what_was_expected_and_found(spark, models, rows):
    table = spark.createDataFrame(rows).select(
        "id",
        F.col("x").cast("string"),
        F.col("z") > 0,
        F.length("plan").alias("plan"),
        F.array("id").alias("list"),
    )
    message = """\
input rejected: the table does not fit the model:
  there is no column 'z' (a number).
  column 'x' is string; expected a number.
  column 'plan' is int; expected text.
  Rename or cast in a view, or train on a table with these columns."""
    with pytest.raises(InputRejected, match=exactly(message)):
        models["error"].score(table, keys=["id"])


def test_numbers_of_another_width_score_the_same(spark, models, rows):
    table = spark.createDataFrame(rows.assign(x=rows.x.round(3)))
    narrow = table.withColumn("x", F.col("x").cast("decimal(10,3)"))
    columns = ["id", "probability"]
    pd.testing.assert_frame_equal(
        models["error"].score(narrow, keys=["id"]).toPandas()[columns],
        models["error"].score(table, keys=["id"]).toPandas()[columns],
        check_exact=True,
    )


def test_many_differences_are_cut_at_six_lines(spark, models, rows):
    message = """\
input rejected: the table does not fit the model:
  there is no column 'x' (a number).
  there is no column 'z' (a number).
  there is no column 'plan' (text).
  And 1 more.
  Rename or cast in a view, or train on a table with these columns."""
    with pytest.raises(InputRejected, match=exactly(message)):
        models["error"].score(spark.createDataFrame(rows[["id"]]), keys=["customer"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"x": np.inf},
            "input rejected: model {id} cannot score a value of column 'x': it is missing or unseen and the policy for "
            "it is error, or it is no finite number.",
        ),
        ({"id": None}, "input rejected: key column 'id' has a missing value."),
    ],
)
def test_the_library_refuses_such_rows_when_the_query_runs(spark, models, rows, change, message):
    model = models["error"]
    [(column, value)] = change.items()
    lazy = model.score(
        spark.createDataFrame(rows.assign(**{column: with_bad(rows[column], value, 1)})), keys=["id"]
    )
    with pytest.raises(PySparkException) as error:
        lazy.collect()
    assert error.value.getMessageParameters()["errorMessage"] == message.format(id=model.model_id)


def test_an_assessment_names_labels_and_weights_that_it_cannot_use(spark, rows):
    weighted = rows.assign(y=np.where(rows.y == 1, "Yes", "No"), w="1").drop(columns="id")
    model = fit(spark.createDataFrame(weighted), config(label={"column": "y", "positive": "Yes"}, weight="w"))
    asked = EvaluateConfig(model="any", input={"path": "any"}, output={"path": "other"})
    broken = weighted.assign(
        y=with_bad(with_bad(with_bad(weighted.y, "maybe", 9), None, 6), "ignored", 2),
        x=with_bad(rows.x, np.nan, 2),
        w=with_bad(with_bad(["1"] * 400, "x1", 3), "0", 2),
    )
    message = """\
input rejected: label column 'y' has 4 missing values in 400 rows.
  Leave such rows out with input.filter.
Also: label column 'y' has 3 values other than 'Yes' and 'No' in 400 rows.
  Leave such rows out with input.filter.
Also: weight 'w' has 1 value missing, negative, infinite or no number in 400 rows.
  Mend the column or leave such rows out with input.filter."""
    with pytest.raises(InputRejected, match=exactly(message)):
        labelled_scores(spark.createDataFrame(broken), model, asked)


def test_details_of_odd_rows_are_plain_json(job, models, rows):
    recorder = job.run(models["null"], with_new_plan(rows))
    assert json.loads(json.dumps(recorder.details)) == {
        "engine": {"name": "arrow", "why": "the input is plain Parquet files", "writer": "arrow"},
        "missing": {},
        "unseen": {"plan": 3},
        "unusable": {},
        "missing_keys": {},
        "unscored": 3,
    }
