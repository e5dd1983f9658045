"""What each column adds to the linear predictor, as a Spark expression with its exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from logreg_dist.design.spec import OTHER, CategoricalColumn, NumericColumn
from logreg_dist.staging.row_rules import MAX_MAGNITUDE

# As in staging: a decimal number and nothing else.
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_MICROSECONDS_PER_DAY = 86_400_000_000.0

# As in staging: beyond it doubles skip whole numbers, and two levels would become one.
MAX_WHOLE = 2.0**53


@dataclass(frozen=True)
class Contribution:
    """One column's part of the linear predictor.

    Attributes
    ----------
    value : Column
        Log-odds; null where the row cannot be scored.
    missing, unseen, unusable : Column
        Booleans, never null: no value; a level that the model does not list; an infinite number,
        one that the fit would not have taken either, or a text that is no number.
    missing_is_error, unseen_is_error : bool
        Whether such rows must not be scored. Unusable ones never are.
    unseen_policy : str
        The policy for unseen levels, in words where it cannot be followed.
    """

    value: Column
    missing: Column
    unseen: Column
    unusable: Column
    missing_is_error: bool
    unseen_is_error: bool
    unseen_policy: str = "error"


def numeric_contribution(
    column: NumericColumn, source: Column, kind: T.DataType, estimates: Mapping[str, float]
) -> Contribution:
    """Return ``estimate * value``, with the policy for missing values."""
    number, missing = as_number(source, kind), is_missing(source, kind)
    unusable = _is_unusable(number, missing)
    slope = estimates[column.name]
    value = F.when(~missing & ~unusable, F.lit(slope) * number)
    if column.fill is not None:
        filled = slope * column.fill
        if column.indicator:
            filled += estimates[f"{column.name}[missing]"]
        value = F.when(missing, F.lit(filled)).otherwise(value)
    return Contribution(
        value=value,
        missing=missing,
        unseen=F.lit(False),
        unusable=unusable,
        missing_is_error=column.missing == "error",
        unseen_is_error=False,
    )


def offset_contribution(source: Column, kind: T.DataType) -> Contribution:
    """Return a known log-odds term as it is; a row without one cannot be scored."""
    number, missing = as_number(source, kind), is_missing(source, kind)
    unusable = _is_unusable(number, missing)
    return Contribution(
        value=F.when(~missing & ~unusable, number),
        missing=missing,
        unseen=F.lit(False),
        unusable=unusable,
        missing_is_error=True,
        unseen_is_error=False,
    )


def level_estimates(column: CategoricalColumn, estimates: Mapping[str, float]) -> dict[str, float]:
    """Return the log-odds of every level, 0 for the reference.

    Examples
    --------
    >>> column = CategoricalColumn("c", "string", "error", "error", ("a", "b"), "a", None)
    >>> level_estimates(column, {"c[b]": 0.5})
    {'a': 0.0, 'b': 0.5}
    """
    return {
        level: 0.0 if level == column.reference else estimates[f"{column.name}[{level}]"]
        for level in column.levels
    }


def categorical_contribution(
    column: CategoricalColumn,
    source: Column,
    kind: T.DataType,
    estimates: Mapping[str, float],
    listed: Column,
) -> Contribution:
    """Return the estimate of the row's level, with the policies for missing and unknown levels.

    Parameters
    ----------
    column : CategoricalColumn
    source : Column
    kind : DataType
        Of the column in this table.
    estimates : mapping of str to float
        By term.
    listed : Column
        The estimate of the row's level, null when the model does not list it: a CASE expression or
        the result of a join, whichever the caller chose.
    """
    by_level = level_estimates(column, estimates)
    missing = is_missing(source, kind)
    text = level_of(source, kind)
    unusable = ~missing & text.isNull()
    unseen = ~missing & ~unusable & listed.isNull()
    if column.missing not in ("error", "drop") and column.missing_level is None:
        unseen = unseen | missing  # a level of its own for missing values, but none was met in training
    value = F.when(~missing, listed)
    unseen_is_error = True
    if column.has_other and column.unseen in ("error", "other"):
        # A level too rare for training was merged; it is not listed and must score as it was fitted.
        value, unseen_is_error = F.when(unseen, F.lit(by_level[OTHER])).otherwise(value), False
    elif column.unseen == "reference" and column.reference is not None:
        value, unseen_is_error = F.when(unseen, F.lit(0.0)).otherwise(value), False
    elif column.unseen == "null":
        unseen_is_error = False
    unfollowed = {
        "other": f"other, but training made no level {OTHER}" if not column.has_other else "other",
        "reference": "reference, but the model has none" if column.reference is None else "reference",
    }
    if column.missing_level is not None:
        value = F.when(missing, F.lit(by_level[column.missing_level])).otherwise(value)
    return Contribution(
        value=value,
        missing=missing,
        unseen=unseen,
        unusable=unusable,
        missing_is_error=column.missing == "error",
        unseen_is_error=unseen_is_error,
        unseen_policy=unfollowed.get(column.unseen, column.unseen),
    )


def case_of_levels(text: Column, by_level: Mapping[str, float]) -> Column:
    """Return a CASE expression from level to estimate, null for other texts."""
    case: Column | None = None
    for level, estimate in by_level.items():
        branch = F.when if case is None else case.when
        case = branch(text == F.lit(level), F.lit(estimate))
    return F.lit(None).cast("double") if case is None else case


def level_of(source: Column, kind: T.DataType) -> Column:
    """Return a column's level as text, the same text as in staging; null when it is none."""
    if isinstance(kind, T.DecimalType) and kind.scale == 0:
        return source.cast("string")
    if isinstance(kind, (T.FloatType, T.DoubleType, T.DecimalType)):
        number = source.cast("double")
        whole = (number == F.floor(number).cast("double")) & (F.abs(number) < F.lit(MAX_WHOLE))
        return F.when(whole, number.cast("bigint").cast("string"))
    return source.cast("string")


def as_number(source: Column, kind: T.DataType) -> Column:
    """Return a column as double, the same number as in staging; null where a text is no number."""
    if isinstance(kind, (T.StringType, T.CharType, T.VarcharType)):
        # A cast that may fail would write the text to Spark's log.
        return F.when(source.rlike(_NUMBER), F.trim(source).try_cast("double"))
    if isinstance(kind, T.DateType):
        return F.unix_date(source).cast("double")
    if isinstance(kind, T.TimestampType):
        return F.unix_micros(source).cast("double") / F.lit(_MICROSECONDS_PER_DAY)
    if isinstance(kind, T.TimestampNTZType):
        return _wall_clock_micros(source).cast("double") / F.lit(_MICROSECONDS_PER_DAY)
    return source.cast("double")


def is_missing(source: Column, kind: T.DataType) -> Column:
    """Return whether there is no value: null, or NaN in a floating column; never null itself."""
    if isinstance(kind, (T.FloatType, T.DoubleType)):
        return source.isNull() | F.isnan(source)
    return source.isNull()


def _is_unusable(number: Column, missing: Column) -> Column:
    return ~missing & (number.isNull() | (F.abs(number) > F.lit(MAX_MAGNITUDE)))


def _wall_clock_micros(source: Column) -> Column:
    """Return microseconds since 1970 of a time without zone, as a whole number.

    Not through a timestamp of the session's zone: an hour that its clocks show twice, or skip, is
    no unique moment there.
    """
    seconds = F.unix_date(source.cast("date")).cast("bigint") * 86_400
    seconds = seconds + F.hour(source) * 3_600 + F.minute(source) * 60
    return seconds * 1_000_000 + (F.extract(F.lit("SECOND"), source) * 1_000_000).cast("bigint")
