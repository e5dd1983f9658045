"""Blocks of mixtures: linear combinations of the dense columns, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from logreg_dist.kernel.block import Block, FloatArray


def mixed_blocks(blocks: Iterable[Block], mixing: FloatArray) -> Iterator[Block]:
    """Yield blocks with mixtures of their dense columns instead; all share one buffer, so use each before the next.

    Parameters
    ----------
    blocks : iterable of Block
        With d dense columns.
    mixing : ndarray (d, d)
        A column for each mixture.

    Examples
    --------
    >>> block = Block(dense=np.array([[1.0, 1.0], [2.0, 5.0]]), codes=(), y=np.zeros(2))
    >>> [mixed] = mixed_blocks([block], np.array([[1.0, -2.0], [0.0, 1.0]]))
    >>> mixed.dense.tolist()
    [[1.0, 1.0], [0.0, 3.0]]
    """
    buffer = np.empty((len(mixing), 0))
    for block in blocks:
        if block.n_rows != buffer.shape[1]:
            buffer = np.empty((len(mixing), block.n_rows))
        yield replace(block, dense=np.matmul(mixing.T, block.dense, out=buffer))
