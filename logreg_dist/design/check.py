"""Checking a profile: everything that makes a table unusable, found before any fitting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from logreg_dist.config import TrainConfig
from logreg_dist.config.policies import level_text
from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.problems import (
    Problem,
    config_key,
    counted_columns,
    level_counts,
    nearest,
    quoted,
    reject,
)
from logreg_dist.design.spec import DesignSpec
from logreg_dist.staging.plan import Kind
from logreg_dist.staging.profile import CategoricalProfile, TableProfile

# Beyond this the sums of squares and their products could overflow.
MAX_MAGNITUDE = 1e100
# The information matrix then takes 0.8 GB, and a few copies of it.
MAX_TERMS = 10_000

_ROLE_PROBLEMS = {
    "missing": "has {n} missing values",
    "not_number": "has {n} values that are not a number",
    "negative": "has {n} negative values",
    "infinite": "has {n} infinite values",
    "not_finite": "has {n} missing or infinite values",
    "not_whole": "has {n} values that are not whole numbers",
    "more_than_trials": "has {n} rows with more events than trials",
}


def check_profile(profile: TableProfile, asked: Sequence[AskedColumn], config: TrainConfig) -> list[Problem]:
    """Return the problems of a table, the label's first; an empty list when it can be used."""
    checks: list[Callable[[], list[Problem]]] = [
        lambda: _label_problems(profile, config),
        lambda: _role_problems(profile, config),
        lambda: _missing_problems(profile, asked),
        lambda: _value_problems(profile, asked),
        lambda: _level_problems(profile, asked),
    ]
    return [problem for check in checks for problem in check()]


def refuse_too_many_terms(spec: DesignSpec) -> None:
    """Raise when the information matrix would not fit on the driver.

    Raises
    ------
    InputRejected
        With the columns that have the most levels, and the memory that they would take.
    """
    p = spec.shape().p
    if p <= MAX_TERMS:
        return
    levels = {column.name: len(column.levels) for column in spec.categorical}
    reject(
        [
            Problem(
                f"the model would have {p:,} terms, more than {MAX_TERMS:,}: {counted_columns(levels, limit=3)} "
                "levels",
                f"Its information matrix alone takes {8 * p * p / 1e9:,.1f} GB on the driver. Raise "
                "min_level_count for the\nlargest columns so that rare levels merge, group their levels, or "
                "exclude them.",
            )
        ]
    )


def _label_problems(profile: TableProfile, config: TrainConfig) -> list[Problem]:
    column = config.label.column
    if column is None:
        return []
    n_read = profile.rows.n_read
    problems = []
    n_missing = profile.problems.get("label.missing", 0)
    if n_missing:
        problems.append(
            Problem(
                f"label column {quoted(column)} has {n_missing:,} missing values in {n_read:,} rows",
                "A row without a label teaches nothing. Leave such rows out with input.filter.",
            )
        )
    n_not_whole = profile.problems.get("label.not_whole", 0)
    if n_not_whole:
        problems.append(
            Problem(
                f"label column {quoted(column)} has {n_not_whole:,} values that are not whole numbers "
                f"in {n_read:,} rows",
                "A binary label has two levels, such as 0 and 1. For shares of events use "
                "label.events and label.trials.",
            )
        )
        return problems
    return problems + _label_level_problems(profile.label_levels, config)


def _label_level_problems(label: CategoricalProfile, config: TrainConfig) -> list[Problem]:
    column = str(config.label.column)
    counts = {level: n for level, (n, _) in sorted(label.levels.items())}
    shown = level_counts(dict(counts), min_count=config.features.defaults.min_level_count)
    n_levels = f"more than {len(counts):,}" if label.overflowed else f"{len(counts):,}"
    positive = None if config.label.positive is None else level_text(config.label.positive)
    if len(counts) > 2:
        return [
            Problem(
                f"label column {quoted(column)} has {n_levels} levels: {shown}",
                "A binary model needs two. Leave the others out with input.filter, or merge them,\n"
                "and set label.positive to the level that means 1.",
            )
        ]
    if positive is None and not set(counts) <= {"0", "1"} and not set(counts) <= {"false", "true"}:
        return [
            Problem(
                f"label column {quoted(column)} has the levels {shown}, and nothing says which one means 1",
                "Set label.positive to that level.",
            )
        ]
    if positive is not None and counts and positive not in counts:
        return [
            Problem(
                f"label.positive is {quoted(positive)}, which label column {quoted(column)} does not hold",
                f"Its levels: {shown}.{nearest(positive, counts)}",
            )
        ]
    return []


