"""The information matrix of ill-conditioned columns: that of mixtures of them, which are nearly orthogonal.

The matrix of columns with condition k has condition k squared, and its inverse half of their digits: standard errors
of 5 digits at k = 4e5, none at 4e7. Mixing the columns row by row with a triangular matrix T that was learned from a
first, rough matrix leaves mixtures ``Z = X T`` whose matrix G has all its digits, and ``T G^-1 T'`` has as many as a QR
decomposition of the rows would give.

Yamamoto, Nakatsukasa, Yanagisawa and Fukaya (2015), Roundoff error analysis of the CholeskyQR2 algorithm, Electronic
Transactions on Numerical Analysis 44: of that algorithm this is the first factor, applied to the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from logreg_dist.solver.linear_system import (
    DEPENDENCE_TOLERANCE,
    Dependence,
    Factor,
    dependences_of_correlation,
    factorise,
    find_dependences,
    rounding_of,
)

FloatArray = NDArray[np.float64]

# The smallest part of a column (squared share) that earlier columns leave unexplained: below it the inverse of the
# matrix has fewer than about 9 right digits (measured: 7.8 at 1.5e-6, 5.4 at 2e-9).
ILL_CONDITIONED = 1e-5
# What columns that seem dependent are divided by at least (squared share), or their rounding would overflow.
LEAST_SHARE = 1e-14


@dataclass(frozen=True)
class MixedInformation:
    """The information of columns X by that of their mixtures ``X T``: ``T^-T G T^-1``.

    Attributes
    ----------
    matrix : ndarray (p, p)
        G, of the mixtures.
    mixing : ndarray (p, p)
        T, upper triangular: a mixture is made of its own column and earlier ones.
    """

    matrix: FloatArray
    mixing: FloatArray

    def whole(self) -> FloatArray:
        """Assemble the (p, p) matrix of the columns, with no more digits than sums over them would have had."""
        root = self._unmixing()
        return root.T @ self.matrix @ root

    def part(self, active: NDArray[np.bool_]) -> MixedInformation:
        """Return the information of the active terms (p,) alone."""
        if active.all():
            return self
        basis, root = np.linalg.qr(self._unmixing()[:, active])
        # Of a triangular matrix without some of its columns: mixtures again, of the columns that are left.
        n = len(root)
        signs = np.copysign(1.0, np.diag(root))  # what is not mixed stays what it is
        basis, root = basis * signs, root * signs[:, None]
        mixing = linalg.solve_triangular(root, np.eye(n))
        return MixedInformation(basis.T @ self.matrix @ basis, mixing)

    def dependences(self) -> list[Dependence]:
        """Return the terms that are linear combinations of earlier ones, by the same rule as of an ordinary matrix.

        Rounding here tells columns apart that the sums of the columns themselves cannot.
        """
        scale = np.sqrt(np.diag(self.matrix))
        zero = ~(scale > 0)
        scale = np.where(zero, 1.0, scale)
        sizes = np.sqrt(np.diag(self.whole()))
        shares = np.abs(np.diag(self.mixing)) * np.where(zero, 1.0, sizes) / scale
        found = dependences_of_correlation(
            self.matrix / np.outer(scale, scale),
            zero,
            rounding_of(len(scale)),
            DEPENDENCE_TOLERANCE * shares**2,
        )
        dependences: list[Dependence] = []
        for j, weights, remaining in found:
            direction = -self.mixing[:, list(weights)] @ (
                np.array(list(weights.values())) * scale[j] / scale[list(weights)]
            )
            direction += self.mixing[:, j]
            dependences.append(_of_columns(j, direction, remaining / shares[j] ** 2, dependences))
        return dependences

    def _unmixing(self) -> FloatArray:
        root: FloatArray = linalg.solve_triangular(self.mixing, np.eye(len(self.mixing)))
        return root


@dataclass(frozen=True)
class MixedFactor:
    """The factor of a `MixedInformation`: that of the mixtures, and the mixing."""

    of_mixtures: Factor
    mixing: FloatArray

    def solve(self, right: FloatArray) -> FloatArray:
        """Return ``information^-1 right``, shape (p,)."""
        return self.mixing @ self.of_mixtures.solve(self.mixing.T @ right)

    def inverse(self) -> FloatArray:
        """Return the symmetric inverse, shape (p, p)."""
        inverse = self.mixing @ self.of_mixtures.inverse() @ self.mixing.T
        return (inverse + inverse.T) / 2

    def inverse_diagonal(self) -> FloatArray:
        """Return the diagonal of the inverse, shape (p,)."""
        diagonal: FloatArray = np.einsum("ij,ij->i", self.mixing @ self.of_mixtures.inverse(), self.mixing)
        return diagonal


def factorise_mixed(information: MixedInformation) -> MixedFactor:
    """Factor the matrix of the mixtures.

    Raises
    ------
    SingularInformation
        When it is not positive definite or not finite.
    """
    return MixedFactor(factorise(information.matrix), information.mixing)


def mixing_for(information: FloatArray, mixed: NDArray[np.bool_]) -> FloatArray | None:
    """Return the mixing (p, p) that makes columns nearly orthogonal; None where they are well conditioned.

    Parameters
    ----------
    information : ndarray (p, p)
        Of the columns, or of earlier mixtures of them.
    mixed : ndarray (p,) of bool
        Which may be mixed; the others stay what they are.

    Examples
    --------
    Two columns that differ by a part in 10,000, and two that do not:

    >>> near = mixing_for(np.array([[1.0, 1.0], [1.0, 1.0 + 1e-8]]), np.ones(2, dtype=bool))
    >>> near.round(3).tolist()
    [[1.0, -10000.0], [0.0, 10000.0]]
    >>> mixing_for(np.eye(2), np.ones(2, dtype=bool)) is None
    True
    """
    places = np.flatnonzero(mixed & (np.diag(information) > 0))
    if len(places) < 2 or not np.isfinite(information).all():
        return None
    block = information[np.ix_(places, places)]
    scale = np.sqrt(np.diag(block))
    correlation = block / np.outer(scale, scale)
    found = _mixing_of_correlation(correlation)
    if found is None:
        return None
    mixing = np.eye(len(information))
    mixing[np.ix_(places, places)] = found / scale[:, None]
    return mixing


def _mixing_of_correlation(correlation: FloatArray) -> FloatArray | None:
    """Return the mixing of columns of unit size, None where they need none.

    Columns that seem dependent become what is left of them; the others are mixed among themselves.
    """
    if _is_well_conditioned(correlation):
        return None
    n, dependences = len(correlation), find_dependences(correlation)
    kept = np.ones(n, dtype=bool)
    kept[[dependence.position for dependence in dependences]] = False
    try:
        lower = np.linalg.cholesky(correlation[np.ix_(kept, kept)])
    except np.linalg.LinAlgError:
        return None
    doubtful = any(_is_doubtful(dependence, n) for dependence in dependences)
    if not doubtful and (np.diag(lower) ** 2).min(initial=1.0) > ILL_CONDITIONED:
        return None
    mixing = np.eye(n)
    mixing[np.ix_(kept, kept)] = linalg.solve_triangular(lower, np.eye(len(lower)), lower=True).T
    for dependence in dependences:
        share = max(dependence.remaining, LEAST_SHARE)
        mixing[list(dependence.weights), dependence.position] = -np.array(list(dependence.weights.values()))
        mixing[:, dependence.position] /= np.sqrt(share)
    return mixing


def _is_well_conditioned(correlation: FloatArray) -> bool:
    """Whether there is nothing to do: the usual case, for which one factorisation must do."""
    try:
        lower = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        return False
    return bool((np.diag(lower) ** 2).min(initial=1.0) > ILL_CONDITIONED)


def _is_doubtful(dependence: Dependence, n: int) -> bool:
    """Whether rounding alone, rather than the tolerance, made a column seem dependent."""
    weights = np.array(list(dependence.weights.values()))
    return bool(rounding_of(n) * (1.0 + float(weights @ weights)) > DEPENDENCE_TOLERANCE)


def _of_columns(
    position: int, direction: FloatArray, remaining: float, earlier: list[Dependence]
) -> Dependence:
    """Return the dependence along a direction (p,) of columns, in which dependent ones are replaced by what they equal."""
    direction = direction / direction[position]
    for dependence in earlier:
        share = direction[dependence.position]
        direction[dependence.position] = 0.0
        for k, weight in dependence.weights.items():
            direction[k] += share * weight
    weights = {int(k): float(-direction[k]) for k in np.flatnonzero(direction) if k != position}
    return Dependence(position, weights, max(float(remaining), 0.0))
