from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.inference.proof import RowPasses, null_direction, prove_separation
from logreg_dist.inference.separation import (
    DirectionCounts,
    count_along,
    neutral_rows,
)
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate

ONE = BlockShape(1)


def block(x, y, **more) -> Block:
    return Block(np.array([x], dtype=float), (), np.array(y, dtype=float), **more)


def passes_over(one: Block, shape: BlockShape, log: list[str]) -> RowPasses:
    def logged(name, function):
        def call(*arguments):
            log.append(name)
            return function(*arguments)

        return call

    def information(direction, blur):
        rows = neutral_rows(direction, [one], shape, blur=blur)
        return evaluate(np.zeros(shape.p), rows, shape).information.matrix(shape)

    return RowPasses(
        logged("count", lambda direction, blur: count_along(direction, [one], shape, blur=blur)),
        logged("information", information),
        np.ones(shape.p),
    )


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([-1, 2], [0, 1], DirectionCounts(2, 0, 0)),
        ([1, -2], [0, 1], DirectionCounts(0, 0, 2)),
        ([0, 1e-12], [0, 1], DirectionCounts(1, 1, 0)),  # small, but so is its blur
        ([3, -3, 0], [0.5, 0.5, 0.5], DirectionCounts(0, 1, 2)),  # shares lie on both sides
        ([3, 3], [1.0, 0.999], DirectionCounts(1, 0, 1)),
        ([], [], DirectionCounts()),
    ],
)
def test_rows_are_counted_by_their_side(x, y, expected):
    assert count_along(np.ones(1), [block(x, y)], ONE, blur=np.full(1, 1e-9)) == expected


def test_counts_add_and_one_wrong_row_disproves():
    right, wrong = DirectionCounts(5, 0, 0), DirectionCounts(0, 0, 1)
    assert right.proves_separation
    assert right.is_complete
    assert (right + DirectionCounts(0, 2, 0)).proves_separation
    assert not (right + DirectionCounts(0, 2, 0)).is_complete
    assert not (right + wrong).proves_separation
    assert not DirectionCounts(0, 9, 0).proves_separation


def test_the_offset_has_no_say():
    shifted = block([-1, 2], [0, 1], offset=np.array([100.0, -100.0]))
    assert count_along(np.ones(1), [shifted], ONE, blur=np.zeros(1)) == DirectionCounts(2, 0, 0)


def test_levels_count_like_their_columns():
    shape = BlockShape(1, (1,))
    rows = Block(np.ones((1, 3)), [np.array([0, 1, 1], dtype=np.int32)], np.array([1.0, 0.0, 1.0]))
    counts = count_along(np.array([0.0, 1.0]), [rows], shape, blur=np.full(shape.p, 1e-9))
    assert counts == DirectionCounts(separated=1, neutral=2, violated=0)


def test_the_information_of_neutral_rows_is_their_sum_of_squares():
    shape = BlockShape(2, (1,))
    rows = Block(
        np.array([[1.0, 1, 1], [2, 3, 4]]), [np.array([0, 1, 0], dtype=np.int32)], np.array([0.0, 1, 1])
    )
    # x'd is 0, 1 and 2, and may be off by 0.9, 1.1 and 1.3.
    neutral = neutral_rows(np.array([-2.0, 1.0, 0.0]), [rows], shape, blur=np.array([0.5, 0.2, 0.0]))
    found = evaluate(np.zeros(3), neutral, shape).information.matrix(shape)
    X = np.array([[1.0, 2, 1], [1, 3, 0]])
    np.testing.assert_array_equal(found, X.T @ X)


def test_a_proof_of_quasi_separation_makes_the_boundary_exact():
    # The direction is a little off: along the exact one the two rows of the boundary are neutral.
    rows = Block(np.array([[1.0, 1, 1, 1], [1, 1, 0, 0]]), (), np.array([1.0, 1, 0, 1]))
    log: list[str] = []
    counts = prove_separation(np.array([1e-6, 1.0]), passes_over(rows, BlockShape(2), log))
    assert counts == DirectionCounts(separated=2, neutral=2, violated=0)
    assert log[-2:] == ["information", "count"]


def test_rows_that_only_seem_neutral_speak_against_separation():
    x = np.array([1e9, 1.0, 2.0, 3.0, 4.0])
    rows = Block(np.array([np.ones(5), x]), (), np.array([1.0, 0, 1, 0, 1]))
    log: list[str] = []
    counts = prove_separation(np.array([0.0, 1.0]), passes_over(rows, BlockShape(2), log))
    assert counts.violated == 2
    assert not counts.proves_separation
    assert log == ["count"]


def test_one_pass_disproves_and_two_prove_where_no_row_is_near_the_boundary():
    log: list[str] = []
    assert not prove_separation(np.ones(1), passes_over(block([-1, 1, 2], [0, 1, 0]), ONE, log)).is_complete
    assert log == ["count"]
    log.clear()
    assert prove_separation(np.ones(1), passes_over(block([-1, 1], [0, 1]), ONE, log)).is_complete
    assert log == ["count", "count"]


def test_an_exact_direction_has_no_part_outside_the_null_space():
    X = np.random.default_rng(0).normal(size=(30, 4))
    X = np.column_stack([X, X[:, 0] - 3 * X[:, 2]])
    exact = null_direction(np.array([1.01, 0.02, -2.99, 0.0, -1.0]), X.T @ X)
    np.testing.assert_allclose(exact, [1, 0, -3, 0, -1], atol=1e-9)
    np.testing.assert_allclose(X @ exact, 0, atol=1e-9)


def test_a_direction_is_proved_among_its_own_terms_alone():
    # Along a - 1e-9 b half of the rows are 0 and the others on their side; along a alone half are nearly 0, on either.
    tied = np.array([1.0, -1.0, 2.0, -2.0])
    b = np.concatenate([tied, np.zeros(4)])
    a = np.concatenate([1e-9 * tied, [1.0, 2.0, -1.0, -2.0]])
    y = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    shape, one = BlockShape(2), Block(dense=np.array([b, a]), codes=(), y=y)

    def neutral(direction, blur):
        rows = neutral_rows(direction, [one], shape, blur=blur)
        return evaluate(np.zeros(2), rows, shape).information.matrix(shape)

    passes = RowPasses(
        count=lambda direction, blur: count_along(direction, [one], shape, blur=blur),
        neutral_information=neutral,
        scale=np.ones(2),
    )
    assert prove_separation(np.array([-1e-9, 1.0]), passes).proves_separation
    assert not prove_separation(np.array([0.0, 1.0]), passes).proves_separation
