"""glum: IRLS in one process, categories never one-hot encoded."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.peers.frames import read_frame
from benchmarks.peers.peer import FitTask, Fitted, Peer
from benchmarks.phases import CACHED, STARTUP, Phases

# Its Hessian is dense.
MAX_TERMS = 25_000


def _fit(task: FitTask, phases: Phases) -> Fitted:
    case = task.case
    with phases.phase(STARTUP):
        from glum import GeneralizedLinearRegressor
    with phases.phase("load"):
        frame = read_frame(task.table)
    estimator = GeneralizedLinearRegressor(
        family="binomial",
        alpha=case.l2,
        l1_ratio=0.0,
        drop_first=True,
        scale_predictors=False,
        gradient_tol=task.tolerance,
        max_iter=200,
    )
    X, y = frame[case.features], frame["label"].to_numpy().astype(float)
    weight = frame["weight"].to_numpy() if case.has_weight else None
    offset = frame["offset"].to_numpy() if case.has_offset else None
    # Its standard errors use an estimated dispersion and are another pass: they are not asked for.
    with phases.phase("fit"):
        estimator.fit(X, y, sample_weight=weight, offset=offset)
    phases.again(CACHED, phases.done[-1])
    values = dict(zip(estimator.feature_names_, estimator.coef_.tolist(), strict=True))
    return Fitted({"intercept": float(estimator.intercept_)} | values, False, int(estimator.n_iter_))


def _refuses(case: Case) -> str | None:
    if case.classes > 2:
        return "two classes only"
    return f"its Hessian is dense, {case.n_terms:,} terms" if case.n_terms > MAX_TERMS else None


PEER = Peer(
    name="glum",
    what="glum in one process, pandas categoricals; cached: its fit",
    fit=_fit,
    refuses=_refuses,
    modules=("glum",),
    tolerances=(1e-4, 1e-5, 1e-6, 1e-7, 1e-8),
)
