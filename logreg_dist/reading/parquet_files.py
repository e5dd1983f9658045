"""Which tables are plain Parquet files that pyarrow reads as Spark would, and what these files hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JError
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from logreg_dist.reading.names import LeafColumn
from logreg_dist.reading.parquet_columns import TIMES, NotPlain, refuse_unlike
from logreg_dist.reading.plain_table import PlainTable
from logreg_dist.reading.vector_columns import is_vector
from logreg_dist.staging.file_rows import FileColumn, FileRows

# What Spark's catalog keeps with a column that was added to a table: its value in files that are older.
EXISTENCE_DEFAULT = "EXISTS_DEFAULT"
MAX_FILES = 10_000
FOOTER_THREADS = 8
# Numbers that a vector is taken for until its length is known.
VECTOR_WIDTH = 500

# The options of a reader that mean nothing beyond where the files are, and what their directories are called.
_HARMLESS_OPTIONS = frozenset({"path", "paths", "basepath", "serialization.format"})


@dataclass(frozen=True)
class ParquetFiles:
    """The files of a table and the columns to read of them, in the order of the batches."""

    files: tuple[FileRows, ...]
    columns: tuple[FileColumn, ...]


def parquet_files(table: DataFrame | PlainTable, leaves: Sequence[LeafColumn]) -> ParquetFiles:
    """Find the files behind a table; no Spark job, but every file's footer is read here.

    What the files are, and what their directories' names mean, is asked of Spark's own plan of the
    table. So it does not matter whether it came from a path or from the catalog.

    Parameters
    ----------
    table : DataFrame or PlainTable
    leaves : sequence of LeafColumn
        The columns that are needed.

    Raises
    ------
    NotPlain
        When the table is more than files (a filter, a view, a shuffle), when the files lie where
        pyarrow may need other credentials than Spark, or when the two could read a value differently.
    """
    if isinstance(table, PlainTable):
        return ParquetFiles(table.rows, _columns(leaves, T.StructType()))
    try:
        relation = _relation(table)
        n_files, partition_schema = _count_files(relation), _schema_of(relation.partitionSchema())
        if n_files > MAX_FILES:
            raise NotPlain(f"it has {n_files:,} files, and the driver would have to open each of them")
        _refuse_defaults(_schema_of(relation.dataSchema()), leaves)
        columns = _columns(leaves, partition_schema)
        kinds = [partition_schema[c.partition].dataType for c in columns if c.partition is not None]
        if unusual := [kind.simpleString() for kind in kinds if not isinstance(kind, tuple(_GETTERS))]:
            raise NotPlain(f"its directories name values of type {unusual[0]}")
        listed = sorted(_listed(relation, table, partition_schema))
    except (Py4JError, AttributeError, TypeError) as error:  # another Spark than those we know
        raise NotPlain(f"this Spark does not tell its files ({type(error).__name__})") from error
    legacy = table.sparkSession.conf.get("spark.sql.parquet.datetimeRebaseModeInRead")
    needed = [leaf for leaf, column in zip(leaves, columns, strict=True) if column.partition is None]
    if legacy == "LEGACY" and any(isinstance(leaf.type, TIMES) for leaf in needed):
        raise NotPlain("spark.sql.parquet.datetimeRebaseModeInRead is LEGACY")
    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        groups = list(pool.map(lambda found: _row_groups(found[0], needed), listed))
    files = [FileRows(path, rows, values) for (path, values), rows in zip(listed, groups, strict=True)]
    return ParquetFiles(tuple(files), columns)


def _relation(table: DataFrame) -> Any:
    """Return Spark's relation of files, when the table is nothing else."""
    if table.storageLevel.useMemory or table.storageLevel.useDisk:
        raise NotPlain("it is cached, and the files may be newer")
    plan: Any = table._jdf.queryExecution().analyzed()
    while plan.nodeName() == "SubqueryAlias":
        plan = plan.child()
    if plan.getClass().getSimpleName() != "LogicalRelation":
        raise NotPlain("it is more than files: Spark has to work on its rows first")
    relation = plan.relation()
    if relation.getClass().getSimpleName() != "HadoopFsRelation":
        raise NotPlain("it is no table of files")
    if relation.fileFormat().getClass().getSimpleName() != "ParquetFileFormat":
        raise NotPlain("its files are not plain Parquet")
    options = relation.options().keySet().mkString("\n").split("\n")
    if odd := [option for option in options if option and option.lower() not in _HARMLESS_OPTIONS]:
        raise NotPlain(f"input.options sets {odd[0]}")
    return relation


