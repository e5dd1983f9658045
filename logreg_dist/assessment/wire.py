"""A frozen record of numbers and arrays as one vector, for the way from a split to the driver."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import numpy as np

from logreg_dist.assessment.groups import FloatArray

Record = TypeVar("Record")


def to_vector(record: Any) -> FloatArray:
    """Lay all numbers of a dataclass behind each other, field by field.

    Examples
    --------
    >>> from logreg_dist.assessment.curves import Cut
    >>> to_vector(Cut(0.5, 0.25, 2.0, 1.0)).tolist()
    [0.5, 0.25, 2.0, 1.0]
    """
    parts = [getattr(record, field.name) for field in fields(record)]
    return np.concatenate([to_vector(part) if is_dataclass(part) else np.ravel(part) for part in parts])


def from_vector(vector: FloatArray, like: Record) -> Record:
    """Undo `to_vector`; `like` is any record of the same type whose arrays have the same shapes.

    Raises
    ------
    ValueError
        If the vector is longer or shorter than such a record.
    """
    record, n_used = _take(vector, like)
    if n_used != len(vector):
        raise ValueError(f"a vector of {n_used} numbers was expected, not of {len(vector)}")
    return cast(Record, record)


def _take(vector: FloatArray, like: Any) -> tuple[Any, int]:
    if is_dataclass(like) and not isinstance(like, type):
        at, values = 0, {}
        for field in fields(like):
            values[field.name], n_used = _take(vector[at:], getattr(like, field.name))
            at += n_used
        return type(like)(**values), at
    if isinstance(like, np.ndarray):
        return vector[: like.size].reshape(like.shape), like.size
    return float(vector[0]), 1
