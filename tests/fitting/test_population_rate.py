"""Tables in which rows were kept by their label: the intercept of the population they came from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.errors import ConfigError


@pytest.mark.spark
def test_a_sample_by_label_gives_the_populations_probabilities(spark):
    # Rows written out so that keeping one in ten of the others is exact: every row is there ten times.
    rng = np.random.default_rng(1)
    x = rng.normal(size=2_000)
    y = (rng.random(2_000) < 1 / (1 + np.exp(2.0 - x))).astype(int)
    whole = pd.DataFrame({"x": x, "y": y, "times": 10})
    kept = whole.assign(times=np.where(y == 1, 10, 1))
    settings = {"label": {"column": "y"}, "frequency": "times", "features": {"include": ["x"]}}
    rate = float(y.mean())
    corrected = fit(spark.createDataFrame(kept), TrainConfig(**settings, population_rate=rate))
    plain = fit(spark.createDataFrame(kept), TrainConfig(**settings))
    truth = fit(spark.createDataFrame(whole), TrainConfig(**settings))

    assert corrected.estimates["x"] == plain.estimates["x"]
    shift = corrected.estimates["intercept"] - plain.estimates["intercept"]
    assert shift == pytest.approx(np.log(0.1), rel=1e-12)
    # Ten times fewer of the other rows say less about x, but the intercept is right again.
    error = truth.coefficients.set_index("term").loc["intercept", "std_error"] * np.sqrt(10)
    assert abs(corrected.estimates["intercept"] - truth.estimates["intercept"]) < 3 * error
    assert abs(plain.estimates["intercept"] - truth.estimates["intercept"]) > 20 * error
    first, second = corrected.coefficient_rows[0], plain.coefficient_rows[0]
    assert first.std_error == second.std_error
    assert first.conf_low == pytest.approx(second.conf_low + shift)
    assert corrected.deviance == plain.deviance
    assert any("the intercept is that of a population" in note for note in corrected.notes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"population_rate": 0.0}, r"population_rate: expected a share between 0 and 1"),
        ({"population_rate": 0.1, "intercept": False}, r"population_rate: moves the intercept"),
        ({"population_rate": 0.1, "family": "multinomial"}, r"population_rate: is for family binary"),
    ],
)
def test_where_it_has_no_meaning_it_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        TrainConfig(label={"column": "y"}, **changes)
