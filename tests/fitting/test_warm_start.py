"""A fit that starts from an earlier model, or from a sample, ends where it would have ended, in fewer passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.errors import ConfigError

ESTIMATES = 1e-9


@pytest.fixture(scope="module")
def table(spark):
    rng = np.random.default_rng(8)
    n = 3_000
    rows = pd.DataFrame(rng.normal(5.0, 2.0, size=(n, 3)), columns=["a", "b", "c"])
    rows["g"] = rng.choice(["u", "v", "w"], n)
    eta = np.column_stack([np.zeros(n), rows.a - rows.b, 0.5 * rows.c - 3 + (rows.g == "v")])
    rows["class"] = np.array(["x", "y", "z"])[(eta + rng.gumbel(size=eta.shape)).argmax(axis=1)]
    rows["label"] = (rows["class"] == "y").astype(int)
    return spark.createDataFrame(rows)


def config(include, **changes) -> TrainConfig:
    label = {"column": "label"} if changes.get("family") != "multinomial" else {"column": "class"}
    label |= changes.pop("label", {})
    # Started from 0, so that what saves passes is the earlier model.
    settings = {"label": label, "features": {"include": include}, "solver": {"start": "zero"}}
    return TrainConfig(**(settings | changes))


@pytest.mark.spark
@pytest.mark.parametrize("family", ["binary", "multinomial"])
def test_the_same_columns_take_one_pass_for_the_optimum(table, family):
    asked = config(["a", "b", "g"], family=family)
    cold = fit(table, asked)
    warm = fit(table, asked, warm_start=cold)
    assert warm.estimates == pytest.approx(cold.estimates, rel=ESTIMATES)
    assert warm.n_iterations == 1
    assert warm.n_passes < cold.n_passes - 2


@pytest.mark.spark
@pytest.mark.parametrize("family", ["binary", "multinomial"])
def test_a_sample_of_all_rows_is_an_earlier_model(table, family):
    asked = config(["a", "b", "g"], family=family)
    cold, sampled = (
        fit(table, asked),
        fit(table, config(["a", "b", "g"], family=family, solver={"start": "sample"})),
    )
    assert sampled.estimates == pytest.approx(cold.estimates, rel=ESTIMATES)
    assert sampled.n_iterations == 1


@pytest.mark.spark
def test_columns_may_come_and_go(table):
    earlier = fit(table, config(["a", "b", "g"]))
    cold, warm = fit(table, config(["a", "b", "c"])), fit(table, config(["a", "b", "c"]), warm_start=earlier)
    assert warm.estimates == pytest.approx(cold.estimates, rel=ESTIMATES)
    assert warm.n_passes < cold.n_passes
    nothing_in_common = fit(table, config(["c"], intercept=False), warm_start=fit(table, config(["a"])))
    assert nothing_in_common.converged


@pytest.mark.spark
def test_another_reference_class_is_no_obstacle(table):
    earlier = fit(table, config(["a", "b"], family="multinomial", label={"reference": "x"}))
    asked = config(["a", "b"], family="multinomial", label={"reference": "z"})
    cold, warm = fit(table, asked), fit(table, asked, warm_start=earlier)
    assert warm.estimates == pytest.approx(cold.estimates, rel=ESTIMATES)
    assert warm.n_iterations == 1


@pytest.mark.spark
def test_a_bad_start_is_given_up(table):
    asked = config(["a", "b"])
    cold = fit(table, asked)
    rows = tuple(replace(row, estimate=-3e2) for row in cold.coefficient_rows)
    warm = fit(table, asked, warm_start=replace(cold, coefficient_rows=rows))
    assert warm.converged
    assert warm.estimates == pytest.approx(cold.estimates, rel=ESTIMATES)


@pytest.mark.spark
def test_a_model_of_something_else_is_refused(table):
    earlier = fit(table, config(["a"]))
    with pytest.raises(ConfigError, match="is a binary model, and family is multinomial"):
        fit(table, config(["a"], family="multinomial"), warm_start=earlier)
    with pytest.raises(ConfigError, match="is a model of 'label', another label"):
        fit(table, config(["a"], label={"column": "class", "positive": "y"}), warm_start=earlier)
    with pytest.raises(ConfigError, match=r"another level of the label than label\.positive"):
        fit(table, config(["a"], label={"positive": 0}), warm_start=earlier)
