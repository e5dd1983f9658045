"""The joint information with any weights for each two classes: sums that are no covariance of anything."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.class_pairs import LevelSums, class_pairs, joint_codes
from logreg_dist.kernel.multinomial import MultinomialState


def signed_information(
    parts: Iterable[tuple[Block, FloatArray]], shape: BlockShape, n_free: int
) -> MultinomialState:
    """Return the state whose matrix is the sum over rows of ``V (x) x x'``.

    Parameters
    ----------
    parts : iterable of (Block, ndarray (n_pairs, m))
        Blocks with the entries of each row's symmetric matrix V (k, k), in the order of `class_pairs`.
    shape : BlockShape
    n_free : int
        Classes beside the reference, k.

    Examples
    --------
    >>> block = Block(dense=np.array([[1.0, 2.0]]), codes=(), y=np.array([0.0, 1.0]))
    >>> V = np.array([[1.0, 1.0], [-1.0, 0.0], [1.0, 0.0]])
    >>> signed_information([(block, V)], BlockShape(1), 2).matrix(BlockShape(1)).tolist()
    [[5.0, -1.0], [-1.0, 1.0]]
    """
    pairs = class_pairs(n_free)
    dense = np.zeros((len(pairs), shape.n_dense, shape.n_dense))
    levels = [LevelSums(shape) for _ in pairs]
    for block, weights in parts:
        codes = [code.astype(np.intp) for code in block.codes]
        joint = joint_codes(codes, shape)
        for total, sums, weight in zip(dense, levels, weights, strict=True):
            total += (block.dense * weight) @ block.dense.T
            sums.add(block.dense, codes, joint, weight)
    blocks = tuple(sums.blocks(total, 1.0) for total, sums in zip(dense, levels, strict=True))
    return MultinomialState(0, 0.0, 0.0, np.zeros((n_free, shape.p)), blocks)
