"""Two saved models of the same table, compared: against R, and what happens when their rows are others."""

from __future__ import annotations

import json

import numpy as np
import pytest

from logreg_dist import TrainConfig, compare_models, fit, load_model
from logreg_dist.errors import NotComparable
from tests.certified.sets import SETS, load
from tests.faults.rows import write_files
from tests.inference.test_profile import ORACLES

pytestmark = pytest.mark.spark

STATISTIC = 1e-11  # relative: a difference of two deviances
KEPT = ["age", "lwt", "smoke", "ptl", "ht", "ui"]


def fit_born(spark, folder, frame, *, splits=2, **changes):
    config = SETS["birthwt"].config
    config["features"] = config["features"] | changes
    if "race" not in config["features"]["include"]:
        config["features"]["columns"] = {}
    path = write_files(frame, folder / f"table{splits}", 3)
    config["input"] = {"path": path, "splits": splits}
    return fit(spark.read.parquet(path), TrainConfig(**config))


@pytest.fixture(scope="module")
def born():
    return load("birthwt")


@pytest.fixture(scope="module")
def larger(spark, born, tmp_path_factory):
    return fit_born(spark, tmp_path_factory.mktemp("larger"), born)


def test_two_saved_models_are_compared_as_by_r_whatever_their_splits(spark, born, larger, tmp_path):
    # lmtest::lrtest(smaller, larger), AIC and BIC, see tests/oracles/profile.R.
    smaller = fit_born(spark, tmp_path, born, splits=3, include=KEPT)
    assert len(smaller.fingerprint["rows_by_split"]) > len(larger.fingerprint["rows_by_split"])
    saved = [load_model(model.save(tmp_path / str(k))) for k, model in enumerate((smaller, larger))]
    found = compare_models(*saved)
    expected = json.loads((ORACLES / "profile_r.json").read_text())["nested"]
    assert (found.df, found.same_rows, found.notes) == (expected["df"], True, ())
    assert found.lr_statistic == pytest.approx(expected["lr"], rel=STATISTIC)
    assert found.p_value == pytest.approx(expected["p_value"], rel=STATISTIC)
    assert (found.delta_aic, found.delta_bic) == pytest.approx(
        (expected["aic"], expected["bic"]), rel=STATISTIC
    )
    with pytest.raises(NotComparable, match="no term 'ftv'"):
        compare_models(larger, smaller)


def test_rows_in_another_order_cannot_be_told_from_other_rows(spark, born, larger, tmp_path):
    turned = born.iloc[::-1]
    found = compare_models(fit_born(spark, tmp_path / "turned", turned, include=KEPT), larger)
    assert found.same_rows is None
    assert found.lr_statistic > 0
    changed = born.assign(low=np.roll(born["low"], 1))  # as many events in other rows
    assert (
        compare_models(fit_born(spark, tmp_path / "changed", changed, include=KEPT), larger).same_rows is None
    )


def test_other_labels_are_other_rows(spark, born, larger, tmp_path):
    changed = born.assign(low=np.where(np.arange(len(born)) == 5, 1 - born["low"], born["low"]))
    with pytest.raises(
        NotComparable, match=r"n_events differs.*checksums of label, weight and offset differ"
    ):
        compare_models(fit_born(spark, tmp_path, changed, include=KEPT), larger)


def test_models_of_several_classes_are_compared_too(spark):
    rng = np.random.default_rng(3)
    frame = (
        load("birthwt")[["age", "lwt"]]
        .astype(float)
        .assign(kind=np.array(list("abc"))[rng.integers(0, 3, 189)])
    )
    config = {"family": "multinomial", "label": {"column": "kind"}}
    larger = fit(spark.createDataFrame(frame), TrainConfig(**config))
    # Another split numbers its classes otherwise; their names are the same.
    smaller = fit(
        spark.createDataFrame(frame).coalesce(1), TrainConfig(**config, features={"include": ["age"]})
    )
    found = compare_models(smaller, larger)
    assert (found.df, found.same_rows) == (2, True)
    assert found.lr_statistic == pytest.approx(smaller.deviance - larger.deviance, rel=1e-12)
