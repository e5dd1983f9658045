"""Opening a folder of Parquet files by their footers alone, while Spark's SQL is not awake.

The first table that a session opens costs Spark a second: it loads its SQL, and looks into a file by a job of its own.
A fit that reads with pyarrow needs none of it. Whatever is not plain goes Spark's way, which also finds the words for
what is wrong.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from logreg_dist.config.table_input import InputConfig
from logreg_dist.errors import InputRejected
from logreg_dist.reading.names import leaf_columns
from logreg_dist.reading.parquet_columns import NotPlain, refuse_unlike
from logreg_dist.reading.parquet_files import FOOTER_THREADS
from logreg_dist.reading.plain_table import ListedFile, PlainTable
from logreg_dist.reading.vector_columns import is_vector
from logreg_dist.spark.settings import all_settings
from logreg_dist.staging.file_rows import FileRows

# Of more files the second that Spark takes is the lesser part.
MAX_PLAIN_FILES = 1_000
_FORMAT = "ParquetFileFormat"
_SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"
# Which Hadoop takes for patterns, or for the end of a scheme.
_ODD_CHARACTERS = "*?[]{}\\:\0"
# Settings of spark.sql that say nothing of how files are read.
_HARMLESS = {
    "spark.sql.adaptive.enabled",
    "spark.sql.artifact.isolation.enabled",
    "spark.sql.catalogImplementation",
    "spark.sql.execution.arrow.maxRecordsPerBatch",
    "spark.sql.execution.arrow.pyspark.validateSchema.enabled",
    "spark.sql.session.timeZone",
    "spark.sql.shuffle.partitions",
    "spark.sql.warehouse.dir",
}
_KINDS: dict[pa.DataType, T.DataType] = {
    pa.int8(): T.ByteType(),
    pa.int16(): T.ShortType(),
    pa.int32(): T.IntegerType(),
    pa.int64(): T.LongType(),
    pa.float32(): T.FloatType(),
    pa.float64(): T.DoubleType(),
    pa.bool_(): T.BooleanType(),
    pa.string(): T.StringType(),
    pa.large_string(): T.StringType(),
    pa.date32(): T.DateType(),
}


def sleeping_settings(spark: SparkSession) -> dict[str, str] | None:
    """Return all settings of a session whose SQL nothing has used yet, None once something has; 20 ms.

    What was set since the session began can only be known by asking SQL, which wakes it.
    """
    try:
        session: Any = spark._jsparkSession
        fields = {field.getName(): field for field in session.getClass().getDeclaredFields()}
        # Where Scala notes which of an object's lazy values it has made.
        for name in ("bitmap$0", "bitmap$trans$0"):
            fields[name].setAccessible(True)
            if int(fields[name].get(session)):
                return None
        options = session.initialSessionOptions().iterator()
        given = {}
        while options.hasNext():
            pair = options.next()
            given[str(pair._1())] = str(pair._2())
        return all_settings(spark.sparkContext) | given
    except (Py4JError, KeyError, TypeError, ValueError):  # another Spark than those we know
        return None


def plain_folder(spark: SparkSession, source: InputConfig, settings: Mapping[str, str]) -> PlainTable | None:
    """Open what a configuration names where it is one folder, or file, of plain Parquet on a disk, else return None.

    Parameters
    ----------
    spark : SparkSession
    source : InputConfig
    settings : mapping of str to str
        Of the session.
    """
    plain = source.format.lower() == "parquet" and len(source.paths) == 1
    if not plain or source.options or source.filter is not None:
        return None
    if any(name.startswith("spark.sql.") and name not in _HARMLESS for name in settings):
        return None
    folder = _local(spark, source.paths[0])
    paths = None if folder is None else _data_files(folder)
    if folder is None or not paths or len(paths) > MAX_PLAIN_FILES:
        return None
    try:
        files = tuple(_listed(path) for path in paths)
        schema, rows = _looked_into(paths)
    except (NotPlain, InputRejected, pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return None
    return PlainTable(spark, f"file:{folder}", schema, files, rows)


def _local(spark: SparkSession, given: str) -> str | None:
    """Return the absolute path of what a path names, None where Hadoop could find another."""
    path = given.removeprefix("file://") if given.startswith("file:///") else given.removeprefix("file:")
    if path == given:
        context: Any = spark.sparkContext
        if not str(context._jsc.hadoopConfiguration().get("fs.defaultFS")).startswith("file:"):
            return None
        path = os.path.join(str(context._jvm.java.lang.System.getProperty("user.dir")), path)
    path = path.rstrip("/")
    is_plain = path.startswith("/") and os.path.normpath(path) == path and not path.startswith("//")
    return path if is_plain and not any(mark in path for mark in _ODD_CHARACTERS) else None


def _data_files(folder: str) -> list[str] | None:
    """Return the files that Spark would read, sorted; None where it would look further than into their folder."""
    if os.path.isfile(folder):
        return [folder] if not _is_hidden(os.path.basename(folder)) else None
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                # Summaries of several files' schemas, which Spark reads in place of the files.
                if entry.name.startswith(("_metadata", "_common_metadata")):
                    return None
                if _is_hidden(entry.name):
                    continue
                if not entry.is_file() or any(mark in entry.name for mark in _ODD_CHARACTERS):
                    return None
                found.append(entry.path)
    except OSError:
        return None
    return sorted(found)


def _is_hidden(name: str) -> bool:
    return (name.startswith("_") and "=" not in name) or name.startswith(".") or name.endswith("._COPYING_")


def _listed(path: str) -> ListedFile:
    path.encode()  # a ValueError where it is no text
    return ListedFile.on_disk(path, _FORMAT)


def _looked_into(paths: list[str]) -> tuple[T.StructType, tuple[FileRows, ...]]:
    """Return the schema of all files, and their rows.

    Raises
    ------
    NotPlain
        When they have not all the same, or it holds a type of which pyarrow and Spark could think differently.
    """
    first = _schema(paths[0])
    leaves = list(leaf_columns(_spark_schema(first)).values())
    if any(is_vector(leaf.type) for leaf in leaves):
        raise NotPlain("it holds vectors, whose length a job must find")

    def look(path: str) -> FileRows:
        with pq.ParquetFile(path) as file:
            if not _same(file.schema_arrow, first):
                raise NotPlain("its files have several schemas")
            refuse_unlike(file, leaves)
            metadata = file.metadata
            groups = (metadata.row_group(k).num_rows for k in range(metadata.num_row_groups))
            return FileRows(path, tuple(groups))

    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        return _spark_schema(first), tuple(pool.map(look, paths))


def _schema(path: str) -> pa.Schema:
    with pq.ParquetFile(path) as file:
        return file.schema_arrow


def _same(one: pa.Schema, other: pa.Schema) -> bool:
    said = [(schema.metadata or {}).get(_SPARK_SCHEMA) for schema in (one, other)]
    return bool(one.equals(other)) and said[0] == said[1]


def _spark_schema(schema: pa.Schema) -> T.StructType:
    """Return the columns as Spark would find them: as it has written them down, or by their types."""
    said = (schema.metadata or {}).get(_SPARK_SCHEMA)
    if said is None:
        return T.StructType([T.StructField(field.name, _spark_type(field.type)) for field in schema])
    fields = json.loads(said)["fields"]
    if any(field["metadata"] for field in fields):
        raise NotPlain("its columns have notes for Spark")
    found = T.StructType.fromJson({"type": "struct", "fields": fields})
    if [field.name for field in found] != schema.names:
        raise NotPlain("its columns are not those that Spark has written down")
    return T.StructType([T.StructField(field.name, field.dataType) for field in found])


def _spark_type(kind: pa.DataType) -> T.DataType:
    if pa.types.is_decimal128(kind):
        return T.DecimalType(kind.precision, kind.scale)
    if pa.types.is_timestamp(kind) and kind.unit in ("ms", "us"):
        return T.TimestampNTZType() if kind.tz is None else T.TimestampType()
    if kind not in _KINDS:
        raise NotPlain(f"it has a column of type {kind}")
    return _KINDS[kind]
