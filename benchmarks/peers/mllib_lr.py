"""Spark MLlib's LogisticRegression: L-BFGS, no standard errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.cases import Case
from benchmarks.peers.mllib_table import feature_pipeline, named, vector_terms
from benchmarks.peers.peer import FitTask, Fitted, Peer
from benchmarks.phases import BESIDE, CACHED, STARTUP, Phases

if TYPE_CHECKING:
    from pyspark.ml.classification import LogisticRegression, LogisticRegressionModel
    from pyspark.sql import SparkSession

MAX_ITERATIONS = 2000


def fit_on(spark: SparkSession, task: FitTask, phases: Phases, *, cached: bool = True) -> Fitted:
    """Fit in a session that is there; once more on the assembled table in Spark's cache if `cached`."""
    case, table = task.case, spark.read.parquet(task.table.path)
    estimator = _estimator(task)
    with phases.phase("assemble"):
        pipeline = feature_pipeline(case).fit(table)
    with phases.phase("fit"):
        model = estimator.fit(pipeline.transform(table))
    if cached:
        assembled = pipeline.transform(table).select("features", "label", *_weight(case)).persist()
        with phases.phase(BESIDE):
            assembled.count()
        with phases.phase(CACHED):
            estimator.fit(assembled)
        assembled.unpersist()
    iterations = model.summary.totalIterations
    return Fitted(_estimates(case, vector_terms(case, pipeline.stages), model), iterations=iterations)


def _estimator(task: FitTask) -> LogisticRegression:
    from pyspark.ml.classification import LogisticRegression

    case = task.case
    estimator = LogisticRegression(
        labelCol="label",
        tol=task.tolerance,
        maxIter=MAX_ITERATIONS,
        regParam=case.l2,
        # Its own units only matter with a penalty, which is on the columns as given.
        standardization=case.prior_precision == 0,
        family="binomial" if case.classes == 2 else "multinomial",
    )
    return estimator.setWeightCol("weight") if case.has_weight else estimator


def _weight(case: Case) -> list[str]:
    return ["weight"] if case.has_weight else []


def _estimates(case: Case, terms: list[str], model: LogisticRegressionModel) -> dict[str, float]:
    if case.classes == 2:
        return named(terms, model.coefficients, model.intercept)
    matrix, intercepts = model.coefficientMatrix.toArray(), model.interceptVector.toArray()
    return {
        f"{k}:{term}": float(value)
        for k, row in enumerate(matrix)
        for term, value in zip(["intercept", *terms], [intercepts[k], *row], strict=True)
    }


def _fit(task: FitTask, phases: Phases) -> Fitted:
    from benchmarks.peers.spark_session import plain_session

    with phases.phase(STARTUP):
        spark = plain_session()
    fitted = fit_on(spark, task, phases)
    spark.stop()
    return fitted


def _refuses(case: Case) -> str | None:
    return "it has no offset" if case.has_offset else None


PEER = Peer(
    name="mllib-lr",
    what="MLlib LogisticRegression; cached: fit on the assembled table, persisted",
    fit=_fit,
    refuses=_refuses,
    modules=("pyspark",),
    tolerances=(1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12),
)
