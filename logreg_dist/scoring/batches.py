"""Scoring in Arrow batches: rows of any table, or of Parquet files that Spark never opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from logreg_dist.reading.names import LeafColumn
from logreg_dist.reading.parquet_files import ParquetFiles
from logreg_dist.reading.vector_columns import plain
from logreg_dist.scoring.contributions import as_number
from logreg_dist.scoring.match import ScoreInput
from logreg_dist.scoring.tasks import BatchLayout, output_names, score_batches_task, score_files_task
from logreg_dist.scoring.terms import LevelTerm, NumericTerm
from logreg_dist.scoring.vector_terms import SparseTerm, VectorTerm
from logreg_dist.staging.file_rows import FileColumn, FilePart, cut_files

# Numbers in one array: Spark generates one method for each, and long ones are not compiled.
ARRAY_LENGTH = 50
# Numbers that are worth a task of their own, and that a task should not exceed.
VALUES_PER_TASK = 500_000
MAX_BYTES_PER_TASK = 256_000_000
TASKS_PER_CORE = 2
# Numbers that a text, or a long vector, is taken for.
ENTRIES = 50

_TEXTS = (T.StringType, T.CharType, T.VarcharType)
# Of the types that `parquet_files` lets through. PySpark's own table asks for other arguments in every version.
_ARROW_TYPES: dict[type[T.DataType], pa.DataType] = {
    T.BooleanType: pa.bool_(),
    T.ByteType: pa.int8(),
    T.ShortType: pa.int16(),
    T.IntegerType: pa.int32(),
    T.LongType: pa.int64(),
    T.FloatType: pa.float32(),
    T.DoubleType: pa.float64(),
    T.StringType: pa.string(),
    T.DateType: pa.date32(),
    T.TimestampNTZType: pa.timestamp("us"),
}


@dataclass(frozen=True)
class FileWork:
    """Which rows of which files each task scores, and how.

    Attributes
    ----------
    splits : list of tuples of FilePart
    columns : tuple of FileColumn
    layout : BatchLayout
    """

    splits: list[tuple[FilePart, ...]]
    columns: tuple[FileColumn, ...]
    layout: BatchLayout


def file_work(source: ScoreInput, files: ParquetFiles) -> FileWork:
    """Cut the files of a table among tasks.

    Parameters
    ----------
    source : ScoreInput
    files : ParquetFiles
        With the columns of ``source.leaves``, in order.
    """
    spark = source.table.sparkSession
    position = {name: i for i, name in enumerate(source.leaves)}
    carried = _carried(source)
    by_level = {term.name for term in source.terms.columns if isinstance(term, LevelTerm)}
    widths = {
        term.name: len(term.slopes) if isinstance(term, VectorTerm) else ENTRIES
        for term in source.terms.columns
        if isinstance(term, (VectorTerm, SparseTerm))
    }
    columns = tuple(
        replace(column, as_levels=column.as_levels and name in by_level, width=widths.get(name, 1))
        for name, column in zip(source.leaves, files.columns, strict=True)
    )
    layout = BatchLayout(
        terms=source.terms,
        places=tuple((position[term.name], None) for term in source.terms.columns),
        carried=tuple(position[leaf.name] for leaf in carried),
        n_keys=len(source.keys),
        types=tuple(_arrow_type(leaf.type, spark) for leaf in carried),
        further=source.further,
        n_free=source.n_free,
        intervals=source.intervals,
    )
    n_values = sum(file.n_rows for file in files.files) * sum(column.width for column in columns)
    return FileWork(cut_files(files.files, _enough_tasks(spark, n_values)), columns, layout)


def score_files(source: ScoreInput, files: ParquetFiles) -> DataFrame:
    """Return ``carried_0, ...``, linear predictors and ``note`` of Parquet files; lazy.

    Spark plans and retries the tasks, and gets nothing of the files but these columns.

    Parameters
    ----------
    source : ScoreInput
    files : ParquetFiles
        With the columns of ``source.leaves``, in order.
    """
    work = file_work(source, files)
    task = score_files_task(work.splits, work.columns, work.layout)
    n = len(work.splits)
    spark = source.table.sparkSession
    return spark.range(0, n, 1, n).mapInArrow(task, _schema(source))


def score_through_arrow(source: ScoreInput, refusals: Sequence[tuple[int, str]] | None = None) -> DataFrame:
    """Return ``carried_0, ...``, linear predictors and ``note`` of any table; lazy.

    Numbers come together in arrays, which cost less to hand over than columns do.

    Parameters
    ----------
    source : ScoreInput
    refusals : sequence of (int, str) or None
        See `BatchLayout`.
    """
    carried = _carried(source)
    columns = [leaf.expression() for leaf in carried]
    numbers: list[Column] = []
    places: list[tuple[int, int | None]] = []
    of_numbers = {i for i in range(len(source.terms.columns)) if _is_plain_number(source, i)}
    n_arrays = -(-len(of_numbers) // ARRAY_LENGTH)
    for i, term in enumerate(source.terms.columns):
        leaf = source.leaves[term.name]
        if i in of_numbers:
            array, place = divmod(len(numbers), ARRAY_LENGTH)
            places.append((len(carried) + array, place))
            numbers.append(as_number(leaf.expression(), leaf.type))
        else:
            places.append((len(carried) + n_arrays + i - len(numbers), None))
            columns.append(plain(leaf))
    first = len(carried)
    arrays = [F.array(*numbers[k : k + ARRAY_LENGTH]) for k in range(0, len(numbers), ARRAY_LENGTH)]
    selected = [*columns[:first], *arrays, *columns[first:]]
    layout = BatchLayout(
        terms=source.terms,
        places=tuple(places),
        carried=tuple(range(first)),
        n_keys=len(source.keys),
        refusals=None if refusals is None else tuple(refusals),
        further=source.further,
        n_free=source.n_free,
        intervals=source.intervals,
    )
    batches = source.table.select(*(column.alias(f"c{i}") for i, column in enumerate(selected)))
    return batches.mapInArrow(score_batches_task(layout), _schema(source))


def _carried(source: ScoreInput) -> list[LeafColumn]:
    return [source.leaves[name] for name in (*source.keys, *source.others)]


def _arrow_type(kind: T.DataType, spark: SparkSession) -> pa.DataType:
    if isinstance(kind, T.DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    if isinstance(kind, T.TimestampType):
        return pa.timestamp("us", tz=spark.conf.get("spark.sql.session.timeZone"))
    return _ARROW_TYPES[type(kind)]


def carried_by_spark_only(source: ScoreInput) -> list[str]:
    """Return the keys and further columns that pyarrow does not write as Spark would: arrays, vectors, collated texts."""
    kinds = (*_ARROW_TYPES, T.DecimalType, T.TimestampType)
    by_expression = carried_by_expression_only(source)
    return [
        leaf.name for leaf in _carried(source) if type(leaf.type) not in kinds or leaf.name in by_expression
    ]


def carried_by_expression_only(source: ScoreInput) -> list[str]:
    """Return the keys and further columns that Spark does not take back from Python: vectors, collated texts."""
    return [
        leaf.name
        for leaf in _carried(source)
        if isinstance(leaf.type, T.UserDefinedType) or " collate " in leaf.type.simpleString()
    ]


def _is_plain_number(source: ScoreInput, i: int) -> bool:
    """Whether null as a number means that there was no value; a text may also be no number."""
    term = source.terms.columns[i]
    return isinstance(term, NumericTerm) and not isinstance(source.leaves[term.name].type, _TEXTS)


def _enough_tasks(spark: SparkSession, n_values: int) -> int:
    by_cores: int = TASKS_PER_CORE * spark.sparkContext.defaultParallelism
    worth_it = max(n_values // VALUES_PER_TASK, 1)
    return max(min(by_cores, worth_it), n_values * 8 // MAX_BYTES_PER_TASK)


def _schema(source: ScoreInput) -> T.StructType:
    carried = _carried(source)
    names = output_names(len(carried), source.n_free, with_intervals=source.intervals is not None)
    scores = [T.DoubleType()] * (len(names) - len(carried) - 1)
    kinds = [*(leaf.type for leaf in carried), *scores, T.StringType()]
    return T.StructType([T.StructField(name, kind) for name, kind in zip(names, kinds, strict=True)])
