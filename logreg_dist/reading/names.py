"""The names of a table's columns: quoting, nesting and collisions."""

from __future__ import annotations

from collections.abc import Sequence
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
        When names differ only in case: Spark cannot tell these columns apart.
    """
    refuse_case_collisions(schema.fieldNames())
    leaves: dict[str, LeafColumn] = {}
    for field in schema.fields:
        for leaf in _leaves((field.name,), field.dataType):
            # A column that is really named `a.b` wins over field b of column a.
            if leaf.name not in leaves or len(leaf.path) == 1:
                leaves[leaf.name] = leaf
    return leaves


def refuse_case_collisions(names: Sequence[str]) -> None:
    """Raise when two names are equal but for their case.

    Raises
    ------
    InputRejected
        Naming the columns.
    """
    by_lower_case: dict[str, list[str]] = {}
    for name in names:
        by_lower_case.setdefault(name.lower(), []).append(name)
    colliding = [group for group in by_lower_case.values() if len(group) > 1]
    if colliding:
        pairs = "; ".join(" and ".join(quoted(name) for name in group) for group in colliding[:5])
        raise InputRejected(
            f"columns differ only in case: {pairs}.\n"
            "  Spark cannot tell them apart. Rename one, or read the table through a view."
        )


def _leaves(path: tuple[str, ...], kind: DataType) -> list[LeafColumn]:
    if isinstance(kind, StructType):
        return [leaf for field in kind.fields for leaf in _leaves((*path, field.name), field.dataType)]
    return [LeafColumn(".".join(path), path, kind)]
