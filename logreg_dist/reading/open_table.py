"""Opening a table, with Spark's refusals told as sentences."""

from __future__ import annotations

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession

from logreg_dist.config.table_input import InputConfig
from logreg_dist.errors import ConfigError, InputRejected
from logreg_dist.spark.words import all_words, condition

# Both make Spark leave out files it cannot read: rows would be lost in silence.
_LOSES_ROWS = ("spark.sql.files.ignoreCorruptFiles", "spark.sql.files.ignoreMissingFiles")

_SENTENCES = {
    "PATH_NOT_FOUND": (
        "the path does not exist: {where}",
        "Check input.path; it is read by Spark on {master}.",
    ),
    "TABLE_OR_VIEW_NOT_FOUND": ("there is no table {where}", "Check input.table and its catalog."),
    "UNABLE_TO_INFER_SCHEMA": (
        "no readable file in {where}",
        "Check that input.path holds files of format {format}.",
    ),
    "DATA_SOURCE_NOT_FOUND": ("Spark has no reader named {format}", "Check input.format."),
    "COLUMN_ALREADY_EXISTS": (
        "{where} has columns whose names differ only in case",
        "Spark cannot tell them apart. Rename one, or read the table through a view.",
    ),
}


def open_table(spark: SparkSession, source: InputConfig) -> DataFrame:
    """Return the table that the configuration names, filtered; lazy, but Spark looks at the files' schema.

    Raises
    ------
    InputRejected
        When the table cannot be found or read.
    ConfigError
        When the filter is not a predicate on it, or Spark is set to skip unreadable files.
    """
    for setting in _LOSES_ROWS:
        if spark.conf.get(setting, "false") == "true":
            raise ConfigError(f"{setting} is true: unreadable files would be left out without a word.")
    where = source.table or ", ".join(source.paths)
    try:
        table = _read(spark, source)
    except (AnalysisException, Py4JJavaError) as error:
        raise _rejected(error, where, source, spark) from error
    if source.filter is None:
        return table
    try:
        return table.filter(source.filter)
    except PySparkException as error:
        condition = error.getCondition() or type(error).__name__
        raise ConfigError(
            f"input.filter is not a predicate on {where} ({condition}).\n"
            "  It must be a Spark SQL condition on the table's columns."
        ) from error


def _read(spark: SparkSession, source: InputConfig) -> DataFrame:
    if source.table is not None:
        return spark.read.table(source.table)
    reader = spark.read.format(source.format).options(**dict(source.options))
    return reader.load(list(source.paths))


def _rejected(
    error: AnalysisException | Py4JJavaError, where: str, source: InputConfig, spark: SparkSession
) -> InputRejected:
    # An unknown reader is a bare Java exception: its condition stands in its words only.
    words_of_error = all_words(error)
    known = next((name for name in _SENTENCES if f"[{name}" in words_of_error), "")
    what, way_out = _SENTENCES.get(
        known, ("Spark cannot read {where} ({condition})", "Run with --debug for Spark's own words.")
    )
    words = {
        "where": where,
        "format": source.format,
        "master": spark.conf.get("spark.master", "its cluster"),
        "condition": condition(error),
    }
    return InputRejected(f"{what}.\n  {way_out}".format(**words))
