"""The sums of several classes against textbook formulas, and how they add."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.class_pairs import (
    MANY_CLASSES,
    MAX_PRODUCTS,
    PRODUCT_ROWS,
    DenseByProducts,
    DenseSideBySide,
    JointInformation,
    class_pairs,
)
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.multinomial import (
    PART_ROWS,
    evaluate_multinomial,
    information_at_zero,
    multinomial_bytes,
    multinomial_diagonal,
)
from logreg_dist.kernel.signed import signed_information
from logreg_dist.kernel.softmax import class_terms
from tests.kernel.naive import one_hot, random_block

SUMS = 1e-12  # of the largest entry
SHAPES = {
    "dense only": BlockShape(n_dense=4),
    "one categorical": BlockShape(n_dense=2, widths=(3,)),
    "three categoricals": BlockShape(n_dense=3, widths=(1, 4, 2)),
    "no dense column": BlockShape(n_dense=0, widths=(3, 2)),
    "a column with a single level": BlockShape(n_dense=1, widths=(0, 2)),
}


def class_block(rng, n_rows: int, shape: BlockShape, n_free: int, *, weighted: bool = True) -> Block:
    block = random_block(rng, n_rows, shape, weighted=weighted, shares=False)
    return Block(
        dense=block.dense,
        codes=block.codes,
        y=rng.integers(0, n_free + 1, n_rows).astype(float),
        weight=block.weight,
    )


def naive(beta: np.ndarray, block: Block, shape: BlockShape):
    """Deviance, score and joint information by the textbook, summed without rounding."""
    X, (n_free, p) = one_hot(block, shape), beta.shape
    deviance, score = [], [[] for _ in range(n_free * p)]
    information = [[[] for _ in range(n_free * p)] for _ in range(n_free * p)]
    for i, x in enumerate(X.tolist()):
        weight = 1.0 if block.weight is None else float(block.weight[i])
        eta = [math.fsum(a * b for a, b in zip(x, row, strict=True)) for row in beta.tolist()] + [0.0]
        total = math.fsum(math.exp(value) for value in eta)
        mu = [math.exp(value) / total for value in eta]
        y = int(block.y[i])
        deviance.append(-2.0 * weight * math.log(mu[y]))
        for a in range(n_free):
            for j in range(p):
                score[a * p + j].append(weight * ((y == a) - mu[a]) * x[j])
                for b in range(n_free):
                    for k in range(p):
                        entry = weight * mu[a] * ((a == b) - mu[b]) * x[j] * x[k]
                        information[a * p + j][b * p + k].append(entry)
    return (
        math.fsum(deviance),
        np.array([math.fsum(part) for part in score]).reshape(n_free, p),
        np.array([[math.fsum(cell) for cell in row] for row in information]),
    )


def assert_close(found, expected):
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-300)
    np.testing.assert_allclose(found, expected, rtol=0, atol=SUMS * scale)


@pytest.mark.parametrize("n_free", [3, MANY_CLASSES])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("name", SHAPES)
def test_the_sums_are_those_of_a_loop_over_the_rows(name, weighted, n_free):
    shape, rng = SHAPES[name], np.random.default_rng(1)
    block = class_block(rng, 50, shape, n_free, weighted=weighted)
    beta = rng.normal(size=(n_free, shape.p))
    deviance, score, information = naive(beta, block, shape)
    state = evaluate_multinomial(beta, [block], shape)
    assert state.n_rows == 50
    assert state.deviance == pytest.approx(deviance, rel=SUMS)
    assert_close(state.score, score)
    assert_close(state.matrix(shape), information)
    diagonal = multinomial_diagonal(beta, [block], shape)
    assert_close(diagonal.ravel(), np.diag(information))


@pytest.mark.parametrize("n_free", [1, 3])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("name", SHAPES)
def test_at_zero_the_matrix_of_one_class_makes_that_of_all(name, weighted, n_free):
    shape, rng = SHAPES[name], np.random.default_rng(2)
    blocks = [class_block(rng, 20, shape, n_free, weighted=weighted) for _ in range(2)]
    at_zero = evaluate_multinomial(np.zeros((n_free, shape.p)), blocks, shape)
    assert_close(information_at_zero(blocks, shape, n_free), at_zero.matrix(shape))


@pytest.mark.parametrize("n_free", [4, MANY_CLASSES])
def test_the_matrix_is_symmetric_to_the_bit(n_free):
    shape, rng = BlockShape(5, (3,)), np.random.default_rng(2)
    block = class_block(rng, 3_000, shape, n_free)
    matrix = evaluate_multinomial(rng.normal(size=(n_free, shape.p)), [block], shape).matrix(shape)
    assert (matrix == matrix.T).all()


@pytest.mark.parametrize("weighted", [True, False])
def test_both_ways_to_the_dense_columns_sum_the_same(weighted):
    shape, rng = BlockShape(7), np.random.default_rng(21)
    ways = DenseSideBySide(7, 9), DenseByProducts(7, 9)
    for n_rows in (1, PRODUCT_ROWS, PRODUCT_ROWS + 1, 2_500, 3):
        block = class_block(rng, n_rows, shape, 9, weighted=weighted)
        terms = class_terms(rng.normal(size=(9, n_rows)), block.y.astype(np.intp), block.weight)
        for way in ways:
            way.add(block, terms)
    for pair in class_pairs(9):
        first, second = (way.total(*pair) for way in ways)
        assert_close(second, first)


@pytest.mark.parametrize(
    ("n_dense", "n_free", "way"),
    [
        (MAX_PRODUCTS, MANY_CLASSES, DenseByProducts),
        (MAX_PRODUCTS, MANY_CLASSES - 1, DenseSideBySide),
        (MAX_PRODUCTS + 1, MANY_CLASSES, DenseSideBySide),
    ],
)
def test_products_are_for_many_classes_of_few_columns(n_dense, n_free, way):
    assert type(JointInformation(BlockShape(n_dense), n_free)._dense) is way


@pytest.mark.parametrize("name", SHAPES)
def test_one_free_class_is_the_binary_model(name):
    shape, rng = SHAPES[name], np.random.default_rng(3)
    block = class_block(rng, 500, shape, 1)
    beta = rng.normal(size=shape.p)
    state = evaluate_multinomial(beta[None], [block], shape)
    # Class 0 of the kernel is the one with coefficients: label 1 of a binary model.
    binary = evaluate(
        beta, [Block(dense=block.dense, codes=block.codes, y=1.0 - block.y, weight=block.weight)], shape
    )
    assert state.deviance == pytest.approx(binary.deviance, rel=SUMS)
    assert_close(state.score[0], binary.score)
    assert_close(state.matrix(shape), binary.information.matrix(shape))


def test_states_of_parts_add_to_the_state_of_all_rows():
    shape, rng = BlockShape(3, (4,)), np.random.default_rng(4)
    blocks = [class_block(rng, n, shape, 2) for n in (700, 1, 1500)]
    beta = rng.normal(size=(2, shape.p))
    whole = evaluate_multinomial(beta, blocks, shape)
    first, *others = (evaluate_multinomial(beta, [block], shape) for block in blocks)
    total = first + others[0] + others[1]
    assert total.n_rows == whole.n_rows == 2201
    assert total.weight_sum == pytest.approx(whole.weight_sum, rel=SUMS)
    assert total.deviance == pytest.approx(whole.deviance, rel=SUMS)
    assert_close(total.matrix(shape), whole.matrix(shape))


def test_without_information_deviance_and_score_are_the_same_bits():
    shape, rng = BlockShape(3, (4,)), np.random.default_rng(5)
    block, beta = class_block(rng, 300, shape, 3), rng.normal(size=(3, shape.p))
    whole = evaluate_multinomial(beta, [block], shape)
    slim = evaluate_multinomial(beta, [block], shape, information=False)
    assert slim.information == ()
    assert slim.deviance == whole.deviance
    assert (slim.score == whole.score).all()


def test_another_reference_class_gives_the_same_likelihood():
    shape, rng = BlockShape(4), np.random.default_rng(6)
    block, beta = class_block(rng, 200, shape, 2), rng.normal(size=(2, 4))
    # Class 1 becomes the reference: all coefficients are then differences to its own.
    moved = np.array([beta[0] - beta[1], -beta[1]])
    y = np.array([0.0, 2.0, 1.0])[block.y.astype(int)]
    other = Block(dense=block.dense, codes=(), y=y, weight=block.weight)
    found = evaluate_multinomial(moved, [other], shape).deviance
    assert found == pytest.approx(evaluate_multinomial(beta, [block], shape).deviance, rel=SUMS)


def test_far_out_everything_stays_finite_and_has_its_limit():
    eta = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4]])
    right = class_terms(eta, np.array([0, 2, 1]), None)
    assert right.deviance == 0.0
    assert (right.residual == 0.0).all()
    wrong = class_terms(eta, np.array([1, 0, 2]), None)
    assert wrong.deviance == pytest.approx(2.0 * (2e4 + 1e4 + 1e4))
    assert np.isfinite(wrong.residual).all()


def test_the_rest_of_a_likely_class_keeps_its_digits():
    terms = class_terms(np.array([[40.0], [0.0]]), np.array([0]), None)
    exact = 2.0 * math.exp(-40.0)
    assert terms.rest[0, 0] == pytest.approx(exact, rel=1e-14)
    assert terms.residual[0, 0] == pytest.approx(exact, rel=1e-14)
    assert terms.deviance == pytest.approx(2.0 * exact, rel=1e-14)


def test_signed_weights_make_the_sum_of_kronecker_products():
    shape, rng = BlockShape(2, (2, 1)), np.random.default_rng(7)
    block = class_block(rng, 40, shape, 3)
    weights = rng.normal(size=(len(class_pairs(3)), 40))
    X, expected = one_hot(block, shape), np.zeros((3 * shape.p, 3 * shape.p))
    for i, x in enumerate(X):
        V = np.zeros((3, 3))
        for (a, b), weight in zip(class_pairs(3), weights[:, i], strict=True):
            V[a, b] = V[b, a] = weight
        expected += np.kron(V, np.outer(x, x))
    assert_close(signed_information([(block, weights)], shape, 3).matrix(shape), expected)


def test_the_bytes_on_the_wire_are_those_of_the_arrays():
    shape, rng = BlockShape(3, (4, 2)), np.random.default_rng(8)
    state = evaluate_multinomial(np.zeros((2, shape.p)), [class_block(rng, 9, shape, 2)], shape)
    arrays = [state.score]
    for blocks in state.information:
        arrays += [blocks.dense, *blocks.diagonals, *blocks.crosses, *blocks.pairs]
    assert multinomial_bytes(shape, 2) == sum(array.nbytes for array in arrays) + 3 * 8


@pytest.mark.parametrize("name", SHAPES)
def test_the_rows_of_a_long_block_are_summed_part_by_part(name):
    shape, rng = SHAPES[name], np.random.default_rng(7)
    block = class_block(rng, 2 * PART_ROWS + 3, shape, 3)
    beta = rng.normal(size=(3, shape.p))
    parts = [
        replace(
            block,
            dense=block.dense[:, part],
            codes=[code[part] for code in block.codes],
            y=block.y[part],
            weight=block.weight[part],
        )
        for part in (slice(0, 1000), slice(1000, None))
    ]
    whole, apart = (evaluate_multinomial(beta, blocks, shape) for blocks in ([block], parts))
    assert whole.n_rows == apart.n_rows == 2 * PART_ROWS + 3
    assert whole.deviance == pytest.approx(apart.deviance, rel=SUMS)
    assert_close(whole.score, apart.score)
    assert_close(whole.matrix(shape), apart.matrix(shape))


def test_equally_likely_classes_share_a_row():
    terms = class_terms(np.array([[700.0, 0.0], [700.0, 0.0]]), np.array([0, 2]), None)
    assert_close(terms.mu.T, np.array([[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]]))
    assert_close(terms.rest.T, np.array([[0.5, 0.5, 1.0], [2 / 3, 2 / 3, 2 / 3]]))
    assert terms.deviance == pytest.approx(2.0 * (math.log(2.0) + math.log(3.0)), rel=1e-15)
