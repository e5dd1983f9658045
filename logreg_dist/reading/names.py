"""The names of a table's columns: quoting, nesting and collisions."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructType

from logreg_dist.design.problems import quoted
from logreg_dist.errors import InputRejected


@dataclass(frozen=True)
class LeafColumn:
    """A column, or a field of a nested one under its dotted name.

    Attributes
    ----------
    name : str
        ``column`` or ``column.field``.
    path : tuple of str
        The names on the way to it.
    type : DataType
    """

    name: str
    path: tuple[str, ...]
    type: DataType

    def expression(self) -> Column:
        """Return the Spark column, whatever characters the names hold."""
        return F.col(".".join(quote(part) for part in self.path))


def quote(name: str) -> str:
    """Return a name for Spark's parser, so that dots, quotes and keywords are only characters.

    Examples
    --------
    >>> quote("a.b"), quote("tick`s")
    ('`a.b`', '`tick``s`')
    """
    return "`" + name.replace("`", "``") + "`"


def leaf_columns(schema: StructType) -> dict[str, LeafColumn]:
    """Return the columns of a table by name, the fields of nested ones under dotted names.

    Raises
    ------
    InputRejected
        When names are equal, or differ only in case, within the table or within one nested column,
        or are empty: Spark cannot tell these columns apart.
    """
    _refuse_collisions(schema, ())
    leaves: dict[str, LeafColumn] = {}
    for field in schema.fields:
        for leaf in _leaves((field.name,), field.dataType):
            # A column that is really named `a.b` wins over field b of column a.
            if leaf.name not in leaves or len(leaf.path) == 1:
                leaves[leaf.name] = leaf
    return leaves


def _refuse_collisions(schema: StructType, path: tuple[str, ...]) -> None:
    names = [".".join((*path, name)) for name in schema.fieldNames()]
    if "" in schema.fieldNames():
        where = f"a field of column {quoted('.'.join(path))}" if path else "a column"
        raise InputRejected(f"{where} has an empty name.\n  Give it one, or read the table through a view.")
    by_lower_case: dict[str, list[str]] = {}
    for name in names:
        by_lower_case.setdefault(name.lower(), []).append(name)
    groups = [group for group in by_lower_case.values() if len(group) > 1]
    equal = [f"{quoted(group[0])} ({len(group)} times)" for group in groups if len(set(group)) == 1]
    in_case = [" and ".join(map(quoted, group)) for group in groups if len(set(group)) > 1]
    problems = [
        *([f"columns have the same name: {', '.join(equal[:5])}"] if equal else []),
        *([f"columns differ only in case: {'; '.join(in_case[:5])}"] if in_case else []),
    ]
    if problems:
        raise InputRejected(
            f"{'; '.join(problems)}.\n"
            "  Spark cannot tell them apart. Rename one, or read the table through a view."
        )
    for field in schema.fields:
        if isinstance(field.dataType, StructType):
            _refuse_collisions(field.dataType, (*path, field.name))


def _leaves(path: tuple[str, ...], kind: DataType) -> list[LeafColumn]:
    if isinstance(kind, StructType):
        return [leaf for field in kind.fields for leaf in _leaves((*path, field.name), field.dataType)]
    return [LeafColumn(".".join(path), path, kind)]
