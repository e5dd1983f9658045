"""Labels that go by another name than the model's: taken for what they are, or refused, never taken for non-events."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from logreg_dist import EvaluateConfig, TrainConfig, fit
from logreg_dist.assessment.assess import assess
from logreg_dist.assessment.labelled import labelled_scores
from logreg_dist.errors import ConfigError, InputRejected

pytestmark = pytest.mark.spark

N_ROWS = 200
PLACES = {"model": "any", "input": {"path": "any"}, "output": {"path": "other"}}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    x = rng.normal(size=N_ROWS)
    y = (rng.random(N_ROWS) < 1 / (1 + np.exp(-x))).astype(int)
    return pd.DataFrame({"x": x, "n": y, "m": 1, "y": y, "word": np.where(y == 1, "Yes", "No")})


def fitted(spark, rows, label):
    asked = {
        "label": label,
        "input": {"path": "any"},
        "output": {"path": "other"},
        "features": {"include": ["x"]},
    }
    return fit(spark.createDataFrame(rows), TrainConfig(**asked))


@pytest.fixture(scope="module")
def of_counts(spark, rows):
    return fitted(spark, rows, {"events": "n", "trials": "m"})


@pytest.fixture(scope="module")
def of_words(spark, rows):
    return fitted(spark, rows, {"column": "word", "positive": "Yes"})


def assessed(spark, model, rows, label=None):
    labelled = labelled_scores(spark.createDataFrame(rows), model, EvaluateConfig(**PLACES, label=label))
    return assess(labelled.rows)


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ({"column": "label"}, lambda y: y),
        ({"column": "label"}, lambda y: y == 1),
        ({"column": "label"}, lambda y: np.where(y == 1, "1", "0")),
        ({"column": "label", "positive": "won"}, lambda y: np.where(y == 1, "won", "lost")),
    ],
)
def test_a_model_of_counts_is_assessed_on_a_label_as_on_counts(spark, rows, of_counts, label, values):
    with_label = rows.assign(label=values(rows.y.to_numpy()))
    assert (
        assessed(spark, of_counts, with_label, label).as_dict() == assessed(spark, of_counts, rows).as_dict()
    )


def test_the_models_own_level_may_be_named_again(spark, rows, of_words):
    again = assessed(spark, of_words, rows, {"column": "word", "positive": "Yes"})
    assert again.n_events == rows.y.sum()
    assert again.as_dict() == assessed(spark, of_words, rows).as_dict()


def test_the_other_level_may_have_another_name_than_in_the_model(spark, rows, of_words):
    renamed = rows.assign(word=np.where(rows.y == 1, "Yes", "N"))
    found = assessed(spark, of_words, renamed, {"column": "word", "positive": "Yes"})
    assert found.as_dict() == assessed(spark, of_words, rows).as_dict()


def test_a_table_of_non_events_is_assessed_where_both_levels_are_known(spark, rows, of_words):
    found = assessed(spark, of_words, rows[rows.y == 0], {"column": "word", "positive": "Yes"})
    assert (found.n_events, found.n_rows) == (0, (rows.y == 0).sum())


@pytest.mark.parametrize(
    ("model", "label", "message"),
    [
        (
            "of_counts",
            {"column": "word"},
            r"label column 'word' has 200 values other than 0, 1, true and false in 200 rows\.\n"
            r"  Set label\.positive to the level that means 1",
        ),
        (
            "of_counts",
            {"column": "word", "positive": "yes"},
            r"label\.positive is 'yes', which label column 'word' does not hold in 200 rows\.(.|\n)*"
            r"label column 'word' has more than one level beside 'yes' in 200 rows",
        ),
        (
            "of_words",
            {"column": "three", "positive": "yes"},
            r"label column 'three' has more than one level beside 'yes' in 200 rows",
        ),
        (
            "of_words",
            {"column": "three", "positive": "Yes"},
            r"label\.positive is 'Yes', which label column 'three' does not hold(.|\n)*more than one level beside 'Yes'",
        ),
    ],
)
def test_levels_that_are_not_known_are_refused(spark, rows, request, model, label, message):
    table = rows.assign(three=np.where(rows.index < 10, "maybe", np.where(rows.y == 1, "yes", "no")))
    model = request.getfixturevalue(model)
    with pytest.raises(InputRejected, match=message):
        assessed(spark, model, table, label)


def test_the_level_that_means_0_to_the_model_is_no_positive_level(spark, rows, of_words):
    with pytest.raises(
        ConfigError, match=r"label\.positive is 'No', which means 0 to the model: it predicts 'Yes'"
    ):
        assessed(spark, of_words, rows, {"column": "word", "positive": "No"})
