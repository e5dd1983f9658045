"""The second route of the multinomial sets: the same proof as `route_flint`, for several classes.

The likelihood is concave in all coefficients together, so an interval Newton operator that maps a box into itself proves
that the box holds the one maximum.
"""

from __future__ import annotations

from typing import Any

from tests.certified.route_flint import BITS, BOX_BITS
from tests.certified.route_mpmath import Solution

STEPS = 8


def enclose_classes(X: list[list[float]], y: list[int], weights: list[float], start: list[Any]) -> Solution:
    """Return intervals (``flint.arb``) that contain estimates, standard errors and log-likelihood.

    Parameters
    ----------
    X : list of n lists of p floats
    y : list of n ints
        Class numbers; the largest of all classes, k, is the reference.
    weights : list of n floats
    start : list of k * p numbers
        Near the estimates, class by class; only where the intervals are looked for depends on it.
    """
    import flint

    flint.ctx.prec = BITS
    p = len(X[0])
    k = len(start) // p
    design = flint.arb_mat([[flint.arb(x) for x in row] for row in X])
    exact = [flint.arb(w) for w in weights]

    def evaluate(beta: Any) -> tuple[Any, Any, Any]:
        return _evaluate(beta, design, y, exact, k)

    middle = flint.arb_mat(p * k, 1, [flint.arb(float(value)) for value in start])
    for _ in range(STEPS):
        _, score, information = evaluate(middle)
        middle = (middle + information.solve(score)).mid()
    _, score, information = evaluate(middle)
    covariance = information.inv()
    radius = [(covariance[j, j].sqrt() / flint.arb(2) ** BOX_BITS).upper() for j in range(p * k)]
    box = flint.arb_mat(p * k, 1, [middle[j, 0] + flint.arb(0, radius[j]) for j in range(p * k)])
    _, _, information = evaluate(box)
    newton = middle + information.solve(score)
    if not all(box[j, 0].contains_interior(newton[j, 0]) for j in range(p * k)):
        raise ArithmeticError(
            "the interval Newton operator does not map the box into itself: nothing is proven"
        )
    log_likelihood, _, information = evaluate(newton)
    covariance = information.inv()
    return Solution(
        estimate=[newton[j, 0] for j in range(p * k)],
        std_error=[covariance[j, j].sqrt() for j in range(p * k)],
        log_likelihood=log_likelihood,
    )


def _evaluate(beta: Any, design: Any, y: list[int], weights: list[Any], k: int) -> tuple[Any, Any, Any]:
    """Return intervals of log-likelihood, score (p k, 1) and information (p k, p k) at every beta of a box."""
    import flint

    n, p = design.nrows(), design.ncols()
    by_class = flint.arb_mat(p, k, [beta[a * p + j, 0] for j in range(p) for a in range(k)])
    eta = design * by_class
    mu: list[list[Any]] = []
    log_likelihood = flint.arb(0)
    for i in range(n):
        odds = [eta[i, a].exp() for a in range(k)]
        total = sum(odds, flint.arb(1))
        mu.append([value / total for value in odds])
        own = eta[i, y[i]] if y[i] < k else flint.arb(0)
        log_likelihood += weights[i] * (own - total.log())
    transposed, rows = design.transpose(), design.tolist()
    score, information = flint.arb_mat(p * k, 1), flint.arb_mat(p * k, p * k)
    for a in range(k):
        residual = [weights[i] * ((y[i] == a) - mu[i][a]) for i in range(n)]
        part = transposed * flint.arb_mat(n, 1, residual)
        for j in range(p):
            score[a * p + j, 0] = part[j, 0]
        for b in range(a, k):
            working = [weights[i] * mu[i][a] * ((a == b) - mu[i][b]) for i in range(n)]
            weighted = [[w * x for x in row] for w, row in zip(working, rows, strict=True)]
            block = transposed * flint.arb_mat(weighted)
            for i in range(p):
                for j in range(p):
                    information[a * p + i, b * p + j] = block[i, j]
                    information[b * p + j, a * p + i] = block[i, j]
    return log_likelihood, score, information
