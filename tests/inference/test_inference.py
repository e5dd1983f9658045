from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import stats

from logreg_dist.inference.covariance import covariance, uncentred, uncentred_covariance, variances
from logreg_dist.inference.fit_measures import bernoulli_deviance, fit_measures
from logreg_dist.inference.wald import wald_table
from logreg_dist.solver.linear_system import SingularInformation

DIGITS = 1e-12  # relative: closed formulas
TAILS = 1e-10  # relative: p-values far out


def test_the_covariance_is_the_inverse_with_nothing_for_aliased_terms():
    X = np.random.default_rng(0).normal(size=(50, 3))
    information = np.zeros((4, 4))
    kept = [0, 1, 3]
    information[np.ix_(kept, kept)] = X.T @ X
    found = covariance(information, np.array([True, True, False, True]))
    np.testing.assert_allclose(found[np.ix_(kept, kept)], np.linalg.inv(X.T @ X), rtol=1e-10)
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:, 2]).all()


def test_the_covariance_survives_scales_of_1e12_and_1e_minus_12():
    X = np.random.default_rng(0).normal(size=(50, 3))
    scale = np.array([1.0, 1e12, 1e-12])
    found = covariance((X * scale).T @ (X * scale), np.ones(3, dtype=bool))
    np.testing.assert_allclose(found * np.outer(scale, scale), np.linalg.inv(X.T @ X), rtol=1e-10)


def test_a_singular_information_matrix_has_no_covariance():
    with pytest.raises(SingularInformation, match=r"^$"):
        covariance(np.ones((2, 2)), np.ones(2, dtype=bool))


def test_a_model_without_estimable_terms_has_a_covariance_of_nothing():
    assert np.isnan(covariance(np.zeros((2, 2)), np.zeros(2, dtype=bool))).all()


def test_undoing_the_centring_keeps_predictions():
    x, centres = np.array([[1.0, 4.0, 9.0]]), np.array([0.0, 3.0, 7.0])
    beta = np.array([0.5, 2.0, -1.0])
    np.testing.assert_allclose(x @ uncentred(beta, centres, 0), (x - centres) @ beta, rtol=DIGITS)
    assert uncentred(beta, np.zeros(3), None) is beta


@pytest.mark.parametrize("intercept", [0, 2])
def test_undoing_the_centring_gives_the_covariance_of_the_columns_themselves(intercept):
    X = np.random.default_rng(0).normal(size=(50, 4))
    X[:, intercept] = 1.0
    centres = np.array([1.0, -20.0, 3.0, 0.5])
    centres[intercept] = 0.0
    centred, every = (X - centres).T @ (X - centres), np.ones(4, dtype=bool)
    expected = np.linalg.inv(X.T @ X)
    found = uncentred_covariance(covariance(centred, every), centres, intercept)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(variances(centred, every, centres, intercept), np.diag(expected), rtol=1e-9)


def test_variances_alone_are_those_of_the_covariance_with_nothing_for_aliased_terms():
    X = np.random.default_rng(0).normal(size=(50, 3)) * [1.0, 1e12, 1e-12]
    information, kept = np.zeros((4, 4)), np.array([True, True, False, True])
    information[np.ix_(kept, kept)] = X.T @ X
    found = variances(information, kept, np.zeros(4), None)
    np.testing.assert_allclose(found, np.diag(covariance(information, kept)), rtol=1e-10)
    assert np.isnan(found).tolist() == [False, False, True, False]
    assert np.isnan(variances(np.zeros((2, 2)), np.zeros(2, dtype=bool), np.zeros(2), 0)).all()
    with pytest.raises(SingularInformation, match=r"^$"):
        variances(np.ones((2, 2)), np.ones(2, dtype=bool), np.zeros(2), None)


