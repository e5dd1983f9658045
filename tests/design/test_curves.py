"""Bases of transforms against R's and SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import BSpline, CubicSpline

from logreg_dist.design.curves import combined, curve_values, polynomials
from logreg_dist.design.derived import Transform
from logreg_dist.design.splines import bspline_curves, natural_curves

# R prints 17 digits; recursions round in another order.
R_ROUNDING = 1e-13
KNOTS, BOUNDARY = np.array([1.0, 2.5, 2.7]), (0.2, 4.0)
X = np.array([-1, 0.3, 1.1, 2, 3.7, 5])

# library(splines); x <- c(-1, 0.3, 1.1, 2, 3.7, 5); R 4.2.2
# ns(x, knots = c(1, 2.5, 2.7), Boundary.knots = c(0.2, 4))
R_NS = [
    [0, 0.42590356483139274, -0.91733075502146144, 0.49142719019006859],
    [0.00021739130434782591, -0.035347938375861476, 0.076134021117240103, -0.040786082741378626],
    [0.15785734583688554, -0.21459958890659642, 0.46249604770028113, -0.24776573983943631],
    [0.64691105427678308, 0.034697765647007439, 0.2068148677567723, -0.11079367915541372],
    [0.0046153846153846071, 0.15398067128118048, 0.34006529972574118, 0.50133864437769382],
    [0, -1.2606112054329373, 0.40747028862478807, 1.8531409168081496],
]
# bs(x, knots = c(1, 2.5), degree = 2, Boundary.knots = c(0.2, 4))
R_BS = [
    [-6.0326086956521738, 0.78260869565217372, 0, 0],
    [0.2289402173913043, 0.0054347826086956494, 0, 0],
    [0.56811594202898541, 0.42966183574879235, 0.0022222222222222261, 0],
    [0.072463768115942032, 0.70531400966183577, 0.22222222222222221, 0],
    [0, 0.019999999999999976, 0.3399999999999998, 0.64000000000000012],
    [0, 0.22222222222222218, -2, 2.7777777777777777],
]


def test_natural_splines_are_those_of_r():
    found = curve_values(natural_curves(KNOTS, BOUNDARY), X)
    np.testing.assert_allclose(found.T, R_NS, rtol=0, atol=R_ROUNDING)


def test_b_splines_are_those_of_r_beyond_the_boundary_too():
    found = curve_values(bspline_curves(np.array([1.0, 2.5]), BOUNDARY, 2), X)
    np.testing.assert_allclose(found.T, R_BS, rtol=0, atol=R_ROUNDING)


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("interior", [[], [1.0], [0.21, 3.999], [1.0, 1.0001, 2.5, 3.0]])
def test_b_splines_are_those_of_scipy(degree, interior):
    low, high = BOUNDARY
    t = np.array([*[low] * (degree + 1), *interior, *[high] * (degree + 1)])
    x = np.linspace(low, high, 101)[:-1]
    expected = [BSpline(t, one, degree)(x) for one in np.eye(len(interior) + degree + 1)[1:]]
    found = curve_values(bspline_curves(np.array(interior), BOUNDARY, degree), x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("interior", [[], [1.0], [1.0, 2.5, 2.7]])
def test_a_natural_spline_through_any_points_is_scipys(interior):
    at = np.array([BOUNDARY[0], *interior, BOUNDARY[1]])
    values = np.random.default_rng(1).normal(size=len(at))
    curves = natural_curves(np.array(interior), BOUNDARY)
    basis = np.vstack([np.ones(len(at)), curve_values(curves, at)])
    weights = np.linalg.solve(basis.T, values)
    x = np.linspace(*BOUNDARY, 50)
    found = weights[0] + curve_values(combined(curves, weights[1:]), x)[0]
    np.testing.assert_allclose(found, CubicSpline(at, values, bc_type="natural")(x), rtol=0, atol=1e-12)


def test_a_natural_spline_is_a_line_beyond_its_boundary():
    curves = natural_curves(KNOTS, BOUNDARY)
    for x in (np.array([-9.0, -5.0, -1.0]), np.array([5.0, 9.0, 13.0])):
        a, b, c = curve_values(curves, x).T
        np.testing.assert_allclose(b - a, c - b, rtol=1e-12)


def test_bins_reach_up_to_their_edge():
    bins = Transform("bins(x, 3)", "x", "bins", knots=(1.0, 2.5))
    found = curve_values(bins.curves(), np.array([-9, 1.0, 1.0000001, 2.5, 2.6, np.nan]))
    np.testing.assert_array_equal(np.argmax(found, axis=0)[:5], [0, 0, 1, 1, 2])
    np.testing.assert_array_equal(found[:, :5].sum(axis=0), 1.0)
    assert np.isnan(found[:, 5]).all()
    assert [bins.label(k) for k in range(3)] == [
        "bins(x, 3)[(-inf, 1]]", "bins(x, 3)[(1, 2.5]]", "bins(x, 3)[(2.5, inf)]",
    ]  # fmt: skip


def test_a_missing_value_stays_missing_in_every_curve():
    for curves in (natural_curves(KNOTS, BOUNDARY), polynomials(np.array([[1.0, 2.0]]), link="log")):
        assert np.isnan(curve_values(curves, np.array([np.nan]))).all()
