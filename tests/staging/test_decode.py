from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from logreg_dist.staging.decode import LevelDictionary, numbers, plain_texts, texts
from logreg_dist.staging.survey import LevelCounts

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
    "small decimals": (pa.array([Decimal("10"), None], pa.decimal32(5, 1)), ["10", None]),
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
    assert (texts(column)[0].to_pylist(), texts(column)[1]) == (expected, 0)
    assert (plain_texts(column).type, plain_texts(column).to_pylist()) == (pa.string(), expected)


@pytest.mark.parametrize("name", TEXTS)
def test_repeated_values_are_the_same_levels(name):
    column, expected = TEXTS[name]
    repeated = pa.concat_arrays([column, column]) if not pa.types.is_null(column.type) else pa.nulls(2)
    text, n_bad = texts(repeated)
    assert (text.to_pylist(), n_bad) == (expected * 2, 0)
    once, twice = LevelDictionary(9), LevelDictionary(9)
    assert twice.encode(text).tolist() == once.encode(pa.array(expected * 2, pa.string())).tolist()
    assert once.numbers == twice.numbers


def test_numbers_that_are_no_levels_are_counted_by_rows():
    assert texts(pa.array([1.5, 2.0, 1.5, None, NAN, 2.0]))[1] == 2
    zeros = LevelDictionary(9)
    assert zeros.encode(texts(pa.array([0.0, -0.0, 1.0, 0.0]))[0]).tolist() == [0, 0, 1, 0]


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


def test_batches_that_share_a_dictionary_number_the_levels_that_occur_in_turn():
    levels = pa.array(["a", "b", "c", "d"])
    dictionary = LevelDictionary(2)
    found = [
        dictionary.encode(pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), levels)).tolist()
        for codes in ([2, None, 2], [0, 2], [1, 0, 3], [])
    ]
    assert found == [[0, -1, 0], [1, 0], [-1, 1, -1], []]
    assert (list(dictionary.numbers), dictionary.overflowed) == (["c", "a"], True)


@pytest.mark.parametrize("n_levels", [1, 2, 7])
def test_single_rows_are_counted_as_rows_of_frequency_one(n_levels):
    rng = np.random.default_rng(n_levels)
    plain, single = LevelCounts(), LevelCounts()
    for m in (0, 1, 50):
        codes, y = rng.integers(-1, n_levels, m).astype(np.int32), rng.integers(0, 2, m)
        plain.add(codes, y.astype(float), np.ones(m))
        single.add_ones(codes, y.astype(np.int32))
    names = [f"level {k}" for k in range(n_levels)]
    a, b = (counts.profile(names, n_not_whole=0, overflowed=False) for counts in (plain, single))
    assert a == b
    assert a.levels["level 0"][0] > a.levels["level 0"][1] > 0
