"""Bounds on estimates: where they end, what they leave of a direction, and the conditions of the optimum in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """Where each of p estimates may lie, ends included.

    Attributes
    ----------
    lower, upper : ndarray (p,)
        Log-odds per unit of the column; -inf and inf where there is no bound.
    """

    lower: FloatArray
    upper: FloatArray

    @staticmethod
    def unlimited(p: int) -> Box:
        """Return the box of p estimates without a bound."""
        return Box(np.full(p, -np.inf), np.full(p, np.inf))

    @property
    def is_bounded(self) -> NDArray[np.bool_]:
        """Which estimates have a bound on either side, (p,)."""
        return np.isfinite(self.lower) | np.isfinite(self.upper)

    def clip(self, beta: FloatArray) -> FloatArray:
        """Return the nearest point of the box, (p,)."""
        nearest: FloatArray = np.clip(beta, self.lower, self.upper)
        return nearest

    def without(self, some: NDArray[np.bool_]) -> Box:
        """Return the box with no bound on `some` (p,)."""
        return Box(np.where(some, -np.inf, self.lower), np.where(some, np.inf, self.upper))

    def endless(self, direction: FloatArray) -> FloatArray:
        """Return what of a direction (p,) can be followed for ever: entries that run into a bound are 0.

        Examples
        --------
        >>> Box(np.array([0.0, 0.0]), np.array([np.inf, np.inf])).endless(np.array([2.0, -1.0])).tolist()
        [2.0, 0.0]
        """
        ends = ((direction > 0) & np.isfinite(self.upper)) | ((direction < 0) & np.isfinite(self.lower))
        return np.where(ends, 0.0, direction)

    def ends_at(self, beta: FloatArray) -> tuple[str | None, ...]:
        """Say of each estimate at which of its bounds it lies: ``lower``, ``upper``, ``both`` (they are equal) or None.

        Examples
        --------
        >>> Box(np.array([0.0, -1.0, 2.0]), np.array([np.inf, 1.0, 2.0])).ends_at(np.array([0.0, 0.5, 2.0]))
        ('lower', None, 'both')
        """
        low, high = beta == self.lower, beta == self.upper
        return tuple(
            "both" if both else "lower" if at_lower else "upper" if at_upper else None
            for both, at_lower, at_upper in zip(low & high, low, high, strict=True)
        )


def missed_conditions(gradient: FloatArray, beta: FloatArray, lasso: FloatArray, box: Box) -> FloatArray:
    """Return by how much each estimate could still gain per unit of a move, (p,): 0 at the optimum.

    Parameters
    ----------
    gradient : ndarray (p,)
        Uphill, of everything but the lasso.
    beta : ndarray (p,)
        Inside the box.
    lasso : ndarray (p,)
        What a move away from 0 costs, and a move towards it saves.
    box : Box

    Notes
    -----
    A separable convex function over a box has its optimum where no coordinate gains by moving up, if it may,
    nor by moving down (Bertsekas 2016, Nonlinear Programming, section 3.1; at 0 with the lasso's subgradient).
    Estimates of 0 and estimates at a bound need no rules of their own.

    Examples
    --------
    At a lower bound of 0 only a gain from moving up counts, less the lasso:

    >>> box = Box(np.zeros(2), np.full(2, np.inf))
    >>> missed_conditions(np.array([-5.0, 1.5]), np.zeros(2), np.array([1.0, 1.0]), box).tolist()
    [0.0, 0.5]
    """
    up = gradient - np.where(beta >= 0, lasso, -lasso)
    down = np.where(beta > 0, lasso, -lasso) - gradient
    gain_up = np.where(beta < box.upper, up, 0.0)
    gain_down = np.where(beta > box.lower, down, 0.0)
    missed: FloatArray = np.maximum(np.maximum(gain_up, gain_down), 0.0)
    return missed
