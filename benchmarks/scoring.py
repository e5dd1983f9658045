"""Scoring, Parquet to Parquet: key and probability of every row, by three ways that must agree."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks.cases import Case
from benchmarks.data import Table
from benchmarks.generate import level_names, truth_of
from benchmarks.objective import coefficient_arrays, linear_predictors
from benchmarks.peers.mllib_table import feature_pipeline, vector_terms
from benchmarks.phases import BESIDE, STARTUP, Phases
from benchmarks.rows import rows_of

# The largest difference of two probabilities that sums in another order can make, with room.
TOLERANCE = 1e-10
_TRAINING_ROWS = 20_000

Way = Callable[[Table, str, Phases], None]


def run_scoring(way: str, table: Table, phases: Phases) -> dict[str, float]:
    """Score a table in one of `WAYS` into a folder of its own; return the largest error of a probability.

    Raises
    ------
    ValueError
        When a row is missing, doubled, or its probability is another than it should be.
    """
    folder = tempfile.mkdtemp()
    try:
        output = str(Path(folder, "scored"))
        WAYS[way](table, output, phases)
        with phases.phase(BESIDE):
            return {"max_error": check_scores(table, output)}
    finally:
        shutil.rmtree(folder)


def prepare_model(table: Table) -> None:
    """Fit a model to a few rows in which every level occurs, and keep it beside the table."""
    from benchmarks.peers.spark_session import job_session

    spark = job_session()
    model_on(spark, table)
    spark.stop()


def model_on(spark: Any, table: Table) -> None:
    """Do the work of `prepare_model` in a session that is there; a ridge keeps rare levels finite."""
    from logreg_dist import TrainConfig, fit

    case = table.case
    pq.write_table(training_rows(case), _training_file(table))
    settings: dict[str, Any] = {
        "label": {"column": "label"},
        "features": {"include": case.features, "defaults": {"min_level_count": 1}},
        "penalty": {"l2": 1e-3},
    }
    model = fit(spark.read.parquet(_training_file(table)), TrainConfig(**settings))
    model.save(table.folder)


def _training_file(table: Table) -> str:
    return str(table.folder / "training.parquet")


def training_rows(case: Case) -> pa.Table:
    """Return rows with the levels of each column dealt in turn, so that none is left out."""
    truth, rng = truth_of(case), np.random.default_rng(0)
    n = max(_TRAINING_ROWS, 10 * max(case.levels, default=0))
    X = rng.standard_normal((case.n_dense, n))
    eta = truth.intercept[1] + truth.dense[1] @ X
    columns: dict[str, Any] = dict(zip(case.dense_columns, X, strict=True))
    for name, count, effects in zip(case.categorical_columns, case.levels, truth.levels, strict=True):
        codes = rng.permutation(np.arange(n) % count)
        eta += effects[codes]
        columns[name] = np.array(level_names(name, count), dtype=object)[codes]
    columns["id"] = np.arange(n)
    columns["label"] = (rng.random(n) < 1.0 / (1.0 + np.exp(-eta))).astype(np.int32)
    return pa.table(columns)


def estimates_of(table: Table) -> dict[str, float]:
    """Return the estimates of the kept model by term."""
    from logreg_dist import load_model

    return load_model(table.folder / "model.json").estimates


def check_scores(table: Table, output: str) -> float:
    """Return the largest difference between written and directly computed probabilities.

    Raises
    ------
    ValueError
        When a row is missing or doubled, or the difference is above `TOLERANCE`.
    """
    # Folders that begin with _ hold no rows, here as for Spark.
    written = ds.dataset(output, format="parquet").to_table(columns=["id", "probability"])
    ids = written["id"].to_numpy()
    if len(ids) != table.case.rows or len(np.unique(ids)) != len(ids):
        raise ValueError(f"{len(ids):,} rows were written for {table.case.rows:,}, or some of them twice")
    probability = np.empty(len(ids))
    probability[ids] = written["probability"].to_numpy()
    largest, at = 0.0, 0
    for part in _probabilities(table):
        expected = part["probability"].to_numpy()
        found = probability[at : at + len(expected)]
        largest = max(largest, float(np.abs(found - expected).max()))
        at += len(expected)
    if not largest <= TOLERANCE:
        raise ValueError(f"a probability is off by {largest:.1e}")
    return largest


def write_ours(spark: Any, table: Table, source: str, output: str) -> None:
    """Score the rows of `source` with the score job: written, read back, counted, swapped in."""
    from logreg_dist.commands.job import Request
    from logreg_dist.commands.score import score
    from logreg_dist.publishing.run_record import RunRecorder
    from logreg_dist.scoring.score import new_run_id

    settings = {
        "model": str(table.folder / "model.json"),
        "input": {"path": source},
        "keys": ["id"],
        "output": {"path": output, "run_date": "2026-01-01", "columns": ["probability"]},
    }
    config = Path(output + ".yaml")
    config.write_text(json.dumps(settings))  # JSON is YAML
    score(spark, Request("score", str(config)), RunRecorder(job="score", run_id=new_run_id()))


def write_lazily(spark: Any, table: Table, source: str, output: str) -> None:
    """Score the rows of `source` with the library's call, which returns a lazy table, and write that."""
    from logreg_dist import load_model

    model = load_model(table.folder / "model.json")
    model.score(spark.read.parquet(source), keys=["id"]).write.parquet(output)


