"""Arrow columns to plain arrays: numbers as float64, categories as text ready for a dictionary."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_TEXT_KINDS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_NUMBER_KINDS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)

# Beyond it doubles skip whole numbers, and two levels would become one.
MAX_WHOLE = 2.0**53

NOT_SEEN = -2  # of a level without a code yet

MICROSECONDS_PER_DAY = 86_400_000_000.0

# A decimal number as text; what Spark's try_cast takes, without its hexadecimal and suffix forms.
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


def numbers(column: pa.Array) -> tuple[NDArray[np.float64], int]:
    """Return a column as float64, NaN where missing, and the count of texts that are no number.

    Booleans become 0 and 1, dates and timestamps days since 1970-01-01 (UTC).

    Parameters
    ----------
    column : pyarrow.Array
        Of a boolean, integer, floating, decimal, date, timestamp or string type.

    Raises
    ------
    TypeError
        For any other type.

    Examples
    --------
    >>> numbers(pa.array(["1.5", "x1", None]))
    (array([1.5, nan, nan]), 1)
    >>> numbers(pa.array([True, False]))[0].tolist()
    [1.0, 0.0]
    """
    kind, bad = column.type, 0
    if pa.types.is_float64(kind):
        return _to_numpy(column), bad
    if pa.types.is_dictionary(kind):
        return numbers(column.dictionary_decode())
    if _is_text(kind):
        column = column.cast(pa.string())  # string views match no pattern
        is_number = pc.match_substring_regex(column, _NUMBER)
        bad = pc.sum(pc.invert(is_number)).as_py() or 0
        trimmed = pc.utf8_trim_whitespace(pc.if_else(is_number, column, None))
        return _to_numpy(trimmed.cast(pa.float64())), bad
    if pa.types.is_date(kind):
        return _to_numpy(column.cast(pa.date32()).cast(pa.int32()).cast(pa.float64())), bad
    if pa.types.is_timestamp(kind):
        # Unsafe, because it may cut off nanoseconds.
        micros = column.cast(pa.timestamp("us", tz=kind.tz), safe=False).cast(pa.int64())
        return _to_numpy(micros.cast(pa.float64(), safe=False)) / MICROSECONDS_PER_DAY, bad
    if not (_is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise TypeError(f"no numbers in a column of type {kind}")
    return _to_numpy(column.cast(pa.float64(), safe=False)), bad


def texts(column: pa.Array) -> tuple[pa.Array, int]:
    """Return a column as text, null where missing, and the count of numbers that are not whole.

    The text is the same whatever the number type: ``1``, ``1.0`` and ``Decimal("1")`` are one
    level. Dates are ``yyyy-mm-dd``, booleans ``true`` and ``false``. In dictionary form where the
    column has it, or repeats its values and all are levels.

    Examples
    --------
    >>> texts(pa.array([1.0, None, 2.5]))[0].to_pylist(), texts(pa.array([1.0, None, 2.5]))[1]
    (['1', None, None], 1)
    >>> texts(pa.array([True]))[0].to_pylist()
    ['true']
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        # Texts stay in dictionary form: `LevelDictionary` wants just that.
        return (column, 0) if pa.types.is_string(kind.value_type) else texts(column.dictionary_decode())
    if _is_text(kind):
        return column.cast(pa.string()), 0
    if _has_dictionaries(kind):
        found = column.dictionary_encode()
        if len(found.dictionary) < len(column):
            # Each value is made a text once, unless some are no level: those are to be counted by their rows.
            levels, bad = texts(found.dictionary)
            if not (bad or levels.null_count):
                return pa.DictionaryArray.from_arrays(found.indices, levels), 0
    if pa.types.is_decimal(kind) and kind.scale == 0:
        return column.cast(pa.string()), 0
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = column.cast(pa.float64(), safe=False)
        whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), MAX_WHOLE))
        missing = pc.or_kleene(pc.is_null(values), pc.is_nan(values))
        bad = pc.sum(pc.and_(pc.invert(whole), pc.invert(missing))).as_py() or 0
        return pc.if_else(whole, values, None).cast(pa.int64()).cast(pa.string()), bad
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_date(kind):
        return column.cast(pa.string()), 0
    if pa.types.is_null(kind):
        return column.cast(pa.string()), 0
    raise TypeError(f"no levels in a column of type {kind}")


def plain_texts(column: pa.Array) -> pa.Array:
    """Return a column as `texts` does, never in dictionary form.

    A file's dictionary holds texts in another order than the rows, and texts of other rows.
    """
    return plain_texts_and_counts(column)[0]


def plain_texts_and_counts(column: pa.Array) -> tuple[pa.Array, int]:
    """Return `plain_texts`, and the count of numbers that are not whole."""
    text, n_not_whole = texts(column)
    return (text.dictionary_decode() if pa.types.is_dictionary(text.type) else text), n_not_whole


class LevelDictionary:
    """The levels of one categorical column of one split, numbered as they come.

    A builder, therefore mutable; it lives as long as the staging of the split.
    """

    def __init__(self, max_levels: int) -> None:
        self.numbers: dict[str, int] = {}
        self.max_levels = max_levels
        self.overflowed = False
        # The codes of the last dictionary's levels: the batches of a row group share it.
        self._dictionary: pa.Array | None = None
        self._codes = np.empty(0, dtype=np.int32)

    def encode(self, column: pa.Array) -> NDArray[np.int32]:
        """Return the code of each value, -1 where missing; `column` holds texts, plain or in dictionary form.

        Beyond `max_levels` new levels get code -1 and `overflowed` is set; the driver then
        rejects the table, so that a key column cannot fill the memory.
        """
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        n = len(encoded.dictionary)
        indices = encoded.indices if not encoded.indices.null_count else pc.fill_null(encoded.indices, n)
        indices = indices.to_numpy(zero_copy_only=False)
        if self._dictionary is None or not self._dictionary.equals(encoded.dictionary):
            self._dictionary = encoded.dictionary
            self._codes = np.full(n + 1, NOT_SEEN, dtype=np.int32)
            self._codes[n] = -1
        codes: NDArray[np.int32] = self._codes.take(indices)
        if len(codes) and codes.min() == NOT_SEEN:
            # A dictionary that a file had for more rows than these may hold levels that none of them has.
            occurs = np.zeros(n + 1, dtype=bool)
            occurs[indices] = True
            for k in np.flatnonzero(occurs & (self._codes == NOT_SEEN)).tolist():
                self._codes[k] = self.number(encoded.dictionary[k].as_py())
            codes = self._codes.take(indices)
        return codes

    def number(self, level: str | None) -> int:
        """Return the code of one level, -1 where there is none or no room for a new one."""
        if level is None:
            return -1
        if level not in self.numbers and len(self.numbers) >= self.max_levels:
            self.overflowed = True
            return -1
        return self.numbers.setdefault(level, len(self.numbers))


def _to_numpy(column: pa.Array) -> NDArray[np.float64]:
    if column.null_count:
        column = pc.fill_null(column, float("nan"))
    values: NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
    return values


def _is_text(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in _TEXT_KINDS)


def _has_dictionaries(kind: pa.DataType) -> bool:
    """Whether it is of numbers, truth values or dates that pyarrow can number; of small decimals it cannot."""
    if pa.types.is_decimal(kind):
        return bool(pa.types.is_decimal128(kind) or pa.types.is_decimal256(kind))
    return _is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_date(kind)


def _is_number(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in _NUMBER_KINDS)
