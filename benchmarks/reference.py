"""The best objective of a table: a tight fit by plain NumPy, made once and kept beside the table."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import combinations, pairwise

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from benchmarks.cases import Case
from benchmarks.data import Table
from benchmarks.newton_cg import newton_cg
from benchmarks.objective import objective
from benchmarks.rows import Rows, read_rows, term_names

FloatArray = NDArray[np.float64]

REACHED = (1e-4, 1e-6, 1e-8)
# Newton stops when a step promises less than this share of the objective: far below the gaps that count.
TIGHT = 1e-14
MAX_ITERATIONS = 60
# Up to here the information matrix is formed and factorised; beyond, conjugate gradients on rows in memory.
MAX_FACTORISED = 4000


@dataclass(frozen=True)
class Reference:
    """The tight fit.

    Attributes
    ----------
    objective : float
        Penalised deviance at the optimum.
    iterations : int
    estimates : dict of str to float
    """

    objective: float
    iterations: int
    estimates: dict[str, float]


def reference_of(table: Table) -> Reference:
    """Return the reference of a table; made when it is not there yet.

    Raises
    ------
    RuntimeError
        When it does not converge: then the case has no optimum, and no time can count.
    """
    kept = table.folder / "reference.json"
    if kept.is_file():
        return Reference(**json.loads(kept.read_text()))
    case = table.case
    if case.classes > 2 or case.n_terms > MAX_FACTORISED:
        estimates, iterations = newton_cg(table)
    else:
        estimates, iterations = _newton(table)
    found = Reference(objective(estimates, case, read_rows(table)), iterations, estimates)
    kept.write_text(json.dumps(asdict(found)) + "\n")
    return found


def gap_of(estimates: dict[str, float], table: Table, reference: Reference) -> float:
    """Return how far the objective is above the reference, relative to it.

    Tiny negative values are rounding; others belong to another model, a ridge with more levels, say.
    """
    return objective(estimates, table.case, read_rows(table)) / reference.objective - 1.0


def _newton(table: Table) -> tuple[dict[str, float], int]:
    case = table.case
    ridge = np.r_[0.0, np.full(case.n_terms - 1, 2.0 * case.prior_precision)]

    def sums(beta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        # Of minus twice the log-likelihood, hence twice score and information.
        value, uphill, information = 0.5 * float(ridge @ beta**2), -ridge * beta, np.diag(ridge)
        for rows in read_rows(table):
            deviance, score, curvature = _sums(rows, beta, case)
            value += deviance
            uphill += 2.0 * score
            information += 2.0 * curvature
        return value, uphill, information

    beta, iterations = _climb(sums, np.zeros(case.n_terms))
    return dict(zip(term_names(case), beta.tolist(), strict=True)), iterations


def _climb(
    sums: Callable[[FloatArray], tuple[float, FloatArray, FloatArray]], beta: FloatArray
) -> tuple[FloatArray, int]:
    """Newton with step halving."""
    value, uphill, information = sums(beta)
    for iteration in range(1, MAX_ITERATIONS + 1):
        step = scipy.linalg.solve(information, uphill, assume_a="pos")
        promised = float(step @ uphill) / 2.0
        if promised <= TIGHT * value:
            return beta + step, iteration
        for _ in range(30):
            trial = sums(beta + step)
            if trial[0] <= value * (1.0 + 1e-15):
                break
            step = step / 2.0
        beta = beta + step
        value, uphill, information = trial
    raise RuntimeError("the reference did not converge")


def _sums(rows: Rows, beta: FloatArray, case: Case) -> tuple[float, FloatArray, FloatArray]:
    """Return deviance, score (p,) and information (p, p) of some rows."""
    d = 1 + case.n_dense
    starts = np.cumsum([d, *(count - 1 for count in case.levels)])
    eta = rows.X @ beta[:d] + rows.offset
    for start, stop, codes in zip(starts[:-1], starts[1:], rows.codes, strict=True):
        eta += np.r_[0.0, beta[start:stop]][codes]
    mu = 1.0 / (1.0 + np.exp(-np.clip(eta, -700, 700)))
    deviance = float(2.0 * np.sum(rows.weight * (np.logaddexp(0.0, eta) - rows.y * eta)))
    residual = rows.weight * (rows.y - mu)
    working = rows.weight * mu * (1.0 - mu)
    score = np.zeros(len(beta))
    information = np.zeros((len(beta), len(beta)))
    score[:d] = residual @ rows.X
    weighted = rows.X * working[:, None]
    information[:d, :d] = rows.X.T @ weighted
    spans = [slice(start, stop) for start, stop in pairwise(starts)]
    for span, codes, count in zip(spans, rows.codes, case.levels, strict=True):
        score[span] = np.bincount(codes, residual, count)[1:]
        information[span, span] = np.diag(np.bincount(codes, working, count)[1:])
        cross = np.array([np.bincount(codes, column, count)[1:] for column in weighted.T])
        information[:d, span], information[span, :d] = cross, cross.T
    for a, b in combinations(range(len(spans)), 2):
        sizes = case.levels[a], case.levels[b]
        joint = np.bincount(rows.codes[a] * sizes[1] + rows.codes[b], working, sizes[0] * sizes[1])
        pair = joint.reshape(sizes)[1:, 1:]
        information[spans[a], spans[b]], information[spans[b], spans[a]] = pair, pair.T
    return deviance, score, information