def _role_problems(profile: TableProfile, config: TrainConfig) -> list[Problem]:
    columns = {
        "weight": config.weight,
        "frequency": config.frequency,
        "offset": config.offset,
        "events": config.label.events,
        "trials": config.label.trials,
    }
    expected = {
        "weight": "Weights are finite numbers >= 0. Mend the column or leave such rows out with input.filter.",
        "offset": "Offsets are finite log-odds. Mend the column or leave such rows out with input.filter.",
    }
    counts = "Counts are whole numbers >= 0. Mend the column or leave such rows out with input.filter."
    problems = []
    for key, n in profile.problems.items():
        role, problem = key.split(".")
        if role == "label" or not n:
            continue
        text = _ROLE_PROBLEMS[problem].format(n=f"{n:,}")
        what = f"{role} column {quoted(str(columns[role]))} {text} in {profile.rows.n_read:,} rows"
        problems.append(Problem(what, expected.get(role, counts)))
    return problems


def _missing_problems(profile: TableProfile, asked: Sequence[AskedColumn]) -> list[Problem]:
    numeric = _by_kind(asked, Kind.NUMERIC)
    bad_numbers = {
        column.name: int(n)
        for column, n in zip(numeric, profile.numeric.n_missing - profile.numeric.n_not_number, strict=True)
        if n > 0 and column.policy.missing.kind == "error"
    }
    bad_levels = {
        column.name: found.n_missing
        for column, found in zip(_by_kind(asked, Kind.CATEGORICAL), profile.categorical, strict=True)
        if found.n_missing > 0 and column.policy.missing.kind == "error" and not found.overflowed
    }
    n_rows = profile.rows.n_rows
    problems = []
    if bad_numbers:
        problems.append(
            _missing(bad_numbers, n_rows, "numbers", "drop, mean, median,\nconstant(v) or indicator")
        )
    if bad_levels:
        problems.append(_missing(bad_levels, n_rows, "levels", "drop, level\nor constant(v)"))
    return problems


def _missing(counts: dict[str, int], n_rows: int, noun: str, choices: str) -> Problem:
    only = next(iter(counts))
    if len(counts) == 1:
        what = f"column {quoted(only)} has {counts[only]:,} missing values in {n_rows:,} rows"
        key = f"features.columns.{config_key(only)}.missing"
    else:
        what = f"{len(counts)} columns have missing values in {n_rows:,} rows: {counted_columns(counts)}"
        key = "features.columns.<column>.missing"
    return Problem(what, f"Models cannot use missing {noun}. Set {key} to {choices}.")


def _value_problems(profile: TableProfile, asked: Sequence[AskedColumn]) -> list[Problem]:
    numeric, found = _by_kind(asked, Kind.NUMERIC), profile.numeric
    n_rows = profile.rows.n_rows
    largest = np.maximum(np.abs(found.minimum), np.abs(found.maximum))
    problems = []
    for column, n_text, n_infinite, size, weight in zip(
        numeric, found.n_not_number, found.n_infinite, largest, found.weight, strict=True
    ):
        name, key = quoted(column.name), config_key(column.name)
        if n_text:
            problems.append(
                Problem(
                    f"column {name} is to be numeric: {n_text:,} of {profile.rows.n_read:,} values "
                    f"{'is' if n_text == 1 else 'are'} not a number",
                    f"Mend the column, or set features.columns.{key}.type to categorical.",
                )
            )
        if n_infinite:
            problems.append(
                Problem(
                    f"column {name} has {n_infinite:,} infinite values in {n_rows:,} rows",
                    "Models need finite numbers. Mend the column, leave such rows out with input.filter,\n"
                    "or exclude it with features.exclude.",
                )
            )
        if weight > 0 and size > MAX_MAGNITUDE:
            problems.append(
                Problem(
                    f"column {name} holds values beyond 1e100, whose products overflow",
                    "Mend or rescale the column, or exclude it with features.exclude.",
                )
            )
        if weight == 0 and n_rows and column.policy.missing.kind in ("mean", "median", "indicator"):
            problems.append(
                Problem(
                    f"column {name} has no value in any of {n_rows:,} rows, so there is no mean to fill in",
                    "Exclude it with features.exclude.",
                )
            )
    return problems


def _level_problems(profile: TableProfile, asked: Sequence[AskedColumn]) -> list[Problem]:
    problems = []
    for column, found in zip(_by_kind(asked, Kind.CATEGORICAL), profile.categorical, strict=True):
        if found.overflowed:
            problems.append(
                Problem(
                    f"categorical column {quoted(column.name)} has more than {len(found.levels):,} levels",
                    "It looks like a key. Exclude it with features.exclude, or group its levels.",
                )
            )
        if found.n_not_whole:
            problems.append(
                Problem(
                    f"categorical column {quoted(column.name)} has {found.n_not_whole:,} values that are "
                    f"not whole numbers",
                    f"Levels are texts or whole numbers. Set features.columns.{config_key(column.name)}.type "
                    "to numeric.",
                )
            )
    return problems


def _by_kind(asked: Sequence[AskedColumn], kind: Kind) -> list[AskedColumn]:
    return [column for column in asked if column.kind is kind]
