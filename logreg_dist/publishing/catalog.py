"""Tables of the session's catalog: what it says of them, and the statements that publishing needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from logreg_dist.config.table_name import SESSION_CATALOG, name_parts
from logreg_dist.errors import ConfigError
from logreg_dist.publishing.destination import FORMATS, RUN_DATE, escape_partition_value
from logreg_dist.spark.words import condition

# Rows of a table lie in a folder of the run that wrote them; the catalog says in which.
PUBLISHED = "_published"
# Hive's own tables whose files are as Spark writes them.
SERDES = {"parquethiveserde": "parquet", "orcserde": "orc"}
WAY_OUT = "\n  Name another table, or use output.path."


@dataclass(frozen=True)
class CatalogTable:
    """A table that is there, or may be made.

    Attributes
    ----------
    name : str
        Quoted, as SQL takes it.
    base : str
        The folder of leases, run records and published rows.
    exists : bool
    format : str
        Of its files, '' when it is not there.
    partition_by : tuple of str
    schema : StructType
        With the partition columns.
    """

    name: str
    base: str
    exists: bool = False
    format: str = ""
    partition_by: tuple[str, ...] = ()
    schema: StructType = field(default_factory=StructType)


@dataclass(frozen=True)
class Catalog:
    """The operations that publishing needs, of one table.

    A part is ``run_date=...``, the folder of a partition, or '' for the table itself. All raise `OSError`, as
    operations on files do. `locations` returns where each part lies, all partitions or those of one date;
    `point` makes readers find a part in another folder, in one step, and adds a partition that is not there;
    `drop` takes a partition away.
    """

    locations: Callable[[str | None], dict[str, str]]
    point: Callable[[str, str], None]
    drop: Callable[[str], None]


def find_table(spark: SparkSession, name: str) -> CatalogTable:
    """Return what the session's catalog says of the table `name`; no job.

    Raises
    ------
    ConfigError
        The catalog does not outlive the session, is another one than the session's, has no such schema, or the
        table is a view, of a format that is not written here, or does not keep its partitions in the catalog.
    """
    parts = name_parts(name) or (name,)
    _refuse_catalog(spark, name, parts)
    schema, table = parts[-2], parts[-1]
    catalog, identifier = _session_catalog(spark), _identifier(spark, schema, table)
    quoted = ".".join(f"`{part.replace('`', '``')}`" for part in (SESSION_CATALOG, schema, table))
    try:
        if not catalog.databaseExists(schema):
            raise ConfigError(f"output.table: there is no schema '{schema}'.\n  Make it with CREATE SCHEMA.")
        if not catalog.tableExists(identifier):
            return CatalogTable(quoted, _as_path(spark, catalog.defaultTablePath(identifier)))
        found = catalog.getTableMetadata(identifier)
        file_format = _format(found, name)
        base = _as_path(spark, found.location()).partition(f"/{PUBLISHED}/")[0]
        partition_by = [part for part in found.partitionColumnNames().mkString("\n").split("\n") if part]
        fields = StructType.fromJson(json.loads(found.schema().json()))
    except (PySparkException, Py4JError) as error:
        raise ConfigError(
            f"output.table '{name}': the catalog does not answer ({condition(error)})."
        ) from error
    return CatalogTable(quoted, base, True, file_format, tuple(partition_by), fields)


def create_table(
    spark: SparkSession,
    table: CatalogTable,
    schema: StructType,
    *,
    file_format: str,
    partition_by: tuple[str, ...],
) -> None:
    """Make a table without rows whose folder is `table.base`; nothing happens when it is there.

    It is external, at the place where a managed one would be: leases and run records lie there before the table does.

    Raises
    ------
    OSError
        The catalog refuses.
    """
    jvm: Any = spark._jvm
    columns = jvm.org.apache.spark.sql.types.DataType.fromJson(schema.json()).asNullable().toDDL()
    options = "OPTIONS (header 'true', escape '\"', multiLine 'true')" if file_format == "csv" else ""
    partitions = f"PARTITIONED BY ({', '.join(f'`{name}`' for name in partition_by)})" if partition_by else ""
    try:
        spark.sql(
            f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}) USING {file_format} {options} {partitions} "
            f"LOCATION {_literal(table.base)}"
        )
    except (PySparkException, Py4JError) as error:
        raise OSError(f"the catalog does not make the table ({condition(error)})") from error


def catalog_of(spark: SparkSession, table: CatalogTable, partition_by: tuple[str, ...]) -> Catalog:
    """Return the operations on `table`, which is or will be partitioned by these columns.

    They run on a thread of their own: a signal may leave the caller's connection to the JVM in the middle of an answer.
    """
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="catalog")
    parts = name_parts(table.name) or ()
    jvm: Any = spark._jvm

    def locations(part: str | None) -> dict[str, str]:
        catalog, identifier = _session_catalog(spark), _identifier(spark, *parts[-2:])
        if not catalog.tableExists(identifier):
            return {}
        if not partition_by:
            return {"": _as_path(spark, catalog.getTableMetadata(identifier).location())}
        if part == "":
            return {}
        spec = jvm.scala.Option.empty()
        if part is not None:
            wanted = jvm.org.apache.spark.api.python.PythonUtils.toScalaMap({RUN_DATE: _value(part)})
            spec = jvm.scala.Option.apply(wanted)
        found = catalog.listPartitions(identifier, spec)
        listed = [found.apply(k) for k in range(found.size())]
        return {
            f"{RUN_DATE}={escape_partition_value(str(one.spec().apply(RUN_DATE)))}": _as_path(
                spark, one.location()
            )
            for one in listed
        }

    def point(part: str, folder: str) -> None:
        if part and part not in locations(part):
            spark.sql(f"ALTER TABLE {table.name} ADD PARTITION ({_spec(part)}) LOCATION {_literal(folder)}")
        elif part:
            spark.sql(f"ALTER TABLE {table.name} PARTITION ({_spec(part)}) SET LOCATION {_literal(folder)}")
        else:
            spark.sql(f"ALTER TABLE {table.name} SET LOCATION {_literal(folder)}")
        spark.catalog.refreshTable(table.name)

    def drop(part: str) -> None:
        spark.sql(f"ALTER TABLE {table.name} DROP IF EXISTS PARTITION ({_spec(part)})")
        spark.catalog.refreshTable(table.name)

    def guarded(operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            try:
                return worker.submit(operation, *arguments).result()
            except (PySparkException, Py4JError) as error:
                raise OSError(f"the catalog refuses or does not answer ({condition(error)})") from error

        return run

    return Catalog(guarded(locations), guarded(point), guarded(drop))


def _refuse_catalog(spark: SparkSession, name: str, parts: tuple[str, ...]) -> None:
    if len(parts) == 3 and parts[0].lower() != SESSION_CATALOG:
        raise ConfigError(
            f"output.table '{name}': only tables of the session's catalog ({SESSION_CATALOG}) are written, "
            f"not those of '{parts[0]}'.{WAY_OUT}"
        )
    replaced = spark.conf.get(f"spark.sql.catalog.{SESSION_CATALOG}", "")
    if replaced not in ("", "builtin"):
        raise ConfigError(
            f"output.table '{name}': {SESSION_CATALOG} is {replaced}, whose tables have a way of writing of their "
            f"own that is not supported.{WAY_OUT}"
        )
    if spark.conf.get("spark.sql.catalogImplementation", "in-memory") == "in-memory":
        raise ConfigError(
            f"output.table '{name}': the catalog of this session is in memory and ends with it.\n"
            "  Set spark.sql.catalogImplementation=hive (spark-submit --conf) where a metastore is configured, or "
            "use output.path."
        )


def _format(found: Any, name: str) -> str:
    """Return the format of a table's files, or say why it is not one that is written here."""
    if "VIEW" in found.tableType().name():
        raise ConfigError(f"output.table '{name}' is a view.{WAY_OUT}")
    # Iceberg's and Hudi's tables in a metastore look like Hive's but for this property.
    provider = _if_any(found.properties().get("table_type")) or _if_any(found.provider()) or "hive"
    serde = (_if_any(found.storage().serde()) or "").rpartition(".")[2]
    file_format = SERDES.get(serde, f"hive ({serde})") if provider == "hive" else provider
    if file_format not in FORMATS:
        raise ConfigError(
            f"output.table '{name}' is of format {file_format}; what works is {', '.join(FORMATS)}, and Hive's "
            f"tables of Parquet and ORC.{WAY_OUT}"
        )
    partitioned = found.partitionColumnNames().size() > 0
    if provider != "hive" and partitioned and not found.tracksPartitionsInCatalog():
        raise ConfigError(
            f"output.table '{name}' does not keep its partitions in the catalog.\n  Run MSCK REPAIR TABLE on it once."
        )
    return file_format


def _if_any(option: Any) -> str | None:
    return str(option.get()).lower() if option.isDefined() else None


def _session_catalog(spark: SparkSession) -> Any:
    session: Any = spark._jsparkSession
    return session.sessionState().catalog()


def _identifier(spark: SparkSession, schema: str, table: str) -> Any:
    jvm: Any = spark._jvm
    return jvm.org.apache.spark.sql.catalyst.TableIdentifier(table, jvm.scala.Option.apply(schema))


def _as_path(spark: SparkSession, uri: Any) -> str:
    """Return a location as paths are written, where URIs escape blanks and percent signs."""
    jvm: Any = spark._jvm
    return str(jvm.org.apache.hadoop.fs.Path(uri).toString())


def _value(part: str) -> str:
    return unquote(part.partition("=")[2])


def _spec(part: str) -> str:
    return f"`{RUN_DATE}` = {_literal(_value(part))}"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
