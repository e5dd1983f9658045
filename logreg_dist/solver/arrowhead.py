"""The information matrix of a model with one huge category, solved by a Schur complement.

Put the levels of that category first and the matrix is an arrow: ``[[D, C], [C', R]]`` with `D`
diagonal. Eliminating the w levels leaves ``S = R - C' D^-1 C`` of the r other terms, so memory is
``O(w r + r^2)`` and not ``O((w + r)^2)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from logreg_dist.solver.linear_system import Factor, SingularInformation, factorise

FloatArray = NDArray[np.float64]
Positions = NDArray[np.intp]


@dataclass(frozen=True)
class ArrowheadInformation:
    """The information matrix of w levels of one column and r other terms, p in all.

    Attributes
    ----------
    diagonal : ndarray (w,)
        Of the levels; no row has two of them, so nothing lies beside the diagonal.
    cross : ndarray (w, r)
        Of the levels with the other terms.
    rest : ndarray (r, r)
        Of the other terms.
    levels, others : ndarray (w,), (r,)
        Positions of both among the p terms, ascending; the levels stand together.
    """

    diagonal: FloatArray
    cross: FloatArray
    rest: FloatArray
    levels: Positions
    others: Positions

    @property
    def p(self) -> int:
        """Terms in all."""
        return len(self.levels) + len(self.others)

    def matrix(self) -> FloatArray:
        """Assemble the (p, p) matrix; only where p is small."""
        full = np.zeros((self.p, self.p))
        full[self.levels, self.levels] = self.diagonal
        full[np.ix_(self.levels, self.others)] = self.cross
        full[np.ix_(self.others, self.levels)] = self.cross.T
        full[np.ix_(self.others, self.others)] = self.rest
        return full

    def plus_diagonal(self, ridge: FloatArray) -> ArrowheadInformation:
        """Return the matrix with `ridge` (p,) added to its diagonal."""
        rest = self.rest.copy()
        rest.flat[:: len(rest) + 1] += ridge[self.others]
        return ArrowheadInformation(
            self.diagonal + ridge[self.levels], self.cross, rest, self.levels, self.others
        )

    def part(self, active: NDArray[np.bool_]) -> ArrowheadInformation:
        """Return the matrix of the active terms (p,) alone, renumbered."""
        if active.all():
            return self
        number = np.cumsum(active) - 1
        levels, others = active[self.levels], active[self.others]
        return ArrowheadInformation(
            diagonal=self.diagonal[levels],
            cross=self.cross[np.ix_(levels, others)],
            rest=self.rest[np.ix_(others, others)],
            levels=number[self.levels[levels]],
            others=number[self.others[others]],
        )


@dataclass(frozen=True)
class ArrowheadFactor:
    """The factors of an `ArrowheadInformation`.

    Attributes
    ----------
    scale : ndarray (w,)
        Square roots of the levels' diagonal.
    cross : ndarray (w, r)
        ``D^-1/2 C``.
    schur : Factor
        Of ``R - C' D^-1 C``.
    levels, others : ndarray (w,), (r,)
    """

    scale: FloatArray
    cross: FloatArray
    schur: Factor
    levels: Positions
    others: Positions

    def solve(self, right: FloatArray) -> FloatArray:
        """Return ``information^-1 right``, shape (p,)."""
        scaled = right[self.levels] / self.scale
        others = self.schur.solve(right[self.others] - self.cross.T @ scaled)
        solution = np.empty_like(right)
        solution[self.others] = others
        solution[self.levels] = (scaled - self.cross @ others) / self.scale
        return solution

    def inverse_diagonal(self) -> FloatArray:
        """Return the diagonal of the inverse, shape (p,): for a level ``1/D + (C S^-1 C')/D^2``."""
        factor = self.schur
        explained = linalg.solve_triangular(factor.lower, (self.cross / factor.scale).T, lower=True)
        diagonal = np.empty(len(self.levels) + len(self.others))
        diagonal[self.levels] = (1.0 + np.einsum("ij,ij->j", explained, explained)) / self.scale**2
        diagonal[self.others] = factor.inverse_diagonal()
        return diagonal


def factorise_arrowhead(information: ArrowheadInformation) -> ArrowheadFactor:
    """Factor an arrowhead matrix, the levels scaled to a unit diagonal first.

    A level of hardly any working weight is no worse than another: it is only ever divided by the
    square root of its own diagonal.

    Raises
    ------
    SingularInformation
        When the matrix is not positive definite or not finite.

    Notes
    -----
    Block elimination of a positive definite matrix: Golub and Van Loan (2013), Matrix Computations,
    section 4.3.7 (unsymmetric pivoting is not needed, section 4.2.1).

    Examples
    --------
    Two levels with 2 and 4 rows beside a column of ones; 8 rows in all:

    >>> arrow = ArrowheadInformation(
    ...     np.array([2.0, 4.0]), np.array([[2.0], [4.0]]), np.array([[8.0]]), np.array([1, 2]), np.array([0])
    ... )
    >>> factor = factorise_arrowhead(arrow)
    >>> factor.solve(arrow.matrix() @ np.array([1.0, 2.0, 3.0])).round(12).tolist()
    [1.0, 2.0, 3.0]
    >>> factor.inverse_diagonal().round(12).tolist()  # 1/2, 1/2 + 1/2 and 1/2 + 1/4
    [0.5, 1.0, 0.75]
    """
    diagonal = information.diagonal
    if not (np.isfinite(diagonal).all() and (diagonal > 0).all()):
        raise SingularInformation
    scale = np.sqrt(diagonal)
    cross = information.cross / scale[:, None]
    # A non-finite cross shows in the product, which `factorise` refuses.
    schur = factorise(information.rest - cross.T @ cross)
    return ArrowheadFactor(scale, cross, schur, information.levels, information.others)
