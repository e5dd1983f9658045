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


def row_terms(
    eta: FloatArray, y: FloatArray, weight: FloatArray | None, scratch: FloatArray | None = None
) -> RowTerms:
    """Compute deviance, residual and working weight from the linear predictor.

    Only ``exp(-|eta|)`` is formed, which lies in (0, 1]: nothing overflows and `mu` needs no
    clipping, so the result is finite for every finite `eta` and has the exact limits.

    Parameters
    ----------
    eta : ndarray (m,)
        Linear predictor, log-odds.
    y : ndarray (m,)
        Label in [0, 1].
    weight : ndarray (m,) or None
        Prior weight >= 0; None means 1.
    scratch : ndarray (5, m) or None
        Memory to work in, see `row_scratch`: the result lies in it. None allocates it.

    Examples
    --------
    >>> terms = row_terms(np.array([0.0, 800.0, -1e4]), np.array([1.0, 1.0, 1.0]), None)
    >>> terms.residual.tolist(), terms.working_weight.tolist()
    ([0.5, 0.0, 1.0], [0.25, 0.0, 0.0])
    >>> round(float(terms.deviance - 2 * (np.log(2) + 1e4)), 9)
    0.0
    """
    mu, one_minus_mu, e, loss, residual = row_scratch(len(eta)) if scratch is None else scratch
    # Of exp(min(eta, 0)) and exp(-max(eta, 0)) one is 1 and the other e = exp(-|eta|): divided by
    # 1 + e they are mu and 1 - mu, each with all its digits, where a choice row by row (np.where)
    # would take a mask and 1.0 - mu would lose digits near 1.
    np.maximum(eta, 0.0, out=loss)
    np.exp(np.minimum(eta, 0.0, out=mu), out=mu)
    np.exp(np.negative(loss, out=one_minus_mu), out=one_minus_mu)
    np.multiply(mu, one_minus_mu, out=e)
    # log1p(e) is the part that -log-likelihood shares for both labels; the rest is linear in eta. The
    # difference is taken row by row: far out on the right side it is exactly 0, and sums of the
    # two parts would leave rounding there. log(1 + e) would lose the tail and saves no time.
    loss -= np.multiply(y, eta, out=residual)
    loss += np.log1p(e, out=residual)
    e += 1.0
    mu /= e
    one_minus_mu /= e
    working_weight = np.multiply(mu, one_minus_mu, out=e)
    mu *= np.subtract(1.0, y, out=residual)
    np.multiply(y, one_minus_mu, out=residual)
    residual -= mu
    if weight is None:
        return RowTerms(2.0 * float(loss.sum()), residual, working_weight)
    residual *= weight
    working_weight *= weight
    return RowTerms(2.0 * float(weight @ loss), residual, working_weight)


def row_scratch(n_rows: int) -> FloatArray:
    """Return memory for `row_terms`; new memory costs several times the arithmetic on it."""
    return np.empty((5, n_rows))
