"""H2O GLM on a cluster of its own in this machine: two threads, p-values."""

from __future__ import annotations

from typing import Any

from benchmarks.cases import Case
from benchmarks.peers.peer import FitTask, Fitted, Peer
from benchmarks.phases import CACHED, STARTUP, Phases

THREADS = 2
MEMORY = "8G"
# Its IRLS solver holds the Gram matrix in memory: beyond, L-BFGS, without p-values.
MAX_GRAM = 10_000


def _fit(task: FitTask, phases: Phases) -> Fitted:
    import h2o

    case = task.case
    with phases.phase(STARTUP):
        h2o.init(nthreads=THREADS, max_mem_size=MEMORY, log_level="ERRR", start_h2o=True)
    try:
        h2o.no_progress()
        with phases.phase("load"):
            types = dict.fromkeys(case.categorical_columns, "enum")
            frame = h2o.import_file(task.table.path, col_types=types or None)
            frame["label"] = frame["label"].asfactor()
        # A frame of H2O's is its cached form, so the fit is the second clock too.
        with phases.phase("fit"):
            model = _estimator(task)
            model.train(x=case.features, y="label", training_frame=frame)
        fitted = _fitted(model, case)
    finally:
        h2o.cluster().shutdown()
    found = [phase for phase in phases.done if phase.name == "fit"]
    phases.again(CACHED, found[-1])
    return fitted


def _estimator(task: FitTask) -> Any:
    from h2o.estimators import H2OGeneralizedLinearEstimator

    case = task.case
    inference = case.prior_precision == 0 and case.classes == 2 and case.n_terms <= MAX_GRAM
    return H2OGeneralizedLinearEstimator(
        family="binomial" if case.classes == 2 else "multinomial",
        solver="IRLSM" if case.n_terms <= MAX_GRAM else "L_BFGS",
        alpha=0.0,
        lambda_=case.l2,
        # In units of the columns, as everybody's penalty; without one it changes nothing but the numerics.
        standardize=case.prior_precision == 0,
        compute_p_values=inference,
        remove_collinear_columns=inference,
        weights_column="weight" if case.has_weight else None,
        offset_column="offset" if case.has_offset else None,
        max_iterations=1000,
        beta_epsilon=task.tolerance,
        objective_epsilon=task.tolerance,
        gradient_epsilon=task.tolerance,
        seed=1,
    )


def _fitted(model: Any, case: Case) -> Fitted:
    history = model._model_json["output"]["scoring_history"]
    iterations = int(max(row[history.col_header.index("iterations")] for row in history.cell_values))
    has_std_errors = "std_error" in model._model_json["output"]["coefficients_table"].col_header
    if case.classes == 2:
        return Fitted(_by_term(model.coef(), case), has_std_errors, iterations)
    table = model._model_json["output"]["coefficients_table"].as_data_frame()
    classes = [name for name in table.columns if name.startswith("coefs_class_")]
    estimates = {
        f"{k}:{term}": value
        for k, column in enumerate(classes)
        for term, value in _by_term(dict(zip(table["names"], table[column], strict=True)), case).items()
    }
    return Fitted(estimates, False, iterations)


def _by_term(coefficients: dict[str, float], case: Case) -> dict[str, float]:
    """Return the estimates by term; H2O writes ``Intercept`` and ``column.level``."""
    categorical = set(case.categorical_columns)
    estimates = {}
    for name, value in coefficients.items():
        column, _, level = name.partition(".")
        term = f"{column}[{level}]" if column in categorical else name
        estimates["intercept" if name == "Intercept" else term] = float(value)
    return estimates


def _refuses(case: Case) -> str | None:
    # With a penalty it codes all levels of a category, and penalises each.
    return (
        "its ridge has no reference levels: another objective"
        if case.prior_precision and case.levels
        else None
    )


PEER = Peer(
    name="h2o",
    what=f"H2O GLM, {THREADS} threads, its own cluster; cached: fit on its frame",
    fit=_fit,
    refuses=_refuses,
    modules=("h2o",),
    programs=("java",),
    tolerances=(1e-4, 1e-6, 1e-8, 1e-10),
)
