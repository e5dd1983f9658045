"""Solving with the information matrix: equilibrated Cholesky, and which terms can be estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

FloatArray = NDArray[np.float64]

# A term whose part not explained by earlier terms is below this share of its own size (squared)
# is dependent.
DEPENDENCE_TOLERANCE = 1e-12
# Pivots above it have at least half of their digits: nothing is near to dependent.
SAFE_PIVOT = 1e-6
# Columns that are factored at a time.
PANEL = 64


class SingularInformation(ArithmeticError):
    """The information matrix cannot be factored: no Newton step exists."""


@dataclass(frozen=True)
class Dependence:
    """Why a term has no estimate: it is a combination of earlier terms.

    Attributes
    ----------
    position : int
        The dependent term.
    weights : mapping of int to float
        Earlier terms with their coefficient, in units of the design; empty for a column of zeros.
    remaining : float
        The share of the column's size (squared) that they do not explain, up to rounding.
    """

    position: int
    weights: Mapping[int, float]
    remaining: float = 0.0

    def within(self, first: int, n: int) -> Dependence:
        """Return the dependence among the `n` terms from `first` on, numbered from 0; the others are left out.

        Examples
        --------
        >>> Dependence(5, {4: 2.0, 1: 1e-17}).within(3, 3)
        Dependence(position=2, weights={1: 2.0}, remaining=0.0)
        """
        weights = {k - first: w for k, w in self.weights.items() if first <= k < first + n}
        return Dependence(self.position - first, weights, self.remaining)


def find_dependences(
    information: FloatArray, *, sizes: FloatArray | None = None, n_terms: int | None = None
) -> list[Dependence]:
    """Return the terms that are linear combinations of earlier ones, as R's ``glm`` aliases them.

    A Cholesky factorisation from left to right that skips a column whose remaining diagonal is
    rounding error. The order of the terms decides which of a dependent set keeps its estimate.

    Parameters
    ----------
    information : ndarray (p, p)
        Symmetric, positive semi-definite, in the order of the terms.
    sizes : ndarray (p,) or None
        Squared sizes of the terms, its diagonal when None. With a Schur complement those of before:
        a term that is all but gone was a combination of what was eliminated.
    n_terms : int or None
        Terms that the rounding comes from, those eliminated included; p when None.

    Examples
    --------
    The third column is the first plus twice the second:

    >>> X = np.array([[1.0, 0, 1], [1, 1, 3], [1, 2, 5], [1, 5, 11]])
    >>> [found] = find_dependences(X.T @ X)
    >>> found.position, {k: round(v, 9) for k, v in found.weights.items()}
    (2, {0: 1.0, 1: 2.0})
    """
    p = len(information)
    scale = np.sqrt(np.diag(information) if sizes is None else sizes)
    zero = ~(scale > 0)
    scale = np.where(zero, 1.0, scale)
    correlation = information / np.outer(scale, scale)
    if _is_well_conditioned(correlation if not zero.any() else correlation[np.ix_(~zero, ~zero)]):
        return [Dependence(int(j), {}) for j in np.flatnonzero(zero)]
    rounding = rounding_of(n_terms or p)
    sizes_of = scale.tolist()
    return [
        Dependence(j, {k: w * sizes_of[j] / sizes_of[k] for k, w in weights.items()}, remaining)
        for j, weights, remaining in dependences_of_correlation(
            correlation, zero, rounding, np.full(p, DEPENDENCE_TOLERANCE)
        )
    ]


def rounding_of(n_terms: int) -> float:
    """Return what rounding in the sums leaves of a column (squared share) that is dependent with small weights."""
    return float(10 * n_terms * np.finfo(float).eps)


def dependences_of_correlation(
    correlation: FloatArray, zero: NDArray[np.bool_], rounding: float, tolerances: FloatArray
) -> list[tuple[int, dict[int, float], float]]:
    """Return the dependent columns with their weights and what remains: a left-looking Cholesky by panels.

    A column is dependent where no more than its entry of `tolerances` (p,), or than `rounding`, remains. Whole panels
    are updated at a time, which for thousands of terms is many times faster than solving for one column after the other.
    """
    p = len(correlation)
    factor = np.zeros((p, p), order="F")  # a column for each kept term
    kept: list[int] = []
    dependent: list[tuple[int, dict[int, float], float]] = []
    is_safe = True
    for first in range(0, p, PANEL):
        panel = slice(first, min(first + PANEL, p))
        before = len(kept)
        done = factor[first:, :before]
        rest = np.asfortranarray(correlation[first:, panel] - done @ done[: panel.stop - first].T)
        for j in range(panel.start, panel.stop):
            if zero[j]:
                dependent.append((j, {}, 0.0))
                continue
            column = rest[j - first :, j - first]
            column -= factor[j:, before : len(kept)] @ factor[j, before : len(kept)]
            remaining = float(column[0])
            if not (is_safe and remaining > max(SAFE_PIVOT, tolerances[j])):
                weights = _weights(factor[kept, : len(kept)], factor[j, : len(kept)])
                # Rounding in the sums reaches what remains through the weights: beside nearly dependent
                # terms they are large, and an exact dependence leaves more than the tolerance.
                if not remaining > max(tolerances[j], rounding * (1.0 + float(weights @ weights))):
                    dependent.append((j, dict(zip(kept, weights.tolist(), strict=True)), remaining))
                    continue
                is_safe = is_safe and remaining > SAFE_PIVOT
            factor[j:, len(kept)] = column / np.sqrt(remaining)
            kept.append(j)
    return dependent


def _weights(lower: FloatArray, row: FloatArray) -> FloatArray:
    """Return the weights of the kept columns in one whose row of the factor is given."""
    if not len(row):
        return row
    weights: FloatArray = linalg.solve_triangular(lower, row, lower=True, trans="T")
    return weights


@dataclass(frozen=True)
class Factor:
    """The Cholesky factor of an equilibrated information matrix."""

    lower: FloatArray
    scale: FloatArray

    def solve(self, right: FloatArray) -> FloatArray:
        """Return ``information^-1 right``, shape (p,)."""
        solution: FloatArray = linalg.cho_solve((self.lower, True), right / self.scale) / self.scale
        return solution

    def inverse(self) -> FloatArray:
        """Return the symmetric inverse, shape (p, p)."""
        p = len(self.scale)
        inverse: FloatArray = linalg.cho_solve((self.lower, True), np.eye(p))
        inverse = (inverse + inverse.T) / 2
        return inverse / np.outer(self.scale, self.scale)

    def log_determinant(self) -> float:
        """Return the logarithm of the determinant of the matrix."""
        return 2.0 * float(np.log(np.diag(self.lower)).sum() + np.log(self.scale).sum())

    def inverse_diagonal(self) -> FloatArray:
        """Return the diagonal of the inverse, shape (p,), in a third of the work."""
        inverse = linalg.solve_triangular(self.lower, np.eye(len(self.scale)), lower=True)
        diagonal: FloatArray = np.einsum("ij,ij->j", inverse, inverse) / self.scale**2
        return diagonal


def factorise(information: FloatArray) -> Factor:
    """Factor the information matrix, scaled to a unit diagonal first.

    The scaling makes the result independent of the units of the columns, up to rounding.

    Raises
    ------
    SingularInformation
        When the matrix is not positive definite or not finite.
    """
    diagonal = np.diag(information)
    if not np.isfinite(information).all() or (diagonal <= 0).any():
        raise SingularInformation
    scale = np.sqrt(diagonal)
    try:
        # NumPy's and not SciPy's: each has a BLAS with threads of its own, and NumPy's, busy with the sums
        # a moment ago, still hold the cores (200 columns: 24 ms instead of 0.3 ms).
        lower = np.linalg.cholesky(information / np.outer(scale, scale))
    except np.linalg.LinAlgError as error:
        raise SingularInformation from error
    return Factor(lower, scale)


def _is_well_conditioned(correlation: FloatArray) -> bool:
    """Whether a blocked Cholesky meets no pivot anywhere near the tolerance: the usual case."""
    try:
        lower = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        return False
    return bool((np.diag(lower) ** 2).min(initial=1.0) > SAFE_PIVOT)
