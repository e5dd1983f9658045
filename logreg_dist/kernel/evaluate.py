"""The kernel: deviance, score and information of blocks of rows at one ``beta``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.dense_sums import DenseInformation, WeightedRows
from logreg_dist.kernel.level_sums import LevelInformation, LevelScores, LevelTotals
from logreg_dist.kernel.merge import MergedColumn, merge_columns, merge_for_pairs
from logreg_dist.kernel.rows import RowTerms, row_scratch, row_terms
from logreg_dist.kernel.sparse import SparseScores, add_products
from logreg_dist.kernel.state import InformationBlocks, LogisticState


def evaluate(
    beta: FloatArray, blocks: Iterable[Block], shape: BlockShape, *, information: bool = True
) -> LogisticState:
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
    information : bool
        False leaves the information out, which is most of the work: for line searches and
        quasi-Newton. The state then holds `no_information`, and adds to its like only.
        Required of sparse columns, which have no matrix.

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
    [state] = evaluate_many([beta], blocks, shape, information=information)
    return state


def evaluate_many(
    betas: Sequence[FloatArray], blocks: Iterable[Block], shape: BlockShape, *, information: bool = True
) -> tuple[LogisticState, ...]:
    """Sum deviance, score and information over blocks at several coefficient vectors; each block is read once.

    Each state has the same bits as that of `evaluate` at its ``beta`` alone. The sums of all of them are in
    memory at once, what is worked in for the rows of a block is not.

    Parameters
    ----------
    betas : sequence of ndarray (p,)
    blocks, shape, information
        As for `evaluate`.

    Returns
    -------
    tuple of LogisticState
        In the order of `betas`.

    Examples
    --------
    >>> block = Block(dense=np.ones((1, 2)), codes=(), y=np.array([0.0, 1.0]))
    >>> states = evaluate_many([np.zeros(1), np.array([800.0])], [block], BlockShape(n_dense=1))
    >>> [state.score.tolist() for state in states]
    [[0.0], [-1.0]]
    """
    if information and shape.sparse:
        raise ValueError("sparse columns have no information matrix")
    merged = merge_for_pairs(shape.widths) if information else merge_columns(shape.widths)
    rows, memory = WeightedRows(shape.n_dense), _RowMemory()
    sums = [_Sums(beta, shape, merged, memory) for beta in betas]
    if not information:
        for block in blocks:
            for one in sums:
                one.add(block)
        return tuple(one.state(no_information()) for one in sums)
    matrices = [(DenseInformation(rows), LevelInformation(shape, merged)) for _ in betas]
    for block in blocks:
        for one, (dense, levels) in zip(sums, matrices, strict=True):
            terms = one.add(block)
            dense.add(block.dense, terms.working_weight)
            if merged:
                weighted = rows.weighted(block.dense, terms.working_weight)
                levels.add(one.levels.codes, terms.working_weight, weighted)
    return tuple(
        one.state(InformationBlocks(dense.total(), levels.diagonals(), levels.crosses(), levels.pairs()))
        for one, (dense, levels) in zip(sums, matrices, strict=True)
    )


def no_information() -> InformationBlocks:
    """Return the information of a state that was evaluated without: empty, whatever the shape.

    Not zeros: between columns of many levels the zeros alone would fill the memory. It adds to
    itself and to nothing else.

    Examples
    --------
    >>> (no_information() + no_information()).dense.shape
    (0, 0)
    """
    return InformationBlocks(dense=np.zeros((0, 0)), diagonals=(), crosses=(), pairs=())


def information_diagonal(beta: FloatArray, blocks: Iterable[Block], shape: BlockShape) -> FloatArray:
    """Return the diagonal of the information, shape (p,): a preconditioner for quasi-Newton.

    Takes about as long as `evaluate` without the information.

    Parameters
    ----------
    beta : ndarray (p,)
    blocks : iterable of Block
    shape : BlockShape

    Examples
    --------
    >>> block = Block(dense=np.array([[1.0, 1.0], [2.0, 4.0]]), codes=(), y=np.array([0.0, 1.0]))
    >>> information_diagonal(np.zeros(2), [block], BlockShape(n_dense=2)).tolist()
    [0.5, 5.0]
    """
    merged = merge_columns(shape.widths)
    sums, levels = _Sums(beta, shape, merged, _RowMemory()), LevelTotals(merged)
    dense, rows = np.zeros(shape.n_dense), WeightedRows(shape.n_dense)
    sparse = SparseScores(shape.sparse, [beta[where] for where in shape.sparse_slices()])
    for block in blocks:
        working_weight = sums.add(block).working_weight
        levels.add(sums.levels.codes, working_weight[None])
        root = rows.rooted(block.dense, working_weight)[: shape.n_dense]
        dense += np.einsum("ij,ij->i", root, root)
        sparse.add_squares(block.sparse, working_weight)
    return np.concatenate([dense, *(total[0] for total in levels.by_column()), *sparse.totals()])


def linear_predictor(beta: FloatArray, block: Block, shape: BlockShape) -> FloatArray:
    """Return ``X beta + offset`` of each row, shape (m,), on the log-odds scale."""
    eta = beta[: shape.n_dense] @ block.dense
    for where, codes in zip(shape.slices(), block.codes, strict=True):
        eta += np.append(beta[where], 0.0).take(codes)
    for where, rows in zip(shape.sparse_slices(), block.sparse, strict=True):
        add_products(eta, rows, np.append(beta[where], 0.0))
    if block.offset is not None:
        eta += block.offset
    return eta


class _RowMemory:
    """The memory of a call for the rows of a block: as large as a block, and allocated anew only for another size."""

    def __init__(self) -> None:
        self.eta, self.scratch = np.empty(0), row_scratch(0)

    def resize(self, n_rows: int) -> None:
        """Make room for so many rows."""
        if n_rows != len(self.eta):
            self.eta, self.scratch = np.empty(n_rows), row_scratch(n_rows)


class _Sums:
    """The sums at one ``beta`` that every kind of evaluation needs."""

    def __init__(
        self, beta: FloatArray, shape: BlockShape, merged: Sequence[MergedColumn], memory: _RowMemory
    ) -> None:
        self.beta, self.shape, self._memory = beta, shape, memory
        self.levels = LevelScores(shape, beta, merged)
        self.sparse = SparseScores(shape.sparse, [beta[where] for where in shape.sparse_slices()])
        self.n_rows, self.weight_sum, self.deviance = 0, 0.0, 0.0
        self.dense_score = np.zeros(shape.n_dense)

    def add(self, block: Block) -> RowTerms:
        """Add the rows of a block; the terms returned are valid until the memory is used again."""
        terms = row_terms(self._linear_predictor(block), block.y, block.weight, self._memory.scratch)
        self.n_rows += block.n_rows
        self.weight_sum += float(block.n_rows if block.weight is None else block.weight.sum())
        self.deviance += terms.deviance
        self.dense_score += block.dense @ terms.residual
        self.levels.add(terms.residual)
        self.sparse.add(block.sparse, terms.residual)
        return terms

    def state(self, information: InformationBlocks) -> LogisticState:
        return LogisticState(
            n_rows=self.n_rows,
            weight_sum=self.weight_sum,
            deviance=self.deviance,
            score=np.concatenate([self.dense_score, *self.levels.scores(), *self.sparse.totals()]),
            information=information,
        )

    def _linear_predictor(self, block: Block) -> FloatArray:
        self._memory.resize(block.n_rows)
        eta = np.matmul(self.beta[: self.shape.n_dense], block.dense, out=self._memory.eta)
        self.levels.read(block.codes, block.n_rows)
        self.levels.add_effects(eta, self._memory.scratch[0])
        self.sparse.add_effects(eta, block.sparse)
        if block.offset is not None:
            eta += block.offset
        return eta
