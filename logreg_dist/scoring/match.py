"""Whether a table has the columns that a model needs, in types that mean the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import types as T

from logreg_dist.design.problems import nearest, quoted
from logreg_dist.errors import InputRejected
from logreg_dist.model.model import LogisticModel
from logreg_dist.reading.names import LeafColumn

_CLASSES: Mapping[str, tuple[type[T.DataType], ...]] = {
    "a boolean": (T.BooleanType,),
    "a number": (T.NumericType,),
    "text": (T.StringType, T.CharType, T.VarcharType),
    "a date": (T.DateType,),
    "a timestamp": (T.TimestampType, T.TimestampNTZType),
}
_CLASS_OF_SOURCE = {
    "boolean": "a boolean",
    "string": "text",
    "date": "a date",
    "timestamp": "a timestamp",
    "timestamp_ntz": "a timestamp",
}


def match_columns(
    leaves: Mapping[str, LeafColumn], model: LogisticModel, others: Sequence[str]
) -> dict[str, LeafColumn]:
    """Return the table's column for each name that scoring reads.

    Parameters
    ----------
    leaves : mapping of str to LeafColumn
        The table's columns.
    model : LogisticModel
    others : sequence of str
        Keys, carried columns, offset: needed whatever their type.

    Raises
    ------
    InputRejected
        Naming every column that is missing or of another kind, with what was expected.
    """
    expected = {column.name: _source_class(column.source_type) for column in model.design.columns}
    problems = []
    for name in (*expected, *(name for name in others if name not in expected)):
        if name not in leaves:
            kind = f", {expected[name]}" if name in expected else ""
            problems.append(f"no column {quoted(name)}{kind}.{nearest(name, leaves)}")
        elif name in expected and not isinstance(leaves[name].type, _CLASSES[expected[name]]):
            found = leaves[name].type.simpleString()[:40]
            problems.append(f"column {quoted(name)} is {found}; the model needs {expected[name]}")
    if problems:
        shown = [f"  {problem}" for problem in problems[:4]]
        more = [f"  and {len(problems) - 4} more"] if len(problems) > 4 else []
        raise InputRejected("\n".join(["the table does not fit the model.", *shown, *more]))
    return {name: leaves[name] for name in (*expected, *others)}


def _source_class(source_type: str) -> str:
    base = source_type.split("(")[0]
    return _CLASS_OF_SOURCE.get(base, "text" if base in ("char", "varchar") else "a number")
