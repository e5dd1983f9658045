"""Bases of splines as piecewise polynomials: B-splines, and natural cubic splines as R's ``ns`` makes them."""

from __future__ import annotations

import numpy as np

from logreg_dist.design.curves import Curves, FloatArray


def bspline_curves(interior: FloatArray, boundary: tuple[float, float], degree: int) -> Curves:
    """Return the B-splines of a degree without the first one, which the intercept stands for.

    Beyond the boundary knots the end pieces go on as the polynomials that they are.

    Parameters
    ----------
    interior : ndarray (m,)
        Knots, increasing, strictly between the boundary knots.
    boundary : (float, float)
    degree : int

    Returns
    -------
    Curves
        ``m + degree`` functions: R's ``bs(x, knots = interior, Boundary.knots = boundary)``.

    Notes
    -----
    The recursion of de Boor (1978), A Practical Guide to Splines, chapter IX, equation 14, on the
    coefficients of the polynomials of each piece.

    Examples
    --------
    >>> from logreg_dist.design.curves import curve_values
    >>> curve_values(bspline_curves(np.empty(0), (0.0, 1.0), 1), np.array([0.25, 2.0])).tolist()
    [[0.25, 2.0]]
    """
    return _without_first(_all_bsplines(interior, boundary, degree))


def natural_curves(interior: FloatArray, boundary: tuple[float, float]) -> Curves:
    """Return a basis of natural cubic splines, linear beyond the boundary knots.

    Returns
    -------
    Curves
        ``m + 1`` functions: R's ``ns(x, knots = interior, Boundary.knots = boundary)``.

    Notes
    -----
    Hastie (1992), in Chambers and Hastie, Statistical Models in S, section 7.6.2: cubic B-splines
    without the first one, turned by the Householder reflections of the two conditions that the second
    derivative is 0 at the boundary knots. The reflections are written out, so that the basis does
    not depend on a linear algebra library.
    """
    cubic = _without_first(_all_bsplines(interior, boundary, 3))
    inner, scale = cubic.coefficients, cubic.scale
    last = (boundary[1] - cubic.origins[-1]) / scale
    curvature = np.array([2.0 * inner[:, 0, 2], 2.0 * inner[:, -1, 2] + 6.0 * inner[:, -1, 3] * last])
    turned = np.tensordot(_null_space(curvature), inner, axes=([0], [0]))
    k, n_pieces, _ = turned.shape
    pieces = np.zeros((k, n_pieces + 2, 4))
    pieces[:, 1:-1] = turned
    pieces[:, 0, :2] = turned[:, 0, :2]
    c0, c1, c2, c3 = np.moveaxis(turned[:, -1], 1, 0)
    pieces[:, -1, 0] = ((c3 * last + c2) * last + c1) * last + c0
    pieces[:, -1, 1] = (3.0 * c3 * last + 2.0 * c2) * last + c1
    low, high = boundary
    return Curves(
        "",
        np.array([low, *interior, high]),
        np.array([low, *cubic.origins, high]),
        scale,
        pieces,
    )


def _all_bsplines(interior: FloatArray, boundary: tuple[float, float], degree: int) -> Curves:
    low, high = boundary
    scale = high - low
    knots = np.array([*[low] * (degree + 1), *interior, *[high] * (degree + 1)])
    starts = np.array([low, *interior])
    n_pieces = len(starts)
    pieces = np.zeros((n_pieces + degree, n_pieces, degree + 1))
    for piece, start in enumerate(starts.tolist()):
        # Of the functions of degree 0 only that of this piece is not 0 on it.
        by_function = {piece + degree: np.array([1.0])}
        for d in range(1, degree + 1):
            by_function = _raise_degree(by_function, knots, d, start=start, scale=scale)
        for k, coefficients in by_function.items():
            pieces[k, piece] = coefficients
    return Curves("", np.array(interior, dtype=np.float64), starts, scale, pieces)


def _raise_degree(
    lower: dict[int, FloatArray], knots: FloatArray, d: int, *, start: float, scale: float
) -> dict[int, FloatArray]:
    """Return the functions of degree `d` that are not 0 on a piece, in powers of ``(x - start) / scale``."""
    raised: dict[int, FloatArray] = {}
    first = min(lower) - 1
    for k in range(first, first + d + 1):
        total = np.zeros(d + 1)
        if k in lower:
            width = knots[k + d] - knots[k]
            total += _times_line(lower[k], (start - knots[k]) / width, scale / width)
        if k + 1 in lower:
            width = knots[k + d + 1] - knots[k + 1]
            total += _times_line(lower[k + 1], (knots[k + d + 1] - start) / width, -scale / width)
        raised[k] = total
    return raised


def _times_line(coefficients: FloatArray, constant: float, slope: float) -> FloatArray:
    product: FloatArray = np.append(constant * coefficients, 0.0) + np.append(0.0, slope * coefficients)
    return product


def _null_space(conditions: FloatArray) -> FloatArray:
    """Return an orthonormal basis (q, q - 2) of the vectors that two conditions (2, q) make 0."""
    rest = conditions.T / np.abs(conditions).max()
    q = len(rest)
    turn = np.eye(q)
    for j in range(2):
        column = rest[j:, j]
        v = np.zeros(q)
        v[j:] = column
        v[j] += np.copysign(np.sqrt(column @ column), column[0])
        v /= np.sqrt(v @ v)
        rest = rest - 2.0 * np.outer(v, v @ rest)
        turn = turn - 2.0 * np.outer(turn @ v, v)
    return turn[:, 2:]


def _without_first(curves: Curves) -> Curves:
    return Curves(curves.link, curves.breaks, curves.origins, curves.scale, curves.coefficients[1:])
