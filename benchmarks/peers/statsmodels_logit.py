"""statsmodels in one process: Logit, or GLM where there are weights or an offset."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import Case
from benchmarks.peers.frames import dense_matrix, matrix_terms, read_frame
from benchmarks.peers.peer import FitTask, Fitted, Peer
from benchmarks.phases import CACHED, STARTUP, Phases

MAX_VALUES = 220_000_000  # its design is dense, and copied several times: 1.8 GB each


def _fit(task: FitTask, phases: Phases) -> Fitted:
    case = task.case
    with phases.phase(STARTUP):
        import statsmodels.api as sm
    with phases.phase("load"):
        frame = read_frame(task.table)
        y, terms = frame["label"].to_numpy().astype(float), matrix_terms(frame, case)
        X = dense_matrix(frame, case, order="C", ones=True)
    with phases.phase("fit"):
        if case.has_weight or case.has_offset:
            weight = frame["weight"].to_numpy() if case.has_weight else None
            offset = frame["offset"].to_numpy() if case.has_offset else None
            model = sm.GLM(y, X, family=sm.families.Binomial(), freq_weights=weight, offset=offset)
            found = model.fit(tol=task.tolerance)
            iterations = int(found.fit_history["iteration"])
        else:
            found = sm.Logit(y, X).fit(method="newton", tol=task.tolerance, maxiter=100, disp=0)
            iterations = int(found.mle_retvals["iterations"])
        std_errors = found.bse
    phases.again(CACHED, phases.done[-1])
    estimates = dict(zip(["intercept", *terms], found.params.tolist(), strict=True))
    return Fitted(estimates, bool(np.isfinite(std_errors).all()), iterations)


def _refuses(case: Case) -> str | None:
    if case.classes > 2:
        return "two classes only, here"
    if case.prior_precision:
        return "no ridge"
    values = case.rows * case.n_terms
    return f"dense in memory, {values * 8 / 1e9:.0f} GB and copies" if values > MAX_VALUES else None


PEER = Peer(
    name="statsmodels",
    what="statsmodels Logit (GLM with weights or offset); cached: its fit",
    fit=_fit,
    refuses=_refuses,
    modules=("statsmodels",),
    tolerances=(1e-4, 1e-6, 1e-8, 1e-10),
)
