"""A table of the session's catalog as the place where rows are published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.types import StructType

from logreg_dist.errors import ConfigError, OutputNotVerified
from logreg_dist.publishing import recover
from logreg_dist.publishing.catalog import (
    WAY_OUT,
    Catalog,
    CatalogTable,
    catalog_of,
    create_table,
    find_table,
)
from logreg_dist.publishing.destination import RUN_DATE, Destination, live_entries, partition_folder
from logreg_dist.publishing.filesystem import Filesystem, join
from logreg_dist.publishing.lease import Lease
from logreg_dist.publishing.sink import Sink, replace_rows
from logreg_dist.publishing.swap import has_plan
from logreg_dist.publishing.switch import (
    Switch,
    clear_published,
    finish_switch,
    give_way,
    published_folder,
    settle_switch,
    switch_back,
    switch_in,
    unreadable_plans,
)
from logreg_dist.publishing.totals import check_totals, totals_of
from logreg_dist.publishing.write_errors import explain_write_error


def table_sink(files: Filesystem, table: DataFrame, destination: Destination) -> Sink:
    """Return the steps for a table: its catalog is pointed at the new rows.

    Raises
    ------
    ConfigError
        The table cannot be written, or old rows in its folder wait for a run that knows how to put them back.
    """
    assert destination.table is not None
    found = find_table(table.sparkSession, destination.table)
    catalog = catalog_of(table.sparkSession, found, destination.partition_by)
    path = destination.path
    if waiting := unreadable_plans(files, path):
        raise ConfigError(
            f"output.table '{destination.table}': in its folder a run with output.path '{path}' ended half-way; the "
            f"rows that it was replacing lie in '{waiting[0]}'.\n"
            "  Run once more with that output.path, which puts them back, then with output.table."
        )
    return Sink(
        check=lambda: _check_table(files, catalog, found, table, destination),
        arrange=lambda rows: _in_order(rows, found),
        staged=lambda run_id: published_folder(path, run_id),
        # Readers look at it, or will: then the run that took this one for dead, or the next one, sees to it.
        keeps_staged=lambda lease, done: (
            done or lease.is_lost() or has_plan(files, path, lease.holder.run_id)
        ),
        replace=lambda lease, observed, committed: _replace_live(
            lease, catalog, table, destination, observed, committed
        ),
        settle=lambda run_id: settle_switch(files, catalog, path, run_id),
        clear=lambda run_id, gone: clear_published(
            files, catalog, path, run_id, retired_seconds=recover.UNCLAIMED_SECONDS, gone=gone
        ),
    )


def _check_table(
    files: Filesystem, catalog: Catalog, found: CatalogTable, table: DataFrame, destination: Destination
) -> None:
    if not found.exists:
        return
    name = destination.table
    if found.format != destination.format:
        raise ConfigError(f"output.table '{name}' is of format {found.format}.\n  Set output.format to it.")
    if found.partition_by != destination.partition_by:
        raise ConfigError(
            f"output.table '{name}' is partitioned by {list(found.partition_by)}, output.partition_by is "
            f"{list(destination.partition_by)}.{WAY_OUT}"
        )
    if problems := _column_problems(found, table.schema, destination):
        raise ConfigError(
            "\n  ".join([f"output.table '{name}' has other columns than the scores:", *problems]) + WAY_OUT
        )
    part = partition_folder(destination)
    if destination.mode == "error_if_exists" and _has_rows(files, catalog, part):
        raise ConfigError(
            f"output.table '{name}' has {part or 'rows'} already.\n"
            "  Set output.mode to replace_partition or replace_all, or choose another table."
        )


def _column_problems(found: CatalogTable, schema: StructType, destination: Destination) -> list[str]:
    """Compare by name; a partition's value is a text in the catalog, whatever its type."""
    expected = {field.name.lower(): field.dataType.simpleString() for field in schema}
    actual = {field.name.lower(): field.dataType.simpleString() for field in found.schema}
    if destination.partition_by and actual.get(RUN_DATE) in ("date", "string"):
        actual[RUN_DATE] = expected[RUN_DATE]
    retyped = [
        f"{name} ({actual[name]} instead of {expected[name]})"
        for name in expected
        if name in actual and actual[name] != expected[name]
    ]
    groups = {
        "the table lacks": [name for name in expected if name not in actual],
        "the scores lack": [name for name in actual if name not in expected],
        "of another type": retyped,
    }
    return [f"{words}: {', '.join(names)}" for words, names in groups.items() if names]


def _has_rows(files: Filesystem, catalog: Catalog, part: str) -> bool:
    if part:
        return bool(catalog.locations(part))
    return any(live_entries(files, folder) for folder in catalog.locations("").values())


def _in_order(rows: DataFrame, found: CatalogTable) -> DataFrame:
    """Give the columns the table's order: files of CSV have no other names."""
    if not found.exists:
        return rows
    names = {name.lower(): name for name in rows.columns}
    return rows.select(*(f"`{names[field.name.lower()].replace('`', '``')}`" for field in found.schema))


def _replace_live(
    lease: Lease,
    catalog: Catalog,
    table: DataFrame,
    destination: Destination,
    observed: Mapping[str, Any],
    committed: Callable[[], None],
) -> None:
    files, path, run_id = lease.files, lease.path, lease.holder.run_id
    _make_table(table, destination)
    part = partition_folder(destination)
    staged = published_folder(path, run_id)
    whole = destination.mode == "replace_all"
    switch = Switch(
        path=path,
        run_id=run_id,
        scope=lease.scope,
        new={part: join(staged, part) if part else staged},
        old=catalog.locations(None if whole else part),
    )
    replace_rows(
        lease,
        put=lambda: switch_in(files, catalog, switch),
        check=lambda: _check_live(table, destination, observed),
        committed=committed,
        take_back=lambda: switch_back(files, catalog, switch),
        give_way=lambda: give_way(files, catalog, switch),
        finish=lambda: finish_switch(files, catalog, switch),
    )


def _make_table(table: DataFrame, destination: Destination) -> None:
    assert destination.table is not None
    found = find_table(table.sparkSession, destination.table)
    if not found.exists:
        create_table(
            table.sparkSession,
            found,
            table.schema,
            file_format=destination.format,
            partition_by=destination.partition_by,
        )


def _check_live(table: DataFrame, destination: Destination, observed: Mapping[str, Any]) -> None:
    """Read what readers of the catalog now find, and hold it against what was written."""
    spark = table.sparkSession
    assert destination.table is not None
    name = find_table(spark, destination.table).name
    try:
        spark.catalog.refreshTable(name)
        live = spark.table(name)
        if destination.partition_by and destination.mode != "replace_all":
            live = live.where(
                sf.col(RUN_DATE) == sf.lit(destination.run_date).cast(live.schema[RUN_DATE].dataType)
            )
        absent = sorted({name.lower() for name in table.columns} - {name.lower() for name in live.columns})
        if absent:
            raise OutputNotVerified(f"'{destination.table}' reads back without {', '.join(absent)}.")
        totals = totals_of(table, destination)
        found = live.agg(*(total.alias(name) for name, total in totals.items())).collect()[0].asDict()
    except (PySparkException, Py4JError) as error:
        raise explain_write_error(error, destination.table) from error
    check_totals(found, {name: observed[name] for name in totals}, destination)
