"""What leaving out or adding a column would change, from the sums of one fit: Wald and score statistics of blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.solver.linear_system import SingularInformation, factorise, find_dependences

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Neighbour:
    """A model that differs from a fit by a block of terms, as the fit's quadratic model sees it.

    Attributes
    ----------
    statistic : float
        Of the block being 0: Wald's for one in the fit, the score's for one that is not. What the deviance
        would rise or fall by, about.
    df : int
        Terms of the block that can be estimated.
    beta : ndarray (p,)
        The neighbour's estimates, about; 0 for terms that it does not have.
    """

    statistic: float
    df: int
    beta: FloatArray

    @property
    def p_value(self) -> float:
        """Of the chi-squared test."""
        return float(stats.chi2.sf(self.statistic, self.df))


@dataclass(frozen=True)
class QuadraticModel:
    """The log-likelihood of all terms near a fit of some of them.

    Attributes
    ----------
    beta, score : ndarray (p,)
        The fit, 0 for the terms that it does not have; the score of all terms there.
    information : ndarray (p, p)
        Of all terms.
    estimable : ndarray (p,) of bool
        The terms of the fit that have an estimate.
    """

    beta: FloatArray
    score: FloatArray
    information: FloatArray
    estimable: NDArray[np.bool_]

    def without(self, block: NDArray[np.bool_]) -> Neighbour:
        """Return the model without the terms of `block` (p,).

        Notes
        -----
        Lawless and Singhal (1978), Biometrics 34(2), section 2: the maximum of the quadratic model under
        the hypothesis that the block is 0 falls short of its maximum by half of Wald's statistic of the block.

        Examples
        --------
        An estimate of 2 with a variance of 1/4:

        >>> full = QuadraticModel(np.array([2.0]), np.zeros(1), np.array([[4.0]]), np.array([True]))
        >>> full.without(np.array([True])).statistic
        16.0
        """
        rest = self.estimable & ~block
        beta, fall = self._maximum(rest)
        return Neighbour(max(self._maximum(self.estimable)[1] - fall, 0.0), self.df_of(block), beta)

    def df_of(self, block: NDArray[np.bool_]) -> int:
        """Return how many terms of `block` (p,) the fit has estimates of."""
        return int((self.estimable & block).sum())

    def with_(self, block: NDArray[np.bool_]) -> Neighbour | None:
        """Return the model with the terms of `block` (p,) as well; None where they depend on those it has.

        Notes
        -----
        Rao (1948): the score statistic of the block is twice what the quadratic model gains by it, so one
        information matrix of all terms tests all absent columns at once.

        Examples
        --------
        >>> null = QuadraticModel(np.zeros(1), np.array([6.0]), np.array([[4.0]]), np.array([False]))
        >>> found = null.with_(np.array([True]))
        >>> found.statistic, found.beta.tolist()
        (9.0, [1.5])
        """
        order = np.concatenate([np.flatnonzero(self.estimable), np.flatnonzero(block)])
        dependences = find_dependences(self.information[np.ix_(order, order)])
        both = self.estimable | block
        both[[order[dependence.position] for dependence in dependences]] = False
        df = int((both & block).sum())
        if df == 0:
            return None
        beta, fall = self._maximum(both)
        return Neighbour(max(fall - self._maximum(self.estimable)[1], 0.0), df, beta)

    def _maximum(self, terms: NDArray[np.bool_]) -> tuple[FloatArray, float]:
        """Return where the quadratic model is largest with `terms` alone, and how far the deviance falls on the way."""
        beta = np.zeros_like(self.beta)
        if terms.any():
            pull = (self.score + self.information @ self.beta)[terms]
            try:
                beta[terms] = factorise(self.information[np.ix_(terms, terms)]).solve(pull)
            except SingularInformation:  # too near to a dependence: the fit itself will tell
                beta[terms] = self.beta[terms]
        move = beta - self.beta
        return beta, float(2.0 * (self.score @ move) - move @ (self.information @ move))
