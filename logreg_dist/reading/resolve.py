"""From configuration and schema to the columns to read: roles, kinds, policies, positions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from logreg_dist.config import MissingPolicy, TrainConfig
from logreg_dist.config.policies import ColumnPolicy, level_text
from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.asked_sparse import most_terms, text_plan, vector_columns
from logreg_dist.design.asked_terms import AskedDerived, kind_problems
from logreg_dist.design.problems import config_key, first_few, reject
from logreg_dist.design.sparse_column import MAX_DENSE
from logreg_dist.errors import ConfigError
from logreg_dist.formula import TermPart
from logreg_dist.reading.names import LeafColumn, leaf_columns
from logreg_dist.reading.plain_table import PlainTable
from logreg_dist.reading.refusals import (
    NUMBERS,
    TEXTS,
    TIMES,
    unknown_columns,
    unusable_roles,
    unusable_types,
)
from logreg_dist.reading.vector_columns import is_ml_vector, is_vector, plain, vector_shapes
from logreg_dist.staging.carried import CarriedColumn, CarriedRule
from logreg_dist.staging.folds import FoldPlan
from logreg_dist.staging.plan import Kind, LabelPlan, RawColumn, StagePlan, rows_per_chunk
from logreg_dist.staging.sample import rows_of_sample

MAX_LEVELS = 1_000_000


@dataclass(frozen=True)
class ResolvedTable:
    """The columns of a table that matter, and what they are for.

    Attributes
    ----------
    leaves : tuple of LeafColumn
        The columns, at the positions that the plan names.
    asked : tuple of AskedColumn
        The features, in the order of the terms.
    plan : StagePlan
    sample_rows : int
        Rows of a sample to start from, or up to twice as many.
    """

    leaves: tuple[LeafColumn, ...]
    asked: tuple[AskedColumn, ...]
    plan: StagePlan
    sample_rows: int

    def narrowed(self, table: DataFrame) -> DataFrame:
        """Return the table's columns as ``c0, c1, ...``: awkward names end here. Takes a millisecond each."""
        return table.select([plain(leaf).alias(f"c{i}") for i, leaf in enumerate(self.leaves)])


def resolve(table: DataFrame | PlainTable, config: TrainConfig) -> ResolvedTable:
    """Find the columns that the configuration asks for; no job but where there are vectors, see `vector_shapes`.

    Parameters
    ----------
    table : DataFrame or PlainTable
    config : TrainConfig

    Raises
    ------
    InputRejected
        Naming every column that is not there, or cannot be a feature.
    ConfigError
        When a policy does not go with a column's kind.
    """
    leaves = leaf_columns(table.schema)
    roles = config.role_columns
    reject(unknown_columns(leaves, config))
    reject(unusable_roles(leaves, config))
    features = [leaves[name] for name in _feature_names(leaves, config)]
    asked, places = _ask(table, features, config)
    with_terms = {*_included(leaves, config), *config.features.asked_terms.plain}
    with_terms -= set(config.features.asked_terms.replaced)
    asked = [replace(column, plain=(column.vector or column.name) in with_terms) for column in asked]
    terms = config.features.asked_terms
    columns = {column.name: column for column in asked}
    reject(kind_problems(AskedDerived(terms.derived, columns, config.features.defaults.min_level_count)))
    beside = {**roles, **config.watched_columns}
    selected: list[LeafColumn] = [*features, *(leaves[name] for name in beside.values())]
    position = {key: len(features) + i for i, key in enumerate(beside)}
    numeric = _raw_columns(asked, places, Kind.NUMERIC)
    sparse = tuple(column.sparse for column in asked if column.sparse is not None)
    # Of slopes for each level, whose number is not known yet, there may be more.
    n_derived = sum(_size(parts) for parts in terms.derived)
    plan = StagePlan(
        numeric=numeric,
        categorical=_raw_columns(asked, places, Kind.CATEGORICAL),
        label=LabelPlan(
            column=position.get("label.column"),
            positive=None if config.label.positive is None else level_text(config.label.positive),
            events=position.get("label.events"),
            trials=position.get("label.trials"),
            by_class=config.family == "multinomial",
        ),
        weight=position.get("weight"),
        frequency=position.get("frequency"),
        offset=position.get("offset"),
        chunk_rows=rows_per_chunk(len(numeric) + _dense_terms(asked) + n_derived),
        max_levels=MAX_LEVELS,
        single=config.solver.precision == "float32",
        sparse=sparse,
        folds=_fold_plan(position, config),
        carried=tuple(_carried(position, config)),
    )
    return ResolvedTable(tuple(selected), tuple(asked), plan, rows_of_sample(len(asked) + n_derived))


