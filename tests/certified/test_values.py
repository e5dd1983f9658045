"""The certified values hold on the tables as they load here, to what float64 can tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.certified.rows import Bernoulli, bernoulli, design_matrix
from tests.certified.sets import SETS, VALUES, CertifiedSet, certified_values, load

# Measured: at most 3e-13 of a standard error, on star98, and with condition k of the columns 1e-16 k.
STEP_IN_STD_ERRORS = 1e-11
# Measured: at most 1e-14, again on star98, and 2e-17 k.
STD_ERROR = 1e-12
# Where a condition has a say beside these: float64 times it, a few times over.
PER_CONDITION = 1e-15
# Measured: at most 3e-13, summing the 327,346 equal terms of flights at the offset.
LOG_LIKELIHOOD = 1e-11


@dataclass(frozen=True)
class Loaded:
    certified: CertifiedSet
    frame: pd.DataFrame
    values: dict[str, Any]
    X: np.ndarray
    trials: Bernoulli

    def column(self, key: str) -> np.ndarray:
        return np.array([float(coefficient[key]) for coefficient in self.values["coefficients"]])

    def at_condition(self, tolerance: float) -> float:
        return max(tolerance, PER_CONDITION * self.values["condition"])

    def log_likelihood(self, eta: np.ndarray) -> float:
        ones, failures = self.trials.events, self.trials.trials - self.trials.events
        return float(-_weight(self.trials) @ (ones * np.logaddexp(0, -eta) + failures * np.logaddexp(0, eta)))


@pytest.fixture(scope="module", params=sorted(SETS))
def loaded(request: pytest.FixtureRequest) -> Loaded:
    certified, frame = SETS[request.param], load(request.param)
    values = certified_values(request.param)
    return Loaded(certified, frame, values, design_matrix(certified, frame), bernoulli(certified, frame))


def test_every_set_has_a_file_and_every_file_a_set() -> None:
    assert {path.stem for path in VALUES.glob("*.json")} == set(SETS)


def test_a_newton_step_from_the_certified_estimates_goes_nowhere(loaded: Loaded) -> None:
    eta = loaded.X @ loaded.column("estimate") + loaded.trials.offset
    step, std_error = _newton_step(loaded.X, eta, loaded.trials)
    np.testing.assert_allclose(step / std_error, 0, atol=loaded.at_condition(STEP_IN_STD_ERRORS))


def test_the_standard_errors_are_those_of_the_information_at_the_estimates(loaded: Loaded) -> None:
    eta = loaded.X @ loaded.column("estimate") + loaded.trials.offset
    _, std_error = _newton_step(loaded.X, eta, loaded.trials)
    np.testing.assert_allclose(std_error, loaded.column("std_error"), rtol=loaded.at_condition(STD_ERROR))


def test_the_log_likelihood_and_the_deviance_are_those_of_the_estimates(loaded: Loaded) -> None:
    log_likelihood = loaded.log_likelihood(loaded.X @ loaded.column("estimate") + loaded.trials.offset)
    np.testing.assert_allclose(log_likelihood, float(loaded.values["log_likelihood"]), rtol=LOG_LIKELIHOOD)
    np.testing.assert_allclose(-2 * log_likelihood, float(loaded.values["deviance"]), rtol=LOG_LIKELIHOOD)


def test_the_null_log_likelihood_is_that_of_the_best_intercept_alone(loaded: Loaded) -> None:
    intercept, ones = 0.0, np.ones((len(loaded.frame), 1))
    for _ in range(30):
        step, _ = _newton_step(ones, intercept + loaded.trials.offset, loaded.trials)
        intercept += step[0]
    null_log_likelihood = loaded.log_likelihood(intercept + loaded.trials.offset)
    np.testing.assert_allclose(
        null_log_likelihood, float(loaded.values["null_log_likelihood"]), rtol=LOG_LIKELIHOOD
    )


def test_the_offset_log_likelihood_is_that_of_no_term_at_all(loaded: Loaded) -> None:
    np.testing.assert_allclose(
        loaded.log_likelihood(loaded.trials.offset),
        float(loaded.values["offset_log_likelihood"]),
        rtol=LOG_LIKELIHOOD,
    )


def test_the_counts_are_those_of_the_table(loaded: Loaded) -> None:
    trials, values = loaded.trials, loaded.values
    assert values["n_rows"] == len(loaded.frame)
    assert values["n_obs"] == (trials.frequency * trials.trials).sum()
    assert values["n_events"] == (trials.frequency * trials.events).sum()
    assert float(values["weight_sum"]) == (_weight(trials) * trials.trials).sum()


def test_the_terms_are_those_of_the_table(loaded: Loaded) -> None:
    terms = [coefficient["term"] for coefficient in loaded.values["coefficients"]]
    assert terms == loaded.certified.terms(loaded.frame)


def test_every_certified_number_has_fifty_digits(loaded: Loaded) -> None:
    keys = ("log_likelihood", "null_log_likelihood", "offset_log_likelihood", "deviance", "weight_sum")
    numbers = [loaded.values[key] for key in keys]
    numbers += [c[key] for c in loaded.values["coefficients"] for key in ("estimate", "std_error")]
    mantissas = [re.sub(r"e.*|[-.]", "", number).lstrip("0") for number in numbers]
    assert {len(mantissa) for mantissa in mantissas} == {50}


def test_the_columns_have_types_that_spark_keeps(loaded: Loaded) -> None:
    kinds = {name: pd.api.types.infer_dtype(column, skipna=False) for name, column in loaded.frame.items()}
    assert set(kinds.values()) <= {"string", "integer", "floating", "boolean"}
    assert {str(dtype) for dtype in loaded.frame.dtypes} <= {"object", "int64", "float64", "bool"}
    assert not loaded.frame.isna().any(axis=None)


def _weight(trials: Bernoulli) -> np.ndarray:
    return trials.weight * trials.frequency


def _newton_step(X: np.ndarray, eta: np.ndarray, trials: Bernoulli) -> tuple[np.ndarray, np.ndarray]:
    """Return the step and the standard errors, (p,) each, from a QR that never squares the condition."""
    mu = 1 / (1 + np.exp(-eta))
    root = np.sqrt(_weight(trials) * trials.trials * mu * (1 - mu))
    scale = np.linalg.norm(X, axis=0)
    Q, R = np.linalg.qr(X / scale * root[:, None])
    residual = _weight(trials) * (trials.events - trials.trials * mu)
    inverse = np.linalg.inv(R)
    return inverse @ (Q.T @ (residual / root)) / scale, np.linalg.norm(inverse, axis=1) / scale
