"""Contrasts of a model: from names of terms and levels to weights of its estimates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config.policies import level_text
from logreg_dist.design.curves import curve_values
from logreg_dist.design.derived import DerivedColumn, LevelPart, Part, Transform
from logreg_dist.design.problems import listed, nearest, quoted
from logreg_dist.errors import ConfigError, FitNotUsable
from logreg_dist.inference.contrasts import Contrast, JointContrast, contrast_of, joint_contrast

if TYPE_CHECKING:
    from logreg_dist.design.spec import DesignSpec
    from logreg_dist.model.model import LogisticModel

FloatArray = NDArray[np.float64]
Weights = Mapping[str, float]
Level = str | int | bool
At = Mapping[str, float | Level]


def terms_contrast(model: LogisticModel, weights: Weights, *, class_name: str | None) -> Contrast:
    """Return the combination ``sum of weight * coefficient``; see `LogisticModel.contrast`."""
    full = {_prefix(model, class_name) + term: weight for term, weight in weights.items()}
    return _contrast(model, full, _written(full))


def joint_terms_contrast(
    model: LogisticModel, rows: Sequence[Weights], *, class_name: str | None
) -> JointContrast:
    """Return the hypothesis that several combinations are all 0; see `LogisticModel.contrast`."""
    contrasts = [terms_contrast(model, weights, class_name=class_name) for weights in rows]
    if not contrasts:
        raise ConfigError("a joint contrast needs at least one combination of terms.")
    names, estimate, covariance = _estimates(model)
    place = {name: k for k, name in enumerate(names)}
    matrix = np.zeros((len(contrasts), len(names)))
    for row, contrast in zip(matrix, contrasts, strict=True):
        for name, weight in contrast.weights:
            row[place[name]] = weight
    found = joint_contrast(contrasts, matrix, estimate, covariance)
    if found is None:
        raise FitNotUsable(
            "the covariance of these combinations is singular, so they have no joint test.\n"
            "  Test fewer together: a robust covariance has no more dimensions than there are clusters."
        )
    return found


def level_contrast(
    model: LogisticModel, column: str, level: Level, other: Level, *, class_name: str | None, at: At
) -> Contrast:
    """Return a level of a category against another; see `LogisticModel.contrast`."""
    if model.label.classes is not None and class_name is None:
        raise ConfigError(
            f"levels are compared within a class: set class_name to {listed([quoted(c) for c in model.free_classes])}."
        )
    prefix = _prefix(model, class_name)
    first, second = level_text(level), level_text(other)
    levels = _levels(model.design, column)
    for name in (first, second):
        if name not in levels:
            raise ConfigError(
                f"column {quoted(column)} has no level {quoted(name)}.{nearest(name, levels)}\n"
                "  Levels too rare to be kept are part of '__other__'."
            )
    if first == second:
        raise ConfigError(f"a level cannot be compared with itself: {quoted(first)} is there twice.")
    _check_at(model.design, column, at)
    weights = dict(_level_weights(model.design, column, levels.index(first), at))
    for term, weight in _level_weights(model.design, column, levels.index(second), at):
        weights[term] = weights.get(term, 0.0) - weight
    text = f"{column}: {first} against {second}"
    text += "".join(f", at {name} = {value}" for name, value in at.items())
    if class_name is not None:
        text = f"{class_name}: {text}"
    return _contrast(model, {prefix + term: weight for term, weight in weights.items()}, text)


def _contrast(model: LogisticModel, weights: Weights, text: str) -> Contrast:
    names, estimate, covariance = _estimates(model)
    _refuse_terms(model, weights)
    vector = np.array([float(weights.get(name, 0.0)) for name in names])
    if not vector.any():
        raise ConfigError(f"{text}: all weights are 0, so there is nothing to test.")
    confidence = model.config.get("inference", {}).get("confidence", 0.95)
    kind = "model" if model.covariance_record is None else model.covariance_record.kind
    found = contrast_of(
        names, vector, estimate, covariance, confidence=confidence, text=text, standard_errors=kind
    )
    if found is None:
        raise FitNotUsable(f"{text}: the covariance leaves it no variance, so it has no standard error.")
    return found


def _estimates(model: LogisticModel) -> tuple[list[str], FloatArray, FloatArray]:
    """Return names, estimates and covariance of the terms that have an estimate."""
    if not model.converged:
        raise FitNotUsable(f"the model is {model.status}: its estimates cannot be compared.")
    if model.covariance is None:
        raise FitNotUsable(f"contrasts need the covariance of the estimates, but {_why_none(model)}.")
    rows = [row for row in model.coefficient_rows if row.estimate is not None]
    return [row.term for row in rows], np.array([row.estimate for row in rows]), model.covariance


def _why_none(model: LogisticModel) -> str:
    rows = model.coefficient_rows
    if any(row.std_error is not None for row in rows):
        return f"with {len(rows):,} terms only the variances are kept"
    if any(row.at_bound is not None for row in rows):
        return "estimates at their bounds have none"
    if model.estimator in ("penalised", "ridge"):
        return "a penalised fit has none"
    return "this fit has none: see the notes of model.summary()"


def _refuse_terms(model: LogisticModel, weights: Weights) -> None:
    """Refuse weights that are no numbers, and terms that are not there or have no estimate."""
    rows = {row.term: row for row in model.coefficient_rows}
    for term, weight in weights.items():
        if term not in rows:
            raise ConfigError(f"the model has no term {quoted(term)}.{nearest(term, rows)}")
        if not math.isfinite(weight):
            raise ConfigError(f"the weight of {quoted(term)} is no finite number.")
        if weight and rows[term].estimate is None:
            reason = next((one.reason for one in model.aliased if one.term == term), "has no estimate")
            raise ConfigError(
                f"{quoted(term)} has no estimate: it {reason}.\n  Leave it out of the contrast."
            )


def _prefix(model: LogisticModel, class_name: str | None) -> str:
    """Return what stands before the names of terms."""
    if class_name is None:
        return ""
    if model.label.classes is None:
        raise ConfigError("class_name is for models of several classes; this one has two.")
    if class_name == model.reference_class:
        raise ConfigError(f"{quoted(class_name)} is the reference class: all its coefficients are 0.")
    if class_name not in model.free_classes:
        raise ConfigError(
            f"the model has no class {quoted(class_name)}.{nearest(class_name, model.free_classes)}"
        )
    return f"{class_name}:"


def _levels(design: DesignSpec, column: str) -> list[str]:
    """Return all levels of a category or of bins, in the order of the design."""
    for one in design.categorical:
        if one.name == column:
            return list(one.levels)
    parts = {part.text: part for derived in design.derived for part in derived.parts if part.is_levels}
    if column in parts:
        return [parts[column].inside(k) for k in range(parts[column].size)]
    known = [*(one.name for one in design.categorical), *parts]
    if column in {term.column for term in design.terms()}:
        raise ConfigError(
            f"column {quoted(column)} is no category, so it has no levels to compare.\n"
            "  Give its terms with their weights: contrast({'term': 1.0})."
        )
    raise ConfigError(f"the model has no category {quoted(column)}.{nearest(column, known)}")


def _is(part: Part, column: str) -> bool:
    """Whether a part of a derived column is the category of that name."""
    return part.column == column if isinstance(part, LevelPart) else part.is_levels and part.text == column


def _partners(design: DesignSpec, column: str) -> Iterator[tuple[DerivedColumn, int]]:
    """Yield each interaction of a category, and which of its two parts the other one is."""
    for derived in design.derived:
        for k, part in enumerate(derived.parts):
            if len(derived.parts) == 2 and _is(part, column):
                yield derived, 1 - k


def _check_at(design: DesignSpec, column: str, at: At) -> None:
    """Refuse a comparison that depends on other columns, unless `at` says where they are."""
    partners = {derived.parts[k].column: derived.text for derived, k in _partners(design, column)}
    open_ones = [name for name in partners if name not in at]
    if open_ones:
        raise ConfigError(
            f"column {quoted(column)} also stands in {quoted(partners[open_ones[0]])}, so its levels differ by more or "
            f"less depending on {quoted(open_ones[0])}.\n"
            f"  Say where to compare them: at={{{open_ones[0]!r}: ...}}; or give the terms with their weights."
        )
    for name in at:
        if name not in partners:
            raise ConfigError(
                f"at: column {quoted(name)} is in no interaction with {quoted(column)}, so it changes nothing."
                f"{nearest(name, partners)}"
            )


def _level_weights(design: DesignSpec, column: str, k: int, at: At) -> Iterator[tuple[str, float]]:
    """Yield the terms that level k of a category adds, with what each is multiplied by."""
    for one in design.categorical:
        if one.name == column and one.plain:
            yield from (
                (t.name, 1.0) for t in design.terms() if (t.column, t.level) == (column, one.levels[k])
            )
    for derived in design.derived:
        if len(derived.parts) == 1 and _is(derived.parts[0], column):
            yield from ((label, 1.0) for label, cell in _labelled(derived) if cell[0] == k)
    for derived, other in _partners(design, column):
        values = _values_at(derived.parts[other], at)
        for label, cell in _labelled(derived):
            if cell[1 - other] == k:
                yield label, values[cell[other]]


def _labelled(derived: DerivedColumn) -> Iterator[tuple[str, tuple[int, ...]]]:
    return zip(derived.labels(), derived.cells, strict=True)


def _values_at(part: Part, at: At) -> list[float]:
    """Return the functions of a number, or 1 for the level of a category and 0 for the others."""
    value = at[part.column]
    if isinstance(part, Transform):
        number = float(value) if isinstance(value, int | float) else math.nan
        found: list[float] = curve_values(part.curves(), np.array([number]))[:, 0].tolist()
        if not all(map(math.isfinite, found)):
            raise ConfigError(
                f"at: {quoted(part.text)} has no value there. Expected a number within its domain."
            )
        return found
    level = level_text(value)
    if level not in part.levels:
        raise ConfigError(
            f"at: column {quoted(part.column)} has no level {quoted(level)}.{nearest(level, part.levels)}"
        )
    return [float(name == level) for name in part.levels]


def _written(weights: Weights) -> str:
    """Write a combination as people do.

    Examples
    --------
    >>> _written({"a": 1.0, "b": -1.0, "c": 2.5})
    'a - b + 2.5*c'
    """
    parts = []
    for term, weight in weights.items():
        size = "" if abs(weight) == 1 else f"{abs(weight):g}*"
        parts.append(f"{'-' if weight < 0 else '+'} {size}{term}")
    text = " ".join(parts)
    return text.removeprefix("+ ") if text.startswith("+ ") else text.replace("- ", "-", 1)