def _fold_plan(position: Mapping[str, int], config: TrainConfig) -> FoldPlan | None:
    if config.cross_validation is None:
        return None
    return FoldPlan(config.cross_validation.folds, position.get("cross_validation.by"))


def _carried(position: Mapping[str, int], config: TrainConfig) -> Iterator[CarriedColumn]:
    """Yield what the checks must know of each row beside the model's own columns."""
    clusters = [key for key in config.watched_columns if key.startswith("inference.cluster")]
    for k, key in enumerate(clusters):
        yield CarriedColumn(f"cluster[{k}]", CarriedRule.HASH, position[key])
    if config.checks.order is not None:
        yield CarriedColumn("order", CarriedRule.NUMBER, position["checks.order"])
    if config.checks.influence.key is not None:
        yield CarriedColumn("key", CarriedRule.TEXT, position["checks.influence.key"])
    if config.needs_single_trials:
        yield CarriedColumn("frequency", CarriedRule.FREQUENCY, None)


def _size(parts: Sequence[TermPart]) -> int:
    return math.prod(part.numbers[0] if part.numbers else 1 for part in parts)


def _feature_names(leaves: Mapping[str, LeafColumn], config: TrainConfig) -> list[str]:
    """Return the columns to read: those of the model, and those that only terms are made of."""
    return list(dict.fromkeys((*_included(leaves, config), *config.features.asked_terms.columns)))


def _included(leaves: Mapping[str, LeafColumn], config: TrainConfig) -> list[str]:
    if config.features.include != "all":
        return list(config.features.include)
    # A column that only checks look at is a feature where it is configured as one.
    left_out = {*config.role_columns.values(), *config.watched_columns.values()} - {*config.features.columns}
    excluded = set(config.features.exclude)
    return [
        name
        for name, leaf in leaves.items()
        if name not in left_out and name not in excluded and leaf.path[0] not in excluded
    ]


