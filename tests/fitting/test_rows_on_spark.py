"""Linearity, fit and influence of a fit on Spark, and the files that the train job makes of them."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.commands.outputs import folder_held
from logreg_dist.commands.train import write_outputs
from logreg_dist.model.file import model_from_json, model_to_json
from logreg_dist.publishing.filesystem import local_filesystem
from tests.fitting.test_influence import ORACLE
from tests.oracles import rows as tables

pytestmark = pytest.mark.spark

CONFIG = {
    "label": {"column": "label"},
    "features": {"columns": {"plan": {"reference": "basic"}}},
    "checks": {"linearity": True, "fit": True, "influence": {"rows": 5, "key": "id"}},
}


@pytest.fixture(scope="module")
def model(spark):
    frame = tables.single().to_pandas()
    frame["id"] = [f"row {k}" for k in range(len(frame))]
    return fit(spark.createDataFrame(frame).repartition(3), TrainConfig(**CONFIG))


def test_a_fit_on_spark_has_the_checks_of_r(model):
    oracle = ORACLE["single"]
    statistics = {one.column: one.statistic for one in model.checks.linearity}
    assert statistics == pytest.approx(oracle["rao"], rel=1e-8)
    assert model.checks.fit.pearson == pytest.approx(oracle["pearson"], rel=1e-9)
    assert model.checks.fit.hosmer_lemeshow == pytest.approx(oracle["hosmer_lemeshow"], rel=1e-9)
    largest = sorted(range(400), key=lambda k: -oracle["cook"][k])[:5]
    assert model.influential.keys == tuple(f"row {k}" for k in largest)


def test_the_model_file_holds_the_checks_and_no_row(model):
    text = model_to_json(model)
    assert not re.search(r'"row \d+"', text)
    again = model_from_json(text)
    assert again.checks == model.checks
    assert again.influential is None


def test_the_files_of_the_checks_come_and_go_with_the_model(model, tmp_path):
    recorder = SimpleNamespace(outputs={})
    with folder_held(local_filesystem(), str(tmp_path), "r1") as lease:
        write_outputs(lease, model, recorder)
    assert (tmp_path / "linearity.svg").read_text(encoding="utf-8").startswith("<svg")
    assert pq.read_table(tmp_path / "influence.parquet").column_names[0] == "id"
    assert recorder.outputs["influence"].endswith("influence.parquet")
    without = replace(model, checks=None, influential=None)
    with folder_held(local_filesystem(), str(tmp_path), "r2") as lease:
        write_outputs(lease, without, recorder)
    assert not (tmp_path / "linearity.svg").exists()
    assert not (tmp_path / "influence.parquet").exists()


def test_texts_and_long_vectors_are_left_out_and_the_rest_is_looked_into(spark):
    rng = np.random.default_rng(4)
    x, words = rng.normal(size=400), rng.choice(["red", "green blue", "blue"], 400)
    label = (rng.random(400) < 1 / (1 + np.exp(-x + (words == "red")))).astype(int)
    long = [[float(v) for v in row] for row in rng.integers(0, 2, (400, 51))]
    frame = list(zip(x.tolist(), words.tolist(), long, label.tolist(), strict=True))
    table = spark.createDataFrame(frame, "x double, words string, long array<double>, label int")
    config = {
        "label": {"column": "label"},
        "features": {"columns": {"words": {"type": "text", "vocabulary": 2}}},
        "solver": {"start": "zero"},
        "checks": {"linearity": True, "fit": True, "influence": {"rows": 3}},
    }
    model = fit(table.repartition(2), TrainConfig(**config))
    assert model.converged
    assert [(one.column, len(one.bins)) for one in model.checks.linearity] == [("x", 10)]
    assert model.checks.fit.groups == ()
    assert model.checks.fit.link is not None
    assert model.checks.fit.calibration_slope == pytest.approx(1.0, abs=1e-7)
    assert model.checks.influence.n_kept == 3
    assert any("long (51)" in note for note in model.notes)
