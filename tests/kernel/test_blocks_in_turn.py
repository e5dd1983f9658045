"""Several blocks in one call share the kernel's memory: nothing of one may show in the next."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.kernel.block import BlockShape
from logreg_dist.kernel.evaluate import evaluate, evaluate_many, information_diagonal
from logreg_dist.kernel.state import LogisticState
from tests.kernel.naive import random_block

SUMS = 1e-12  # of the largest entry: another order of adding

SHAPES = [
    BlockShape(n_dense=5),
    BlockShape(n_dense=8),
    BlockShape(n_dense=2, widths=(3, 0, 5, 300)),
    BlockShape(n_dense=0, widths=(2, 2)),
]


def numbers_in(state: LogisticState, shape: BlockShape) -> np.ndarray:
    information = state.information.matrix(shape).ravel()
    return np.concatenate([[state.n_rows, state.weight_sum, state.deviance], state.score, information])


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=SUMS * np.abs(expected).max(initial=1e-300))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_short_block_after_full_ones_and_an_empty_one_between_add_their_own_rows(shape):
    rng = np.random.default_rng(2)
    blocks = [
        random_block(rng, n_rows, shape, weighted=weighted)
        for n_rows, weighted in [(60, True), (60, False), (0, True), (7, False), (60, True), (1, True)]
    ]
    beta = rng.normal(size=shape.p)
    at_once = numbers_in(evaluate(beta, blocks, shape), shape)
    apart = [numbers_in(evaluate(beta, [block], shape), shape) for block in blocks]
    assert_close(at_once, np.sum(apart, axis=0))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_was_evaluated_before_does_not_change_a_bit(shape):
    rng = np.random.default_rng(3)
    beta, block, other = rng.normal(size=shape.p), *(random_block(rng, n, shape) for n in (50, 90))
    first = numbers_in(evaluate(beta, [block], shape), shape)
    evaluate(-beta, [other, block], shape)
    assert numbers_in(evaluate(beta, [block], shape), shape).tobytes() == first.tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_state_stays_as_it_was_when_more_is_evaluated(shape):
    rng = np.random.default_rng(4)
    block, beta = random_block(rng, 50, shape), rng.normal(size=shape.p)
    state = evaluate(beta, [block], shape)
    before = numbers_in(state, shape)
    evaluate(-beta, [block, block], shape)
    np.testing.assert_array_equal(numbers_in(state, shape), before)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_without_information_deviance_and_score_are_the_same(shape):
    rng = np.random.default_rng(5)
    blocks = [random_block(rng, n_rows, shape, weighted=n_rows != 30) for n_rows in (60, 60, 0, 30)]
    beta = rng.normal(size=shape.p)
    full, short = (evaluate(beta, blocks, shape, information=wanted) for wanted in (True, False))
    assert (short.n_rows, short.weight_sum) == (full.n_rows, full.weight_sum)
    assert short.deviance == pytest.approx(full.deviance, rel=SUMS)
    assert_close(short.score, full.score)
    assert_close((short + short).score, 2 * full.score)
    for state in (short, short + short):
        assert state.information.dense.size == 0
        assert (state.information.crosses, state.information.pairs) == ((), ())


def test_without_information_no_table_of_pairs_is_made():
    # The tables of these three columns would take 240 GB.
    shape = BlockShape(n_dense=1, widths=(100_000, 100_000, 100_000))
    block = random_block(np.random.default_rng(6), 40, shape)
    state = evaluate(np.zeros(shape.p), [block], shape, information=False)
    assert np.count_nonzero(state.score) > 100
    assert np.count_nonzero(information_diagonal(np.zeros(shape.p), [block], shape)) > 100


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_diagonal_is_that_of_the_information(shape):
    rng = np.random.default_rng(7)
    blocks = [random_block(rng, n_rows, shape) for n_rows in (60, 60, 0, 30)]
    beta = rng.normal(size=shape.p)
    expected = np.diag(evaluate(beta, blocks, shape).information.matrix(shape))
    assert_close(information_diagonal(beta, blocks, shape), expected)


@pytest.mark.parametrize("information", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_several_coefficient_vectors_at_once_give_the_bits_of_each_alone(shape, information):
    rng = np.random.default_rng(8)
    blocks = [random_block(rng, n_rows, shape, weighted=n_rows != 30) for n_rows in (60, 60, 0, 30)]
    betas = list(rng.normal(size=(4, shape.p)))
    for beta, many in zip(betas, evaluate_many(betas, blocks, shape, information=information), strict=True):
        alone = evaluate(beta, blocks, shape, information=information)
        assert (many.n_rows, many.weight_sum, many.deviance) == (
            alone.n_rows,
            alone.weight_sum,
            alone.deviance,
        )
        assert many.score.tobytes() == alone.score.tobytes()
        if information:
            assert numbers_in(many, shape).tobytes() == numbers_in(alone, shape).tobytes()


def test_blocks_that_can_be_read_once_serve_all_coefficient_vectors():
    shape = SHAPES[0]
    blocks = [random_block(np.random.default_rng(9), n_rows, shape) for n_rows in (5, 7)]
    states = evaluate_many([np.zeros(shape.p)] * 3, iter(blocks), shape)
    assert [state.n_rows for state in states] == [12, 12, 12]
    assert evaluate_many([], blocks, shape) == ()


def test_no_rows_have_no_information():
    shape = SHAPES[2]
    np.testing.assert_array_equal(information_diagonal(np.ones(shape.p), [], shape), np.zeros(shape.p))
    state = evaluate(np.ones(shape.p), [], shape, information=False)
    assert (state.deviance, np.abs(state.score).max()) == (0.0, 0.0)
