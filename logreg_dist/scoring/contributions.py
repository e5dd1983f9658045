"""What each column adds to the linear predictor, as a Spark expression with its exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from logreg_dist.scoring.curve_expression import curve_expression
from logreg_dist.scoring.terms import LevelTerm, NumericTerm

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
    """

    value: Column
    missing: Column
    unseen: Column
    unusable: Column


def numeric_contribution(term: NumericTerm, source: Column, kind: T.DataType) -> Contribution:
    """Return ``slope * value`` and the curves of the value, with the policy for missing values."""
    number, missing = as_number(source, kind), is_missing(source, kind)
    is_outside = F.abs(number) > F.lit(term.limit)
    if term.above is not None:
        is_outside |= number <= F.lit(term.above)
    unusable = ~missing & (number.isNull() | is_outside)
    total = F.lit(term.slope) * number
    for curve in term.curves:
        total += curve_expression(curve, number)
    value = F.when(~missing & ~unusable, total)
    if term.missing_value is not None:
        value = F.when(missing, F.lit(term.missing_value)).otherwise(value)
    return Contribution(value, missing, unseen=F.lit(False), unusable=unusable)


def categorical_contribution(
    term: LevelTerm, source: Column, kind: T.DataType, listed: Column
) -> Contribution:
    """Return the estimate of the row's level, with the policies for missing and unknown levels.

    Parameters
    ----------
    term : LevelTerm
    source : Column
    kind : DataType
        Of the column in this table.
    listed : Column
        The estimate of the row's level, null when the model does not list it: a CASE expression or
        the result of a join, whichever the caller chose.
    """
    missing = is_missing(source, kind)
    unusable = ~missing & level_of(source, kind).isNull()
    unlisted = ~missing & ~unusable & listed.isNull()
    value = F.when(~missing, listed)
    if term.unseen_value is not None:
        value = F.when(unlisted, F.lit(term.unseen_value)).otherwise(value)
    if term.missing_value is not None:
        value = F.when(missing, F.lit(term.missing_value)).otherwise(value)
    unseen = unlisted | missing if term.missing_is_unseen else unlisted
    return Contribution(value, missing, unseen, unusable)


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


def _wall_clock_micros(source: Column) -> Column:
    """Return microseconds since 1970 of a time without zone, as a whole number.

    Not through a timestamp of the session's zone: an hour that its clocks show twice, or skip, is
    no unique moment there.
    """
    seconds = F.unix_date(source.cast("date")).cast("bigint") * 86_400
    seconds = seconds + F.hour(source) * 3_600 + F.minute(source) * 60
    return seconds * 1_000_000 + (F.extract(F.lit("SECOND"), source) * 1_000_000).cast("bigint")
