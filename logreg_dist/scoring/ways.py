"""The ways of scoring a table, all with the same numbers, and the rule that chooses one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from logreg_dist.design.problems import quoted
from logreg_dist.errors import ConfigError
from logreg_dist.reading.parquet_columns import NotPlain
from logreg_dist.reading.parquet_files import ParquetFiles, parquet_files
from logreg_dist.scoring.batches import (
    carried_by_expression_only,
    carried_by_spark_only,
    score_files,
    score_through_arrow,
)
from logreg_dist.scoring.counts import count_columns
from logreg_dist.scoring.expression import MAX_CASE_LEVELS, plan_scores
from logreg_dist.scoring.match import ScoreInput
from logreg_dist.scoring.predictors import predictor_names
from logreg_dist.scoring.products import JointTerm, ProductTerm
from logreg_dist.scoring.tasks import read_notes
from logreg_dist.scoring.terms import LevelTerm, NumericTerm, ScoreTerms, count_names
from logreg_dist.scoring.vector_terms import SparseTerm, VectorTerm

# Columns up to which an expression is tried, and levels in all its CASE expressions together. It may be
# faster only where it is short; beyond 8,000 bytecodes the JVM interprets what Spark generates.
MAX_SQL_COLUMNS = 5
MAX_SQL_LEVELS = 64


@dataclass(frozen=True)
class Way:
    """How a table is scored.

    Attributes
    ----------
    name : str
        ``sql`` (an expression of Spark), ``array`` (rows handed to NumPy in Arrow batches) or
        ``arrow`` (Parquet files, read by pyarrow inside the tasks).
    why : str
        What decided it, for people.
    files : ParquetFiles or None
        Of ``arrow``.
    """

    name: str
    why: str
    files: ParquetFiles | None = None


@dataclass(frozen=True)
class ObservedScores:
    """Carried columns and linear predictors, and what is known about them once they were written.

    Attributes
    ----------
    rows : DataFrame
        ``carried_0, carried_1, ...`` and linear predictors; lazy.
    counts : callable
        Rows by `count_names`; waits until a job on `rows` has ended.
    """

    rows: DataFrame
    counts: Callable[[], Mapping[str, int]]


def choose_way(source: ScoreInput, asked: str = "auto") -> Way:
    """Return the way to score a table; no job.

    Plain Parquet files are read by pyarrow (``arrow``). Of other tables those with few columns are
    scored by an expression (``sql``), and all others in Arrow batches (``array``).

    Parameters
    ----------
    source : ScoreInput
    asked : str
        A way by name, or ``auto``.

    Raises
    ------
    ConfigError
        When ``arrow`` is asked for and pyarrow cannot read the table as Spark would, or ``sql`` for a
        model of vectors or texts, or for intervals.
    """
    if asked == "sql" and source.intervals is not None:
        raise ConfigError(
            "engine is sql, but the intervals conf_low and conf_high have no SQL expression.\n"
            "  Set engine to auto, array or arrow, or leave them out."
        )
    if asked == "sql" and (names := without_expression(source)):
        raise ConfigError(
            f"engine is sql, but vectors and texts such as {quoted(names[0])} have no SQL expression.\n"
            "  Set engine to auto, array or arrow."
        )
    if asked == "array":
        _refuse_in_batches(source)
    if asked in ("sql", "array"):
        return Way(asked, "as engine says")
    try:
        why = "as engine says" if asked == "arrow" else "the input is plain Parquet files"
        return Way("arrow", why, _plain_files(source))
    except NotPlain as reason:
        if asked == "arrow":
            raise ConfigError(
                f"engine is arrow, but pyarrow cannot read the table as Spark would: {reason}.\n"
                "  Set engine to auto, sql or array."
            ) from reason
        return lazy_way(source, str(reason))


def _plain_files(source: ScoreInput) -> ParquetFiles:
    """Return the files that pyarrow can read, and whose keys and further columns it can write, as Spark would."""
    if only_spark := carried_by_spark_only(source):
        raise NotPlain(
            f"column {only_spark[0]}, which is carried along, is of a type that Spark has to write"
        )
    return parquet_files(source.table, list(source.leaves.values()))


def lazy_way(source: ScoreInput, why: str = "the input is a DataFrame") -> Way:
    """Return the way to score any table at any time: by an expression if that is short.

    Measured on two busy cores, so roughly: the whole job on 1M rows of 6 doubles took 3.1 CPU seconds
    (``sql``) and 2.5 (``array``). Writing scores with counts by ``sql`` took 2.9 s for 1M rows of 30 and
    39 s for 400,000 of 200; a prototype of ``array``, without checks and counts, 2.4 s and 3.3 s.
    Nothing was measured between 0 and 6 columns, and nothing with many levels.
    """
    if without_expression(source):
        _refuse_in_batches(source)
        return Way("array", f"{why}; vectors and texts have no SQL expression")
    if source.intervals is not None:
        _refuse_in_batches(source)
        return Way("array", f"{why}; intervals have no SQL expression")
    if kept := carried_by_expression_only(source):
        return Way("sql", f"{why}; only an expression leaves column {kept[0]} as it is")
    n_columns, n_classes = _width(source.terms), 1 + len(source.further)
    n_levels = n_classes * sum(
        len(term.estimates)
        for term in source.terms.columns
        if isinstance(term, LevelTerm) and len(term.estimates) <= MAX_CASE_LEVELS
    )
    if n_columns * n_classes <= MAX_SQL_COLUMNS and n_levels <= MAX_SQL_LEVELS:
        return Way("sql", f"{why}; {n_columns} columns are a short expression")
    return Way("array", f"{why}; {n_columns} columns would be a long expression")


def _refuse_in_batches(source: ScoreInput) -> None:
    if kept := carried_by_expression_only(source):
        raise ConfigError(
            f"rows that go through NumPy cannot carry column {quoted(kept[0])}: vectors and collated texts do not come "
            "back from Python.\n  Leave it out of keys and keep, or read a view that turns it into an array or a plain text."
        )


def without_expression(source: ScoreInput) -> list[str]:
    """Return the columns that only NumPy can score: vectors and texts."""
    return [term.name for term in source.terms.columns if isinstance(term, (VectorTerm, SparseTerm))]


def _width(terms: ScoreTerms) -> int:
    """Return how many columns an expression is as long as: every piece of a curve counts as one."""
    products = [product for product in terms.products if isinstance(product, ProductTerm)]
    read = [
        *terms.columns,
        *(one for product in products for pair in product.factors for one in pair),
        *(one for product in terms.products if isinstance(product, JointTerm) for one in product.numbers),
    ]
    curves = [curve for term in read if isinstance(term, NumericTerm) for curve in term.curves]
    return len(read) + sum(len(curve.breaks) + 1 for curve in curves)


def observed_scores(source: ScoreInput, way: Way) -> ObservedScores:
    """Score a table, forbidden rows too, and count what is odd about the rows on the way; lazy."""
    observation = Observation()
    names = count_names(source.terms.columns, len(source.keys))
    if way.name == "sql":
        plan = plan_scores(source)
        table = plan.table.observe(observation, *count_columns(plan))
        named = zip(plan.linear_predictors, predictor_names(source.n_free), strict=True)
        rows = table.select(*carried_columns(source), *(found.alias(name) for found, name in named))
        return ObservedScores(rows, lambda: observation.get)
    noted = score_files(source, way.files) if way.files is not None else score_through_arrow(source)
    rows = noted.observe(observation, F.collect_list("note").alias("notes")).drop("note")

    def counts() -> Mapping[str, int]:
        return named_counts(source, read_notes(observation.get["notes"], len(names)))

    return ObservedScores(rows, counts)


def named_counts(source: ScoreInput, counts: Sequence[int]) -> dict[str, int]:
    """Return counts by `count_names`."""
    names = count_names(source.terms.columns, len(source.keys))
    return dict(zip(names, counts, strict=True))


def carried_columns(source: ScoreInput) -> list[Column]:
    """Return keys and further columns as ``carried_0, carried_1, ...``."""
    names = (*source.keys, *source.others)
    return [source.leaves[name].expression().alias(f"carried_{i}") for i, name in enumerate(names)]


@contextmanager
def short_methods(spark: SparkSession) -> Iterator[None]:
    """Let Spark cut up, inside, what it generates: methods over 8,000 bytecodes are never compiled by the JVM.

    Measured on 1M rows of 30 columns: 4.4 s without, 2.0 s with.
    """
    key = "spark.sql.codegen.hugeMethodLimit"
    before = spark.conf.get(key, None)
    spark.conf.set(key, "8000")
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(key)
        else:
            spark.conf.set(key, before)
