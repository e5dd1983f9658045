"""Sparse columns by their entries, against the same columns written out in full."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.inference.class_separation import count_classes_along
from logreg_dist.inference.entry_labels import entry_labels
from logreg_dist.inference.separation import count_along
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate, information_diagonal, linear_predictor
from logreg_dist.kernel.multinomial import evaluate_multinomial, multinomial_diagonal
from logreg_dist.kernel.sparse import SparseRows, concatenate, starts_of

ROUNDING = 1e-12  # the same sums in another order
WIDTHS = (7, 30)
SHAPE = BlockShape(n_dense=2, widths=(3,), sparse=WIDTHS)
DENSE = BlockShape(n_dense=2 + sum(WIDTHS), widths=(3,))


def sparse_rows(rng, m: int, width: int) -> SparseRows:
    """Rows of up to 4 entries, some of none; the column behind the last one has no term."""
    found = [np.sort(rng.choice(width + 1, rng.integers(0, 5), replace=False)) for _ in range(m)]
    columns = np.concatenate([np.zeros(0, int), *found]).astype(np.int32)
    return SparseRows(
        starts_of(np.array([len(row) for row in found])), columns, rng.normal(size=len(columns))
    )


def written_out(rows: SparseRows, width: int) -> np.ndarray:
    """One row at a time, one entry at a time."""
    full = np.zeros((width + 1, rows.n_rows))
    for i in range(rows.n_rows):
        for k in range(rows.starts[i], rows.starts[i + 1]):
            full[rows.columns[k], i] += rows.values[k]
    return full[:-1]


def blocks(seed: int, n_classes: int = 2) -> tuple[list[Block], list[Block]]:
    """The same rows by their entries, and with the sparse columns behind the dense ones."""
    rng = np.random.default_rng(seed)
    sparse, dense = [], []
    for m in (5, 40, 1):
        groups = [sparse_rows(rng, m, width) for width in WIDTHS]
        common = {
            "codes": [rng.integers(0, 4, m).astype(np.int32)],
            "y": rng.integers(0, n_classes, m).astype(float),
            "weight": rng.uniform(0.5, 2, m),
        }
        x = np.vstack([np.ones(m), rng.normal(size=m)])
        sparse.append(Block(dense=x, sparse=groups, **common))
        whole = np.vstack([x, *(written_out(*pair) for pair in zip(groups, WIDTHS, strict=True))])
        dense.append(Block(dense=whole, **common))
    return sparse, dense


def as_dense(beta: np.ndarray) -> np.ndarray:
    """Coefficients in the order of `DENSE`: there the sparse columns come before the levels."""
    return np.concatenate([beta[..., :2], beta[..., 5:], beta[..., 2:5]], axis=-1)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(3))
def test_entries_give_the_sums_of_the_columns_written_out(seed):
    by_entry, in_full = blocks(seed)
    beta = np.random.default_rng(seed).normal(size=SHAPE.p)
    found = evaluate(beta, by_entry, SHAPE, information=False)
    expected = evaluate(as_dense(beta), in_full, DENSE)
    close(found.deviance, expected.deviance)
    close(as_dense(found.score), expected.score)
    diagonal = information_diagonal(beta, by_entry, SHAPE)
    close(as_dense(diagonal), np.diag(expected.information.matrix(DENSE)))
    for a, b in zip(by_entry, in_full, strict=True):
        close(linear_predictor(beta, a, SHAPE), linear_predictor(as_dense(beta), b, DENSE))


def test_several_classes_have_the_sums_of_the_columns_written_out():
    by_entry, in_full = blocks(5, n_classes=3)
    beta = np.random.default_rng(5).normal(size=(2, SHAPE.p))
    found = evaluate_multinomial(beta, by_entry, SHAPE, information=False)
    expected = evaluate_multinomial(as_dense(beta), in_full, DENSE)
    close(found.deviance, expected.deviance)
    close(as_dense(found.score), expected.score)
    matrix = np.diag(expected.matrix(DENSE)).reshape(2, -1)
    close(as_dense(multinomial_diagonal(beta, by_entry, SHAPE)), matrix)


def test_entries_lie_on_the_same_side_of_a_direction_as_the_columns_written_out():
    by_entry, in_full = blocks(8)
    direction, blur = np.random.default_rng(8).normal(size=SHAPE.p), np.full(SHAPE.p, 0.1)
    found = count_along(direction, by_entry, SHAPE, blur=blur)
    assert found == count_along(as_dense(direction), in_full, DENSE, blur=as_dense(blur))
    assert found.neutral > 0
    assert found.violated > 0
    by_class = count_classes_along(direction[None], by_entry, SHAPE, blur=blur[None])
    assert by_class == count_classes_along(
        as_dense(direction)[None], in_full, DENSE, blur=as_dense(blur)[None]
    )


def test_there_is_no_information_matrix_of_sparse_columns():
    by_entry, _ = blocks(0)
    with pytest.raises(ValueError, match="sparse columns have no information matrix"):
        evaluate(np.zeros(SHAPE.p), by_entry, SHAPE)
    with pytest.raises(ValueError, match="sparse columns have no information matrix"):
        evaluate_multinomial(np.zeros((1, SHAPE.p)), by_entry, SHAPE)


def test_rows_that_are_cut_and_put_together_are_the_same_rows():
    rows = sparse_rows(np.random.default_rng(3), 20, 9)
    joined = concatenate([rows.take(slice(0, 7)), rows.take(slice(7, 7)), rows.take(slice(7, 20))])
    for name in ("starts", "columns", "values"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(rows, name))
    chosen = np.arange(20) % 3 == 0
    np.testing.assert_array_equal(written_out(rows.take(chosen), 9), written_out(rows, 9)[:, chosen])


def test_columns_of_one_label_are_found_and_a_share_of_events_speaks_for_both():
    values = np.array([1.0, -2.0, 1.0, 1.0, -1.0])
    rows = SparseRows(starts_of(np.array([3, 2])), np.array([0, 1, 2, 3, 1], np.int32), values)
    shape = BlockShape(1, sparse=(5,))

    def signs(y):
        return entry_labels([Block(np.ones((1, 2)), (), np.array(y), sparse=[rows])], shape).signs().tolist()

    # The second column is below 0 in a row of either label, the fifth is never there.
    assert signs([1.0, 0.0]) == [1.0, 0.0, 1.0, -1.0, 0.0]
    assert signs([1.0, 1.0]) == [1.0, -1.0, 1.0, 1.0, 0.0]
    assert signs([0.5, 1.0]) == [0.0, 0.0, 0.0, 1.0, 0.0]
