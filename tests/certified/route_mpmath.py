"""The first route: Newton's method in mpmath floating point of 100 digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mpmath
from mpmath import mp, mpf

from tests.certified.rows import DistinctRows, float_start

DIGITS = 100
# Newton doubles the right digits: after a step this small the next one is below the rounding.
STEP_DIGITS = 60


@dataclass(frozen=True)
class Solution:
    """Estimates and standard errors, (p,), and the log-likelihood, in the number type of the route."""

    estimate: list[Any]
    std_error: list[Any]
    log_likelihood: Any


def solve(rows: DistinctRows) -> Solution:
    """Maximise the likelihood; the digits beyond about 60 are not to be relied upon."""
    with mp.workdps(DIGITS):
        sparse = [[(j, mpf(x)) for j, x in enumerate(row) if x != 0.0] for row in rows.X.tolist()]
        offset = [mpf(value) for value in rows.offset.tolist()]
        ones = [mpf(value.numerator) / value.denominator for value in rows.ones]
        zeros = [mpf(value.numerator) / value.denominator for value in rows.zeros]
        beta = [mpf(value) for value in float_start(rows).tolist()]
        for _ in range(20):
            log_likelihood, score, information = _evaluate(beta, sparse, offset, ones, zeros)
            step = mp.lu_solve(information, score)
            beta = [value + change for value, change in zip(beta, step, strict=True)]
            covariance = mp.inverse(information)
            std_error = [mp.sqrt(covariance[j, j]) for j in range(len(beta))]
            if (
                max(abs(change) / error for change, error in zip(step, std_error, strict=True))
                < mpf(10) ** -STEP_DIGITS
            ):
                return Solution(beta, std_error, log_likelihood)
    raise ArithmeticError("Newton did not converge: the set is separated, or not of full rank")


def at_offset(rows: DistinctRows) -> Any:
    """Return the log-likelihood where the linear predictor is the offset alone."""
    with mp.workdps(DIGITS):
        return mp.fsum(
            -mpf(one.numerator) / one.denominator * mp.log1p(mp.exp(-mpf(eta)))
            - mpf(zero.numerator) / zero.denominator * mp.log1p(mp.exp(mpf(eta)))
            for eta, one, zero in zip(rows.offset.tolist(), rows.ones, rows.zeros, strict=True)
        )


def _evaluate(
    beta: list[Any], sparse: list[list[tuple[int, Any]]], offset: list[Any], ones: list[Any], zeros: list[Any]
) -> tuple[Any, mpmath.matrix, mpmath.matrix]:
    """Return log-likelihood, score (p, 1) and information (p, p) at beta."""
    p = len(beta)
    score = [mpf(0)] * p
    lower = [[mpf(0)] * (j + 1) for j in range(p)]
    log_likelihood = mpf(0)
    for row, known, one, zero in zip(sparse, offset, ones, zeros, strict=True):
        eta = known
        for j, x in row:
            eta += beta[j] * x
        odds = mp.exp(-eta)
        mu = 1 / (1 + odds)
        log_mu = -mp.log(1 + odds)
        log_likelihood += one * log_mu + zero * (log_mu - eta)
        residual = one - (one + zero) * mu
        working_weight = (one + zero) * mu * (1 - mu)
        for position, (j, x) in enumerate(row):
            score[j] += residual * x
            weighted = working_weight * x
            into = lower[j]
            for k, other in row[: position + 1]:
                into[k] += weighted * other
    information = mp.matrix(p, p)
    for j in range(p):
        for k in range(j + 1):
            information[j, k] = information[k, j] = lower[j][k]
    return log_likelihood, mp.matrix(score), information
