"""The kernel's sums again, one row and one column at a time, in plain Python."""

from __future__ import annotations

import math

import numpy as np

from logreg_dist.kernel.block import Block, BlockShape


def one_hot(block: Block, shape: BlockShape) -> np.ndarray:
    """Return the design matrix (m, p) with a column for each level but the reference."""
    X = np.zeros((block.n_rows, shape.p))
    X[:, : shape.n_dense] = block.dense.T
    for where, width, codes in zip(shape.slices(), shape.widths, block.codes, strict=True):
        for row, code in enumerate(codes):
            if code < width:
                X[row, where.start + code] = 1.0
    return X


def naive_sums(beta: np.ndarray, block: Block, shape: BlockShape):
    """Return deviance, score and information by the textbook formulas, summed without rounding."""
    X, p = one_hot(block, shape), shape.p
    deviance, score = [], [[] for _ in range(p)]
    information = [[[] for _ in range(p)] for _ in range(p)]
    for i in range(block.n_rows):
        weight = 1.0 if block.weight is None else float(block.weight[i])
        offset = 0.0 if block.offset is None else float(block.offset[i])
        eta = math.fsum([*(float(x * b) for x, b in zip(X[i], beta, strict=True)), offset])
        mu = 1.0 / (1.0 + math.exp(-eta))
        y = float(block.y[i])
        deviance.append(-2.0 * weight * (y * math.log(mu) + (1.0 - y) * math.log(1.0 - mu)))
        for j in range(p):
            score[j].append(weight * (y - mu) * X[i, j])
            for k in range(p):
                information[j][k].append(weight * mu * (1.0 - mu) * X[i, j] * X[i, k])
    total = np.array([[math.fsum(cell) for cell in row] for row in information]).reshape(p, p)
    return math.fsum(deviance), np.array([math.fsum(part) for part in score]), total


def random_block(
    rng: np.random.Generator, n_rows: int, shape: BlockShape, *, weighted: bool = True, shares: bool = True
) -> Block:
    """Return rows with labels or shares of events, and weights and offsets when asked for."""
    dense = rng.normal(size=(shape.n_dense, n_rows))
    dense[:1] = 1.0
    return Block(
        dense=dense,
        codes=[rng.integers(0, width + 1, n_rows).astype(np.int32) for width in shape.widths],
        y=rng.random(n_rows) if shares else rng.integers(0, 2, n_rows).astype(float),
        weight=rng.exponential(2.0, n_rows) if weighted else None,
        offset=rng.normal(size=n_rows) if weighted else None,
    )
