"""Average marginal effects against R, statsmodels, 40 digits and themselves."""

from __future__ import annotations

import json
from pathlib import Path

import mpmath
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import statsmodels.api as sm

from logreg_dist.fitting.diagnostics.effects import marginal_effects
from tests.fitting.local_passes import fitted_locally
from tests.in_process import policy
from tests.oracles.effects import effects_table

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "effects.json").read_text())
# R's derivatives are numeric, with errors of 1e-11 or so.
EFFECT = 1e-9
STD_ERROR = 1e-8
SAME = 1e-11  # the same sums in another order
STATSMODELS = 1e-7  # its fit ends at a tolerance of its own

PLAIN = ["x", "z", "g", "h", "m", "weight", "label"]
CROSSED = {"terms": ["x*g", "g*h", "poly(z, 2)", "log(z)"]}


def table(frame: pd.DataFrame, columns: list[str]) -> pa.Table:
    """Arrow from a frame, NaN for missing."""
    return pa.Table.from_pandas(frame[columns], preserve_index=False)


def effects_of(rows) -> dict[str, tuple[float, float]]:
    found = marginal_effects(rows, rows.covariance)
    return {
        one.column if one.level is None else f"{one.column}[{one.level}]": (one.effect, one.std_error)
        for one in found.effects
    }


def assert_same(found, expected, effect=SAME, std_error=SAME):
    assert found.keys() == expected.keys()
    for name, (value, error) in expected.items():
        assert found[name][0] == pytest.approx(value, rel=effect, abs=1e-15), name
        assert found[name][1] == pytest.approx(error, rel=std_error, abs=1e-15), name


@pytest.mark.parametrize("n_splits", [1, 3])
def test_effects_and_standard_errors_are_those_of_r(tmp_path, n_splits):
    # R: effects(glm(label ~ x + z + g + h + m + m_missing, binomial, weights = weight)) of oracles/effects.R
    _, rows = fitted_locally(
        table(effects_table(), PLAIN), tmp_path, n_splits=n_splits, policies={"m": policy("indicator")}
    )
    expected = {name: tuple(one.values()) for name, one in ORACLE["plain"]["effects"].items()}
    assert_same(effects_of(rows), expected, EFFECT, STD_ERROR)
    assert rows.passes.n_passes == 1


def test_effects_go_through_transforms_and_interactions(tmp_path):
    # R: effects(glm(label ~ x * g + g * h + poly(z, 2, raw = TRUE) + log(z), ...)) of oracles/effects.R
    columns = ["x", "z", "g", "h", "weight", "label"]
    _, rows = fitted_locally(table(effects_table(), columns), tmp_path, n_splits=2, features=CROSSED)
    expected = {name: tuple(one.values()) for name, one in ORACLE["crossed"]["effects"].items()}
    assert_same(effects_of(rows), expected, EFFECT, STD_ERROR)
