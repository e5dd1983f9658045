"""The kernel: deviance, score and information of blocks of rows at one ``beta``."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from logreg_dist.kernel.block import Block, BlockShape, CodeArray, FloatArray
from logreg_dist.kernel.rows import RowTerms, row_terms
from logreg_dist.kernel.state import InformationBlocks, LogisticState


def evaluate(beta: FloatArray, blocks: Iterable[Block], shape: BlockShape) -> LogisticState:
    """Sum deviance, score and information over blocks, in the order given.

    The log-likelihood is ``sum(weight * (y * eta - log(1 + exp(eta))))`` with
    ``eta = X beta + offset``. The result is finite for every finite ``eta``.

    Parameters
    ----------
    beta : ndarray (p,)
        Coefficients in the order of `shape`, log-odds per unit of each design column.
    blocks : iterable of Block
        Any number of blocks, none included.
    shape : BlockShape
        Sizes that all blocks share.

    Returns
    -------
    LogisticState
        Zero when there are no blocks.

    Notes
    -----
    McCullagh and Nelder (1989), Generalized Linear Models, section 4.4. Penalty, averages and
    convergence are left to the driver.

    Examples
    --------
    Two rows at ``beta = 0``: each adds ``2 log 2`` to the deviance and 1/4 to the information.

    >>> block = Block(dense=np.ones((1, 2)), codes=(), y=np.array([0.0, 1.0]))
    >>> state = evaluate(np.zeros(1), [block], BlockShape(n_dense=1))
    >>> round(state.deviance, 6), state.score.tolist(), state.information.dense.tolist()
    (2.772589, [0.0], [[0.5]])
    """
    sums = _Sums(shape)
    for block in blocks:
        sums.add(beta, block)
    return sums.state()


def linear_predictor(beta: FloatArray, block: Block, shape: BlockShape) -> FloatArray:
    """Return ``X beta + offset`` of each row, shape (m,), on the log-odds scale."""
    eta = beta[: shape.n_dense] @ block.dense
    for where, codes in zip(shape.slices(), block.codes, strict=True):
        eta += np.append(beta[where], 0.0).take(codes)
    if block.offset is not None:
        eta += block.offset
    return eta


class _Sums:
    """The running sums of one call of `evaluate`; the only mutable state in the kernel.

    Categorical sums keep one more row and column, for the reference level, so that the codes
    can be counted without masking; `state` leaves them out.
    """

    def __init__(self, shape: BlockShape) -> None:
        self.shape = shape
        d, padded = shape.n_dense, [width + 1 for width in shape.widths]
        self.n_rows, self.weight_sum, self.deviance = 0, 0.0, 0.0
        self.dense_score = np.zeros(d)
        self.dense = np.zeros((d, d))
        self.level_scores = [np.zeros(size) for size in padded]
        self.diagonals = [np.zeros(size) for size in padded]
        self.crosses = [np.zeros((d, size)) for size in padded]
        self.pairs = [np.zeros(a * b) for a, b in combinations(padded, 2)]

    def add(self, beta: FloatArray, block: Block) -> None:
        terms = row_terms(linear_predictor(beta, block, self.shape), block.y, block.weight)
        self.n_rows += block.n_rows
        self.weight_sum += float(block.n_rows if block.weight is None else block.weight.sum())
        self.deviance += terms.deviance
        self._add_dense(block, terms)
        if block.codes:
            self._add_levels(block, terms)

    def _add_dense(self, block: Block, terms: RowTerms) -> None:
        self.dense_score += block.dense @ terms.residual
        root = block.dense * np.sqrt(terms.working_weight)
        # One operand and its transpose: NumPy then calls SYRK, half the work of GEMM.
        self.dense += root @ root.T

    def _add_levels(self, block: Block, terms: RowTerms) -> None:
        weighted = block.dense * terms.working_weight
        for k, codes in enumerate(block.codes):
            _add_at(self.level_scores[k], codes, terms.residual)
            _add_at(self.diagonals[k], codes, terms.working_weight)
            for row, cross in zip(weighted, self.crosses[k], strict=True):
                _add_at(cross, codes, row)
        for pair, (a, b) in zip(self.pairs, combinations(range(len(block.codes)), 2), strict=True):
            joint = block.codes[a].astype(np.int64)
            joint *= self.shape.widths[b] + 1
            joint += block.codes[b]
            _add_at(pair, joint, terms.working_weight)

    def state(self) -> LogisticState:
        padded = [width + 1 for width in self.shape.widths]
        pairs = zip(self.pairs, combinations(padded, 2), strict=True)
        return LogisticState(
            n_rows=self.n_rows,
            weight_sum=self.weight_sum,
            deviance=self.deviance,
            score=np.concatenate([self.dense_score, *(score[:-1] for score in self.level_scores)]),
            information=InformationBlocks(
                dense=self.dense,
                diagonals=tuple(diagonal[:-1] for diagonal in self.diagonals),
                crosses=tuple(np.ascontiguousarray(cross[:, :-1].T) for cross in self.crosses),
                pairs=tuple(np.ascontiguousarray(pair.reshape(size)[:-1, :-1]) for pair, size in pairs),
            ),
        )


def _add_at(total: FloatArray, codes: CodeArray | np.ndarray, values: FloatArray) -> None:
    """Add each value to the entry of its code.

    `bincount` makes a new array as long as `total`, which is the faster way until that array is
    much longer than the block.
    """
    if len(total) <= 4 * len(codes):
        total += np.bincount(codes, weights=values, minlength=len(total))
    else:
        np.add.at(total, codes, values)
