"""Separation of several classes: counted row by row, and proved by an exact direction."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.inference.class_separation import count_classes_along, neutral_pairs
from logreg_dist.inference.proof import RowPasses, prove_separation
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.signed import signed_information

SHAPE = BlockShape(2)


def block_of(x: list[float], y: list[int]) -> Block:
    return Block(dense=np.array([np.ones(len(x)), x]), codes=(), y=np.array(y, dtype=float))


def counts(direction, block, blur=1e-9):
    return count_classes_along(np.array(direction), [block], SHAPE, blur=np.full((2, 2), blur))


def proof(direction, block):
    """Prove on the driver what `ClassPasses` proves with passes."""
    passes = RowPasses(
        lambda d, blur: count_classes_along(d.reshape(2, 2), [block], SHAPE, blur=blur.reshape(2, 2)),
        lambda d, blur: signed_information(
            neutral_pairs(d.reshape(2, 2), [block], SHAPE, blur=blur.reshape(2, 2)), SHAPE, 2
        ).matrix(SHAPE),
        np.ones(4),
    )
    return prove_separation(np.asarray(direction, dtype=float).ravel(), passes)


def test_three_classes_in_a_row_are_separated_completely():
    block = block_of([-3, -2, 0, 1, 4, 5], [0, 0, 2, 2, 1, 1])
    found = counts([[-1.0, -1.0], [-2.5, 1.0]], block)
    assert (found.separated, found.neutral, found.violated) == (6, 0, 0)
    assert found.is_complete


def test_a_row_whose_class_is_outranked_disproves_it():
    block = block_of([-3, -2, 0, 1, 4, 5], [0, 0, 2, 1, 1, 1])
    assert counts([[-1.0, -1.0], [-2.5, 1.0]], block).violated == 1


def test_a_class_that_leads_one_other_and_equals_another_is_both():
    # Along the direction class 0 differs from the others, which are equal everywhere.
    block = block_of([-3, -2, 2, 3, 2, 3], [0, 0, 1, 1, 2, 2])
    found = counts([[0.0, -1.0], [0.0, 0.0]], block)
    assert (found.separated, found.neutral, found.violated) == (6, 4, 0)
    assert found.proves_separation
    assert not found.is_complete


def test_a_blurred_direction_is_replaced_by_an_exact_one():
    # Classes 1 and 2 overlap: only the part of the direction that leaves them equal separates.
    rng = np.random.default_rng(1)
    x = [-3.0, -2.0, *rng.normal(3.0, 0.5, 20)]
    block = block_of(x, [0, 0, *([1, 2] * 10)])
    found = proof([[0.0, -1.0], [1e-9, -2e-9]], block)
    assert found.proves_separation
    assert not found.is_complete
    assert found.neutral == 20


@pytest.mark.parametrize("seed", range(3))
def test_overlapping_classes_are_never_called_separated(seed):
    rng = np.random.default_rng(seed)
    block = block_of(rng.normal(size=60).tolist(), rng.integers(0, 3, 60).tolist())
    assert not proof(rng.normal(size=4), block).proves_separation
