"""Sandwich covariances: the inverse information around a sum of squared scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Of the largest eigenvalue and for each term: a negative one beyond is more than rounding.
ROUNDING = 1e-13


def sandwich(bread: FloatArray, meat: FloatArray) -> FloatArray:
    """Return ``bread meat bread``, shape (p, p) and symmetric to the last bit.

    Parameters
    ----------
    bread : ndarray (p, p)
        Inverse information; 0 in rows and columns of terms without an estimate.
    meat : ndarray (p, p)
        Sum of squared scores, symmetric.

    Notes
    -----
    Huber (1967); White (1982), Econometrica 50(1), theorem 3.2.

    Examples
    --------
    >>> sandwich(np.diag([0.5, 0.0]), np.array([[8.0, 1.0], [1.0, 2.0]])).tolist()
    [[2.0, 0.0], [0.0, 0.0]]
    """
    found = bread @ meat @ bread
    return 0.5 * (found + found.T)


@dataclass(frozen=True)
class WithoutNegative:
    """A covariance without negative variances in any direction.

    Attributes
    ----------
    covariance : ndarray (p, p)
    n_negative : int
        Eigenvalues that were set to 0; those of rounding are not counted.
    """

    covariance: FloatArray
    n_negative: int


def without_negative(bread: FloatArray, meat: FloatArray) -> WithoutNegative:
    """Return the sandwich of a meat that is a difference, its negative eigenvalues set to 0.

    The eigenvalues are those relative to the inverse information, of ``L' meat L`` with ``bread = L L'``: so the
    result does not depend on the units and the centring of columns. Cameron, Gelbach and Miller (2011), J. Bus. Econ.
    Stat. 29(2), section 2.3, take those of the covariance itself; where none is negative it is all the same.

    Parameters
    ----------
    bread : ndarray (p, p)
        Positive definite.
    meat : ndarray (p, p)

    Examples
    --------
    >>> found = without_negative(np.diag([4.0, 1.0]), np.diag([1.0, -1.0]))
    >>> found.covariance.tolist(), found.n_negative
    ([[16.0, 0.0], [0.0, 0.0]], 1)
    """
    lower = np.linalg.cholesky(bread)
    inner = lower.T @ meat @ lower
    values, vectors = np.linalg.eigh(0.5 * (inner + inner.T))
    limit = ROUNDING * len(values) * np.abs(values).max(initial=0.0)
    n_negative = int((values < -limit).sum())
    if not n_negative:
        return WithoutNegative(sandwich(bread, meat), 0)
    root = lower @ vectors * np.sqrt(np.maximum(values, 0.0))
    return WithoutNegative(root @ root.T, n_negative)


def cluster_factor(n_clusters: int) -> float:
    """Return ``G / (G - 1)``, the small-sample factor of G clusters; infinite for one.

    Examples
    --------
    >>> cluster_factor(11)
    1.1
    """
    return n_clusters / (n_clusters - 1) if n_clusters > 1 else float("inf")
