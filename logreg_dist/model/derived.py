"""Transforms and interactions in ``model.json``: what was learned, and never how to compute it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from logreg_dist.design.derived import DerivedColumn, LevelPart, Part, Transform
from logreg_dist.design.spec import CategoricalColumn, NumericColumn
from logreg_dist.formula import TermError, TermPart, parse_term

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class TransformRecord(BaseModel):
    """A `Transform`."""

    model_config = _STRICT
    kind: Literal["transform"]
    text: str
    column: str
    function: Literal["", "log", "log1p", "poly", "ns", "bs", "bins"]
    knots: list[float]
    boundary: list[float]
    degree: int
    centre: float
    scale: float
    rows: list[list[float]]


class LevelsRecord(BaseModel):
    """A `LevelPart`: its levels are those of the column."""

    model_config = _STRICT
    kind: Literal["levels"]
    column: str


class DerivedRecord(BaseModel):
    """A `DerivedColumn`."""

    model_config = _STRICT
    parts: Annotated[
        list[Annotated[TransformRecord | LevelsRecord, Field(discriminator="kind")]],
        Field(min_length=1, max_length=2),
    ]
    cells: list[list[int]]
    centres: list[float]
    scales: list[float]


def derived_to_dict(column: DerivedColumn) -> dict[str, Any]:
    """Return a derived column as JSON holds it."""
    return {
        "parts": [_part_to_dict(part) for part in column.parts],
        "cells": [list(cell) for cell in column.cells],
        "centres": list(column.centres),
        "scales": list(column.scales),
    }


def derived_from_record(
    record: DerivedRecord, columns: Mapping[str, NumericColumn | CategoricalColumn]
) -> DerivedColumn:
    """Undo `derived_to_dict`.

    Parameters
    ----------
    record : DerivedRecord
        Without a `derived_contradiction`.
    columns : mapping of str to NumericColumn or CategoricalColumn
        Those of the design.
    """
    parts: list[Part] = []
    for part in record.parts:
        if isinstance(part, TransformRecord):
            values = part.model_dump(exclude={"kind", "knots", "boundary", "rows"})
            rows = tuple(tuple(row) for row in part.rows)
            parts.append(
                Transform(**values, knots=tuple(part.knots), boundary=tuple(part.boundary), rows=rows)
            )
        else:
            column = columns[part.column]
            parts.append(LevelPart(part.column, getattr(column, "levels", ())))
    cells = tuple(tuple(cell) for cell in record.cells)
    return DerivedColumn(tuple(parts), cells, tuple(record.centres), tuple(record.scales))


def derived_contradiction(record: DerivedRecord, levels: Mapping[str, int | None]) -> str | None:
    """Return what in a derived column does not agree with itself or the columns; None when all does.

    Parameters
    ----------
    record : DerivedRecord
    levels : mapping of str to int or None
        For each column of the design the number of its levels; None for numbers.
    """
    sizes = []
    for part in record.parts:
        if part.column not in levels:
            return "a term is made of a column that is not there"
        n_levels = levels[part.column]
        if (n_levels is None) != isinstance(part, TransformRecord):
            return "a term takes a category for a number, or a number for a category"
        if isinstance(part, TransformRecord):
            wrong = _transform_contradiction(part)
            if wrong is not None:
                return wrong
        sizes.append(_transform(part).size if isinstance(part, TransformRecord) else n_levels or 0)
    for cell in record.cells:
        inside = len(cell) == len(sizes) and all(0 <= k < n for k, n in zip(cell, sizes, strict=True))
        if not inside:
            return "a term has a coefficient for what is not there"
    if len({tuple(cell) for cell in record.cells}) != len(record.cells):
        return "a term has a coefficient twice"
    is_coded = all(isinstance(part, LevelsRecord) or part.function == "bins" for part in record.parts)
    n_moments = 0 if is_coded else len(record.cells)
    if len(record.centres) != n_moments or len(record.scales) != n_moments:
        return "a term has not one centre and scale for each coefficient"
    return None


def _part_to_dict(part: Part) -> dict[str, Any]:
    if isinstance(part, LevelPart):
        return {"kind": "levels", "column": part.column}
    values = asdict(part)
    lists = {name: list(values[name]) for name in ("knots", "boundary")}
    return {"kind": "transform", **values, **lists, "rows": [list(row) for row in part.rows]}


def _transform(record: TransformRecord) -> Transform:
    return Transform(
        record.text,
        record.column,
        record.function,
        knots=tuple(record.knots),
        boundary=tuple(record.boundary),
        degree=record.degree,
        rows=tuple(tuple(row) for row in record.rows),
    )


def _transform_contradiction(record: TransformRecord) -> str | None:
    try:
        asked = parse_term(record.text)
    except TermError:
        return "a term's text cannot be read"
    part = asked[0][0] if len(asked) == 1 and len(asked[0]) == 1 else TermPart("", "")
    if (part.function, part.column, part.text) != (record.function, record.column, record.text):
        return "a term's text says something else than its record"
    inside = [*record.boundary[:1], *record.knots, *record.boundary[1:]]
    if any(a >= b for a, b in pairwise(inside)):
        return "knots do not increase"
    is_spline, is_poly = record.function in ("ns", "bs"), record.function == "poly"
    if len(record.boundary) != (2 if is_spline else 0):
        return "a spline needs two boundary knots, and nothing else has any"
    if record.knots and not (is_spline or record.function == "bins"):
        return "a term has knots that needs none"
    if record.function == "bins" and not 1 <= len(record.knots) < part.numbers[0]:
        return "bins have not as many edges as they should"
    if is_spline and _transform(record).size > part.numbers[0]:
        return "a spline has more knots than its degrees of freedom"
    if record.function == "bs" and record.degree != part.numbers[1]:
        return "a spline's degree is another one than its text says"
    right_rows = len(record.rows) == (part.numbers[0] if is_poly else 0)
    if not right_rows or any(len(row) != len(record.rows) + 1 for row in record.rows):
        return "a polynomial's coefficients are not those of its degree"
    return None if record.scale > 0 else "a term's scale is not above 0"
