from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logreg_dist.kernel import pair_sums
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.merge import (
    MAX_CELLS,
    MERGED_CODES,
    merge_columns,
    merge_for_pairs,
    pair_cells,
)
from tests.kernel.naive import one_hot, random_block

SUMS = 1e-12  # of the largest entry: sums of some thousand terms, each good to an ulp or two

# Of the benchmark's customer table, and shapes in which merging goes to its limits.
CRM = (1, 1, 1, 1, 2, 2, 3, 4, 5, 7, 9, 11, 19, 26, 49, 99, 149, 249, 499, 999)
SHAPES = {
    "many columns": BlockShape(2, (1, 2, 1, 30, 3, 9, 1, 2, 40, 7)),
    "columns of one level": BlockShape(1, (0, 3, 0, 0, 2)),
    "nothing but columns of one level": BlockShape(1, (0, 0, 0)),
    "all in one": BlockShape(0, (1, 2, 3)),
    "none to merge": BlockShape(1, (299, 299)),
    "wide after narrow": BlockShape(1, (1, 399, 2, 299, 1)),
}


def dense_sums(beta, blocks, shape):
    X = np.vstack([one_hot(block, shape) for block in blocks])
    y, weight, offset = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("y", "weight", "offset")
    )
    mu = 1 / (1 + np.exp(-(X @ beta + offset)))
    return X.T @ (weight * (y - mu)), (X.T * (weight * mu * (1 - mu))) @ X


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=SUMS * np.abs(expected).max(initial=1e-300))


@pytest.mark.parametrize("sparse", [0, 10**9])
@pytest.mark.parametrize("rows_at_once", [1, 50, 10_000])
@pytest.mark.parametrize("name", SHAPES)
def test_merged_columns_give_the_sums_of_a_one_hot_design(monkeypatch, name, rows_at_once, sparse):
    # Fewer rows at once than a block has, several blocks at once, and more than there are; all tables
    # too sparse for the scratch table, and none.
    monkeypatch.setattr(pair_sums, "ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(pair_sums, "SPARSE", sparse)
    shape, rng = SHAPES[name], np.random.default_rng(1)
    blocks = [random_block(rng, n_rows, shape) for n_rows in (40, 40, 0, 7, 40)]
    beta = rng.normal(size=shape.p)
    state = evaluate(beta, blocks, shape)
    score, information = dense_sums(beta, blocks, shape)
    assert_close(state.score, score)
    assert_close(state.information.matrix(shape), information)


@given(st.lists(st.integers(0, 400), max_size=12), st.sampled_from([1, 16, MERGED_CODES]))
def test_every_column_is_in_one_group_and_groups_stay_small(widths, merged_codes):
    merged = merge_columns(widths, merged_codes)
    assert sorted(k for column in merged for k in column.columns) == list(range(len(widths)))
    for column in merged:
        assert column.sizes == tuple(widths[k] + 1 for k in column.columns)
        assert column.n_codes <= merged_codes or len([size for size in column.sizes if size > 1]) == 1


def test_the_tables_of_merged_columns_stay_within_their_memory():
    assert len(merge_for_pairs(CRM)) == 10
    assert pair_cells(merge_for_pairs(CRM)) <= MAX_CELLS
    wide = (1, 1, 1, 1, 20_000, 49, 49)
    assert pair_cells(merge_for_pairs(wide)) <= MAX_CELLS
    # Two columns whose own table is larger than the memory: nothing is merged, nothing is added.
    huge = (1, 1, 4_000, 4_000)
    alone = [(2,), (3,), (0,), (1,)]
    assert [column.columns for column in merge_for_pairs(huge)] == alone


def test_wrong_codes_are_refused_and_not_counted_as_others():
    shape = BlockShape(1, (2,))
    block = Block(np.ones((1, 2)), [np.array([0, 3], dtype=np.int32)], np.zeros(2))
    for information in (True, False):
        with pytest.raises(IndexError, match="out of bounds"):
            evaluate(np.zeros(3), [block], shape, information=information)
