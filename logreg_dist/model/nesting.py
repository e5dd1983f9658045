"""Whether every model of one design is a model of another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from logreg_dist.design.derived import LevelPart, Transform
from logreg_dist.design.sparse_column import SparseColumn
from logreg_dist.design.spec import INTERCEPT, CategoricalColumn, DesignSpec, NumericColumn

# Relative: learned means and knots of the same rows in other splits.
SAME_NUMBER = 1e-9


def not_nested(smaller: DesignSpec, larger: DesignSpec) -> list[str]:
    """Return why the smaller design is no special case of the larger one, by their terms; empty where it is.

    Its terms must be among those of the larger, and mean the same: the same levels against the same reference, the
    same knots, the same stand-in for missing values. Designs that are nested only as spaces of functions, such as a
    line within a spline, are not recognised.

    Examples
    --------
    >>> age = NumericColumn("age", "int", "error", "error", None, False, 40.0, 9.0)
    >>> plan = CategoricalColumn("plan", "string", "error", "error", ("a", "b"), "a", None)
    >>> not_nested(DesignSpec((age,), True), DesignSpec((age, plan), True))
    []
    >>> not_nested(DesignSpec((plan,), True), DesignSpec((age,), True))
    ["the larger model has no term 'plan[b]'"]
    """
    reasons = []
    ours, theirs = _meanings(smaller), _meanings(larger)
    for name, meaning in ours.items():
        if name not in theirs:
            reasons.append(f"the larger model has no term {name!r}")
        elif not _is_same(meaning, theirs[name]):
            reasons.append(
                f"the terms {name!r} differ in levels, reference, knots or the stand-in for missing values"
            )
    return reasons


def _meanings(spec: DesignSpec) -> dict[str, Any]:
    """Return the terms with what they mean: one entry for all terms of a column that mean something together."""
    found: dict[str, Any] = {INTERCEPT: True} if spec.intercept else {}
    for column in spec.columns:
        if isinstance(column, NumericColumn):
            if column.plain:
                found[column.name] = ("number", _stand_in(column), column.vector, column.element)
            if column.indicator:
                found[f"{column.name}[missing]"] = "indicator"
        elif isinstance(column, CategoricalColumn) and column.plain:
            meaning = (column.levels, column.reference, column.missing_level)
            found |= {f"{column.name}[{level}]": meaning for level in column.coefficient_levels}
        elif isinstance(column, SparseColumn):
            found[column.name] = (column.rule, column.values, column.words, column.size, column.fill)
    scalars = spec.scalars
    for derived in spec.derived:
        made_of = [_made_of(scalars[name]) for name in derived.columns]
        for label, cell in zip(derived.labels(), derived.cells, strict=True):
            found[label] = ([_part(part) for part in derived.parts], cell, made_of)
    return found


def _made_of(column: NumericColumn | CategoricalColumn) -> tuple[Any, ...]:
    if isinstance(column, NumericColumn):
        return (_stand_in(column),)
    return column.levels, column.missing_level


def _stand_in(column: NumericColumn) -> tuple[float, float] | None:
    # With the scale: a mean that is 0 but for rounding is one.
    return None if column.fill is None else (column.fill, column.scale)


def _part(part: Transform | LevelPart) -> dict[str, Any]:
    found = asdict(part)
    if isinstance(part, Transform):
        found["standardised"] = (found.pop("centre"), found.pop("scale"))
    return found


def _is_same(one: Any, other: Any) -> bool:
    """Whether two meanings are the same, numbers up to a rounding of the largest beside them."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        if len(one) != len(other):
            return False
        if one and all(isinstance(value, float) for value in (*one, *other)):
            return bool(np.allclose(one, other, rtol=0, atol=SAME_NUMBER * np.abs([*one, *other]).max()))
        return all(map(_is_same, one, other))
    return bool(one == other)