def _count_files(relation: Any) -> int:
    return int(relation.location().inputFiles().__len__())


def _schema_of(schema: Any) -> T.StructType:
    found: T.StructType = T._parse_datatype_json_string(schema.json())
    return found


def _refuse_defaults(schema: T.StructType, leaves: Sequence[LeafColumn]) -> None:
    """Raise where a file without a column means the value that the table was given for it, not null."""
    needed = {leaf.path[0] for leaf in leaves}
    with_default = (field.name for field in schema if EXISTENCE_DEFAULT in field.metadata)
    if found := next((name for name in with_default if name in needed), None):
        raise NotPlain(f"column {found} was added with a default value, which older files do not hold")


def _columns(leaves: Sequence[LeafColumn], partition_schema: T.StructType) -> tuple[FileColumn, ...]:
    if nested := [leaf.name for leaf in leaves if len(leaf.path) > 1]:
        raise NotPlain(f"{len(nested)} of its columns are fields of nested ones")
    partition = {name: k for k, name in enumerate(partition_schema.fieldNames())}
    return tuple(
        FileColumn(
            leaf.path[0],
            partition.get(leaf.path[0]),
            as_levels=leaf.path[0] not in partition and isinstance(leaf.type, T.StringType),
            width=VECTOR_WIDTH if is_vector(leaf.type) else 1,
        )
        for leaf in leaves
    )


def _listed(
    relation: Any, table: DataFrame, partition_schema: T.StructType
) -> Iterator[tuple[str, tuple[pa.Scalar, ...]]]:
    """Yield the local path of each file and the values of its directories."""
    nothing = getattr(getattr(_jvm(table).scala.collection.immutable, "Nil$"), "MODULE$")
    directories = relation.location().listFiles(nothing, nothing)
    kinds = [field.dataType for field in partition_schema.fields]
    for d in range(directories.size()):
        files, row = directories.apply(d).files(), directories.apply(d).values()
        values = tuple(_value(row, k, kind) for k, kind in enumerate(kinds))
        for f in range(files.size()):
            yield _local_path(files.apply(f).getPath().toUri().toString()), values


# How to take a value of a partition column out of Spark's row, and what it is in Arrow.
_GETTERS: dict[type[T.DataType], tuple[str, pa.DataType]] = {
    T.IntegerType: ("getInt", pa.int32()),
    T.LongType: ("getLong", pa.int64()),
    T.DoubleType: ("getDouble", pa.float64()),
    T.DateType: ("getInt", pa.int32()),
    T.StringType: ("getUTF8String", pa.string()),
}


def _value(row: Any, k: int, kind: T.DataType) -> pa.Scalar:
    if type(kind) not in _GETTERS:  # of a column that nobody asked for
        return pa.scalar(None)
    getter, arrow = _GETTERS[type(kind)]
    if row.isNullAt(k):
        return pa.scalar(None, arrow)
    value = getattr(row, getter)(k)
    found = pa.scalar(value.toString() if isinstance(kind, T.StringType) else value, arrow)
    return found.cast(pa.date32()) if isinstance(kind, T.DateType) else found


def _local_path(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise NotPlain(f"its files lie on {parts.scheme}:, and only those on disks are read by pyarrow")
    return unquote(parts.path)


def _row_groups(path: str, leaves: Sequence[LeafColumn]) -> tuple[int, ...]:
    """Return the rows of a file's row groups after a look at its columns."""
    try:
        with pq.ParquetFile(path) as file:
            refuse_unlike(file, leaves)
            metadata = file.metadata
            return tuple(metadata.row_group(k).num_rows for k in range(metadata.num_row_groups))
    except (pa.ArrowException, OSError) as error:  # Spark's reader finds the words for it
        raise NotPlain(f"pyarrow cannot open {Path(path).name} ({type(error).__name__})") from error


def _jvm(table: DataFrame) -> Any:
    return table.sparkSession._jvm
