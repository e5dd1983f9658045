"""How the score bends along a step: what its derivative, the information, does not foresee."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.rows import row_terms


def score_remainder(
    at: FloatArray, beta: FloatArray, step: FloatArray, blocks: Iterable[Block], shape: BlockShape
) -> tuple[FloatArray, FloatArray]:
    """Return ``score(beta + step) - score(beta) + information(at) step``, and that information's diagonal.

    Labels do not matter: a row with the linear predictor eta, whose step is xi, adds to the first
    ``-x weight (mu(eta + xi) - mu(eta) - xi w)`` where w is ``mu (1 - mu)`` at `at`.

    Parameters
    ----------
    at, beta, step : ndarray (p,)
        Coefficients in the kernel's order.
    blocks : iterable of Block
    shape : BlockShape
        Without sparse columns.

    Returns
    -------
    ndarray (p,)
    ndarray (p,)

    Raises
    ------
    ValueError
        When there are sparse columns.

    Examples
    --------
    From ``mu = 1/2`` a step of 1 leads to 0.731; with a slope of 1/4 it would be 3/4:

    >>> block = Block(dense=np.ones((1, 2)), codes=(), y=np.array([0.0, 1.0]))
    >>> remainder, diagonal = score_remainder(np.zeros(1), np.zeros(1), np.ones(1), [block], BlockShape(1))
    >>> remainder.round(4).tolist(), diagonal.tolist()
    ([0.0379], [0.5])
    """
    if shape.sparse:
        raise ValueError("sparse columns have no information matrix")
    remainder, diagonal = np.zeros(shape.p), np.zeros(shape.p)
    for block in blocks:
        eta = linear_predictor(beta, block, shape)
        ahead = linear_predictor(beta + step, block, shape)
        weight = row_terms(linear_predictor(at, block, shape), block.y, block.weight).working_weight
        rest = row_terms(ahead, block.y, block.weight).residual
        rest -= row_terms(eta, block.y, block.weight).residual
        rest += weight * (ahead - eta)
        remainder[: shape.n_dense] += block.dense @ rest
        diagonal[: shape.n_dense] += np.einsum("ij,ij,j->i", block.dense, block.dense, weight)
        for where, width, codes in zip(shape.slices(), shape.widths, block.codes, strict=True):
            remainder[where] += np.bincount(codes, weights=rest, minlength=width + 1)[:width]
            diagonal[where] += np.bincount(codes, weights=weight, minlength=width + 1)[:width]
    return remainder, diagonal
