"""Why a table's columns are not the ones that a configuration asks for; decided by the schema alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pyspark.sql import types as T

from logreg_dist.config import TrainConfig
from logreg_dist.design.problems import (
    Problem,
    config_key,
    counted,
    listed,
    nearest,
    nearest_name,
    quoted,
)
from logreg_dist.formula import parse_term
from logreg_dist.reading.names import LeafColumn

NUMBERS = (T.NumericType, T.BooleanType)
TEXTS = (T.StringType, T.CharType, T.VarcharType)
TIMES = (T.DateType, T.TimestampType, T.TimestampNTZType)

_SHOWN = 6
_OF_ANY_KIND = ("label.column", "cross_validation.by")
_KEYS = (*NUMBERS, *TEXTS, T.DateType)


def unknown_columns(leaves: Mapping[str, LeafColumn], config: TrainConfig) -> list[Problem]:
    """Report the columns that the configuration names and the table does not have, with the nearest names."""
    structs = {leaf.path[0] for leaf in leaves.values()}
    include = config.features.include
    asked_for = [
        *config.role_columns.items(),
        *config.watched_columns.items(),
        *(("features.include", name) for name in (include if include != "all" else ())),
        *(("features.exclude", name) for name in config.features.exclude if name not in structs),
        *((f"features.columns.{config_key(name)}", name) for name in config.features.columns),
        *_in_terms(config),
    ]
    unknown: dict[str, list[str]] = {}
    for key, name in asked_for:
        if name not in leaves:
            unknown.setdefault(name, []).append(key)
    if not unknown:
        return []
    size = f"It has {counted(len(leaves), 'column')}."
    if len(unknown) == 1:
        [(name, keys)] = unknown.items()
        what = f"the table has no column {quoted(name)}, which {listed(keys)} {'name' if len(keys) > 1 else 'names'}"
        return [Problem(what, f"{size}{nearest(name, leaves)}")]
    first = list(unknown.items())[:_SHOWN]
    shown = [f"{quoted(name)} ({', '.join(keys)})" for name, keys in first]
    what = f"the table does not have {len(unknown):,} columns that the configuration names: "
    near = [
        f"{quoted(found)} for {quoted(name)}"
        for name, _ in first
        if (found := nearest_name(name, leaves)) is not None
    ]
    question = f" Did you mean {listed(near)}?" if near else ""
    return [Problem(what + _some(shown, len(unknown)), size + question)]


def _in_terms(config: TrainConfig) -> Iterator[tuple[str, str]]:
    for k, text in enumerate(config.features.terms):
        for part in parse_term(text)[-1]:  # a*b ends with a:b
            yield f"features.terms[{k}] at character {part.position}", part.column


def unusable_roles(leaves: Mapping[str, LeafColumn], config: TrainConfig) -> list[Problem]:
    """Report roles whose column has a type that cannot have them."""
    allowed = {key: _KEYS if key in _OF_ANY_KIND else (*NUMBERS, *TEXTS) for key in config.role_columns}
    allowed |= {key: _KEYS for key in config.watched_columns} | {"checks.order": (*NUMBERS, *TIMES)}
    unusable = [
        f"{key} is {_typed(leaves[name])}"
        for key, name in {**config.role_columns, **config.watched_columns}.items()
        if not isinstance(leaves[name].type, allowed[key])
    ]
    if not unusable:
        return []
    what = f"{listed(unusable)}, {'a type' if len(unusable) == 1 else 'types'} that cannot be used there"
    return [
        Problem(
            what,
            "Labels, clusters and keys are texts, numbers, booleans or dates, orders numbers or times; weights, "
            "counts\nand offsets are numbers.",
        )
    ]


def unusable_types(columns: Sequence[LeafColumn], config: TrainConfig) -> list[Problem]:
    """Report columns whose type makes no feature, or none without being told which.

    Parameters
    ----------
    columns : sequence of LeafColumn
        Those that cannot be taken as they are configured.
    config : TrainConfig
    """
    times = [leaf for leaf in columns if isinstance(leaf.type, TIMES)]
    types = {leaf.name: config.features.policy(leaf.name).type for leaf in columns}
    undeclared = [leaf for leaf in times if types[leaf.name] is None]
    mistyped = [leaf for leaf in columns if types[leaf.name] in ("text", "vector")]
    times = [leaf for leaf in times if leaf not in mistyped]
    return [
        *_no_features([leaf for leaf in columns if leaf not in times and leaf not in mistyped]),
        *(_mistyped(leaf, str(types[leaf.name])) for leaf in mistyped),
        *_undeclared_times(undeclared),
        *_categorical_moments([leaf for leaf in times if leaf not in undeclared]),
    ]


def _no_features(columns: Sequence[LeafColumn]) -> list[Problem]:
    if not columns:
        return []
    what = f"{_columns(columns)} cannot be {'features' if len(columns) > 1 else 'a feature'}"
    it = "them" if len(columns) > 1 else "it"
    way_out = (
        f"Exclude {it} with features.exclude, or make numbers, texts or arrays of numbers of {it} in a view."
    )
    return [Problem(what, way_out)]


def _mistyped(leaf: LeafColumn, asked: str) -> Problem:
    what = "strings" if asked == "text" else "vectors of pyspark.ml"
    key = f"features.columns.{config_key(leaf.name)}.type"
    return Problem(f"{key} is {asked}, which is for {what}, but {_columns([leaf])} is none", f"Remove {key}.")


def _undeclared_times(columns: Sequence[LeafColumn]) -> list[Problem]:
    if not columns:
        return []
    several = len(columns) > 1
    what = f"{_columns(columns)} can mean more than one thing to a model"
    key = f"features.columns.{'<column>' if several else config_key(columns[0].name)}.type"
    dates = [isinstance(leaf.type, T.DateType) for leaf in columns]
    categorical = " or categorical" if all(dates) else ", dates also to categorical" if any(dates) else ""
    return [
        Problem(
            what,
            f"Set {key} to numeric (days since 1970-01-01){categorical},\n"
            f"or exclude {'them' if several else 'it'} with features.exclude.",
        )
    ]


def _categorical_moments(columns: Sequence[LeafColumn]) -> list[Problem]:
    if not columns:
        return []
    what = f"{_columns(columns)} cannot be categorical: nearly every moment is a level of its own"
    return [Problem(what, "Set type to numeric (days since 1970-01-01), or make dates of it in a view.")]


def _columns(columns: Sequence[LeafColumn]) -> str:
    shown = [_typed(leaf) for leaf in columns[:_SHOWN]]
    return f"column{'s' * (len(columns) > 1)} {_some(shown, len(columns))}"


def _typed(leaf: LeafColumn) -> str:
    return f"{quoted(leaf.name)} ({leaf.type.simpleString()[:40]})"


def _some(shown: Sequence[str], n: int) -> str:
    return listed(shown if n == len(shown) else [*shown, f"{n - len(shown):,} more"])
