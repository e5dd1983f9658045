"""Assessments of several classes against scikit-learn's definitions, and as a job."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn import metrics

from logreg_dist.assessment.assess_classes import assess_classes
from logreg_dist.assessment.class_result import class_assessment_of
from logreg_dist.assessment.confusion_chart import draw_confusion
from logreg_dist.commands.evaluate import evaluate
from logreg_dist.commands.job import Request
from logreg_dist.commands.train import train
from logreg_dist.errors import InputRejected
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.report.class_metrics import summarise_classes
from logreg_dist.scoring.columns import ScoreColumns

SAME = 1e-12
NAMES = ("a", "b", "c")
WANTED = ScoreColumns((), NAMES, ("a", "c"))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 400
    # Continuous: of scores that are equal but for rounding every formula makes other ties.
    eta = rng.normal(size=(2, n))
    all_eta = np.array([eta[0], np.zeros(n), eta[1]])
    mu = np.exp(all_eta) / np.exp(all_eta).sum(axis=0)
    y = (rng.random(n)[:, None] > mu.T.cumsum(axis=1)).sum(axis=1)
    return pd.DataFrame(
        {
            "y": y.astype(float),
            "linear_predictor_0": eta[0],
            "linear_predictor_1": eta[1],
            "weight": rng.integers(1, 4, n) / 2,
            "frequency": np.ones(n),
        }
    )


@pytest.fixture(scope="module")
def assessment(spark, rows):
    return assess_classes(spark.createDataFrame(rows), WANTED)


@pytest.mark.spark
def test_the_figures_are_those_of_scikit_learn(assessment, rows):
    eta = np.array([rows.linear_predictor_0, np.zeros(len(rows)), rows.linear_predictor_1]).T
    mu = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    y, w, chosen = rows.y.to_numpy(dtype=int), rows.weight.to_numpy(), eta.argmax(axis=1)
    assert assessment.n_rows == len(rows)
    assert assessment.weight_sum == pytest.approx(w.sum())
    assert assessment.log_loss == pytest.approx(metrics.log_loss(y, mu, sample_weight=w), rel=SAME)
    assert assessment.accuracy == pytest.approx(metrics.accuracy_score(y, chosen, sample_weight=w), rel=SAME)
    hot = np.eye(3)[y]
    assert assessment.brier == pytest.approx(np.average(((mu - hot) ** 2).sum(axis=1), weights=w), rel=SAME)
    confusion = metrics.confusion_matrix(y, chosen, sample_weight=w)
    np.testing.assert_allclose(assessment.confusion, confusion, rtol=SAME)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(y, chosen, sample_weight=w)
    for k, one in enumerate(assessment.classes):
        assert one.name == NAMES[k]
        assert one.rows == (y == k).sum()
        assert (one.precision, one.recall, one.f1) == pytest.approx(
            (precision[k], recall[k], f1[k]), rel=SAME
        )
        assert one.auc == pytest.approx(metrics.roc_auc_score(y == k, mu[:, k], sample_weight=w), rel=1e-9)
    assert assessment.macro_f1 == pytest.approx(f1.mean(), rel=SAME)
    assert assessment.balanced_accuracy == pytest.approx(recall.mean(), rel=SAME)


@pytest.mark.spark
def test_a_class_that_does_not_occur_has_no_recall_and_no_auc(spark, rows):
    found = assess_classes(spark.createDataFrame(rows[rows.y != 2.0]), WANTED)
    absent = found.classes[2]
    assert (absent.rows, absent.recall, absent.auc) == (0, None, None)
    assert "1 of 3 classes have no rows here" in found.notes[0]
    assert found.macro_auc == pytest.approx(np.mean([one.auc for one in found.classes[:2]]))


@pytest.mark.spark
def test_a_table_without_rows_is_refused(spark, rows):
    with pytest.raises(InputRejected, match="no rows to assess"):
        assess_classes(spark.createDataFrame(rows).filter("y < 0"), WANTED)


def small_assessment():
    sums = {"n_obs": 4.0, "log_loss": 2.0, "squared_error": 1.0}
    confusion = np.array([[2.0, 1.0], [0.0, 1.0]])
    return class_assessment_of(("<a>", "b"), sums, confusion, np.array([3, 1]), [None, None])


def test_the_figures_follow_from_the_confusion():
    found = small_assessment()
    first, second = found.classes
    assert (first.precision, first.recall) == (1.0, pytest.approx(2 / 3))
    assert (second.precision, second.recall) == (0.5, 1.0)
    assert found.accuracy == 0.75
    assert json.loads(json.dumps(found.as_dict()))["confusion"] == [[2.0, 1.0], [0.0, 1.0]]


def test_the_picture_is_well_formed_and_names_the_classes():
    root = ElementTree.fromstring(draw_confusion(small_assessment()))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("<a>") == 2
    assert {"67%", "33%", "100%"} <= set(texts)


def test_the_summary_shows_classes_and_confusion():
    text = summarise_classes(small_assessment())
    assert "accuracy" in text
    assert "actual \\ predicted" in text


@pytest.mark.spark
def test_the_jobs_train_and_evaluate_several_classes(spark, tmp_path):
    rng = np.random.default_rng(2)
    x = rng.normal(size=600)
    kind = np.array(["cat", "cow", "dog"])[np.clip(np.round(x + rng.normal(size=600)), -1, 1).astype(int) + 1]
    frame = pd.DataFrame({"x": x, "kind": kind})
    frame[:400].to_parquet(tmp_path / "train.parquet")
    frame[400:].to_parquet(tmp_path / "holdout.parquet")
    frame[400:].assign(kind="horse").to_parquet(tmp_path / "unknown.parquet")
    train_config = {
        "input": {"path": str(tmp_path / "train.parquet")},
        "label": {"column": "kind"},
        "family": "multinomial",
        "output": {"path": str(tmp_path / "model")},
    }
    evaluate_config = {
        "model": str(tmp_path / "model/model.json"),
        "input": {"path": str(tmp_path / "holdout.parquet")},
        "output": {"path": str(tmp_path / "holdout")},
    }
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(train_config))
    (tmp_path / "evaluate.yaml").write_text(yaml.safe_dump(evaluate_config))
    recorder = RunRecorder(job="train", run_id="r")
    summary = train(spark, Request("train", str(tmp_path / "train.yaml")), recorder)
    assert "3 classes by rows" in summary
    assert "events" not in recorder.rows
    assert (tmp_path / "model/effects.svg").exists()

    recorder = RunRecorder(job="evaluate", run_id="e")
    summary = evaluate(spark, Request("evaluate", str(tmp_path / "evaluate.yaml")), recorder)
    found = json.loads((tmp_path / "holdout/metrics.json").read_text())
    assert found["n_rows"] == recorder.rows["used"] == 200
    assert [one["name"] for one in found["classes"]] == ["cat", "cow", "dog"]
    assert "accuracy" in summary
    assert ElementTree.parse(tmp_path / "holdout/assessment.svg")

    unknown = Request(
        "evaluate", str(tmp_path / "evaluate.yaml"), overrides=(f"input.path={tmp_path / 'unknown.parquet'}",)
    )
    with pytest.raises(InputRejected, match="200 values of a class that the model does not know in 200 rows"):
        evaluate(spark, unknown, RunRecorder(job="evaluate", run_id="u"))
