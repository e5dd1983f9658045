"""Profile-likelihood limits on arrays, against mpmath and R, and by what must not change them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from logreg_dist.inference import profile
from logreg_dist.inference.profile import ProfileLimit, Summit, profile_limit
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, Sums
from tests.oracles.profile import CONFIDENCE, design

ORACLES = Path(__file__).parents[1] / "oracles"
RISE = float(stats.chi2.isf(1 - CONFIDENCE, 1))

IN_STD_ERRORS = 1e-9  # of limits: mpmath has 20 digits, and double precision leaves about 12 of them
LEVEL = 1e-10  # of the rise that the deviance must have: it is a difference of two sums
R_DIGITS = 1e-5  # in standard errors: R interpolates between points of the profile
EXACT = 1e-10  # in standard errors, where nothing but rounding differs


def likelihood(X, y, weight=None, offset=None):
    """Return `evaluate` of a table, (n, p)."""
    block, shape = Block(np.ascontiguousarray(X.T), (), y, weight, offset), BlockShape(X.shape[1])

    def sums(beta: np.ndarray) -> Sums:
        state = evaluate(beta, [block], shape)
        return Sums(state.n_rows, state.weight_sum, state.deviance, state.score, state.information.dense)

    return sums


def summit_of(sums, p: int) -> Summit:
    found = newton(sums, np.zeros(p), NewtonOptions(1e-10))
    assert found.ending is Ending.CONVERGED
    beta = found.point.beta
    at = sums(beta)
    return Summit(beta, at.deviance, np.linalg.inv(at.information))


@cache
def table(name: str):
    terms, X, y, weight, offset = design(name)
    sums = likelihood(X, y, weight, offset)
    return terms, X, sums, summit_of(sums, len(terms))


def limits_of(sums, summit: Summit, *, rise: float = RISE) -> np.ndarray:
    """Return the limits of all coefficients, (p, 2)."""
    p = len(summit.beta)
    ends = [
        [profile_limit(sums, summit, g, rise=rise, side=side).limit for side in (-1, 1)] for g in np.eye(p)
    ]
    return np.array(ends)


def std_errors(summit: Summit) -> np.ndarray:
    return np.sqrt(np.diag(summit.covariance))[:, None]


@pytest.mark.parametrize("name", ["birthwt", "skewed"])
def test_limits_are_those_of_a_restricted_fit_for_each_value(name):
    terms, _, sums, summit = table(name)
    found = limits_of(sums, summit) / std_errors(summit)
    stored = json.loads((ORACLES / "profile.json").read_text())[name]["estimate, std_error, low, high"]
    expected = np.array([[float(end) for end in stored[term][2:]] for term in terms]) / std_errors(summit)
    np.testing.assert_allclose(found, expected, rtol=0, atol=IN_STD_ERRORS)


@pytest.mark.parametrize("name", ["birthwt", "skewed"])
def test_limits_are_those_of_r(name):
    # MASS::confint of glm(control = glm.control(epsilon = 1e-14, maxit = 100)), see tests/oracles/profile.R.
    _, _, sums, summit = table(name)
    stored = json.loads((ORACLES / "profile_r.json").read_text())[name]["confint"]
    expected = np.array(list(stored.values())) / std_errors(summit)
    np.testing.assert_allclose(limits_of(sums, summit) / std_errors(summit), expected, rtol=0, atol=R_DIGITS)


@pytest.mark.parametrize("name", ["birthwt", "skewed"])
@pytest.mark.parametrize("side", [-1, 1])
def test_at_a_limit_the_deviance_is_at_its_level_and_nothing_else_lowers_it(name, side):
    terms, _, sums, summit = table(name)
    for g in [*np.eye(len(terms)), np.linspace(-1, 1, len(terms))]:
        found = profile_limit(sums, summit, g, rise=RISE, side=side)
        at = sums(found.beta)
        assert at.deviance - summit.deviance == pytest.approx(RISE, rel=LEVEL)
        multiplier = g @ np.linalg.solve(at.information, at.score) / (g @ np.linalg.solve(at.information, g))
        rest = at.score - multiplier * g
        assert side * multiplier < 0
        assert rest @ np.linalg.solve(at.information, rest) < 1e-18
        assert found.limit == g @ found.beta
        assert side * (found.limit - g @ summit.beta) > 0
        assert found.n_evaluations <= 7


@pytest.mark.parametrize("name", ["birthwt", "skewed"])
def test_the_safe_way_leads_to_the_same_limits(name, monkeypatch):
    _, _, sums, summit = table(name)
    expected = limits_of(sums, summit)
    monkeypatch.setattr(profile, "MAX_STEPS", 0)
    found = limits_of(sums, summit) / std_errors(summit)
    np.testing.assert_allclose(found, expected / std_errors(summit), rtol=0, atol=EXACT)
    mixed = np.linspace(-1, 1, len(expected))
    safe = profile_limit(sums, summit, mixed, rise=RISE, side=1)
    monkeypatch.undo()
    quick = profile_limit(sums, summit, mixed, rise=RISE, side=1)
    assert safe.n_evaluations > quick.n_evaluations
    assert abs(safe.limit - quick.limit) < EXACT * np.sqrt(mixed @ summit.covariance @ mixed)


def test_an_uncentred_intercept_is_a_combination_of_centred_coefficients():
    terms, X, sums, summit = table("skewed")
    _, _, y, weight, offset = design("skewed")
    centres = np.where(np.array(terms) == "x", X.mean(axis=0), 0.0)
    centred = likelihood(X - centres, y, weight, offset)
    g = np.append(1.0, -centres[1:])
    top = summit_of(centred, len(terms))
    for side, expected in zip((-1, 1), limits_of(sums, summit)[0], strict=True):
        found = profile_limit(centred, top, g, rise=RISE, side=side)
        assert abs(found.limit - expected) < EXACT * std_errors(summit)[0, 0]


def test_frequencies_are_repeated_rows():
    terms, X, sums, summit = table("skewed")
    _, _, y, weight, offset = design("skewed")
    times = weight.astype(int)
    repeated = likelihood(
        *(np.repeat(array, times, axis=0) for array in (X, y)), None, np.repeat(offset, times)
    )
    found = limits_of(repeated, summit_of(repeated, len(terms)))
    difference = (found - limits_of(sums, summit)) / std_errors(summit)
    assert np.abs(difference).max() < EXACT


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-6, 1e6), confidence=st.floats(0.5, 0.999))
def test_another_unit_of_the_columns_rescales_the_limits_and_a_flipped_label_mirrors_them(
    seed, scale, confidence
):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(80), rng.normal(size=(80, 2)), rng.random(80) < 0.15])
    y = (rng.random(80) < 1 / (1 + np.exp(-X @ rng.normal(scale=0.7, size=4)))).astype(float)
    y[:2], X[:2, 3], y[2:4], X[2:4, 3] = 0, (0, 1), 1, (0, 1)  # both labels with and without the indicator
    rise = float(stats.chi2.isf(1 - confidence, 1))
    plain, other = likelihood(X, y), likelihood(X * np.array([1, scale, 1, 1 / scale]), 1 - y)
    summit = summit_of(plain, 4)
    found = limits_of(plain, summit, rise=rise) / std_errors(summit)
    top = summit_of(other, 4)
    mirrored = limits_of(other, top, rise=rise) / std_errors(top)
    np.testing.assert_allclose(-mirrored[:, ::-1], found, rtol=0, atol=1e-8)
    # Both limits lie on their side of the estimate, and a higher level widens the interval.
    wider = limits_of(plain, summit, rise=1.5 * rise) / std_errors(summit)
    assert (wider[:, 0] < found[:, 0]).all()
    assert (wider[:, 1] > found[:, 1]).all()


def test_a_profile_that_never_falls_to_its_level_has_no_limit():
    # A deviance that flattens out below the level on one side, as no logistic one does.
    def sums(beta: np.ndarray) -> Sums:
        b = float(beta[0])
        if b <= 0:
            return Sums(1, 1.0, b * b, -beta, np.eye(1))
        fall = np.exp(-b)
        return Sums(
            1, 1.0, b * b / (1 + b * b), -np.array([b / (1 + b * b) ** 2]), np.array([[max(fall, 1e-30)]])
        )

    summit = Summit(np.zeros(1), 0.0, np.eye(1))
    found = profile_limit(sums, summit, np.ones(1), rise=4.0, side=1)
    assert (found.limit, found.beta) == (np.inf, None)
    below = profile_limit(sums, summit, np.ones(1), rise=4.0, side=-1)
    assert below.limit == pytest.approx(-2.0, abs=1e-12)


def test_a_search_that_finds_nothing_says_so():
    def sums(beta: np.ndarray) -> Sums:
        return Sums(1, 1.0, 0.0 if beta[0] == 0 else np.nan, -beta, np.eye(1))

    found = profile_limit(sums, Summit(np.zeros(1), 0.0, np.eye(1)), np.ones(1), rise=4.0, side=1)
    assert isinstance(found, ProfileLimit)
    assert np.isnan(found.limit)
    assert found.beta is None


def test_without_an_information_matrix_there_is_no_profile():
    def sums(beta: np.ndarray) -> Sums:
        return Sums(1, 1.0, 1.0, -beta, None)

    with pytest.raises(TypeError, match="needs the information"):
        profile_limit(sums, Summit(np.zeros(1), 0.0, np.eye(1)), np.ones(1), rise=4.0, side=1)
