"""The arithmetic of single rows: from the linear predictor to its terms in the sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logreg_dist.kernel.block import FloatArray


@dataclass(frozen=True)
class RowTerms:
    """What each of m rows adds to the sums.

    Attributes
    ----------
    deviance : float
        Sum over the rows of ``-2 weight * log-likelihood``.
    residual : ndarray (m,)
        ``weight * (y - mu)``.
    working_weight : ndarray (m,)
        ``weight * mu * (1 - mu)``.
    """

    deviance: float
    residual: FloatArray
    working_weight: FloatArray


def row_terms(eta: FloatArray, y: FloatArray, weight: FloatArray | None) -> RowTerms:
    """Compute deviance, residual and working weight from the linear predictor.

    Only ``e = exp(-|eta|)`` is formed, which lies in (0, 1]: nothing overflows and `mu` needs no
    clipping, so the result is finite for every finite `eta` and has the exact limits.

    Parameters
    ----------
    eta : ndarray (m,)
        Linear predictor, log-odds.
    y : ndarray (m,)
        Label in [0, 1].
    weight : ndarray (m,) or None
        Prior weight >= 0; None means 1.

    Examples
    --------
    >>> terms = row_terms(np.array([0.0, 800.0, -1e4]), np.array([1.0, 1.0, 1.0]), None)
    >>> terms.residual.tolist(), terms.working_weight.tolist()
    ([0.5, 0.0, 1.0], [0.25, 0.0, 0.0])
    >>> round(float(terms.deviance - 2 * (np.log(2) + 1e4)), 9)
    0.0
    """
    e = np.exp(-np.abs(eta))
    likelier = 1.0 / (1.0 + e)  # the probability of the side that eta points to
    rarer = e * likelier
    upward = eta >= 0
    mu = np.where(upward, likelier, rarer)
    # 1 - mu is taken from the other side rather than subtracted: it keeps its digits near 1.
    one_minus_mu = np.where(upward, rarer, likelier)
    # log1p(e) is the part that -log-likelihood shares for both labels; the rest is linear in eta.
    loss = np.maximum(eta, 0.0) - y * eta + np.log1p(e)
    residual = y * one_minus_mu - (1.0 - y) * mu
    working_weight = likelier * rarer
    if weight is None:
        return RowTerms(2.0 * float(loss.sum()), residual, working_weight)
    return RowTerms(2.0 * float(weight @ loss), weight * residual, weight * working_weight)
