"""What was asked: the table's columns with their roles, kinds and policies, before any row is read."""

from __future__ import annotations

from dataclasses import dataclass

from logreg_dist.config import ColumnPolicy
from logreg_dist.staging.plan import Kind, SparsePlan


@dataclass(frozen=True)
class AskedColumn:
    """A feature column as the configuration and the schema have it.

    Attributes
    ----------
    name : str
    source_type : str
        Spark's name of the type, such as ``decimal(10,2)``.
    kind : Kind
    policy : ColumnPolicy
    vector : str or None
        The column of vectors that it is a number of; `name` is then ``vector[element]``.
    element, size : int
        Its place in these vectors, and their length.
    sparse : SparsePlan or None
        How a sparse column is read.
    plain : bool
        False where the column itself has no term: only transforms and interactions are made of it.
    """

    name: str
    source_type: str
    kind: Kind
    policy: ColumnPolicy
    vector: str | None = None
    element: int = 0
    size: int = 1
    sparse: SparsePlan | None = None
    plain: bool = True