def _ask(
    table: DataFrame | PlainTable, features: Sequence[LeafColumn], config: TrainConfig
) -> tuple[list[AskedColumn], list[int]]:
    """Return the columns of the design, several for a column of dense vectors, and the place of each in `features`."""
    asked: list[AskedColumn] = []
    places: list[int] = []
    vectors: list[tuple[int, LeafColumn, ColumnPolicy]] = []
    problems, clashes, of_levels = [], [], []
    for place, leaf in enumerate(features):
        policy = config.features.policy(leaf.name)
        kind = _kind(leaf.type, policy.type)
        if kind is None:
            problems.append(leaf)
            continue
        own = config.features.columns.get(leaf.name)
        is_own = own is not None and own.missing is not None
        if not _applies(policy.missing, kind, is_own=is_own, vector=is_vector(leaf.type)):
            if is_own:
                clashes.append((leaf.name, policy.missing.text, kind.value))
            policy = _without_missing(policy)  # a default for columns of the other kind
        if own is not None and kind is not Kind.CATEGORICAL:
            of_levels += [
                f"features.columns.{config_key(leaf.name)}.{name}"
                for name in ("reference", "unseen", "min_level_count")
                if getattr(own, name) is not None and own.type is None
            ]
        column = AskedColumn(leaf.name, leaf.type.simpleString(), kind, policy)
        if is_vector(leaf.type):
            vectors.append((len(asked), leaf, policy))
        elif kind is Kind.SPARSE:
            column = replace(column, sparse=text_plan(column, place))
        asked.append(column)
        places.append(place)
    if clashes:
        shown = "; ".join(
            f"features.columns.{config_key(name)}.missing is {text}, but the column is {kind}"
            for name, text, kind in clashes[:4]
        )
        raise ConfigError(
            f"{shown}.\n  mean, median and indicator are for numeric columns, level for categorical ones; vectors "
            "can have error or drop."
        )
    if of_levels:
        verb = "is" if len(of_levels) == 1 else "are"
        raise ConfigError(
            f"{first_few(of_levels, 4)} {verb} for levels, which a column of numbers has not.\n"
            "  Remove the setting, or set type: categorical where the numbers of a column are names."
        )
    reject(unusable_types(problems, config))
    shapes = vector_shapes(table, [(leaf, policy) for _, leaf, policy in vectors])
    for k, leaf, _ in reversed(vectors):  # from the last, so that those before keep their numbers
        columns = vector_columns(asked[k], shapes[leaf.name], places[k])
        asked[k : k + 1], places[k : k + 1] = columns, [places[k]] * len(columns)
    return asked, places


def _kind(found: T.DataType, asked: str | None) -> Kind | None:
    """Return how a column enters the design, or None when its type allows it not."""
    if is_vector(found):
        if asked == "vector":
            return Kind.SPARSE if is_ml_vector(found) else None
        return Kind.NUMERIC if asked in (None, "numeric") else None
    if asked in ("text", "vector"):
        return Kind.SPARSE if asked == "text" and isinstance(found, TEXTS) else None
    if asked is None:
        if isinstance(found, NUMBERS):
            return Kind.NUMERIC
        return Kind.CATEGORICAL if isinstance(found, TEXTS) else None
    if asked == "numeric":
        return Kind.NUMERIC if isinstance(found, (*NUMBERS, *TEXTS, *TIMES)) else None
    usable = isinstance(found, (*NUMBERS, *TEXTS, T.DateType))
    return Kind.CATEGORICAL if usable else None


def _applies(missing: MissingPolicy, kind: Kind, *, is_own: bool, vector: bool) -> bool:
    if vector:
        return missing.kind in ("error", "drop")
    if kind is Kind.SPARSE:
        return missing.kind in ("error", "drop") or (is_own and isinstance(missing.value, str))
    if missing.kind in ("mean", "median", "indicator"):
        return kind is Kind.NUMERIC
    if missing.kind == "level":
        return kind is Kind.CATEGORICAL
    if missing.kind == "constant" and isinstance(missing.value, str):
        return kind is Kind.CATEGORICAL
    if missing.kind == "constant":
        # A number may name a level, but not as a default: that is meant for the numbers.
        return kind is Kind.NUMERIC or is_own
    return True


def _without_missing(policy: ColumnPolicy) -> ColumnPolicy:
    return replace(policy, missing=MissingPolicy("error"))


def _dense_terms(asked: Sequence[AskedColumn]) -> int:
    """Return the sparse columns that blocks will hold as dense ones, as far as is known before reading."""
    sizes = [most_terms(column) for column in asked if column.sparse is not None]
    return sum(sizes) if sum(sizes) <= MAX_DENSE else 0


def _raw_columns(asked: Sequence[AskedColumn], places: Sequence[int], kind: Kind) -> tuple[RawColumn, ...]:
    return tuple(
        RawColumn(
            column.name,
            position,
            drop_if_missing=column.policy.missing.kind == "drop",
            element=None if column.vector is None else column.element,
            size=column.size,
        )
        for column, position in zip(asked, places, strict=True)
        if column.kind is kind
    )
