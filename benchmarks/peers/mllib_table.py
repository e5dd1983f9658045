"""A case's table as MLlib wants it: one vector column, assembled by its own transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.cases import Case

if TYPE_CHECKING:
    from pyspark.ml import Pipeline
    from pyspark.ml.linalg import Vector


def feature_pipeline(case: Case) -> Pipeline:
    """Return the stages that lead to the column ``features``.

    Categories are one-hot encoded without their most frequent level, the reference of all tools here: a ridge is
    another penalty with other references, and the rarest level, Spark's default, makes L-BFGS slower.
    """
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import OneHotEncoder, StringIndexer, VectorAssembler

    names = case.categorical_columns
    stages: list[Any] = []
    if names:
        indexed, encoded = [f"{name}_index" for name in names], [f"{name}_hot" for name in names]
        stages += [
            StringIndexer(inputCols=names, outputCols=indexed, stringOrderType="frequencyAsc"),
            OneHotEncoder(inputCols=indexed, outputCols=encoded),
        ]
        names = encoded
    stages.append(VectorAssembler(inputCols=case.dense_columns + names, outputCol="features"))
    return Pipeline(stages=stages)


def vector_terms(case: Case, stages: list[Any]) -> list[str]:
    """Return the term of every entry of ``features``, from the fitted stages of `feature_pipeline`."""
    terms = list(case.dense_columns)
    if case.levels:
        for name, levels in zip(case.categorical_columns, stages[0].labelsArray, strict=True):
            terms += [f"{name}[{level}]" for level in levels[:-1]]
    return terms


def named(terms: list[str], coefficients: Vector, intercept: float) -> dict[str, float]:
    """Return the estimates by term."""
    values = coefficients.toArray().tolist()
    return {"intercept": float(intercept)} | dict(zip(terms, values, strict=True))
