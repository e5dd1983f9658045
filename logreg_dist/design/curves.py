"""Functions of one number as piecewise polynomials: what every transform is, at the fit and at scoring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """Functions of one number ``x`` that share their pieces.

    With ``t = link(x)``, the piece i that holds t and ``u = (t - origins[i]) / scale``, function k is
    ``sum_j coefficients[k, i, j] u**j``. Piece i reaches from above ``breaks[i-1]`` up to ``breaks[i]``
    itself; the first and the last one have no end.

    Attributes
    ----------
    link : str
        Empty, ``log`` or ``log1p``.
    breaks : ndarray (m,)
        Increasing, units of t.
    origins : ndarray (m + 1,)
    scale : float
        Above 0, units of t.
    coefficients : ndarray (k, m + 1, d + 1)
    """

    link: str
    breaks: FloatArray
    origins: FloatArray
    scale: float
    coefficients: FloatArray

    @property
    def degree(self) -> int:
        """The highest power d."""
        return int(self.coefficients.shape[2]) - 1


def polynomials(
    coefficients: FloatArray, *, link: str = "", centre: float = 0.0, scale: float = 1.0
) -> Curves:
    """Return polynomials of ``(link(x) - centre) / scale`` with no breaks; `coefficients` (k, d + 1)."""
    return Curves(link, np.empty(0), np.array([centre]), scale, coefficients[:, None, :])


def steps(breaks: FloatArray) -> Curves:
    """Return for each of the intervals between `breaks` (m,) the function that is 1 on it and 0 elsewhere.

    Examples
    --------
    >>> curve_values(steps(np.array([1.0, 2.0])), np.array([1.0, 1.5, 9.0])).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    n = len(breaks) + 1
    return Curves("", breaks, np.zeros(n), 1.0, np.eye(n)[:, :, None])


def combined(curves: Curves, weights: FloatArray) -> Curves:
    """Return the one function ``sum_k weights[k] * curve_k``."""
    total = np.tensordot(weights, curves.coefficients, axes=1)
    return Curves(curves.link, curves.breaks, curves.origins, curves.scale, total[None])


def curve_values(curves: Curves, x: FloatArray) -> FloatArray:
    """Return the functions' values, shape (k, n); NaN where ``x`` is, or where it has no logarithm.

    Parameters
    ----------
    curves : Curves
    x : ndarray (n,)

    Notes
    -----
    By Horner's rule, in the same order of operations as scoring's SQL expression.

    Examples
    --------
    >>> line = polynomials(np.array([[1.0, 2.0]]))
    >>> curve_values(line, np.array([0.0, 3.0])).tolist()
    [[1.0, 7.0]]
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        t = _LINKS[curves.link](x) if curves.link else x
        if len(curves.breaks) == 0:
            u = (t - curves.origins[0]) / curves.scale
            return _horner(curves.coefficients[:, 0, :], u)
        piece = np.searchsorted(curves.breaks, t, side="left")
        if curves.degree == 0:
            found = curves.coefficients[:, :, 0].take(piece, axis=1)
            found[:, np.isnan(t)] = np.nan
            return found
        u = (t - curves.origins.take(piece)) / curves.scale
        powers = [curves.coefficients[:, :, j].take(piece, axis=1) for j in range(curves.degree + 1)]
        total = powers[-1]
        for lower in reversed(powers[:-1]):
            total *= u
            total += lower
    return total


def curve_slopes(curves: Curves, x: FloatArray) -> FloatArray:
    """Return the functions' derivatives by ``x``, shape (k, n); at a kink the mean of both sides.

    Exact but for rounding: a polynomial's derivative is one. Steps have the derivative 0 everywhere, which
    says nothing of what they do.

    Parameters
    ----------
    curves : Curves
    x : ndarray (n,)

    Examples
    --------
    >>> square = polynomials(np.array([[0.0, 0.0, 1.0]]))
    >>> curve_slopes(square, np.array([0.0, 3.0])).tolist()
    [[0.0, 6.0]]
    >>> curve_slopes(polynomials(np.array([[0.0, 2.0]]), link="log"), np.array([4.0])).tolist()
    [[0.5]]
    """
    powers = np.arange(1, curves.degree + 1) / curves.scale
    lowered = curves.coefficients[:, :, 1:] * powers
    if curves.degree == 0:
        lowered = np.zeros_like(curves.coefficients)
    lower = replace(curves, coefficients=lowered)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        found = curve_values(lower, x)
        if len(curves.breaks) > 0:
            # The same from the right, where pieces do not hold their end: of smooth curves no other value.
            behind = replace(lower, breaks=np.nextafter(curves.breaks, -np.inf))
            found = 0.5 * (found + curve_values(behind, x))
        return found * _LINK_SLOPES[curves.link](x) if curves.link else found


def _horner(coefficients: FloatArray, u: FloatArray) -> FloatArray:
    total = np.repeat(coefficients[:, -1:], len(u), axis=1)
    for j in range(coefficients.shape[1] - 2, -1, -1):
        total *= u
        total += coefficients[:, j : j + 1]
    return total


_LINKS = {"log": np.log, "log1p": np.log1p}
_LINK_SLOPES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "log": lambda x: 1.0 / x,
    "log1p": lambda x: 1.0 / (1.0 + x),
}
