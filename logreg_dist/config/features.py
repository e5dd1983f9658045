"""``features``: which columns enter the model, and how each is treated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from logreg_dist.config.document import Section
from logreg_dist.config.fields import NOT_BLANK, Names, choice, expected, reject, repeated
from logreg_dist.config.policies import (
    MISSING_GRAMMAR,
    ColumnPolicy,
    MissingPolicy,
    level_text,
    parse_missing,
)
from logreg_dist.config.problems import Problem, quoted

MAX_WORDS = 1_000_000
MAX_BUCKETS = 2**20

_NUMERIC_ONLY = ("mean", "median", "indicator")


def _missing(value: Any) -> MissingPolicy:
    if isinstance(value, MissingPolicy):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected {MISSING_GRAMMAR}")  # noqa: TRY004 - pydantic takes no TypeError
    return parse_missing(value)


def _as_level(value: Any) -> Any:
    return level_text(value) if isinstance(value, (bool, int, float)) else value


def _null_is_a_word(value: Any) -> Any:
    """`unseen: null` is a policy (the score is null), though YAML reads it as nothing."""
    return "null" if value is None else value


def _power_of_two(value: int) -> int:
    if not 2 <= value <= MAX_BUCKETS or value & (value - 1):
        raise ValueError
    return value


_Missing = Annotated[
    MissingPolicy,
    PlainValidator(_missing),
    PlainSerializer(lambda policy: policy.text),
    expected(MISSING_GRAMMAR),
]
_Type = Literal["numeric", "categorical", "text", "vector"]
_Unseen = Literal["error", "reference", "other", "null"]
_UNSEEN = choice("error", "reference", "other", "null")
_Reference = Annotated[
    str, NOT_BLANK, BeforeValidator(_as_level), expected("a level, most_frequent, first or last")
]
_Count = Annotated[int, Field(ge=1), expected("a whole number of rows >= 1")]


_Vocabulary = Annotated[
    int, Field(ge=1, le=MAX_WORDS), expected(f"a whole number of words from 1 to {MAX_WORDS}")
]
_Buckets = Annotated[
    int, AfterValidator(_power_of_two), expected(f"a power of 2 from 2 to {MAX_BUCKETS}, such as 262144")
]
_Values = Literal["counts", "binary", "log"]


class ColumnDefaults(Section):
    """The treatment of columns that say nothing else; see `ColumnPolicy`."""

    missing: _Missing = MissingPolicy("error")
    unseen: Annotated[_Unseen, _UNSEEN, BeforeValidator(_null_is_a_word)] = "error"
    reference: _Reference = "most_frequent"
    min_level_count: _Count = 20


class ColumnConfig(Section):
    """What one column has of its own; None: as in the defaults.

    ``unseen=None`` given explicitly is the policy ``null``, as in YAML.
    """

    type: Annotated[_Type, choice("numeric", "categorical", "text", "vector")] | None = None
    missing: _Missing | None = None
    unseen: Annotated[_Unseen | None, _UNSEEN, BeforeValidator(_null_is_a_word)] = None
    reference: _Reference | None = None
    min_level_count: _Count | None = None
    penalty_factor: Annotated[float, Field(ge=0), expected("a number >= 0")] | None = None
    vocabulary: _Vocabulary | None = None
    buckets: _Buckets | None = None
    values: Annotated[_Values, choice("counts", "binary", "log")] | None = None

    @model_validator(mode="after")
    def _type_allows_it(self) -> Self:
        problems = list(_sparse_problems(self))
        if self.type == "numeric":
            levels_only = {name: getattr(self, name) for name in ("unseen", "reference", "min_level_count")}
            problems += [
                Problem((name,), "has no meaning for a numeric column; remove it or set type: categorical")
                for name, value in levels_only.items()
                if value is not None
            ]
        if self.missing is not None and (self.missing.kind == "level" or isinstance(self.missing.value, str)):
            if self.type == "numeric":
                problems.append(Problem(("missing",), "a level of its own needs type: categorical"))
        elif self.missing is not None and self.missing.kind in _NUMERIC_ONLY and self.type == "categorical":
            problems.append(Problem(("missing",), f"{self.missing.kind} needs type: numeric"))
        reject(problems)
        return self

    @model_serializer(mode="wrap")
    def _only_what_was_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A null written out would read back as the policy `unseen: null`.
        return {key: value for key, value in handler(self).items() if value is not None}


def _sparse_problems(column: ColumnConfig) -> Iterator[Problem]:
    """Report settings of texts on other columns, and settings that texts and vectors do not have."""
    if column.type != "text":
        for name in ("vocabulary", "buckets", "values"):
            if getattr(column, name) is not None:
                yield Problem((name,), "is for texts; set type: text or remove it")
    if column.type not in ("text", "vector"):
        return
    if column.vocabulary is not None and column.buckets is not None:
        yield Problem(
            ("buckets",), "words are listed (vocabulary) or hashed (buckets); remove one of the two"
        )
    for name in ("unseen", "reference"):
        if getattr(column, name) is not None:
            yield Problem((name,), f"has no meaning for a {column.type} column; remove it")
    if column.min_level_count is not None and (column.type == "vector" or column.buckets is not None):
        yield Problem(("min_level_count",), "is for words with a vocabulary; remove it")
    missing = column.missing
    if missing is None or missing.kind in ("error", "drop"):
        return
    if column.type == "vector":
        yield Problem(("missing",), f"is {missing.text}; vectors can have error or drop")
    elif not isinstance(missing.value, str):
        yield Problem(("missing",), f'is {missing.text}; texts can have error, drop or constant("")')


class FeaturesConfig(Section):
    """The columns of the model: all but those with another role, or a list, less `exclude`."""

    include: Annotated[Literal["all"] | Names, expected("all, or a list of column names (text)")] = "all"
    exclude: Names = ()
    defaults: ColumnDefaults = ColumnDefaults()
    columns: Mapping[str, ColumnConfig] = {}

    def policy(self, name: str) -> ColumnPolicy:
        """Return the settings of a column, with the defaults where it has none of its own.

        Examples
        --------
        >>> features = FeaturesConfig(columns={"tenure": {"missing": "mean"}})
        >>> features.policy("tenure").missing.kind, features.policy("age").missing.kind
        ('mean', 'error')
        """
        own = self.columns.get(name, ColumnConfig())
        defaults = self.defaults
        return ColumnPolicy(
            type=own.type,
            missing=own.missing or defaults.missing,
            unseen=own.unseen or defaults.unseen,
            reference=own.reference or defaults.reference,
            min_level_count=own.min_level_count or defaults.min_level_count,
            penalty_factor=1.0 if own.penalty_factor is None else own.penalty_factor,
            vocabulary=own.vocabulary,
            buckets=own.buckets,
            values=own.values or "counts",
        )

    @model_validator(mode="after")
    def _lists_agree(self) -> Self:
        include = None if self.include == "all" else self.include
        problems = [*repeated(include or (), ("include",)), *repeated(self.exclude, ("exclude",))]
        excluded = set(self.exclude)
        problems += [
            Problem(("exclude",), f"lists {quoted(name)}, which include lists too")
            for name in dict.fromkeys(include or ())
            if name in excluded
        ][:1]
        listed = None if include is None else set(include)
        for name in self.columns:
            if name in excluded:
                problems.append(Problem(("columns", name), "is among the excluded columns"))
            elif listed is not None and name not in listed:
                problems.append(Problem(("columns", name), "is not among the included columns"))
        reject(problems)
        return self
