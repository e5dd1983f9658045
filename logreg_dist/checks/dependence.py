"""Whether rows are independent: the likeness of residuals within clusters, and of those that follow each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from logreg_dist.kernel.serial_runs import PairSums


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
class SerialCorrelation:
    """The correlation of values that follow each other, with the test of its being 0; None where it is not defined."""

    autocorrelation: float | None
    z: float | None
    p_value: float | None


def lag_one_correlation(pairs: PairSums) -> SerialCorrelation:
    """Return the correlation over all pairs of neighbours: the autocorrelation at lag 1.

    Under independence ``r sqrt(n)`` is about standard normal (Box and Pierce 1970, J. Am. Stat. Assoc. 65).

    Examples
    --------
    >>> found = lag_one_correlation(PairSums(4, 0.0, 0.0, 4.0, 4.0, 2.0))
    >>> found.autocorrelation, found.z, round(found.p_value, 4)
    (0.5, 1.0, 0.3173)
    >>> lag_one_correlation(PairSums(1, 1.0, 1.0, 1.0, 1.0, 1.0))
    SerialCorrelation(autocorrelation=None, z=None, p_value=None)
    """
    nothing, n = SerialCorrelation(None, None, None), pairs.n
    if n < 2:
        return nothing
    of_first = pairs.first_squares - pairs.first * pairs.first / n
    of_second = pairs.second_squares - pairs.second * pairs.second / n
    together = pairs.products - pairs.first * pairs.second / n
    if not (math.isfinite(of_first * of_second) and math.isfinite(together)):
        return nothing
    if of_first <= 0 or of_second <= 0:
        return nothing
    r = together / math.sqrt(of_first * of_second)
    z = r * math.sqrt(n)
    return SerialCorrelation(r, z, math.erfc(abs(z) / math.sqrt(2.0)))
