"""scikit-learn's LogisticRegression in one process: newton-cholesky and lbfgs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from benchmarks.cases import Case
from benchmarks.peers.frames import dense_matrix, matrix_terms, read_frame, sparse_matrix
from benchmarks.peers.peer import FitTask, Fitted, Peer
from benchmarks.phases import CACHED, STARTUP, Phases

MAX_TERMS_CHOLESKY = 15_000  # its Hessian is dense


def fit_with(solver: str, task: FitTask, phases: Phases) -> Fitted:
    """Fit with a solver of scikit-learn; categories become a sparse one-hot matrix within "load"."""
    case = task.case
    with phases.phase(STARTUP):
        from sklearn.linear_model import LogisticRegression
    with phases.phase("load"):
        frame = read_frame(task.table)
        y, terms = frame["label"].to_numpy(), matrix_terms(frame, case)
        weight = frame["weight"].to_numpy() if case.has_weight else None
        X = sparse_matrix(frame, case) if case.levels else dense_matrix(frame, case, order="C", ones=False)
        del frame
    estimator = LogisticRegression(
        C=1.0 / case.prior_precision if case.prior_precision else math.inf,
        solver=solver,
        tol=task.tolerance,
        max_iter=5000,
    )
    with phases.phase("fit"):
        estimator.fit(X, y, sample_weight=weight)
    phases.again(CACHED, phases.done[-1])
    return Fitted(
        _estimates(estimator.intercept_, estimator.coef_, terms), False, int(np.max(estimator.n_iter_))
    )


def _estimates(intercepts: np.ndarray, coefficients: np.ndarray, terms: list[str]) -> dict[str, float]:
    names = ["intercept", *terms]
    rows = np.column_stack([intercepts, coefficients]).tolist()
    if len(rows) == 1:
        return dict(zip(names, rows[0], strict=True))
    return {f"{k}:{t}": v for k, row in enumerate(rows) for t, v in zip(names, row, strict=True)}


def _refuses(case: Case) -> str | None:
    return "it has no offset" if case.has_offset else None


def _refuses_cholesky(case: Case) -> str | None:
    if case.n_terms * max(1, case.classes - 1) > MAX_TERMS_CHOLESKY:
        return f"its Hessian is dense, {case.n_terms:,} terms"
    return _refuses(case)


def _with(solver: str) -> Callable[[FitTask, Phases], Fitted]:
    return lambda task, phases: fit_with(solver, task, phases)


NEWTON = Peer(
    name="sklearn-newton",
    what="scikit-learn newton-cholesky; cached: its fit",
    fit=_with("newton-cholesky"),
    refuses=_refuses_cholesky,
    modules=("sklearn",),
    tolerances=(1e-3, 1e-4, 1e-5, 1e-6, 1e-8),
)
LBFGS = Peer(
    name="sklearn-lbfgs",
    what="scikit-learn lbfgs; cached: its fit",
    fit=_with("lbfgs"),
    refuses=_refuses,
    modules=("sklearn",),
    tolerances=(1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10),
)
