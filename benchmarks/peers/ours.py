"""logreg_dist by the way of its train job: open the table that the configuration names, fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Case
from benchmarks.data import Table
from benchmarks.peers.peer import FitTask, Fitted, NotAvailable, Peer
from benchmarks.phases import STARTUP, Phases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from logreg_dist.model.model import LogisticModel


# Of `solver.tolerance`: a distance to the optimum in standard errors.
DEFAULT_TOLERANCE = 1e-8


def train_settings(
    table: Table, n_splits: int | None = None, tolerance: float = DEFAULT_TOLERANCE
) -> dict[str, Any]:
    """Return the configuration of a case as ``conf/train.yaml`` would hold it; splits as by default if None.

    `min_level_count` is 1: rare levels must not merge, or it would be another model than the peers'.
    """
    case = table.case
    return {
        "input": {"path": table.path, "splits": n_splits},
        "label": {"column": "label"},
        "family": "binary" if case.classes == 2 else "multinomial",
        "features": {"include": case.features, "defaults": {"min_level_count": 1}},
        "weight": "weight" if case.has_weight else None,
        "offset": "offset" if case.has_offset else None,
        "penalty": {"l2": case.l2},
        "solver": {"tolerance": tolerance},
    }


def fit_on(
    spark: SparkSession,
    table: Table,
    phases: Phases,
    n_splits: int | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
) -> LogisticModel:
    """Fit in a session that is there.

    Raises
    ------
    NotAvailable
        With the library's own words when it refuses the case or does not converge.
    """
    from logreg_dist import TrainConfig, fit
    from logreg_dist.errors import LogregError
    from logreg_dist.reading.open_table import open_for_fit

    try:
        config = TrainConfig(**train_settings(table, n_splits, tolerance))
        assert config.input is not None
        with phases.phase("fit"):
            model = fit(open_for_fit(spark, config.input), config)
    except LogregError as error:
        raise NotAvailable(" ".join(str(error).split())) from error
    if not model.converged:
        raise NotAvailable(f"{model.status}: {model.status_text}")
    return model


def fitted_of(model: LogisticModel) -> Fitted:
    """Return what a run reports of a model."""
    return Fitted(
        estimates=model.estimates,
        has_std_errors=any(row.std_error is not None for row in model.coefficient_rows),
        iterations=model.n_iterations,
        passes=model.n_passes,
        pass_seconds=tuple(entry.seconds for entry in model.history),
    )


def fit_alone(
    table: Table, phases: Phases, n_splits: int | None = None, tolerance: float = DEFAULT_TOLERANCE
) -> Fitted:
    """Fit in a session of its own."""
    from benchmarks.peers.spark_session import job_session

    with phases.phase(STARTUP):
        spark = job_session()
    fitted = fitted_of(fit_on(spark, table, phases, n_splits, tolerance))
    spark.stop()
    return fitted


def _fit(task: FitTask, phases: Phases) -> Fitted:
    return fit_alone(task.table, phases, tolerance=task.tolerance)


def _refuses(case: Case) -> str | None:
    return None  # what it cannot do it says itself


PEER = Peer(
    name="ours",
    what="logreg_dist, the train job's way; cached: its passes alone",
    fit=_fit,
    refuses=_refuses,
    modules=("pyspark", "logreg_dist"),
    tolerances=(DEFAULT_TOLERANCE,),
)
# Of standard errors: the largest tolerance that a configuration may ask for first.
AT_GAP = replace(
    PEER,
    name="ours-at-gap",
    what="the same, stopped at the gap like all other tools: at the loosest tolerance that reaches it",
    tolerances=(1e-2, 1e-4, 1e-6, DEFAULT_TOLERANCE),
)
