from __future__ import annotations

import json
from pathlib import Path

import mpmath
import numpy as np
import pytest

from logreg_dist.checks.collinearity import collinearity, conditions, correlations, inflations
from tests import oracles
from tests.oracles.design import certified_fit

# car::vif, svd of the scaled columns of sqrt(w) X, and cov2cor(vcov): tests/oracles/columns.R.
ORACLE = json.loads(Path(oracles.__file__).with_name("columns.json").read_text(encoding="utf-8"))
# Relative: R's weights are those of an estimate right to 11 digits, and its determinants lose a few.
DIGITS = 1e-8
# Absolute, of shares: the same.
SHARE = 1e-8
SAME = 1e-8  # relative: two codings of one model


@pytest.fixture(params=list(ORACLE))
def name(request) -> str:
    return request.param


def found_in(fit, **changes):
    values = {"centres": fit.centres, "intercept": 0, **changes}
    return collinearity(fit.terms, fit.columns, fit.centred_information, **values)


def test_variance_inflation_is_that_of_car(name):
    found = found_in(certified_fit(name)).inflations
    assert [(one.column, one.df) for one in found] == [(r["column"], r["df"]) for r in ORACLE[name]["vif"]]
    assert [one.gvif for one in found] == pytest.approx([r["gvif"] for r in ORACLE[name]["vif"]], rel=DIGITS)
    assert [one.per_df for one in found] == pytest.approx(
        [r["per_df"] for r in ORACLE[name]["vif"]], rel=DIGITS
    )


def test_condition_indices_and_shares_are_those_of_belsley_kuh_and_welsch(name):
    found = found_in(certified_fit(name)).conditions
    right = ORACLE[name]["conditions"]
    assert [one.index for one in found] == pytest.approx([one["index"] for one in right], rel=DIGITS)
    for one, expected in zip(found, right, strict=True):
        if min(abs(one.index / other.index - 1) for other in found if other is not one) < 1e-6:
            continue  # of equal indices no vector is the right one
        named = {share.term: share.share for share in one.shares}
        assert named == pytest.approx({t: s for t, s in expected["shares"].items() if s > 0.3}, abs=SHARE)
        assert list(named.values()) == sorted(named.values(), reverse=True)


def test_correlations_of_estimates_are_those_of_r(name):
    found = found_in(certified_fit(name)).correlations
    right = ORACLE[name]["correlations"]
    assert [{one.term, one.other} for one in found] == [{first, second} for first, second, _ in right]
    assert [one.correlation for one in found] == pytest.approx([value for *_, value in right], rel=DIGITS)


def test_another_reference_level_leaves_the_inflation_of_the_column_as_it_is():
    fit = certified_fit("birthwt")
    first, second = fit.terms.index("race[black]"), fit.terms.index("race[other]")
    X = fit.X - fit.centres
    X[:, first] = 1.0 - X[:, first] - X[:, second]  # white instead of black
    information = X.T @ (fit.working_weight[:, None] * X)
    before = inflations(fit.columns, fit.centred_information, np.linalg.inv(fit.centred_information))
    after = inflations(fit.columns, information, np.linalg.inv(information))
    assert [one.gvif for one in after] == pytest.approx([one.gvif for one in before], rel=SAME)


def test_units_change_neither_inflation_nor_conditions_nor_correlations():
    fit = certified_fit("pima")
    scale = 10.0 ** np.linspace(-12, 12, len(fit.terms))
    scale[0] = 1.0
    information = fit.centred_information * np.outer(scale, scale)
    before = found_in(fit)
    after = collinearity(fit.terms, fit.columns, information, centres=fit.centres * scale, intercept=0)
    assert [one.gvif for one in after.inflations] == pytest.approx(
        [one.gvif for one in before.inflations], rel=SAME
    )
    assert [one.index for one in after.conditions] == pytest.approx(
        [c.index for c in before.conditions], rel=SAME
    )
    assert [(one.term, one.other) for one in after.correlations] == [
        (c.term, c.other) for c in before.correlations
    ]


def test_centring_changes_nothing():
    fit = certified_fit("credit_data")
    plain = collinearity(
        fit.terms, fit.columns, fit.information, centres=np.zeros(len(fit.terms)), intercept=0
    )
    centred = found_in(fit)
    assert [c.index for c in plain.conditions] == pytest.approx(
        [c.index for c in centred.conditions], rel=SAME
    )
    assert [v.gvif for v in plain.inflations] == pytest.approx([v.gvif for v in centred.inflations], rel=SAME)


def test_a_column_like_a_date_keeps_its_digits_beside_the_intercept():
    rng = np.random.default_rng(0)
    date = 20_261_120.0 + np.round(rng.normal(size=300) * 30)
    X = np.column_stack([np.ones(300), date, rng.normal(size=300)])
    centres = np.array([0.0, date.mean(), 0.0])
    Xc = X - centres
    [worst, _] = conditions(["intercept", "date", "x"], Xc.T @ Xc, centres, 0)
    assert worst.index == pytest.approx(exact_indices(X)[0], rel=1e-10)
    assert {share.term for share in worst.shares} == {"intercept", "date"}


