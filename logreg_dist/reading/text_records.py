"""Files of text records (CSV, JSON, XML), read so that a broken record is an error and not a row of nulls.

Spark's own default, PERMISSIVE, fills a short record up with nulls, cuts off what a long one has too much, takes
the columns of a file with another header for those of the first file, and says nothing. Its FAILFAST writes the
record into the logs of executors, and does not look at columns that are not asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, DataFrameReader
from pyspark.sql import functions as F
from pyspark.sql import types as T

from logreg_dist.reading.names import quote

FORMATS = ("csv", "json", "xml")
MALFORMED = "LOGREG_DIST_MALFORMED_RECORD"  # in Spark's words when a broken record was met

_RECORD = "__malformed_record"
# Of CSV: look at all columns of a record whatever is asked for, and at the header of every file.
_LOOK_AT_ALL = {"csv": {"columnPruning": "false", "enforceSchema": "false"}}


class MalformedRecord(Exception):
    """A record that is no record was met while Spark looked for the columns."""


def is_strict(format: str, options: Mapping[str, Any]) -> bool:
    """Whether records are to be checked: always, unless the configuration names a mode itself.

    Examples
    --------
    >>> is_strict("CSV", {}), is_strict("csv", {"MODE": "permissive"}), is_strict("parquet", {})
    (True, False, False)
    """
    return format.lower() in FORMATS and "mode" not in {name.lower() for name in options}


def read_records(
    reader: DataFrameReader, format: str, options: Mapping[str, Any], paths: list[str]
) -> DataFrame:
    """Return the records of text files; lazy but for Spark's look at the columns.

    A query of the table fails with `MALFORMED` and the file's name, and no value, when it meets a
    broken record.

    Raises
    ------
    MalformedRecord
        When the look at the columns met one.
    """
    given = {name.lower() for name in options}
    more = {
        key: value for key, value in _LOOK_AT_ALL.get(format.lower(), {}).items() if key.lower() not in given
    }
    reader = reader.options(**{**more, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": _RECORD})
    schema = reader.load(paths).schema
    if _RECORD in schema.fieldNames():
        raise MalformedRecord
    if not schema:
        return reader.load(paths)
    found = reader.schema(T.StructType([*schema, T.StructField(_RECORD, T.StringType())])).load(paths)
    columns = [F.col(quote(name)) for name in schema.fieldNames()]
    # Nothing of the first column is shown: Spark refuses a query that needs no column but the record.
    nothing = F.coalesce(F.substring(columns[0].cast("string"), 1, 0), F.lit(""))
    words = F.concat(F.lit(f"{MALFORMED} "), F.col("_metadata.file_path"), nothing)
    broken = F.col(_RECORD).isNotNull()
    return found.filter(F.when(broken, F.raise_error(words).cast("boolean")).otherwise(True)).select(*columns)
