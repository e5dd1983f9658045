"""Whether rows are independent: the likeness of residuals within clusters, and of those that follow each other."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Likeness:
    """How alike the members of a group are.

    Attributes
    ----------
    icc : float or None
        Intra-cluster correlation; None where it is not defined, as where no cluster has two members.
    design_effect : float or None
        ``1 + (n0 - 1) icc``: by how much clusters inflate the variance of a mean.
    """

    icc: float | None
    design_effect: float | None


def intra_cluster_correlation(
    *, n_clusters: int, n: float, n_squares: float, total: float, squares: float, between: float
) -> Likeness:
    """Return the intra-cluster correlation by the analysis of variance with clusters of unequal sizes.

    ``(MSB - MSW) / (MSB + (n0 - 1) MSW)`` with ``n0 = (n - n_squares / n) / (n_clusters - 1)``: Donner (1986),
    Int. Stat. Rev. 54(1), section 2; Searle, Casella and McCulloch (1992), Variance Components, section 3.6.

    Parameters
    ----------
    n_clusters : int
    n : float
        Members in all.
    n_squares : float
        Sum over clusters of their squared sizes.
    total, squares : float
        Sums over members of the values and of their squares.
    between : float
        Sum over clusters of ``(sum of values)^2 / size``.

    Examples
    --------
    Clusters (1, 1) and (-1, -1), as alike as can be, and (1, -1) twice:

    >>> intra_cluster_correlation(n_clusters=2, n=4, n_squares=8, total=0, squares=4, between=4)
    Likeness(icc=1.0, design_effect=2.0)
    >>> intra_cluster_correlation(n_clusters=2, n=4, n_squares=8, total=0, squares=4, between=0).icc
    -1.0
    """
    if n_clusters < 2 or n <= n_clusters or not math.isfinite(squares):
        return Likeness(None, None)
    mean_square_between = (between - total * total / n) / (n_clusters - 1)
    mean_square_within = (squares - between) / (n - n_clusters)
    size = (n - n_squares / n) / (n_clusters - 1)
    spread = mean_square_between + (size - 1.0) * mean_square_within
    if spread <= 0:
        return Likeness(None, None)
    icc = (mean_square_between - mean_square_within) / spread
    return Likeness(icc, 1.0 + (size - 1.0) * icc)


@dataclass(frozen=True)
class PairSums:
    """Sums over pairs of residuals that follow each other; sums of different pairs add.

    Attributes
    ----------
    n : int
    first, second : float
        Of the earlier and of the later ones.
    first_squares, second_squares, products : float
    """

    n: int = 0
    first: float = 0.0
    second: float = 0.0
    first_squares: float = 0.0
    second_squares: float = 0.0
    products: float = 0.0

    def __add__(self, other: PairSums) -> PairSums:
        return PairSums(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def correlation(self) -> float | None:
        """Return the correlation over the pairs, the autocorrelation at lag 1; None where it is not defined.

        Examples
        --------
        >>> PairSums(2, 1.0, 3.0, 1.0, 5.0, 2.0).correlation()
        1.0
        >>> PairSums(1, 1.0, 1.0, 1.0, 1.0, 1.0).correlation() is None
        True
        """
        if self.n < 2:
            return None
        of_first = self.first_squares - self.first * self.first / self.n
        of_second = self.second_squares - self.second * self.second / self.n
        if not (of_first > 0 and of_second > 0 and math.isfinite(of_first * of_second)):
            return None
        return (self.products - self.first * self.second / self.n) / math.sqrt(of_first * of_second)
