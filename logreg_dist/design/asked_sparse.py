"""What is asked of vectors and texts: the columns they become, and how they are read."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.learn_sparse import DEFAULT_VOCABULARY
from logreg_dist.staging.plan import Kind, SparsePlan, SparseRule


class Shape(Protocol):
    """How the vectors of a column enter the design."""

    @property
    def size(self) -> int:
        """Their length."""

    @property
    def is_sparse(self) -> bool:
        """Whether they are staged by their entries."""


def text_plan(column: AskedColumn, place: int) -> SparsePlan:
    """Return how a text at `place` in the batches is read."""
    policy = column.policy
    return SparsePlan(
        name=column.name,
        position=place,
        rule=SparseRule.HASHED if policy.buckets else SparseRule.WORDS,
        size=policy.buckets or 0,
        values=policy.values,
        drop_if_missing=policy.missing.kind == "drop",
        fill=str(policy.missing.value) if policy.missing.kind == "constant" else None,
    )


def vector_columns(column: AskedColumn, shape: Shape, place: int) -> list[AskedColumn]:
    """Return the columns that vectors become: one for each number, or a sparse one."""
    if shape.is_sparse:
        drop = column.policy.missing.kind == "drop"
        plan = SparsePlan(column.name, place, SparseRule.VECTOR, shape.size, drop_if_missing=drop)
        return [replace(column, kind=Kind.SPARSE, sparse=plan)]
    return [
        replace(column, name=f"{column.name}[{k}]", vector=column.name, element=k, size=shape.size)
        for k in range(shape.size)
    ]


def most_terms(column: AskedColumn) -> int:
    """Return how many terms a sparse column may have."""
    assert column.sparse is not None
    if column.sparse.rule is SparseRule.WORDS:
        return column.policy.vocabulary or DEFAULT_VOCABULARY
    return column.sparse.size
