"""Products of the design's rows with a number of each row: by level codes, never one-hot."""

from __future__ import annotations

import numpy as np

from logreg_dist.kernel.block import Block, BlockShape, FloatArray


def transposed_product(block: Block, values: FloatArray, shape: BlockShape) -> FloatArray:
    """Return ``X' values`` of a block without sparse columns, shape (p,).

    Parameters
    ----------
    block : Block
    values : ndarray (m,)
    shape : BlockShape

    Examples
    --------
    >>> block = Block(np.ones((1, 3)), [np.array([0, 1, 2], np.int32)], np.zeros(3))
    >>> transposed_product(block, np.array([1.0, 2.0, 4.0]), BlockShape(1, (2,))).tolist()
    [7.0, 1.0, 2.0]
    """
    levels = (
        np.bincount(codes, values, minlength=width + 1)[:width]
        for width, codes in zip(shape.widths, block.codes, strict=True)
    )
    return np.concatenate([block.dense @ values, *levels])
