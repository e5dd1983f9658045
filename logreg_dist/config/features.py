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
from pydantic_core import PydanticCustomError

from logreg_dist.config.document import Section
from logreg_dist.config.fields import AS_TUPLE, NOT_BLANK, Names, choice, expected, reject, repeated
from logreg_dist.config.policies import (
    MISSING_GRAMMAR,
    Bounds,
    ColumnPolicy,
    MissingPolicy,
    level_text,
    parse_missing,
)
from logreg_dist.config.problems import Problem, quoted
from logreg_dist.formula import MAX_TERMS, AskedTerms, TermError, asked_terms, parse_term

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
_Terms = Annotated[tuple[str, ...], AS_TUPLE, expected("a list of terms (text), such as log(x) or a:b")]
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


_SIGNS: Mapping[str, Mapping[str, float]] = {"positive": {"lower": 0.0}, "negative": {"upper": 0.0}}


def _bounds(value: Any) -> Any:
    """Read the short forms: ``positive`` and ``negative``, 0 included."""
    if isinstance(value, str) and value in _SIGNS:
        return dict(_SIGNS[value])
    if value is None or isinstance(value, (Mapping, Section)):
        return value
    what = "positive, negative, or a section with lower and upper"
    raise PydanticCustomError("expected", "expected {what}", {"what": what, "found": value})


class BoundsConfig(Section):
    """Where the estimates of a column may lie, ends included; None: no bound on that side."""

    lower: Annotated[float | None, expected("a number")] = None
    upper: Annotated[float | None, expected("a number")] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            reject([Problem(("lower",), f"{self.lower:g} is above upper, {self.upper:g}")])
        return self


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
    bounds: Annotated[BoundsConfig | None, BeforeValidator(_bounds)] = None

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
    """The columns of the model: all but those with another role, or a list, less `exclude`; and `terms` of them."""

    include: Annotated[Literal["all"] | Names, expected("all, or a list of column names (text)")] = "all"
    exclude: Names = ()
    terms: _Terms = ()
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
            bounds=Bounds() if own.bounds is None else Bounds(own.bounds.lower, own.bounds.upper),
        )

    @property
    def asked_terms(self) -> AskedTerms:
        """What `terms` asks for."""
        return asked_terms(self.terms)

    @property
    def has_bounds(self) -> bool:
        """Whether a column's estimates have bounds."""
        return bool(self.bounded)

    @property
    def bounded(self) -> frozenset[str]:
        """The columns whose estimates have bounds."""
        return frozenset(name for name in self.columns if self.policy(name).bounds != Bounds())

    @model_validator(mode="after")
    def _lists_agree(self) -> Self:
        include = None if self.include == "all" else self.include
        problems = [*repeated(include or (), ("include",)), *repeated(self.exclude, ("exclude",))]
        problems += _term_problems(self.terms, self.exclude)
        in_terms = () if problems else self.asked_terms.columns
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
            elif listed is not None and name not in listed and name not in in_terms:
                problems.append(Problem(("columns", name), "is not among the included columns"))
        reject(problems)
        return self


def _term_problems(texts: tuple[str, ...], exclude: tuple[str, ...]) -> list[Problem]:
    """Report the texts that are no terms, or name an excluded column."""
    if len(texts) > MAX_TERMS:
        return [Problem(("terms",), f"lists {len(texts):,} terms, more than {MAX_TERMS}")]
    problems = repeated(texts, ("terms",))
    for k, text in enumerate(texts):
        try:
            columns = [part.column for parts in parse_term(text) for part in parts]
        except TermError as error:
            problems.append(Problem(("terms", k), str(error)))
            continue
        problems += [
            Problem(
                ("terms", k),
                f"names {quoted(name)}, which exclude lists; a column of a term cannot be excluded",
            )
            for name in dict.fromkeys(columns)
            if name in exclude
        ][:1]
    return problems
