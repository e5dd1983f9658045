from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.fitting.sums import in_kernel_order, in_term_order
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.state import LogisticState, state_bytes
from logreg_dist.staging.split_tasks import add_in_groups
from tests.kernel.naive import random_block

SPLITS = 1e-12  # of the largest entry: another order of adding
SHAPE = BlockShape(n_dense=2, widths=(3, 2))
BETA = np.array([0.2, -1.0, 0.5, 0.0, -0.3, 1.0, 2.0])


def rows_of(block: Block, which) -> Block:
    return Block(
        np.ascontiguousarray(block.dense[:, which]),
        [codes[which] for codes in block.codes],
        block.y[which],
        block.weight[which],
        block.offset[which],
    )


def numbers_in(state: LogisticState) -> np.ndarray:
    information = state.information.matrix(SHAPE).ravel()
    return np.concatenate([[state.n_rows, state.weight_sum, state.deviance], state.score, information])


BLOCK = random_block(np.random.default_rng(7), 90, SHAPE)
WHOLE = numbers_in(evaluate(BETA, [BLOCK], SHAPE))


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(90)), st.lists(st.integers(0, 90), max_size=8), st.randoms())
def test_any_split_of_the_rows_in_any_order_gives_the_same_sums(order, cuts, random):
    edges = [0, *sorted(cuts), 90]
    order = np.array(order)
    parts = [rows_of(BLOCK, order[a:b]) for a, b in pairwise(edges)]
    states = [evaluate(BETA, [part], SHAPE) for part in parts]
    random.shuffle(states)
    found = numbers_in(add_in_groups(states, len(states)))
    assert np.abs(found - WHOLE).max() <= SPLITS * np.abs(WHOLE).max()


def test_several_blocks_in_one_call_are_the_sum_of_their_states():
    parts = [rows_of(BLOCK, slice(0, 40)), rows_of(BLOCK, slice(40, 90))]
    at_once = numbers_in(evaluate(BETA, parts, SHAPE))
    added = numbers_in(add_in_groups([evaluate(BETA, [part], SHAPE) for part in parts], len(parts)))
    assert np.abs(at_once - added).max() <= SPLITS * np.abs(added).max()


def test_the_same_blocks_in_the_same_order_give_the_same_bits():
    again = numbers_in(evaluate(BETA, [rows_of(BLOCK, slice(None))], SHAPE))
    assert again.tobytes() == WHOLE.tobytes()


def test_the_state_of_no_rows_is_neutral():
    state = evaluate(BETA, [BLOCK], SHAPE)
    nothing = evaluate(BETA, [], SHAPE)
    for added in (nothing + state, state + nothing):
        np.testing.assert_array_equal(numbers_in(added), WHOLE)


def test_adding_leaves_both_states_as_they_were():
    a, b = evaluate(BETA, [BLOCK], SHAPE), evaluate(-BETA, [BLOCK], SHAPE)
    before = numbers_in(a), numbers_in(b)
    _ = a + b
    np.testing.assert_array_equal(numbers_in(a), before[0])
    np.testing.assert_array_equal(numbers_in(b), before[1])


def test_the_information_matrix_is_symmetric_with_a_diagonal_block_for_each_column():
    full = evaluate(BETA, [BLOCK], SHAPE).information.matrix(SHAPE)
    np.testing.assert_array_equal(full, full.T)
    for where in SHAPE.slices():
        block = full[where, where]
        np.testing.assert_array_equal(block, np.diag(np.diag(block)))


@pytest.mark.parametrize("widths", [(), (3, 2), (400,)])
def test_state_bytes_tells_the_size_on_the_wire(widths):
    shape = BlockShape(n_dense=5, widths=widths)
    overhead = 3_000  # names and types of a pickle
    size = len(pickle.dumps(evaluate(np.zeros(shape.p), [], shape), protocol=5))
    assert state_bytes(shape) <= size <= state_bytes(shape) + overhead


def test_kernel_order_and_term_order_undo_each_other():
    positions = np.array([0, 3, 1, 2, 6, 4, 5])
    by_term = np.arange(7.0)
    kernel = in_kernel_order(by_term, positions)
    state = evaluate(kernel, [BLOCK], SHAPE)
    sums = in_term_order(state, SHAPE, positions)
    np.testing.assert_array_equal(kernel[positions], by_term)
    np.testing.assert_array_equal(sums.score, state.score[positions])
    full = state.information.matrix(SHAPE)
    assert all(sums.information[j, k] == full[positions[j], positions[k]] for j in range(7) for k in range(7))
