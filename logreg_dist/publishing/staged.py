"""Write a table to a staging folder, and read it back against what was counted while writing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, DataFrameWriter, Observation
from pyspark.sql.types import StringType, StructField, StructType

from logreg_dist.errors import OutputNotVerified
from logreg_dist.publishing.destination import NULL_PARTITION, Destination, partition_folder
from logreg_dist.publishing.filesystem import join
from logreg_dist.publishing.totals import (
    N_ROWS,
    StagedBy,
    check_run_date,
    check_totals,
    is_taken,
    named_totals,
    totals_of,
)
from logreg_dist.publishing.write_errors import explain_write_error, is_of_the_input

# The success mark belongs to the published output, not to a staging folder.
NO_SUCCESS_FILE = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}
# RFC 4180: Spark's own default escapes quotes with a backslash, which other readers do not know.
CSV_OPTIONS = {"header": "true", "escape": '"'}
# Spark cuts times to milliseconds otherwise. It reads these without being told.
MICROSECONDS = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
# Spark's CSV writer trims text otherwise: the keys "a" and " a" would be one.
UNTRIMMED = {"ignoreLeadingWhiteSpace": "false", "ignoreTrailingWhiteSpace": "false"}
WRITE_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "parquet": {},
    "orc": {},
    "json": MICROSECONDS,
    "csv": {**CSV_OPTIONS, **UNTRIMMED, **MICROSECONDS},
}
READ_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "parquet": {},
    "orc": {},
    "json": {"mode": "FAILFAST"},
    "csv": {**CSV_OPTIONS, **UNTRIMMED, "mode": "FAILFAST", "multiLine": "true", "enforceSchema": "false"},
}


def write_staged(
    table: DataFrame, destination: Destination, staged: str, sums: Mapping[str, Column]
) -> dict[str, Any]:
    """Write `table` to the new folder `staged` and return what was observed on the way; one job.

    Returns ``n_rows``, the values of `sums`, and totals for `verify_staged`. The folder of the date is
    named here and not by Spark's ``partitionBy``, which would sort every task's rows first.

    Raises
    ------
    ValueError
        A name in `sums` is one of those that this function uses itself.
    OutputNotVerified, TemporaryFailure, ConfigError
        Spark could not write, by cause.
    PySparkException, Py4JError
        The rows could not be read: Spark's own words say which file.
    """
    totals = totals_of(table, destination)
    clash = [name for name in sums if is_taken(name)]
    if clash:
        raise ValueError(f"the names {clash} in sums are taken")
    observation = Observation()
    columns = [total.alias(name) for name, total in {**totals, **sums}.items()]
    try:
        _write(table.observe(observation, *columns), destination, staged)
        observed: dict[str, Any] = observation.get
        if observed[N_ROWS] == 0 and destination.partition_by[1:]:
            _write_empty_partition(table, destination, staged)
    except (PySparkException, Py4JError) as error:
        if is_of_the_input(error):
            raise
        raise explain_write_error(error, destination.place) from error
    return observed


def write_staged_by(by: StagedBy, destination: Destination, staged: str) -> dict[str, Any]:
    """Let `by` fill the new folder of the run's date under `staged`; return what `write_staged` does.

    Raises
    ------
    OutputNotVerified, TemporaryFailure
        Spark's tasks could not write, by cause.
    """
    try:
        return named_totals(by.write(_one_folder(destination, staged)))
    except (PySparkException, Py4JError) as error:
        raise explain_write_error(error, destination.place) from error


def verify_staged(
    table: DataFrame,
    destination: Destination,
    staged: str,
    observed: Mapping[str, Any],
    by: StagedBy | None = None,
) -> DataFrame:
    """Read the staging folder back, hold it against `table` and `observed`, return its rows, lazily; two jobs at most.

    Columns and types are those that Spark finds in it. The numbers are Spark's too, or those of `by`, which wrote them:
    Spark's SQL takes seconds to wake where nothing else needs it.

    Raises
    ------
    OutputNotVerified
        Other columns or types (Parquet, ORC), another number of rows, rows of another
        ``run_date``, or another sum of a probability column, to 1e-9 relative or 1e-11 a row.
    """
    check_run_date(observed, destination)
    try:
        found_table = read_back(table, destination, staged, base=staged)
        _check_schema(table, found_table, destination, in_order=by is None)
        totals = totals_of(table, destination)
        if by is None:
            columns = [total.alias(name) for name, total in totals.items()]
            found = found_table.agg(*columns).collect()[0].asDict()
        else:
            found = named_totals(by.read(_one_folder(destination, staged)))
    except (PySparkException, Py4JError) as error:
        raise explain_write_error(error, staged) from error
    check_totals(found, {name: observed[name] for name in totals}, destination)
    return found_table


def count_live(table: DataFrame, destination: Destination, by: StagedBy | None = None) -> int:
    """Count the rows that a reader of the output finds in what this run replaced; one job, or none with `by`.

    Raises
    ------
    OutputNotVerified, TemporaryFailure
        It could not be read.
    """
    path, folder = destination.path, partition_folder(destination)
    whole = destination.mode == "replace_all" or not folder
    live = path if whole else join(path, folder)
    if by is not None:
        return by.count(live)
    try:
        n_rows: int = read_back(table, destination, live, base=path).count()
    except (PySparkException, Py4JError) as error:
        raise explain_write_error(error, path) from error
    return n_rows


def read_back(table: DataFrame, destination: Destination, folder: str, *, base: str) -> DataFrame:
    """Return the rows under `folder`, lazily; partition columns are text, as in the folders' names.

    Spark would guess their types: the dates ``007`` and ``7`` would be one.
    """
    data = StructType([field for field in table.schema if field.name not in destination.partition_by])
    partitions = [StructField(name, StringType()) for name in destination.partition_by]
    reader = table.sparkSession.read.format(destination.format).options(**READ_OPTIONS[destination.format])
    if destination.partition_by:
        reader = reader.option("basePath", base)
    if destination.format in ("parquet", "orc"):
        found = reader.load(folder).schema
        data = StructType([field for field in found if field.name not in destination.partition_by])
    return reader.schema(StructType([*data, *partitions])).load(folder)


def _write(table: DataFrame, destination: Destination, staged: str) -> None:
    writer = _writer(table.drop(*destination.partition_by[:1]), destination)
    if destination.partition_by:
        staged = join(staged, partition_folder(destination))
    # Without partitions the folder is there already, and empty.
    writer.mode("append").partitionBy(*destination.partition_by[1:]).save(staged)


def _writer(table: DataFrame, destination: Destination) -> DataFrameWriter:
    options = {**NO_SUCCESS_FILE, **WRITE_OPTIONS[destination.format]}
    return table.write.format(destination.format).options(**options)


def _write_empty_partition(table: DataFrame, destination: Destination, staged: str) -> None:
    """Write one file without rows: Spark writes no folder for a partition that has none.

    An empty folder would replace the stale rows as well, but an output of nothing else would have
    no schema, and reading it would fail.
    """
    deeper = [f"{name}={NULL_PARTITION}" for name in destination.partition_by[1:]]
    empty = table.drop(*destination.partition_by).limit(0).coalesce(1)
    _writer(empty, destination).save(join(staged, partition_folder(destination), *deeper))


def _one_folder(destination: Destination, staged: str) -> str:
    """Return the folder of files that somebody else than Spark writes."""
    return join(staged, partition_folder(destination)) if destination.partition_by else staged


def _check_schema(table: DataFrame, found: DataFrame, destination: Destination, *, in_order: bool) -> None:
    """Compare names and types; only Spark knows the order of a table's columns, in which not all formats need them."""
    expected = _types(table.schema, destination)
    actual = _types(found.schema, destination)
    if expected != actual if in_order else sorted(expected) != sorted(actual):
        different = sorted({name for name, _ in set(expected) ^ set(actual)}) or ["their order"]
        raise OutputNotVerified(
            f"'{destination.place}' reads back with other columns or types: {', '.join(different)}.\n"
            "  The old output is kept. Write parquet, or fix the types of these columns."
        )


def _types(schema: StructType, destination: Destination) -> list[tuple[str, str]]:
    """List names and types, without nullability: everything read from files may be null."""
    data_fields = [field for field in schema if field.name not in destination.partition_by]
    return [(field.name, field.dataType.simpleString()) for field in data_fields]
