from __future__ import annotations

import numpy as np

from logreg_dist.inference.delta_method import combined_variance, marginal_effect


def test_a_variance_of_nothing_but_rounding_is_none_and_no_crash():
    # A covariance that is singular along (1, -1), and rounded: there it is -1e-16.
    covariance = np.array([[1.0, 1.0], [1.0, 1.0 - 2.0**-53]])
    gradient = np.array([1.0, -1.0])
    assert gradient @ covariance @ gradient < 0
    assert combined_variance(gradient, covariance) is None
    found = marginal_effect(0.1, gradient, covariance, column="x", level=None, kind="slope", confidence=0.95)
    assert found is None
