"""How the score bends along a step is the difference of scores, less what the information foresees."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.remainder import score_remainder

SHAPE = BlockShape(3, (2, 4))


@pytest.fixture
def blocks():
    rng = np.random.default_rng(5)
    return [
        Block(
            dense=rng.normal(size=(3, n)),
            codes=[rng.integers(0, width + 1, n).astype(np.int32) for width in SHAPE.widths],
            y=rng.integers(0, 2, n).astype(float),
            weight=rng.uniform(0.5, 40.0, n) if weighted else None,
            offset=rng.normal(size=n) if weighted else None,
        )
        for n, weighted in ((50, False), (31, True))
    ]


def test_it_is_the_difference_of_scores_less_what_the_information_foresees(blocks):
    rng = np.random.default_rng(6)
    at, beta, step = rng.normal(size=(3, SHAPE.p))
    here, there, matrix = (evaluate(one, blocks, SHAPE) for one in (beta, beta + step, at))
    information = matrix.information.matrix(SHAPE)

    remainder, diagonal = score_remainder(at, beta, step, blocks, SHAPE)

    np.testing.assert_allclose(
        remainder, there.score - here.score + information @ step, rtol=1e-12, atol=1e-11
    )
    np.testing.assert_allclose(diagonal, np.diagonal(information), rtol=1e-13)


def test_sparse_columns_are_refused(blocks):
    with pytest.raises(ValueError, match="sparse"):
        score_remainder(*np.zeros((3, 5)), blocks, BlockShape(3, (), (2,)))
