"""Columns of vectors: which types they are, how long their vectors are, and how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from logreg_dist.config.policies import ColumnPolicy
from logreg_dist.design.problems import Problem, config_key, quoted, reject
from logreg_dist.reading.names import LeafColumn
from logreg_dist.reading.plain_table import PlainTable

# Up to this length vectors of pyspark.ml become dense columns, however they are stored.
MAX_SMALL = 1_000
# Dense columns that a block and a sample can hold; beyond it only sparse vectors are taken.
MAX_DENSE = 20_000

_NUMBERS = (T.ByteType, T.ShortType, T.IntegerType, T.LongType, T.FloatType, T.DoubleType)
_ARROW_NUMBERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64())


@dataclass(frozen=True)
class VectorShape:
    """How the vectors of a column enter the design.

    Attributes
    ----------
    size : int
        Their length.
    is_sparse : bool
        Whether they are staged by their entries.
    """

    size: int
    is_sparse: bool


def is_array(kind: T.DataType) -> bool:
    """Whether values are arrays of numbers."""
    return isinstance(kind, T.ArrayType) and isinstance(kind.elementType, _NUMBERS)


def is_ml_vector(kind: T.DataType) -> bool:
    """Whether values are vectors of pyspark.ml (or of its predecessor, which are stored alike)."""
    return isinstance(kind, T.UserDefinedType) and kind.simpleString() == "vector"


def is_vector(kind: T.DataType) -> bool:
    """Whether values are vectors of either kind."""
    return is_array(kind) or is_ml_vector(kind)


def plain(leaf: LeafColumn) -> Column:
    """Return a column as Arrow can take it: a vector of pyspark.ml as the struct that it is stored as."""
    return F.unwrap_udt(leaf.expression()) if is_ml_vector(leaf.type) else leaf.expression()


def vector_shapes(
    table: DataFrame | PlainTable, vectors: Sequence[tuple[LeafColumn, ColumnPolicy]]
) -> dict[str, VectorShape]:
    """Return how long the vectors of each column are: as long as its first one; a small job for each column.

    Vectors of pyspark.ml become dense columns when the first one is stored as a dense one, or has at most
    `MAX_SMALL` numbers; type ``numeric`` or ``vector`` overrides the rule. Arrays are always dense.

    Raises
    ------
    InputRejected
        When a column has no vector at all, or vectors that are empty or too long.
    """
    if not vectors or isinstance(table, PlainTable):  # which holds none
        return {}
    shapes, problems = {}, []
    for leaf, policy in vectors:
        size, stored_dense = _first(table, leaf)
        dense = not is_ml_vector(leaf.type) or policy.type == "numeric"
        dense = dense or (policy.type is None and (stored_dense or size <= MAX_SMALL))
        if size <= 0:
            what = "holds no vector in any row" if size < 0 else "holds an empty vector in its first row"
            problems.append(
                Problem(f"column {quoted(leaf.name)} {what}", "Exclude it with features.exclude.")
            )
        elif dense and size > MAX_DENSE:
            key = config_key(leaf.name)
            problems.append(
                Problem(
                    f"column {quoted(leaf.name)} holds vectors of {size:,} numbers, more than {MAX_DENSE:,}",
                    f"Make sparse vectors of pyspark.ml of it and set features.columns.{key}.type to vector, or exclude it.",
                )
            )
        shapes[leaf.name] = VectorShape(size, not dense)
    reject(problems)
    return shapes


def same_vectors(kind: T.DataType, found: pa.DataType) -> bool:
    """Whether pyarrow reads the vectors of a file as Spark does."""
    if is_array(kind):
        is_list = (
            pa.types.is_list(found) or pa.types.is_large_list(found) or pa.types.is_fixed_size_list(found)
        )
        wanted = _ARROW_NUMBERS[_NUMBERS.index(type(kind.elementType))]
        return bool(is_list and found.value_type == wanted)
    if not (is_ml_vector(kind) and pa.types.is_struct(found)):
        return False
    fields = {found.field(k).name: found.field(k).type for k in range(found.num_fields)}
    if set(fields) != {"type", "size", "indices", "values"}:
        return False
    lists = (fields["indices"], fields["values"])
    are_lists = all(pa.types.is_list(one) for one in lists)
    return are_lists and [one.value_type for one in lists] == [pa.int32(), pa.float64()]


def _first(table: DataFrame, leaf: LeafColumn) -> tuple[int, bool]:
    """Return the length of the first vector, -1 without any, and whether it is stored as a dense one."""
    column = plain(leaf)
    size, is_dense = F.size(column), F.lit(True)
    if is_ml_vector(leaf.type):
        is_dense = column["type"] == 1
        size = F.when(is_dense, F.size(column["values"])).otherwise(column["size"])
    rows = table.filter(leaf.expression().isNotNull()).select(size.alias("size"), is_dense.alias("is_dense"))
    found = rows.first()
    return (-1, True) if found is None else (int(found["size"]), bool(found["is_dense"]))
