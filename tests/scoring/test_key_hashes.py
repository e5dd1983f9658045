"""Hashes of keys: equal for equal keys only, as far as 64 bits go, and every repetition is found."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.scoring import key_hashes as module
from logreg_dist.scoring.key_hashes import cut_by_bits, has_repeated, key_hashes, range_of


@given(st.lists(st.one_of(st.none(), st.text(max_size=30)), max_size=60), st.integers(0, 5))
def test_texts_have_equal_hashes_where_they_are_equal(texts, start):
    texts = texts[start:]  # also behind an offset
    hashes = key_hashes([pa.array([*["before"] * start, *texts], pa.string())[start:]]).tolist()
    assert len(set(zip(texts, hashes, strict=True))) == len(set(texts)) == len(set(hashes))


@pytest.mark.parametrize(
    "values",
    [
        pa.array(range(-500, 500)),
        pa.array(range(200), pa.int16()),
        pa.array([0.5 * k for k in range(500)]),
        pa.array([False, True, None]),
        pa.array([dt.date(1950, 1, 1) + dt.timedelta(k) for k in range(500)]),
        pa.array(
            [dt.datetime(1950, 1, 1) + dt.timedelta(microseconds=k) for k in range(500)], pa.timestamp("us")
        ),
        pa.array([Decimal(k) * 10**20 for k in range(-250, 250)], pa.decimal128(38, 2)),
        pa.array(["a" * k for k in range(300)]),
        pa.array(["x", "y", None, ""]).dictionary_encode(),
    ],
    ids=lambda values: str(values.type),
)
def test_values_that_differ_have_hashes_that_differ_wherever_they_stand(values):
    found = key_hashes([values])
    assert len(set(found.tolist())) == len(values)
    assert found[1:].tolist() == key_hashes([values[1:]]).tolist()
    assert not has_repeated(found, 0)


def test_what_is_equal_to_spark_has_one_hash():
    zero, other_zero, nan, other_nan = key_hashes([pa.array([0.0, -0.0, np.nan, -np.nan])]).tolist()
    assert zero == other_zero
    assert nan == other_nan != zero
    single = key_hashes([pa.array([0.1, 2.0], pa.float32())])
    assert single.tolist() == key_hashes([pa.array([0.1, 2.0], pa.float32()).cast(pa.float64())]).tolist()


def test_columns_are_one_key_together_and_in_order():
    a, b = pa.array(["ab", "a", "ab"]), pa.array(["c", "bc", "c"])
    first, second, third = key_hashes([a, b]).tolist()
    assert first == third != second
    assert key_hashes([b, a]).tolist()[0] != first


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(0, 2**32), st.sampled_from([4, 64, 131_072]))
def test_a_repetition_is_found_wherever_it_is(n, seed, compared):
    rng = np.random.default_rng(seed)
    hashes = rng.choice(2**40, size=n, replace=False).astype(np.uint64) << np.uint64(int(rng.integers(0, 24)))
    before, module.COMPARED = module.COMPARED, compared
    try:
        assert not has_repeated(hashes, 0)
        if n:
            again = np.insert(hashes, rng.integers(0, n + 1), hashes[rng.integers(0, n)])
            assert has_repeated(again, 0)
    finally:
        module.COMPARED = before


def test_hashes_that_fall_into_one_place_are_told_apart():
    alike = (np.arange(1, 5000, dtype=np.uint64) << np.uint64(40)) | np.uint64(5)  # the same low bits
    assert not has_repeated(alike, 0)
    assert has_repeated(np.append(alike, alike[17]), 0)


@pytest.mark.parametrize("n_bits", [0, 3, 8, 12])
def test_cuts_hold_every_hash_once_by_its_highest_bits(n_bits):
    hashes = np.random.default_rng(1).integers(0, 2**63, 5000, dtype=np.uint64) * np.uint64(2)
    cuts = dict(cut_by_bits(hashes, 0, n_bits))
    assert sorted(np.concatenate(list(cuts.values())).tolist()) == sorted(hashes.tolist())
    assert all((part >> np.uint64(64 - n_bits) == k).all() for k, part in cuts.items() if n_bits)
    assert np.bincount(range_of(hashes, 3).astype(int)).tolist() == [
        int(((hashes.astype(float) // (2**64 / 3)).astype(int) == k).sum()) for k in range(3)
    ]
