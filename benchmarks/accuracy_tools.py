"""The tools whose digits are counted, each at the tightest setting that it has."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.certified_sets import Problem, right_digits

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FloatArray = NDArray[np.float64]

# Rows below which a second task costs more than it saves.
ONE_PARTITION = 50_000


class CannotDo(Exception):
    """The tool has no such thing; its words say what."""


@dataclass(frozen=True)
class Answer:
    """What a tool found, in the order of the set's terms; `said` is what it complained of, or which of its ways was best."""

    estimate: FloatArray
    std_error: FloatArray | None = None
    said: str = ""


@dataclass(frozen=True)
class Tool:
    """A tool, how it is set (for the footnote), and its fit of a set in a Spark session that is there."""

    name: str
    setting: str
    fit: Callable[[Problem, SparkSession], Answer]


def _ours(problem: Problem, spark: SparkSession) -> Answer:
    from logreg_dist import TrainConfig, fit

    model = fit(spark.createDataFrame(problem.frame), TrainConfig(**problem.settings))
    rows = {row.term: row for row in model.coefficient_rows}
    missing = float("nan")
    estimate = [rows[term].estimate for term in problem.terms]
    std_error = [rows[term].std_error for term in problem.terms]
    return Answer(
        np.array([missing if value is None else value for value in estimate]),
        np.array([missing if value is None else value for value in std_error]),
        "" if model.converged else str(model.status),
    )


def _mllib_lr(problem: Problem, spark: SparkSession) -> Answer:
    from pyspark.ml.classification import LogisticRegression

    if problem.offset is not None:
        raise CannotDo("no offset")

    def fit(standardization: bool) -> Answer:
        estimator = LogisticRegression(
            labelCol="label",
            tol=1e-12,
            maxIter=1000,
            regParam=0.0,
            standardization=standardization,
            fitIntercept=problem.intercept,
        )
        with _vectors(problem, spark) as table:
            model = estimator.setWeightCol("weight").fit(table)
        found = [model.intercept] * problem.intercept + model.coefficients.toArray().tolist()
        return Answer(np.array(found), None, f"standardization={str(standardization).lower()}")

    return _best(problem, [lambda: fit(True), lambda: fit(False)])


def _mllib_glr(problem: Problem, spark: SparkSession) -> Answer:
    from pyspark.ml.regression import GeneralizedLinearRegression

    estimator = GeneralizedLinearRegression(
        family="binomial",
        link="logit",
        labelCol="label",
        tol=1e-12,
        maxIter=100,
        regParam=0.0,
        fitIntercept=problem.intercept,
        weightCol="weight",
    )
    if problem.offset is not None:
        estimator = estimator.setOffsetCol("offset")
    with _vectors(problem, spark) as table:
        model = estimator.fit(table)
        try:
            last_is_intercept = list(model.summary.coefficientStandardErrors)
        except Exception as error:  # Spark's own exception, whose Java words say more
            last_is_intercept, said = [], f"no standard errors: {_words(error)}"
        else:
            said = ""
    found = [model.intercept] * problem.intercept + model.coefficients.toArray().tolist()
    std_error = None
    if last_is_intercept:
        n = len(last_is_intercept) - problem.intercept
        std_error = np.array(last_is_intercept[n:] + last_is_intercept[:n])
    return Answer(np.array(found), std_error, said)


def _statsmodels(problem: Problem, spark: SparkSession) -> Answer:
    import statsmodels.api as sm

    def glm() -> Answer:
        model = sm.GLM(
            problem.y,
            problem.design,
            family=sm.families.Binomial(),
            freq_weights=problem.weight,
            offset=problem.offset,
        )
        found = model.fit(tol=1e-14, maxiter=100)
        return Answer(found.params, found.bse, "GLM")

    def logit() -> Answer:
        found = sm.Logit(problem.y, problem.design, offset=problem.offset).fit(
            method="newton", tol=1e-14, maxiter=100, disp=0
        )
        return Answer(found.params, found.bse, "Logit")

    # Logit warns of weights and ignores them.
    return _best(problem, [glm, logit] if problem.weight is None else [glm])


