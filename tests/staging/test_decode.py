from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from logreg_dist.staging.decode import LevelDictionary, numbers, texts

DAY = dt.timedelta(days=1)
EPOCH = dt.date(1970, 1, 1)
NAN = float("nan")

NUMBERS = {
    "bool": (pa.array([True, False, None]), [1, 0, NAN]),
    "int8": (pa.array([-128, None], pa.int8()), [-128, NAN]),
    "uint64": (pa.array([2**63], pa.uint64()), [2.0**63]),
    "int64": (pa.array([2**53 + 1, -7], pa.int64()), [2.0**53, -7]),
    "float16": (pa.array(np.array([1.5], np.float16)), [1.5]),
    "float32": (pa.array([0.5, None, NAN], pa.float32()), [0.5, NAN, NAN]),
    "float64": (pa.array([1e308, float("inf"), -0.0]), [1e308, float("inf"), 0]),
    "decimal128": (pa.array([Decimal("-1.25"), None]), [-1.25, NAN]),
    "decimal256": (pa.array([Decimal("1.50")], pa.decimal256(50, 2)), [1.5]),
    "date32": (pa.array([EPOCH + 2 * DAY, None]), [2, NAN]),
    "date64": (pa.array([EPOCH - DAY], pa.date64()), [-1]),
    "null": (pa.nulls(2), [NAN, NAN]),
    "dictionary": (pa.array([3, None, 3, 4]).dictionary_encode(), [3, NAN, 3, 4]),
    "dictionary of texts": (pa.array(["7", None]).dictionary_encode(), [7, NAN]),
    "empty": (pa.array([], pa.int32()), []),
}

TEXTS = {
    "string": (pa.array(["a", "", None]), ["a", "", None]),
    "large_string": (pa.array(["a", None], pa.large_string()), ["a", None]),
    "string_view": (pa.array(["a", None], pa.string_view()), ["a", None]),
    "dictionary of numbers": (pa.array([7, None]).dictionary_encode(), ["7", None]),
    "bool": (pa.array([True, False, None]), ["true", "false", None]),
    "int64": (pa.array([-1, 2**62, None]), ["-1", str(2**62), None]),
    "whole doubles": (pa.array([1.0, -0.0, -3.0, NAN, None]), ["1", "0", "-3", None, None]),
    "whole decimals": (pa.array([Decimal("1.00"), None]), ["1", None]),
    "date32": (pa.array([dt.date(2020, 1, 2)]), ["2020-01-02"]),
    "date64": (pa.array([dt.date(2020, 1, 2)], pa.date64()), ["2020-01-02"]),
    "null": (pa.nulls(1), [None]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_every_type_of_number_becomes_doubles(name):
    column, expected = NUMBERS[name]
    values, n_bad = numbers(column)
    assert (values.dtype, n_bad) == (np.float64, 0)
    np.testing.assert_array_equal(values, np.array(expected, dtype=float))


@pytest.mark.parametrize("name", TEXTS)
def test_every_type_of_level_becomes_text(name):
    column, expected = TEXTS[name]
    text, n_bad = texts(column)
    assert (text.type, text.to_pylist(), n_bad) == (pa.string(), expected, 0)


def test_texts_in_dictionary_form_stay_so():
    column = pa.array(["b", None, "b"]).dictionary_encode()
    text, n_bad = texts(column)
    assert (text.type, text.to_pylist(), n_bad) == (column.type, ["b", None, "b"], 0)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("tz", [None, "UTC", "Europe/Berlin"])
def test_moments_become_days_since_1970_in_utc(unit, tz):
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    column = pa.array([129_600 * per_second, -86_400 * per_second, None], pa.int64())
    values, _ = numbers(column.cast(pa.timestamp(unit, tz)))
    np.testing.assert_array_equal(values, [1.5, -1.0, NAN])


def test_moments_between_microseconds_are_no_error():
    column = pa.array([86_400_000_000_001], pa.int64()).cast(pa.timestamp("ns"))
    np.testing.assert_array_equal(numbers(column)[0], [1.0])


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_texts_that_are_numbers_are_read_and_the_others_counted(kind):
    found, n_bad = numbers(
        pa.array(["1.5", "+5", "5.", ".5", " 7\t", "-1e-3", "1E3", "x1", "", "1,5", "0x1F", "1d", None], kind)
    )
    np.testing.assert_array_equal(found, [1.5, 5, 5, 0.5, 7, -1e-3, 1e3, NAN, NAN, NAN, NAN, NAN, NAN])
    assert n_bad == 5


@pytest.mark.parametrize("text", ["inf", "NaN", "Infinity", "1__0", "٣", "--1", "1e", "true"])
def test_words_and_other_alphabets_are_no_numbers(text):
    assert numbers(pa.array([text]))[1] == 1


def test_numbers_beyond_the_range_of_doubles_are_infinite_for_the_check_to_find():
    np.testing.assert_array_equal(numbers(pa.array(["1e999", "-1e999"]))[0], [np.inf, -np.inf])


def test_numbers_that_are_no_level_are_counted():
    text, n_bad = texts(pa.array([1.0, 2.5, float("inf"), 1e19, NAN, None]))
    assert (text.to_pylist(), n_bad) == (["1", None, None, None, None, None], 3)
    assert texts(pa.array([Decimal("1.5"), Decimal("2.0")]))[1] == 1


@pytest.mark.parametrize("column", [pa.array([b"x"]), pa.array([[1]]), pa.array([{"a": 1}])])
def test_other_types_have_neither_numbers_nor_levels(column):
    with pytest.raises(TypeError, match="no numbers in a column of type"):
        numbers(column)
    with pytest.raises(TypeError, match="no levels in a column of type"):
        texts(column)


def test_levels_are_numbered_as_they_come_over_all_batches():
    dictionary = LevelDictionary(10)
    first = dictionary.encode(pa.array(["b", None, "a", "b"]))
    second = dictionary.encode(pa.array(["c", "a"]))
    assert (first.tolist(), second.tolist()) == ([0, -1, 1, 0], [2, 1])
    assert list(dictionary.numbers) == ["b", "a", "c"]
    assert dictionary.encode(pa.array([], pa.string())).tolist() == []


def test_levels_that_a_dictionary_of_arrow_lists_but_no_row_has_are_no_levels():
    column = pa.DictionaryArray.from_arrays(pa.array([2, None, 1, 2]), pa.array(["unused", None, "a"]))
    dictionary = LevelDictionary(10)
    assert dictionary.encode(column).tolist() == [0, -1, -1, 0]
    assert list(dictionary.numbers) == ["a"]


def test_a_dictionary_that_is_full_takes_no_more_levels_and_says_so():
    dictionary = LevelDictionary(2)
    assert dictionary.encode(pa.array(["a", "b"])).tolist() == [0, 1]
    assert not dictionary.overflowed
    assert dictionary.encode(pa.array(["c", "a", None])).tolist() == [-1, 0, -1]
    assert dictionary.overflowed
    assert len(dictionary.numbers) == 2
