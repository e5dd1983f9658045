from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.assessment.rows import COLUMNS, ZERO_WEIGHT, check_rows


def columns(**changed: float) -> list[np.ndarray]:
    good = {"y": 1.0, "linear_predictor": 0.0, "probability": 0.5, "weight": 1.0, "frequency": 1.0}
    return [np.array([good[name], {**good, **changed}[name]]) for name in COLUMNS]


def test_good_rows_have_no_problem():
    usable, problems = check_rows(*columns())
    assert usable.tolist() == [True, True]
    assert problems == {}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_value_is_counted_once_under_its_column(name: str):
    usable, problems = check_rows(*columns(**{name: np.nan}))
    assert usable.tolist() == [True, False]
    assert problems == {f"{name} is missing": 1}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"y": 1.5}, "y is outside 0 to 1"),
        ({"y": -1.0}, "y is outside 0 to 1"),
        ({"weight": -1.0}, "weight is negative or infinite"),
        ({"weight": np.inf}, "weight is negative or infinite"),
        ({"frequency": -1.0}, "frequency is negative or infinite"),
        ({"linear_predictor": np.inf, "probability": 1.0}, "linear_predictor is beyond 1e+100"),
        ({"probability": 0.6}, "probability is not 1 / (1 + exp(-linear_predictor))"),
    ],
)
def test_a_value_out_of_range_is_named(changed: dict[str, float], problem: str):
    usable, problems = check_rows(*columns(**changed))
    assert usable.tolist() == [True, False]
    assert problems == {problem: 1}


def test_a_row_of_weight_zero_is_absent_whatever_else_it_holds():
    usable, problems = check_rows(*columns(weight=0.0, y=np.nan, probability=7.0))
    assert usable.tolist() == [True, False]
    assert problems == {ZERO_WEIGHT: 1}


@pytest.mark.parametrize(
    ("eta", "mu"), [(800.0, 1.0), (-800.0, 0.0), (1.0, np.float32(1 / (1 + np.exp(-1.0))))]
)
def test_saturated_and_single_precision_probabilities_are_accepted(eta: float, mu: float):
    usable, _ = check_rows(*columns(linear_predictor=eta, probability=mu))
    assert usable.all()
