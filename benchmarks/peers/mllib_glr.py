"""Spark MLlib's GeneralizedLinearRegression: iteratively reweighted least squares, with standard errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.cases import Case
from benchmarks.peers.mllib_table import feature_pipeline, named, vector_terms
from benchmarks.peers.peer import FitTask, Fitted, Peer
from benchmarks.phases import BESIDE, CACHED, STARTUP, Phases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MAX_COLUMNS = 4096


def fit_on(spark: SparkSession, task: FitTask, phases: Phases, *, cached: bool = True) -> Fitted:
    """Fit in a session that is there; once more on the assembled table in Spark's cache if `cached`."""
    from pyspark.ml.regression import GeneralizedLinearRegression

    case, table = task.case, spark.read.parquet(task.table.path)
    estimator = GeneralizedLinearRegression(
        family="binomial", link="logit", labelCol="label", tol=task.tolerance, maxIter=100
    )
    others = ["label"]
    if case.has_weight:
        estimator, others = estimator.setWeightCol("weight"), [*others, "weight"]
    if case.has_offset:
        estimator, others = estimator.setOffsetCol("offset"), [*others, "offset"]
    with phases.phase("assemble"):
        pipeline = feature_pipeline(case).fit(table)
    with phases.phase("fit"):
        model = estimator.fit(pipeline.transform(table))
        std_errors = model.summary.coefficientStandardErrors
    if cached:
        assembled = pipeline.transform(table).select("features", *others).persist()
        with phases.phase(BESIDE):
            assembled.count()
        with phases.phase(CACHED):
            estimator.fit(assembled)
        assembled.unpersist()
    return Fitted(
        named(vector_terms(case, pipeline.stages), model.coefficients, model.intercept),
        has_std_errors=len(std_errors) > 0,
        iterations=model.summary.numIterations,
    )


def _fit(task: FitTask, phases: Phases) -> Fitted:
    from benchmarks.peers.spark_session import plain_session

    with phases.phase(STARTUP):
        spark = plain_session()
    fitted = fit_on(spark, task, phases)
    spark.stop()
    return fitted


def _refuses(case: Case) -> str | None:
    if case.classes > 2:
        return "two classes only"
    if case.n_terms - 1 > MAX_COLUMNS:
        return f"at most {MAX_COLUMNS:,} columns"
    # It divides by the sum of the working weights, so its ridge is another objective.
    return "its ridge is another objective" if case.prior_precision else None


PEER = Peer(
    name="mllib-glr",
    what="MLlib GeneralizedLinearRegression; cached: fit on the assembled table, persisted",
    fit=_fit,
    refuses=_refuses,
    modules=("pyspark",),
    tolerances=(1e-4, 1e-6, 1e-8, 1e-10),
)
