"""Checking a profile: everything that makes a table unusable, found before any fitting."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.check_label import label_problems
from logreg_dist.design.check_roles import missing_problems, role_problems
from logreg_dist.design.check_vectors import vector_problems
from logreg_dist.design.problems import (
    Problem,
    config_key,
    counted,
    counted_columns,
    listed,
    quoted,
    reject,
)
from logreg_dist.design.spec import DesignSpec
from logreg_dist.staging.plan import Kind
from logreg_dist.staging.profile import TableProfile
from logreg_dist.staging.row_rules import MAX_MAGNITUDE

# Larger models are fitted by L-BFGS (see fitting/method.py), which has no matrix; this is what its steps
# and the records of the terms, twice and as JSON, were measured to take on the driver.
BYTES_PER_TERM = 5_000
MAX_TERMS = 2_000_000

_FILLED = ("mean", "median", "indicator")  # policies that need values to learn from


def check_profile(profile: TableProfile, asked: Sequence[AskedColumn], config: TrainConfig) -> list[Problem]:
    """Return the problems of a table, the label's first; an empty list when it can be used."""
    vectors = vector_problems(profile, asked)
    if vectors:  # what follows would tell them once more, number by number
        return [*label_problems(profile, config), *vectors, *role_problems(profile, config)]
    problems = [
        *label_problems(profile, config),
        *missing_problems(profile, asked, config),
        *role_problems(profile, config),
        *_value_problems(profile, asked),
        *_level_problems(profile, asked),
    ]
    return problems or _row_problems(profile)


def refuse_too_many_terms(spec: DesignSpec, n_free: int = 1) -> None:
    """Raise when the model itself would not fit on the driver, whatever the solver; `n_free` classes have all its terms.

    Raises
    ------
    InputRejected
        With the columns that have the most levels, and the memory that they would take.
    """
    p = spec.shape().p * n_free
    if p <= MAX_TERMS:
        return
    levels = {column.name: len(column.levels) for column in spec.categorical}
    levels |= {column.name: column.size for column in spec.sparse}
    reject(
        [
            Problem(
                f"the model would have {p:,} terms, more than {MAX_TERMS:,}: {counted_columns(levels, limit=3)} "
                f"levels{' or words' if spec.sparse else ''}",
                f"Steps and model would take {BYTES_PER_TERM * p / 1e9:,.1f} GB on the driver. Raise min_level_count "
                "for the\nlargest columns so that rare levels merge, group their levels, or exclude them.",
            )
        ]
    )


def _row_problems(profile: TableProfile) -> list[Problem]:
    rows = profile.rows
    if rows.n_rows:
        return []
    left_out = [
        f"{n:,} {why}"
        for n, why in (
            (rows.n_dropped, "dropped for missing values (missing: drop)"),
            (rows.n_zero_weight, "of weight 0"),
        )
        if n
    ]
    return [
        Problem(
            f"none of {counted(rows.n_read, 'row')} can be used: {listed(left_out)}",
            "Choose other policies for missing values, mend the weights, or exclude the emptiest columns.",
        )
    ]


def _value_problems(profile: TableProfile, asked: Sequence[AskedColumn]) -> list[Problem]:
    numeric, found = _by_kind(asked, Kind.NUMERIC), profile.numeric
    names = [column.name for column in numeric]
    largest = np.maximum(np.abs(found.minimum), np.abs(found.maximum))
    is_filled = np.array([column.policy.missing.kind in _FILLED for column in numeric], dtype=bool)
    is_empty = (found.weight == 0) & (found.n_infinite == 0) & (found.n_not_number == 0)
    return [
        *_not_numbers(_positive(names, found.n_not_number), profile.rows.n_read),
        *_infinite(_positive(names, found.n_infinite), profile.rows.n_rows),
        *_too_large(list(compress(names, (found.weight > 0) & (largest > MAX_MAGNITUDE)))),
        *_empty(list(compress(names, is_filled & is_empty)), profile.rows.n_rows),
    ]