@pytest.mark.parametrize("z", [0.0, 0.1, 1.96, 8.3, 20.0, 37.0])
def test_p_values_keep_their_digits_far_beyond_eight_standard_errors(z):
    table = wald_table(np.array([z, -z]), np.ones(2), 0.95)
    expected = float(mpmath.erfc(mpmath.mpf(z) / mpmath.sqrt(2)))
    np.testing.assert_allclose(table.p_value, expected, rtol=TAILS)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999999])
def test_intervals_reach_as_far_as_their_confidence_says(confidence):
    table = wald_table(np.array([1.0]), np.array([4.0]), confidence)
    half = (table.conf_high - table.conf_low) / 2
    assert stats.norm.cdf(half / 2) - stats.norm.cdf(-half / 2) == pytest.approx(confidence, rel=1e-9)
    assert table.odds_ratio_low[0] == pytest.approx(np.exp(table.conf_low[0]), rel=DIGITS)


def test_aliased_terms_have_nothing_and_huge_odds_ratios_are_infinite_without_a_warning():
    table = wald_table(np.array([np.nan, 800.0, 0.0]), np.array([np.nan, 1.0, 0.0]), 0.95)
    assert all(np.isnan(getattr(table, name)[0]) for name in table.__dataclass_fields__)
    assert table.odds_ratio[1] == np.inf
    assert np.isnan(table.z[2])


def test_the_measures_follow_their_formulas():
    found = fit_measures(
        deviance=80.0, null_deviance=100.0, n_parameters=4, n_null=1, n_obs=200.0, weight_sum=200.0
    )
    assert (found.log_likelihood, found.null_log_likelihood) == (-40.0, -50.0)
    assert found.aic == 88.0
    assert found.bic == pytest.approx(80 + 4 * np.log(200), rel=DIGITS)
    assert found.mcfadden_r2 == pytest.approx(0.2, rel=DIGITS)
    # The survival function of a chi-squared with 3 degrees of freedom, in closed form.
    tail = mpmath.erfc(mpmath.sqrt(10)) + mpmath.sqrt(40 / mpmath.pi) * mpmath.exp(-10)
    assert found.lr_p_value == pytest.approx(float(tail), rel=TAILS, abs=0)


def test_a_fit_no_better_than_its_null_model_has_a_statistic_of_zero():
    found = fit_measures(
        deviance=100.0 + 1e-12, null_deviance=100.0, n_parameters=2, n_null=1, n_obs=9.0, weight_sum=9.0
    )
    assert (found.lr_statistic, found.lr_p_value) == (0.0, 1.0)
    same = fit_measures(deviance=0.0, null_deviance=0.0, n_parameters=1, n_null=1, n_obs=9.0, weight_sum=9.0)
    assert np.isnan(same.mcfadden_r2)
    assert np.isnan(same.lr_p_value)


@pytest.mark.parametrize(("events", "total"), [(30.0, 100.0), (0.0, 10.0), (10.0, 10.0), (1e-9, 1e9)])
def test_the_null_deviance_is_that_of_the_overall_share(events, total):
    share = mpmath.mpf(events) / total
    parts = [(events, share), (total - events, 1 - share)]
    expected = -2 * sum(mpmath.mpf(n) * mpmath.log(q) for n, q in parts if n)
    assert bernoulli_deviance(events, total) == pytest.approx(float(expected), rel=DIGITS, abs=0)


@pytest.mark.parametrize("unit", [10.0, 1e-3])
def test_no_r2_depends_on_the_unit_of_the_weights(unit):
    one = fit_measures(
        deviance=80.0, null_deviance=100.0, n_parameters=4, n_null=1, n_obs=90.0, weight_sum=90.0
    )
    other = fit_measures(
        deviance=80.0 * unit,
        null_deviance=100.0 * unit,
        n_parameters=4,
        n_null=1,
        n_obs=90.0,
        weight_sum=90.0 * unit,
    )
    assert one.cox_snell_r2 == pytest.approx(1 - np.exp(-20 / 90), rel=DIGITS)
    for name in ("mcfadden_r2", "cox_snell_r2", "nagelkerke_r2"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=DIGITS)
