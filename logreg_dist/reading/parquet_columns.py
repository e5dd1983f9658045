"""Which columns of a Parquet file pyarrow reads as Spark would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import types as T

from logreg_dist.reading.names import LeafColumn
from logreg_dist.reading.vector_columns import is_vector, same_vectors
from logreg_dist.staging.file_rows import name_in_file

TIMES = (T.DateType, T.TimestampType, T.TimestampNTZType)
_INTEGERS = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)


class NotPlain(Exception):
    """The table needs Spark's own reader; the words say why."""


def refuse_unlike(file: pq.ParquetFile, leaves: Sequence[LeafColumn]) -> None:
    """Raise when pyarrow could read a value of one of the columns differently than Spark.

    Parameters
    ----------
    file : ParquetFile
    leaves : sequence of LeafColumn

    Raises
    ------
    NotPlain
        With the column.
    """
    schema = file.schema_arrow
    physical: dict[str, list[str]] = {}  # of each column at the top, and of all that could be taken for it
    for k in range(len(file.schema)):
        column = file.schema.column(k)
        for place in {column.path, column.path.split(".")[0]}:
            physical.setdefault(place, []).append(column.physical_type)
    spellings = Counter(name.lower() for name in schema.names)
    for leaf in leaves:
        wanted = leaf.path[0]
        if spellings[wanted.lower()] > 1:
            raise NotPlain(f"a file has several columns {wanted} in upper and lower case")
        name = name_in_file(wanted, schema.names)
        if name is None:
            continue  # no values, as in Spark
        if is_vector(leaf.type):
            kind = schema.field(name).type
            if len(physical.get(name, [])) not in (1, 4) or not same_vectors(leaf.type, kind):
                raise NotPlain(
                    f"column {wanted} holds other vectors in a file, or is named like a nested one"
                )
            continue
        kinds = physical.get(name, [])
        if len(kinds) != 1 or any(place.startswith(f"{name}.") for place in physical if "." in place):
            raise NotPlain(f"column {wanted} is nested, or named like a nested one, in a file")
        kind = schema.field(name).type
        if not means_the_same(leaf.type, kind, kinds[0]):
            raise NotPlain(f"column {wanted} is {kind} in a file")
    if any(isinstance(leaf.type, TIMES) for leaf in leaves):
        _refuse_old_calendars(file.metadata.metadata or {})


def means_the_same(spark: T.DataType, arrow: pa.DataType, physical: str) -> bool:
    """Whether both readers make the same number or the same text of every value.

    Parameters
    ----------
    spark : DataType
    arrow : pyarrow.DataType
    physical : str
        How Parquet stores it, such as ``INT64``.

    Examples
    --------
    >>> means_the_same(T.LongType(), pa.int32(), "INT32"), means_the_same(T.DoubleType(), pa.int32(), "INT32")
    (True, False)
    """
    if isinstance(spark, _INTEGERS):
        widths = {T.ByteType: 8, T.ShortType: 16, T.IntegerType: 32, T.LongType: 64}
        return bool(pa.types.is_signed_integer(arrow)) and arrow.bit_width <= widths[type(spark)]
    if isinstance(spark, T.FloatType):
        return bool(pa.types.is_float32(arrow))
    if isinstance(spark, T.DoubleType):
        return bool(pa.types.is_float64(arrow))
    if isinstance(spark, T.DecimalType):
        is_decimal = pa.types.is_decimal128(arrow) and arrow.precision <= spark.precision
        return bool(is_decimal) and arrow.scale == spark.scale
    if isinstance(spark, T.TimestampType):
        # The old INT96 form has a calendar of its own and no unit.
        return bool(pa.types.is_timestamp(arrow)) and arrow.tz is not None and physical == "INT64"
    if isinstance(spark, T.TimestampNTZType):
        return bool(pa.types.is_timestamp(arrow)) and arrow.tz is None and physical == "INT64"
    if isinstance(spark, T.StringType):
        is_text = pa.types.is_string(arrow) or pa.types.is_large_string(arrow)
        return type(spark) is T.StringType and is_text
    kinds = {T.BooleanType: pa.types.is_boolean, T.DateType: pa.types.is_date32}
    return type(spark) in kinds and bool(kinds[type(spark)](arrow))


def _refuse_old_calendars(metadata: dict[bytes, bytes]) -> None:
    """Spark before 3.1 wrote dates in the Julian calendar, and its successors mark what they keep of it."""
    version = metadata.get(b"org.apache.spark.version", b"9").decode().split(".")
    if (int(version[0]), int("".join(version[1:2]) or 0)) < (3, 1) or any(
        key.startswith(b"org.apache.spark.legacy") for key in metadata
    ):
        raise NotPlain("its times were written by an old Spark in another calendar")
