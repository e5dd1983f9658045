from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate, linear_predictor
from tests.kernel.naive import naive_sums, one_hot, random_block

SUMS = 1e-12  # of the largest entry: sums of a few hundred terms, each good to an ulp or two
SLOPES = 1e-6  # central differences lose half of the digits
# Integers and powers of two add without rounding.
EXACT = 0.0

SHAPES = {
    "dense only": BlockShape(n_dense=4),
    "one categorical": BlockShape(n_dense=2, widths=(3,)),
    "three categoricals": BlockShape(n_dense=3, widths=(1, 4, 2)),
    "no dense column": BlockShape(n_dense=0, widths=(3, 2)),
    "a column with a single level": BlockShape(n_dense=1, widths=(0, 2)),
    "more levels than rows": BlockShape(n_dense=2, widths=(900, 3)),
}


def assert_close(found, expected, tolerance):
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-300)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("name", [name for name in SHAPES if name != "more levels than rows"])
def test_the_sums_are_those_of_a_loop_over_the_rows(name, weighted):
    shape, rng = SHAPES[name], np.random.default_rng(1)
    block = random_block(rng, 60, shape, weighted=weighted, shares=weighted)
    beta = rng.normal(size=shape.p)
    state = evaluate(beta, [block], shape)
    deviance, score, information = naive_sums(beta, block, shape)
    assert state.n_rows == 60
    assert state.weight_sum == pytest.approx(60 if block.weight is None else block.weight.sum(), rel=SUMS)
    assert state.deviance == pytest.approx(deviance, rel=SUMS)
    assert_close(state.score, score, SUMS)
    assert_close(state.information.matrix(shape), information, SUMS)


def test_columns_with_more_levels_than_the_block_has_rows_add_up_too():
    shape, rng = SHAPES["more levels than rows"], np.random.default_rng(2)
    block = random_block(rng, 50, shape)
    beta = rng.normal(size=shape.p)
    X = one_hot(block, shape)
    mu = 1 / (1 + np.exp(-(X @ beta + block.offset)))
    state = evaluate(beta, [block], shape)
    assert_close(state.score, X.T @ (block.weight * (block.y - mu)), SUMS)
    expected = (X.T * (block.weight * mu * (1 - mu))) @ X
    assert_close(state.information.matrix(shape), expected, SUMS)


@pytest.mark.parametrize("name", ["dense only", "three categoricals"])
def test_the_score_is_minus_half_the_slope_of_the_deviance(name):
    shape, rng = SHAPES[name], np.random.default_rng(3)
    block, beta, h = random_block(rng, 80, shape), rng.normal(size=shape.p), 1e-5
    slopes = [
        evaluate(beta + h * unit, [block], shape).deviance
        - evaluate(beta - h * unit, [block], shape).deviance
        for unit in np.eye(shape.p)
    ]
    assert_close(evaluate(beta, [block], shape).score, -np.array(slopes) / (4 * h), SLOPES)


@pytest.mark.parametrize("name", ["dense only", "three categoricals"])
def test_the_information_is_minus_the_slope_of_the_score(name):
    shape, rng = SHAPES[name], np.random.default_rng(4)
    block, beta, h = random_block(rng, 80, shape), rng.normal(size=shape.p), 1e-5
    slopes = [
        evaluate(beta - h * unit, [block], shape).score - evaluate(beta + h * unit, [block], shape).score
        for unit in np.eye(shape.p)
    ]
    found = evaluate(beta, [block], shape).information.matrix(shape)
    assert_close(found, np.array(slopes) / (2 * h), SLOPES)


@pytest.mark.parametrize("eta", [-1e4, -800.0, 0.0, 800.0, 1e4])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_the_sums_have_the_exact_limits_far_out(eta, y):
    block = Block(dense=np.array([[eta]]), codes=(), y=np.array([y]))
    state = evaluate(np.ones(1), [block], BlockShape(1))
    mu = 0.5 if eta == 0 else float(eta > 0)
    loss = np.log(2) if eta == 0 else max(eta, 0.0) - y * eta
    assert state.deviance == pytest.approx(2 * loss, abs=EXACT)
    np.testing.assert_array_equal(state.score, [(y - mu) * eta])
    np.testing.assert_array_equal(state.information.dense, [[mu * (1 - mu) * eta**2]])


@pytest.mark.parametrize("eta", [-700.0, -40.0, 40.0, 700.0])
def test_the_rarer_side_keeps_all_its_digits(eta):
    # exp(-40) is far below the rounding of 1 - mu: it must not have been subtracted from 1.
    likely = float(eta > 0)
    block = Block(dense=np.array([[1.0]]), codes=(), y=np.array([likely]))
    state = evaluate(np.array([eta]), [block], BlockShape(1))
    tail = np.exp(-abs(eta))
    np.testing.assert_allclose(abs(state.score[0]), tail, rtol=SUMS)
    np.testing.assert_allclose(state.deviance, 2 * tail, rtol=SUMS)
    np.testing.assert_allclose(state.information.dense, tail, rtol=SUMS)


def test_no_blocks_and_empty_blocks_give_zero():
    shape = SHAPES["three categoricals"]
    empty = random_block(np.random.default_rng(0), 0, shape)
    for blocks in ([], [empty], [empty, empty]):
        state = evaluate(np.ones(shape.p), blocks, shape)
        assert (state.n_rows, state.weight_sum, state.deviance) == (0, 0.0, 0.0)
        assert not state.score.any()
        assert not state.information.matrix(shape).any()


def test_a_row_of_weight_zero_adds_nothing_even_far_out():
    block = Block(
        dense=np.array([[1.0, 1.0], [1e8, 0.5]]),
        codes=[np.array([0, 1], dtype=np.int32)],
        y=np.array([0.0, 1.0]),
        weight=np.array([0.0, 2.0]),
    )
    shape = BlockShape(2, (1,))
    kept = Block(block.dense[:, 1:], [block.codes[0][1:]], block.y[1:], block.weight[1:])
    a, b = (evaluate(np.array([0.1, 3.0, 0.2]), [one], shape) for one in (block, kept))
    assert a.deviance == b.deviance
    np.testing.assert_array_equal(a.score, b.score)
    np.testing.assert_array_equal(a.information.matrix(shape), b.information.matrix(shape))


def test_the_reference_code_and_the_offset_enter_the_linear_predictor():
    block = Block(
        dense=np.array([[1.0, 1.0, 1.0]]),
        codes=[np.array([0, 1, 2], dtype=np.int32)],
        y=np.zeros(3),
        offset=np.array([0.0, 0.0, 100.0]),
    )
    eta = linear_predictor(np.array([1.0, 10.0, 20.0]), block, BlockShape(1, (2,)))
    np.testing.assert_array_equal(eta, [11.0, 21.0, 101.0])


def test_the_kernel_leaves_beta_and_the_rows_as_they_were():
    shape = SHAPES["three categoricals"]
    block, beta = random_block(np.random.default_rng(5), 30, shape), np.ones(shape.p)
    arrays = [beta, block.dense, block.y, block.weight, block.offset, *block.codes]
    for array in arrays:
        array.flags.writeable = False
    before = [array.copy() for array in arrays]
    evaluate(beta, [block], shape)
    for old, now in zip(before, arrays, strict=True):
        np.testing.assert_array_equal(old, now)