def _not_numbers(counts: dict[str, int], n_read: int) -> list[Problem]:
    if not counts:
        return []
    [first, *others] = counts
    if others:
        return [
            Problem(
                f"{len(counts)} columns are to be numeric and hold texts that are not numbers, in "
                f"{counted(n_read, 'row')}: {counted_columns(counts)}",
                "Mend the columns, or set features.columns.<column>.type to categorical.",
            )
        ]
    are = "is not a number" if counts[first] == 1 else "are not numbers"
    return [
        Problem(
            f"column {quoted(first)} is to be numeric: {counts[first]:,} of {counted(n_read, 'value')} {are}",
            f"Mend the column, or set features.columns.{config_key(first)}.type to categorical.",
        )
    ]


def _infinite(counts: dict[str, int], n_rows: int) -> list[Problem]:
    if not counts:
        return []
    [first, *others] = counts
    what = (
        f"column {quoted(first)} has {counted(counts[first], 'infinite value')} in {counted(n_rows, 'row')}"
    )
    if others:
        rows = counted(n_rows, "row")
        what = f"{len(counts)} columns have infinite values in {rows}: {counted_columns(counts)}"
    way_out = "Models need finite numbers. Mend the values, leave such rows out with input.filter,\n"
    return [Problem(what, f"{way_out}or exclude the column{'s' * bool(others)} with features.exclude.")]


def _too_large(names: list[str]) -> list[Problem]:
    if not names:
        return []
    hold, it = ("hold", "them") if len(names) > 1 else ("holds", "it")
    what = f"{_columns(names)} {hold} values beyond 1e100, whose products overflow"
    return [Problem(what, f"Mend or rescale {it}, or exclude {it} with features.exclude.")]


def _empty(names: list[str], n_rows: int) -> list[Problem]:
    if not names:
        return []
    have, it = ("have", "them") if len(names) > 1 else ("has", "it")
    what = f"{_columns(names)} {have} no value in any of {counted(n_rows, 'row')}, so there is nothing to fill in"
    return [Problem(what, f"Exclude {it} with features.exclude.")]


def _level_problems(profile: TableProfile, asked: Sequence[AskedColumn]) -> list[Problem]:
    categorical = _by_kind(asked, Kind.CATEGORICAL)
    pairs = list(zip(categorical, profile.categorical, strict=True))
    problems = []
    endless = {column.name: len(found.levels) for column, found in pairs if found.overflowed}
    if len(endless) == 1:
        [(name, n)] = endless.items()
        what = f"categorical column {quoted(name)} has more than {counted(n, 'level')}"
        way_out = "It looks like a key. Exclude it with features.exclude, or group its levels."
        problems.append(Problem(what, way_out))
    elif endless:
        least = f"more than {counted(min(endless.values()), 'level')} each"
        what = f"categorical {_columns(list(endless))} have {least}"
        way_out = "They look like keys. Exclude them with features.exclude, or group their levels."
        problems.append(Problem(what, way_out))
    fractions = {column.name: found.n_not_whole for column, found in pairs if found.n_not_whole}
    if len(fractions) == 1:
        [(name, n)] = fractions.items()
        words = "value that is not a whole number" if n == 1 else "values that are not whole numbers"
        way_out = (
            f"Levels are texts or whole numbers. Set features.columns.{config_key(name)}.type to numeric."
        )
        problems.append(Problem(f"categorical column {quoted(name)} has {n:,} {words}", way_out))
    elif fractions:
        what = f"{len(fractions)} categorical columns have values that are not whole numbers"
        way_out = "Levels are texts or whole numbers. Set features.columns.<column>.type to numeric."
        problems.append(Problem(f"{what}: {counted_columns(fractions)}", way_out))
    return problems


def _columns(names: Sequence[str], *, limit: int = 6) -> str:
    if len(names) == 1:
        return f"column {quoted(names[0])}"
    shown = [quoted(name) for name in names[:limit]]
    more = [counted(len(names) - limit, "more")[:-1]] if len(names) > limit else []
    return f"columns {listed([*shown, *more])}"


def _positive(names: Sequence[str], counts: NDArray[np.int64]) -> dict[str, int]:
    return {name: int(n) for name, n in zip(names, counts, strict=True) if n > 0}


def _by_kind(asked: Sequence[AskedColumn], kind: Kind) -> list[AskedColumn]:
    return [column for column in asked if column.kind is kind]