def _glum(problem: Problem, spark: SparkSession) -> Answer:
    from glum import GeneralizedLinearRegressor

    def fit(scaled: bool) -> Answer:
        estimator = GeneralizedLinearRegressor(
            family="binomial",
            alpha=0,
            fit_intercept=problem.intercept,
            gradient_tol=1e-14,
            max_iter=200,
            scale_predictors=scaled,
        )
        rows = {"sample_weight": problem.weight, "offset": problem.offset}
        estimator.fit(problem.X, problem.y, **rows)
        found = [float(estimator.intercept_)] * problem.intercept + estimator.coef_.tolist()
        std_error, said = None, ""
        try:
            std_error = estimator.std_errors(problem.X, problem.y, robust=False, **rows)
            known = estimator.std_errors(problem.X, problem.y, robust=False, dispersion=1.0, **rows)
        except np.linalg.LinAlgError as error:
            said = f"no standard errors: {error}"
        else:
            # Also then it multiplies the variances by n / (n - p).
            n = len(problem.y) if problem.weight is None else problem.weight.sum()
            plain = np.asarray(known) * math.sqrt(1 - len(problem.terms) / n)
            if np.isfinite(plain).all():
                said = f"{right_digits(plain, problem, 'std_error'):.1f} with dispersion=1 and without n / (n - p)"
        return Answer(np.array(found), std_error, said)

    return _best(problem, [lambda: fit(False), lambda: fit(True)])


def _sklearn(problem: Problem, spark: SparkSession) -> Answer:
    from sklearn.linear_model import LogisticRegression

    if problem.offset is not None:
        raise CannotDo("no offset")

    def fit(solver: str) -> Answer:
        estimator = LogisticRegression(
            C=math.inf, solver=solver, tol=1e-12, max_iter=10_000, fit_intercept=problem.intercept
        )
        estimator.fit(problem.X, problem.y, sample_weight=problem.weight)
        found = [float(estimator.intercept_[0])] * problem.intercept + estimator.coef_[0].tolist()
        return Answer(np.array(found), None, solver)

    return _best(problem, [lambda: fit("newton-cholesky"), lambda: fit("lbfgs")])


def _best(problem: Problem, ways: list[Callable[[], Answer]]) -> Answer:
    """Return the answer with the most right digits of the estimates; what fails counts only where all do."""
    answers: list[Answer] = []
    last: Exception | None = None
    for way in ways:
        try:
            answers.append(way())
        except Exception as error:
            last = error
    if not answers:
        assert last is not None
        raise last
    return max(answers, key=lambda answer: right_digits(answer.estimate, problem, "estimate"))


@contextmanager
def _vectors(problem: Problem, spark: SparkSession) -> Iterator[DataFrame]:
    """Yield the rows as MLlib wants them: a vector column, the label, a weight (1 without one) and the offset."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyspark.ml.feature import VectorAssembler

    names = [f"x{k}" for k in range(problem.X.shape[1])]
    columns: dict[str, Any] = dict(zip(names, problem.X.T, strict=True))
    columns["label"] = problem.y
    columns["weight"] = np.ones(len(problem.y)) if problem.weight is None else problem.weight
    if problem.offset is not None:
        columns["offset"] = problem.offset
    with TemporaryDirectory(prefix="accuracy-") as folder:
        pq.write_table(pa.table(columns), Path(folder) / "rows.parquet")
        table = spark.read.parquet(folder)
        if len(problem.y) < ONE_PARTITION:
            table = table.coalesce(1)  # L-BFGS is hundreds of Spark jobs
        yield VectorAssembler(inputCols=names, outputCol="features").transform(table)


def quietly(tool: Tool, problem: Problem, spark: SparkSession) -> Answer:
    """Fit without the tool's warnings on the terminal: digits say what they say.

    Raises
    ------
    CannotDo
        When the tool has no way to fit the set.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return tool.fit(problem, spark)


def _words(error: BaseException) -> str:
    return " ".join(str(error).split("\n")[0].split())[:120]


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("ours", "the defaults", _ours),
        Tool(
            "mllib-lr",
            "LogisticRegression, tol 1e-12, maxIter 1000, regParam 0, the better of standardization true and false",
            _mllib_lr,
        ),
        Tool(
            "mllib-glr",
            "GeneralizedLinearRegression, binomial, tol 1e-12, maxIter 100, regParam 0",
            _mllib_glr,
        ),
        Tool(
            "statsmodels",
            "GLM with freq_weights, tol 1e-14; without weights the better of it and Logit by newton, tol 1e-14",
            _statsmodels,
        ),
        Tool(
            "glum",
            "alpha 0, gradient_tol 1e-14, the better of scale_predictors false and true; standard errors with "
            "robust=False and, as by default, an estimated dispersion",
            _glum,
        ),
        Tool("sklearn", "C=inf, tol 1e-12, the better of newton-cholesky and lbfgs", _sklearn),
    )
}
