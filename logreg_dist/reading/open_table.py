"""Opening a table, with Spark's refusals told as sentences."""

from __future__ import annotations

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession

from logreg_dist.config.table_input import InputConfig, TrainInputConfig
from logreg_dist.errors import ConfigError, InputRejected, LogregError
from logreg_dist.reading.failures import explain_spark_error
from logreg_dist.reading.listed_files import listed_files, refuse_empty_files, refuse_repeated_files
from logreg_dist.reading.plain_folder import plain_folder, sleeping_settings
from logreg_dist.reading.plain_table import PlainTable
from logreg_dist.reading.session_settings import refuse_settings
from logreg_dist.reading.text_records import MalformedRecord, is_strict, read_records
from logreg_dist.spark.words import all_words, condition

CATALOG = "spark.sql.catalogImplementation"
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

_UNKNOWN = ("Spark cannot read {where} ({condition})", "Run with --debug for Spark's own words.")
_DAMAGED = (
    "a file in {where} is damaged, or is no {format}",
    "Check the files and input.format; --debug shows Spark's own words.",
)


def open_for_fit(spark: SparkSession, source: TrainInputConfig) -> DataFrame | PlainTable:
    """Return the table that the configuration names; without Spark's SQL where nothing has used it yet, see `plain_folder`.

    Raises
    ------
    InputRejected, ConfigError
        As `open_table`.
    """
    settings = None if source.reader == "spark" else sleeping_settings(spark)
    if settings is not None:
        refuse_settings(settings.get)
        if (plain := plain_folder(spark, source, settings)) is not None:
            return plain
    return open_table(spark, source)


def open_table(spark: SparkSession, source: InputConfig) -> DataFrame:
    """Return the table that the configuration names, filtered; lazy, but Spark looks at the files' schema.

    Raises
    ------
    InputRejected
        When the table cannot be found or read, or one of its files has no bytes.
    ConfigError
        When the filter is not a predicate on it, the paths name a file twice, or Spark is set as
        `refuse_settings` says.
    """
    refuse_settings(spark.conf.get)
    where = source.table or ", ".join(source.paths)
    try:
        table = _read(spark, source)
    except MalformedRecord as error:
        raise InputRejected(
            f"{where} holds records that are not {source.format.upper()}.\n  Mend the files; input.options.mode: "
            "PERMISSIVE would make such records missing values."
        ) from error
    except (AnalysisException, Py4JJavaError) as error:
        raise _rejected(error, where, source, spark) from error
    files = listed_files(table)
    refuse_repeated_files(files, source.paths)
    refuse_empty_files(files)
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
        table = spark.read.options(**dict(source.options)).table(source.table)
        _refuse_unchecked_records(table, source)
        return table
    reader = spark.read.format(source.format).options(**dict(source.options))
    if is_strict(source.format, source.options):
        return read_records(reader, source.format, source.options, list(source.paths))
    return reader.load(list(source.paths))


def _refuse_unchecked_records(table: DataFrame, source: InputConfig) -> None:
    """Refuse a table of the catalog that is text files: Spark cuts or fills its broken records without a word."""
    for kind, options in _file_relations(table):
        mode = {name.lower(): value for name, value in options.items()}.get("mode", "")
        if not is_strict(kind, {}) or mode.lower() in ("failfast", "permissive"):
            continue
        raise InputRejected(
            f"table {source.table} is kept as {kind}, of which Spark takes broken records as well as it can.\n"
            f"  Read its files with input.path and input.format: {kind}, which looks for such records, or set the mode\n"
            "  yourself: input.options.mode: FAILFAST or PERMISSIVE (under a view: an option of the table itself)."
        )


def _file_relations(table: DataFrame) -> list[tuple[str, dict[str, str]]]:
    """Return format and options of the files that a table is made of, as far as this Spark tells them."""
    found = []
    try:
        leaves = table._jdf.queryExecution().analyzed().collectLeaves()
        for leaf in (leaves.apply(k) for k in range(leaves.size())):
            if leaf.getClass().getSimpleName() != "LogicalRelation":
                continue
            relation = leaf.relation()
            if relation.getClass().getSimpleName() != "HadoopFsRelation":
                continue
            kind = relation.fileFormat().getClass().getSimpleName().removesuffix("FileFormat").lower()
            names = relation.options().keySet().mkString("\n").split("\n")
            found.append((kind, {name: str(relation.options().apply(name)) for name in names if name}))
    except (Py4JError, AttributeError, TypeError):  # another Spark than those we know
        return []
    return found


def _rejected(
    error: AnalysisException | Py4JJavaError, where: str, source: InputConfig, spark: SparkSession
) -> LogregError:
    # An unknown reader is a bare Java exception: its condition stands in its words only.
    words_of_error = all_words(error)
    known = next((name for name in _SENTENCES if f"[{name}" in words_of_error), "")
    if not known and "FAILED_READ_FILE" in words_of_error:
        explained = explain_spark_error(error)
        assert explained is not None
        return explained
    what, way_out = _SENTENCES.get(known, _DAMAGED if isinstance(error, Py4JJavaError) else _UNKNOWN)
    if known == "TABLE_OR_VIEW_NOT_FOUND" and spark.conf.get(CATALOG, "in-memory") == "in-memory":
        way_out += (
            f" The one of this session is in memory: set {CATALOG}=hive\n"
            "  (spark-submit --conf) to see the tables of a metastore."
        )
    words = {
        "where": where,
        "format": source.format,
        "master": spark.conf.get("spark.master", "its cluster"),
        "condition": condition(error),
    }
    return InputRejected(f"{what}.\n  {way_out}".format(**words))
