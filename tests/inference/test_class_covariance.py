"""The covariance of several classes in the units of the columns."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.inference.class_covariance import class_covariance, class_variances

SAME = 1e-10


def joint(rng, n_free: int, p: int) -> np.ndarray:
    root = rng.normal(size=(4 * n_free * p, n_free * p))
    return root.T @ root


@pytest.mark.parametrize("aliased", [(), (2,), (2, 5), (0, 3)])
def test_it_is_the_inverse_of_the_information_of_the_columns_as_they_are(aliased):
    """Centring is a change of variables: the information of the raw columns is T' I T."""
    rng, n_free, p = np.random.default_rng(1), 2, 3
    information, centres = joint(rng, n_free, p), np.array([0.0, 3.0, -2.0])
    one = np.eye(p)
    one[0] = [1.0, 3.0, -2.0]  # intercept of the centred columns = intercept + sum(slope * centre)
    change = np.kron(np.eye(n_free), one)
    estimable = np.ones(n_free * p, dtype=bool)
    estimable[list(aliased)] = False
    raw = (change.T @ information @ change)[np.ix_(estimable, estimable)]
    if aliased == (0, 3):  # nothing to undo where there is no intercept to carry the centres
        raw = information[np.ix_(estimable, estimable)]
    found = class_covariance(information, estimable, centres, 0)
    np.testing.assert_allclose(found, np.linalg.inv(raw), rtol=SAME, atol=SAME)
    spread = class_variances(information, estimable, centres, 0)
    np.testing.assert_allclose(spread[estimable], np.diag(found), rtol=SAME)
    assert np.isnan(spread[~estimable]).all()


def test_without_intercept_nothing_was_centred():
    rng = np.random.default_rng(2)
    information, every = joint(rng, 2, 2), np.ones(4, dtype=bool)
    found = class_covariance(information, every, np.zeros(2), None)
    np.testing.assert_allclose(found, np.linalg.inv(information), rtol=SAME)
