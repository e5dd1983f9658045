"""The second route: a proof in the ball arithmetic of FLINT (Arb), 512 bits.

Every operation returns an interval that contains the exact result. With m near the estimate and a
box B around m, the interval Newton operator is ``N(B) = m + information(B)^-1 score(m)``. If N(B) lies
inside B, then B contains exactly one root of the score, and it lies in N(B) (Moore, Kearfott and
Cloud 2009, Introduction to Interval Analysis, on interval Newton methods). The log-likelihood is
concave, strictly so where the information is invertible, so that root is the maximum: the set is of
full rank and not separated, and the estimates are inside the returned intervals.

python-flint is needed to certify, not to test: it is imported where it is used.
"""

from __future__ import annotations

from typing import Any

from tests.certified.route_mpmath import Solution
from tests.certified.rows import DistinctRows, float_start

BITS = 512
# The half width of the box in standard errors: far above the rounding, far below 50 digits.
BOX_BITS = 300
ROWS_AT_ONCE = 2000


def enclose(rows: DistinctRows) -> Solution:
    """Return intervals (``flint.arb``) that contain estimates, standard errors and log-likelihood."""
    import flint

    flint.ctx.prec = BITS
    blocks = _blocks(rows)
    p = rows.X.shape[1]
    middle = flint.arb_mat(p, 1, [flint.arb(value) for value in float_start(rows).tolist()])
    for _ in range(6):
        _, score, information = _evaluate(middle, blocks)
        middle = (middle + information.solve(score)).mid()
    _, score, information = _evaluate(middle, blocks)
    covariance = information.inv()
    radius = [(covariance[j, j].sqrt() / flint.arb(2) ** BOX_BITS).upper() for j in range(p)]
    box = flint.arb_mat(p, 1, [middle[j, 0] + flint.arb(0, radius[j]) for j in range(p)])
    _, _, information = _evaluate(box, blocks)
    newton = middle + information.solve(score)
    if not all(box[j, 0].contains_interior(newton[j, 0]) for j in range(p)):
        raise ArithmeticError(
            "the interval Newton operator does not map the box into itself: nothing is proven"
        )
    log_likelihood, _, information = _evaluate(newton, blocks)
    covariance = information.inv()
    return Solution(
        estimate=[newton[j, 0] for j in range(p)],
        std_error=[covariance[j, j].sqrt() for j in range(p)],
        log_likelihood=log_likelihood,
    )


def _blocks(rows: DistinctRows) -> list[tuple[Any, list[Any], list[Any], list[Any]]]:
    """Return (X, offset, ones, zeros) of some rows at a time, every number exact."""
    import flint

    def exact(value: Any) -> Any:
        return flint.arb(value.numerator) / value.denominator

    blocks = []
    for start in range(0, len(rows.offset), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        X = flint.arb_mat([[flint.arb(x) for x in row] for row in rows.X[part].tolist()])
        offset = [flint.arb(value) for value in rows.offset[part].tolist()]
        blocks.append((X, offset, [exact(v) for v in rows.ones[part]], [exact(v) for v in rows.zeros[part]]))
    return blocks


def _evaluate(beta: Any, blocks: list[tuple[Any, list[Any], list[Any], list[Any]]]) -> tuple[Any, Any, Any]:
    """Return intervals of log-likelihood, score (p, 1) and information (p, p) at every beta of a box."""
    import flint

    p = beta.nrows()
    log_likelihood, score, information = flint.arb(0), flint.arb_mat(p, 1), flint.arb_mat(p, p)
    for X, offset, ones, zeros in blocks:
        product = X * beta
        residuals, weights = [], []
        for i, (known, one, zero) in enumerate(zip(offset, ones, zeros, strict=True)):
            eta = product[i, 0] + known
            mu, nu = 1 / (1 + (-eta).exp()), 1 / (1 + eta.exp())
            log_likelihood += one * mu.log() + zero * nu.log()
            residuals.append(one * nu - zero * mu)
            weights.append((one + zero) * mu * nu)
        transposed = X.transpose()
        score += transposed * flint.arb_mat(len(offset), 1, residuals)
        weighted = [[weight * x for x in row] for weight, row in zip(weights, X.tolist(), strict=True)]
        information += transposed * flint.arb_mat(weighted)
    return log_likelihood, score, information
