from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.design.encode import encode_chunks, level_lookup
from logreg_dist.design.spec import MISSING, OTHER, CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.staging.split_file import RawChunk

NAN = float("nan")


def levels(*names: str, reference: str | None = None, missing: str | None = None) -> CategoricalColumn:
    return CategoricalColumn("c", "string", "error", "error", names, reference, missing)


def number(name: str, *, fill: float | None = None, indicator: bool = False, centre: float = 0.0):
    return NumericColumn(name, "double", "error", "error", fill, indicator, centre, 1.0)


def chunk(numeric, codes=(), y=None) -> RawChunk:
    numeric = np.array(numeric, dtype=float)
    m = numeric.shape[1]
    codes = np.array(codes, dtype=np.int32).reshape(-1, m)
    return RawChunk(np.zeros(m) if y is None else np.array(y), None, None, numeric, codes)


@pytest.mark.parametrize(
    ("column", "dictionary", "expected"),
    [
        (levels("a", "b", "c", reference="b"), ["c", "b", "a"], [1, 2, 0, 2]),
        (levels("a", "b"), ["b", "a"], [1, 0, 2]),  # without a reference: no level for the unknown
        (levels("a", OTHER, reference="a"), ["rare", "a"], [0, 1, 1]),
        (levels("a", OTHER, reference=OTHER), ["rare", "a"], [1, 0, 1]),
        (levels("a", "b", MISSING, reference="a", missing=MISSING), ["b"], [0, 1]),
        (levels("a", "b", reference="a", missing="a"), ["b"], [0, 1]),
        (levels("a", OTHER, reference="a", missing=OTHER), [], [0]),
        (levels("a", reference="a"), ["a"], [0, 0]),
    ],
)
def test_codes_of_a_split_become_codes_of_the_design(column, dictionary, expected):
    assert level_lookup(column, dictionary).tolist() == expected


def test_numbers_are_centred_filled_and_flagged():
    spec = DesignSpec(
        (
            number("a", centre=2.0),
            number("b", fill=5.0, indicator=True, centre=5.0),
            number("c", fill=-1.0, centre=1.0),
            number("d", fill=0.0, indicator=True),
        ),
        intercept=True,
    )
    raw = chunk([[1, 2, 3], [NAN, 6, 7], [NAN, 3, NAN], [4, NAN, NAN]])
    [block] = encode_chunks([raw], spec, [])
    expected = [[1, 1, 1], [-1, 0, 1], [0, 1, 2], [-2, 2, -2], [4, 0, 0], [1, 0, 0], [0, 1, 1]]
    np.testing.assert_array_equal(block.dense, expected)
    assert np.isnan(raw.numeric).sum() == 5  # what was read stays as it is


def test_without_an_intercept_nothing_is_centred():
    spec = DesignSpec((number("a", fill=9.0, centre=2.0),), intercept=False)
    [block] = encode_chunks([chunk([[1, NAN]])], spec, [])
    np.testing.assert_array_equal(block.dense, [[1, 9]])


def test_a_smaller_last_chunk_has_no_rows_left_over_from_the_one_before():
    spec = DesignSpec((number("a", fill=0.0, indicator=True),), intercept=True)
    found = [
        block.dense.copy()
        for block in encode_chunks([chunk([[1, NAN, 3]]), chunk([[4, 5, NAN]]), chunk([[6]])], spec, [])
    ]
    np.testing.assert_array_equal(found[1], [[1, 1, 1], [4, 5, 0], [0, 0, 1]])
    np.testing.assert_array_equal(found[2], [[1], [6], [0]])


def test_each_split_has_its_own_dictionary():
    spec = DesignSpec((levels("a", "b", reference="a"),), intercept=True)
    raw = chunk(np.empty((0, 3)), [[0, 1, 0]])
    for dictionary, expected in ((["a", "b"], [1, 0, 1]), (["b", "a"], [0, 1, 0])):
        [block] = encode_chunks([raw], spec, [dictionary])
        assert block.codes[0].tolist() == expected


def test_no_chunks_give_no_blocks():
    assert list(encode_chunks([], DesignSpec((), intercept=True), [])) == []