def write_mllib(spark: Any, models: tuple[Any, Any], source: str, output: str) -> None:
    """Score the rows of `source` with `mllib_models`, which hold the same coefficients."""
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import functions as F

    pipeline, model = models
    scored = model.transform(pipeline.transform(spark.read.parquet(source)))
    probability = vector_to_array(F.col("probability"))[1].alias("probability")
    scored.select("id", probability).write.parquet(output)


def mllib_models(spark: Any, table: Table) -> tuple[Any, Any]:
    """Return the feature pipeline, fitted to the few rows, and MLlib's model of the kept estimates."""
    from pyspark.ml.classification import LogisticRegressionModel
    from pyspark.ml.common import _py2java
    from pyspark.ml.linalg import Vectors

    case, estimates = table.case, estimates_of(table)
    pipeline = feature_pipeline(case).fit(spark.read.parquet(_training_file(table)))
    # Its reference levels are others than ours, so every coefficient is shifted by those of its references.
    terms, shift = vector_terms(case, pipeline.stages), 0.0
    values = {term: estimates.get(term, 0.0) for term in terms}
    if case.levels:
        for name, levels in zip(case.categorical_columns, pipeline.stages[0].labelsArray, strict=True):
            own = estimates.get(f"{name}[{levels[-1]}]", 0.0)
            shift += own
            for level in levels[:-1]:
                values[f"{name}[{level}]"] -= own
    vector = Vectors.dense([values[term] for term in terms])
    sc = spark.sparkContext
    java = sc._jvm.org.apache.spark.ml.classification.LogisticRegressionModel(
        "benchmark", _py2java(sc, vector), float(estimates["intercept"] + shift)
    )
    return pipeline, LogisticRegressionModel(java)


def _ours(
    table: Table, output: str, phases: Phases, write: Callable[[Any, Table, str, str], None] = write_ours
) -> None:
    from benchmarks.peers.spark_session import job_session

    with phases.phase(STARTUP):
        spark = job_session()
        # All Spark ways score these few rows first: none is measured on a cold JVM.
        write(spark, table, _training_file(table), output + ".warm")
    with phases.phase("score"):
        write(spark, table, table.path, output)
    spark.stop()


def _ours_lazily(table: Table, output: str, phases: Phases) -> None:
    _ours(table, output, phases, write_lazily)


def _mllib(table: Table, output: str, phases: Phases) -> None:
    from benchmarks.peers.spark_session import plain_session

    with phases.phase(STARTUP):
        spark = plain_session()
        models = mllib_models(spark, table)  # made once, for as many tables as one likes: not counted
        write_mllib(spark, models, _training_file(table), output + ".warm")
    with phases.phase("score"):
        write_mllib(spark, models, table.path, output)
    spark.stop()


def _direct(table: Table, output: str, phases: Phases) -> None:
    with phases.phase("score"):
        Path(output).mkdir()
        schema = pa.schema([("id", pa.int64()), ("probability", pa.float64())])
        with pq.ParquetWriter(Path(output, "part-0.parquet"), schema) as writer:
            for part in _probabilities(table):
                writer.write_table(part)


def _probabilities(table: Table) -> Any:
    """Yield id and probability by row group, in the order of the table."""
    case = table.case
    coefficients = coefficient_arrays(estimates_of(table), case)
    for file in table.files:
        with pq.ParquetFile(file) as parquet:
            for group in range(parquet.num_row_groups):
                arrow = parquet.read_row_group(group, columns=[*case.features, "id", "label"])
                eta = linear_predictors(rows_of(arrow, case), coefficients)[:, 0]
                yield pa.table({"id": arrow["id"], "probability": 1.0 / (1.0 + np.exp(-eta))})


WAYS: dict[str, Way] = {"ours": _ours, "ours-lazy": _ours_lazily, "mllib": _mllib, "direct": _direct}
