"""The kernel's information sums with any weights: ``X' diag(weight) X`` of rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.dense_sums import DenseInformation, WeightedRows
from logreg_dist.kernel.level_sums import LevelInformation, LevelScores
from logreg_dist.kernel.merge import merge_for_pairs
from logreg_dist.kernel.state import InformationBlocks


def weighted_information(parts: Iterable[tuple[Block, FloatArray]], shape: BlockShape) -> InformationBlocks:
    """Sum ``weight x x'`` over rows.

    Parameters
    ----------
    parts : iterable of (Block, ndarray (m,))
        Blocks with a weight >= 0 for each row; a block is used up before the next one is asked for.
    shape : BlockShape
        Without sparse columns.

    Examples
    --------
    >>> block = Block(dense=np.array([[1.0, 2.0]]), codes=(), y=np.array([0.0, 1.0]))
    >>> weighted_information([(block, np.array([3.0, 1.0]))], BlockShape(1)).dense.tolist()
    [[7.0]]
    """
    merged = merge_for_pairs(shape.widths)
    rows = WeightedRows(shape.n_dense)
    dense, levels = DenseInformation(rows), LevelInformation(shape, merged)
    coded = LevelScores(shape, np.zeros(shape.p), merged)  # for its merged codes
    for block, weight in parts:
        dense.add(block.dense, weight)
        if merged:
            coded.read(block.codes, block.n_rows)
            levels.add(coded.codes, weight, rows.weighted(block.dense, weight))
    return InformationBlocks(dense.total(), levels.diagonals(), levels.crosses(), levels.pairs())
