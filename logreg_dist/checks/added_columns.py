"""Columns that a model could have beside its own: what score tests add, computed row by row. Runs on executors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from logreg_dist.kernel.block import FloatArray

# Nearer to the centre, relative to it, the series has all the digits that the logarithm loses.
_NEAR = 1e-3
_ORDERS = range(9, 1, -1)


class Added(StrEnum):
    """What is added for a column x, or for the linear predictor."""

    X_LOG_X = "x log x"
    SQUARE = "square"


@dataclass(frozen=True)
class AddedColumn:
    """A column to add.

    Attributes
    ----------
    row : int or None
        The dense row of the blocks that it is made of; None: the linear predictor.
    kind : Added
    shift : float
        What is subtracted before squaring; for ``x log x`` the centre of the column, above 0.
    scale : float
        About the standard deviation, above 0; it changes no test.
    centred : float
        What was subtracted from the row already: 0, or the centre where there is an intercept.
    """

    row: int | None
    kind: Added
    shift: float
    scale: float
    centred: float = 0.0


def added_values(values: FloatArray, added: AddedColumn) -> FloatArray:
    """Return the added column, shape (m,), but for multiples of what the model has in any case.

    A model with x and an intercept need not tell ``x log x`` from ``c ((1 + t) log(1 + t) - t)`` with
    ``t = x / c - 1``, nor ``x**2`` from ``(x - c)**2``: these are small where x is nearly constant, and keep
    the digits there that the others lose.

    Parameters
    ----------
    values : ndarray (m,)
        The row of the blocks, or the linear predictor.
    added : AddedColumn

    Examples
    --------
    >>> years = AddedColumn(0, Added.X_LOG_X, shift=2000.0, scale=10.0, centred=2000.0)
    >>> added_values(np.array([-10.0, 0.0, 10.0]), years).round(4).tolist()
    [0.5008, 0.0, 0.4992]
    """
    if added.kind is Added.SQUARE:
        return ((values + (added.centred - added.shift)) / added.scale) ** 2
    shift = added.shift
    if added.centred == 0.0:  # no intercept: nothing but multiples of x itself may be left out
        u = values / shift
        found = u * np.log(u)
    else:
        found = _bend((values + (added.centred - shift)) / shift)
    result: FloatArray = found * (shift / added.scale) ** 2
    return result


def _bend(t: FloatArray) -> FloatArray:
    """Return ``(1 + t) log(1 + t) - t``, shape (m,), for t from -1."""
    u = 1.0 + t
    near = np.abs(t) < _NEAR
    # Times t / (u - 1) log(u) is log1p(t) with its digits (Goldberg 1991, theorem 4), in a tenth of its time. Below the
    # rounding of the centre x log x is 0.
    rounded = np.where(near, 1.0, u - 1.0)
    found: FloatArray = u * np.log(np.where(u > 0.0, u, 1.0)) * (t / rounded) - t
    if near.any():
        found[near] = _bend_series(t[near])
    return found


def _bend_series(t: FloatArray) -> FloatArray:
    series = np.zeros_like(t)
    for k in _ORDERS:
        series = series * t + (1.0 if k % 2 == 0 else -1.0) / (k * (k - 1))
    return series * t * t