@pytest.mark.parametrize(("distance", "digits"), [(1e-3, 7), (1e-5, 4)])
def test_digits_end_where_the_docstring_says(distance, digits):
    rng = np.random.default_rng(1)
    a = rng.normal(size=300)
    X = np.column_stack([np.ones(300), a, a + distance * rng.normal(size=300)])
    [worst, _] = conditions(["intercept", "a", "b"], X.T @ X, np.zeros(3), 0)
    assert worst.index == pytest.approx(exact_indices(X)[0], rel=10.0**-digits)
    [_, inflation] = inflations([None, "a", "b"], X.T @ X, np.linalg.inv(X.T @ X))
    with mpmath.workdps(50):
        G = mpmath.matrix(X.tolist()).T * mpmath.matrix(X.tolist())
        exact = (G**-1)[2, 2] * (G[2, 2] - G[0, 2] ** 2 / G[0, 0])
    assert inflation.gvif == pytest.approx(float(exact), rel=10.0 ** -(digits - 1))


def exact_indices(X: np.ndarray) -> list[float]:
    """Return the condition indices from eigenvalues at 60 digits."""
    with mpmath.workdps(60):
        rows = mpmath.matrix(X.tolist())
        G = rows.T * rows
        size = [mpmath.sqrt(G[k, k]) for k in range(G.rows)]
        scaled = mpmath.matrix(G.rows, G.rows)
        for i in range(G.rows):
            for j in range(G.rows):
                scaled[i, j] = G[i, j] / (size[i] * size[j])
        values = sorted(mpmath.eigsy(scaled, eigvals_only=True))
        return [float(mpmath.sqrt(values[-1] / value)) for value in values]


def test_inflation_over_several_classes_is_the_determinants_of_its_definition():
    rng = np.random.default_rng(2)
    columns = [None, "x", "plan", "plan", None, "x", "plan", "plan"]
    A = rng.normal(size=(40, 8)) + rng.normal(size=(40, 1))
    information = A.T @ A
    slopes = [k for k, name in enumerate(columns) if name]
    spread = np.linalg.inv(information)[np.ix_(slopes, slopes)]
    size = np.sqrt(np.diag(spread))
    R = spread / np.outer(size, size)
    own = np.array([columns[k] == "plan" for k in slopes])
    det = np.linalg.det
    expected = det(R[np.ix_(own, own)]) * det(R[np.ix_(~own, ~own)]) / det(R)
    found = collinearity(["t"] * 8, columns, information, centres=None)
    assert found.inflations[1].df == 4
    assert found.inflations[1].gvif == pytest.approx(expected, rel=1e-10)
    assert found.inflations[1].per_df == pytest.approx(expected ** (1 / 8), rel=1e-10)
    assert found.conditions == ()


def test_without_an_intercept_nothing_is_swept():
    # car::vif of a model without intercept takes the correlations of all estimates.
    X = np.random.default_rng(3).normal(size=(60, 2)) + 2.0
    G = X.T @ X
    r = G[0, 1] ** 2 / (G[0, 0] * G[1, 1])
    [a, b] = inflations(["a", "b"], G, np.linalg.inv(G))
    assert (a.gvif, b.gvif) == pytest.approx((1 / (1 - r), 1 / (1 - r)), rel=1e-12)
    [found] = conditions(["a", "b"], G, np.zeros(2), None)
    assert found.index == pytest.approx(exact_indices(X)[0], rel=1e-12)


def test_independent_columns_are_not_inflated_and_name_no_share():
    found = collinearity(
        [*"iab"], [None, "a", "b"], np.diag([1.0, 4.0, 9.0]), centres=np.zeros(3), intercept=0
    )
    assert [one.gvif for one in found.inflations] == pytest.approx([1.0, 1.0], rel=1e-15)
    assert [one.index for one in found.conditions] == pytest.approx([1.0, 1.0], rel=1e-15)


def test_pairs_of_one_column_and_the_intercept_are_left_out():
    spread = np.full((4, 4), 0.9) + 0.1 * np.eye(4)
    names, columns = ["intercept", "p[a]", "p[b]", "x"], [None, "p", "p", "x"]
    assert {(one.term, one.other) for one in correlations(names, columns, spread)} == {
        ("p[a]", "x"),
        ("p[b]", "x"),
    }


def test_an_inflation_beyond_the_range_of_doubles_is_none_and_its_root_is_known():
    n = 300
    rng = np.random.default_rng(4)
    base = rng.normal(size=(800, n))
    X = np.column_stack([base, base + 0.01 * rng.normal(size=(800, n))])
    columns = ["a"] * n + ["b"] * n
    G = X.T @ X
    [a, _] = inflations(columns, G, np.linalg.inv(G))
    assert a.gvif is None
    assert 10 < a.per_df < 200


def test_a_singular_information_matrix_says_nothing():
    assert collinearity(["a", "b"], ["a", "b"], np.ones((2, 2)), centres=np.zeros(2)) is None


def test_a_model_of_an_intercept_has_nothing_to_be_collinear_with():
    found = collinearity(["intercept"], [None], np.ones((1, 1)), centres=np.zeros(1), intercept=0)
    assert (found.inflations, found.conditions, found.correlations) == ((), (), ())


def test_a_model_without_an_estimate_has_nothing_to_be_collinear():
    assert collinearity([], [], np.zeros((0, 0)), centres=np.zeros(0)) is None
