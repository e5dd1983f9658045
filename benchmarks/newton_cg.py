"""The reference where no information matrix fits: rows in memory, Newton steps by conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import softmax

from benchmarks.cases import Case
from benchmarks.data import Table
from benchmarks.rows import Rows, read_rows, term_names

FloatArray = NDArray[np.float64]

TIGHT = 1e-13
MAX_ITERATIONS = 60
MAX_PRODUCTS = 2000


def newton_cg(table: Table) -> tuple[dict[str, float], int]:
    """Fit two or more classes on all rows in memory; return the estimates by term and the iterations.

    Two classes keep one column of coefficients; more keep one for each class but the first, which is 0.
    Diagonally preconditioned conjugate gradients solve each Newton step; steps are halved.

    Raises
    ------
    RuntimeError
        When it does not converge.
    """
    case = table.case
    parts = list(read_rows(table))
    X = sp.vstack([_sparse(rows, case) for rows in parts], format="csr")
    y = np.concatenate([rows.y for rows in parts]).astype(int)
    weight = np.concatenate([rows.weight for rows in parts])
    offset = np.concatenate([rows.offset for rows in parts])
    del parts
    beta, iterations = _climb(X, y, weight, offset, case)
    names = term_names(case)
    if case.classes == 2:
        return dict(zip(names, beta[:, 0].tolist(), strict=True)), iterations
    return {
        f"{k + 1}:{name}": float(value)
        for k in range(case.classes - 1)
        for name, value in zip(names, beta[:, k], strict=True)
    }, iterations


def _sparse(rows: Rows, case: Case) -> sp.csr_array:
    n = len(rows.y)
    parts = [sp.csr_array(rows.X)]
    for codes, count in zip(rows.codes, case.levels, strict=True):
        hot = sp.csr_array((np.ones(n), (np.arange(n), codes)), shape=(n, count))
        parts.append(hot[:, 1:])
    return sp.hstack(parts, format="csr")


def _climb(
    X: sp.csr_array, y: NDArray[np.int64], weight: FloatArray, offset: FloatArray, case: Case
) -> tuple[FloatArray, int]:
    transposed = X.T.tocsr()
    squared = transposed.multiply(transposed).tocsr()
    observed = np.eye(case.classes)[y][:, 1:]
    ridge = np.full((X.shape[1], 1), case.prior_precision)
    ridge[0] = 0.0

    def state(beta: FloatArray) -> tuple[float, FloatArray]:
        eta = np.column_stack([np.zeros(len(y)), X @ beta + offset[:, None]])
        largest = eta.max(axis=1, keepdims=True)
        total = (largest + np.log(np.exp(eta - largest).sum(axis=1, keepdims=True)))[:, 0]
        loss = float(weight @ (total - eta[np.arange(len(y)), y]))
        return loss + 0.5 * float(np.sum(ridge * beta**2)), softmax(eta, axis=1)[:, 1:]

    beta = np.zeros((X.shape[1], case.classes - 1))
    value, mu = state(beta)
    for iteration in range(1, MAX_ITERATIONS + 1):
        uphill = transposed @ (weight[:, None] * (observed - mu)) - ridge * beta
        diagonal = squared @ (weight[:, None] * mu * (1.0 - mu)) + ridge + 1e-12

        def product(direction: FloatArray, mu: FloatArray = mu) -> FloatArray:
            moved = mu * (X @ direction)
            bent = moved - mu * moved.sum(axis=1, keepdims=True)
            return np.asarray(transposed @ (weight[:, None] * bent) + ridge * direction)

        step = _solve(product, uphill, diagonal, accuracy=min(0.1, 10.0**-(iteration)))
        promised = float(np.sum(step * uphill)) / 2.0
        if promised <= TIGHT * value:
            return beta + step, iteration
        for _ in range(30):
            trial = state(beta + step)
            if trial[0] <= value * (1.0 + 1e-15):
                break
            step = step / 2.0
        beta = beta + step
        value, mu = trial
    raise RuntimeError("the reference did not converge")


def _solve(
    product: Callable[[FloatArray], FloatArray], right: FloatArray, diagonal: FloatArray, *, accuracy: float
) -> FloatArray:
    """Preconditioned conjugate gradients until the residual is `accuracy` of the right side."""
    solution = np.zeros_like(right)
    residual = right.copy()
    scaled = residual / diagonal
    direction = scaled.copy()
    size = float(np.sum(residual * scaled))
    first = size
    for _ in range(MAX_PRODUCTS):
        if size <= accuracy**2 * first or size == 0.0:
            break
        image = product(direction)
        length = size / float(np.sum(direction * image))
        solution += length * direction
        residual -= length * image
        scaled = residual / diagonal
        before, size = size, float(np.sum(residual * scaled))
        direction = scaled + size / before * direction
    return solution
