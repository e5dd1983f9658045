"""The kernel of several classes: deviance, score and joint information of blocks of rows at one ``beta``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.class_pairs import JointInformation, class_pairs
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.softmax import ClassTerms, class_scratch, class_terms
from logreg_dist.kernel.sparse import SparseScores
from logreg_dist.kernel.state import InformationBlocks, state_bytes

# Rows of which the numbers of 20 classes and 50 columns stay in a core's own cache: the score takes 0.34 to 0.45 us a
# row instead of 0.56 to 0.72 in the blocks of such a table, 4,096 rows.
PART_ROWS = 1024


@dataclass(frozen=True)
class MultinomialState:
    """Sums over rows at one ``beta`` of k classes against a reference; states of disjoint rows add.

    Attributes
    ----------
    n_rows : int
    weight_sum, deviance : float
    score : ndarray (k, p)
        ``X' (weight (1[y = class] - mu))`` of each class, pointing uphill.
    information : tuple of InformationBlocks
        Of each two classes in the order of `class_pairs`; empty where only the score was asked for.
    """

    n_rows: int
    weight_sum: float
    deviance: float
    score: FloatArray
    information: tuple[InformationBlocks, ...]

    def __add__(self, other: MultinomialState) -> MultinomialState:
        return MultinomialState(
            n_rows=self.n_rows + other.n_rows,
            weight_sum=self.weight_sum + other.weight_sum,
            deviance=self.deviance + other.deviance,
            score=self.score + other.score,
            information=tuple(a + b for a, b in zip(self.information, other.information, strict=True)),
        )

    def matrix(self, shape: BlockShape) -> FloatArray:
        """Assemble the symmetric (k p, k p) information matrix, class after class."""
        n_free, p = self.score.shape
        full = np.empty((n_free, p, n_free, p))
        for (a, b), blocks in zip(class_pairs(n_free), self.information, strict=True):
            full[a, :, b] = blocks.matrix(shape)
            full[b, :, a] = full[a, :, b].T
        return full.reshape(n_free * p, n_free * p)


def evaluate_multinomial(
    beta: FloatArray, blocks: Iterable[Block], shape: BlockShape, *, information: bool = True
) -> MultinomialState:
    """Sum deviance, score and joint information over blocks, in the order given.

    The log-likelihood is ``sum(weight * (eta_y - log(1 + sum_c exp(eta_c))))`` with ``eta_c = X beta_c`` and
    0 for the reference class.

    Parameters
    ----------
    beta : ndarray (k, p)
        Coefficients of each class against the reference, in the order of `shape`.
    blocks : iterable of Block
        Their ``y`` holds the class of each row: ``0 .. k - 1``, k for the reference.
    shape : BlockShape
    information : bool
        False leaves the information out, which is most of the work. Required of sparse columns.

    Notes
    -----
    Agresti (2013), Categorical Data Analysis, section 8.1.

    Examples
    --------
    Three rows, one of each class, at 0: each adds ``2 log 3`` to the deviance.

    >>> block = Block(dense=np.ones((1, 3)), codes=(), y=np.array([0.0, 1.0, 2.0]))
    >>> state = evaluate_multinomial(np.zeros((2, 1)), [block], BlockShape(1))
    >>> round(state.deviance, 6), abs(state.score.round(12)).tolist()
    (6.591674, [[0.0], [0.0]])
    >>> state.matrix(BlockShape(1)).round(6).tolist()
    [[0.666667, -0.333333], [-0.333333, 0.666667]]
    """
    if information and shape.sparse:
        raise ValueError("sparse columns have no information matrix")
    sums = _Sums(beta, shape)
    joint = JointInformation(shape, len(beta)) if information else None
    for block in _in_parts(blocks, shape):
        codes = [code.astype(np.intp) for code in block.codes]
        terms = sums.add(block, codes)
        if joint is not None:
            joint.add(block, codes, terms)
    return sums.state(joint.blocks() if joint is not None else ())


def information_at_zero(blocks: Iterable[Block], shape: BlockShape, n_free: int) -> FloatArray:
    """Return the joint information (k p, k p) at coefficients of 0, class after class, at the cost of one class.

    There all classes are equally likely in every row, so the matrix of classes a and b is ``X' diag(weight) X``
    times ``1[a = b] / (k + 1) - 1 / (k + 1)**2``.

    Examples
    --------
    >>> block = Block(dense=np.array([[1.0, 1.0], [2.0, 4.0]]), codes=(), y=np.array([0.0, 1.0]))
    >>> joint = evaluate_multinomial(np.zeros((2, 2)), [block], BlockShape(2)).matrix(BlockShape(2))
    >>> bool(np.abs(information_at_zero([block], BlockShape(2), 2) - joint).max() < 1e-14)
    True
    """
    products = 4.0 * evaluate(np.zeros(shape.p), blocks, shape).information.matrix(shape)
    share = 1.0 / (n_free + 1)
    of_classes = share * np.eye(n_free) - share**2
    joint: FloatArray = np.einsum("ab,jk->ajbk", of_classes, products).reshape(n_free * shape.p, -1)
    return joint


def multinomial_diagonal(beta: FloatArray, blocks: Iterable[Block], shape: BlockShape) -> FloatArray:
    """Return the diagonal of the joint information, shape (k, p): a preconditioner for quasi-Newton.

    Examples
    --------
    >>> block = Block(dense=np.array([[1.0, 1.0], [2.0, 4.0]]), codes=(), y=np.array([0.0, 1.0]))
    >>> multinomial_diagonal(np.zeros((1, 2)), [block], BlockShape(2)).tolist()
    [[0.5, 5.0]]
    """
    sums, sparse = _Sums(beta, shape), _sparse_scores(beta, shape)
    total = np.zeros((len(beta), shape.p - sum(shape.sparse)))
    for block in _in_parts(blocks, shape):
        codes = [code.astype(np.intp) for code in block.codes]
        terms = sums.add(block, codes)
        working_weight = terms.mu[: len(beta)] * terms.rest[: len(beta)]
        if block.weight is not None:
            working_weight = working_weight * block.weight
        total += sums.by_term(working_weight, block.dense * block.dense, codes)
        for scores, row in zip(sparse, working_weight, strict=False):
            scores.add_squares(block.sparse, row)
    return _side_by_side(total, sparse)


def _in_parts(blocks: Iterable[Block], shape: BlockShape) -> Iterator[Block]:
    """Yield the rows of blocks in parts; whole blocks where levels or words are counted, call by call."""
    for block in blocks:
        if shape.widths or shape.sparse:
            yield block
            continue
        for start in range(0, block.n_rows, PART_ROWS):
            part = slice(start, start + PART_ROWS)
            weight = None if block.weight is None else block.weight[part]
            yield replace(
                block, dense=np.ascontiguousarray(block.dense[:, part]), y=block.y[part], weight=weight
            )


class _Sums:
    """The sums of one call that every kind of evaluation needs."""

    def __init__(self, beta: FloatArray, shape: BlockShape) -> None:
        self.beta, self.shape = beta, shape
        with_reference = np.zeros((len(beta), 1))
        self._effects = [np.hstack([beta[:, where], with_reference]) for where in shape.slices()]
        self.n_rows, self.weight_sum, self.deviance = 0, 0.0, 0.0
        self.score = np.zeros((len(beta), shape.p - sum(shape.sparse)))
        self._sparse = _sparse_scores(beta, shape)
        self._scratch = class_scratch(len(beta), 0)

    def add(self, block: Block, codes: Sequence[NDArray[np.intp]]) -> ClassTerms:
        """Add the rows of a block and return their terms, valid until the next call."""
        if self._scratch.shape[-1] != block.n_rows:
            self._scratch = class_scratch(len(self.beta), block.n_rows)
        eta = self._scratch[0, :-1]
        np.matmul(self.beta[:, : self.shape.n_dense], block.dense, out=eta)
        for effects, code in zip(self._effects, codes, strict=True):
            eta += effects.take(code, axis=1)
        for scores, row in zip(self._sparse, eta, strict=False):
            scores.add_effects(row, block.sparse)
        terms = class_terms(eta, block.y.astype(np.intp), block.weight, self._scratch)
        self.n_rows += block.n_rows
        self.weight_sum += float(block.n_rows if block.weight is None else block.weight.sum())
        self.deviance += terms.deviance
        self.score += self.by_term(terms.residual, block.dense, codes)
        for scores, row in zip(self._sparse, terms.residual, strict=False):
            scores.add(block.sparse, row)
        return terms

    def by_term(self, values: FloatArray, dense: FloatArray, codes: Sequence[NDArray[np.intp]]) -> FloatArray:
        """Return for each row (k, m) of `values` its products with the columns that are not sparse."""
        levels = [
            [np.bincount(code, weights=row, minlength=width + 1)[:-1] for row in values]
            for code, width in zip(codes, self.shape.widths, strict=True)
        ]
        return np.hstack([values @ dense.T, *(np.array(level) for level in levels)])

    def state(self, information: tuple[InformationBlocks, ...]) -> MultinomialState:
        score = _side_by_side(self.score, self._sparse)
        return MultinomialState(self.n_rows, self.weight_sum, self.deviance, score, information)


def _sparse_scores(beta: FloatArray, shape: BlockShape) -> list[SparseScores]:
    """Return the sums over the sparse columns for each class; none without such columns."""
    if not shape.sparse:
        return []
    slices = shape.sparse_slices()
    return [SparseScores(shape.sparse, [row[where] for where in slices]) for row in beta]


def _side_by_side(others: FloatArray, sparse: Sequence[SparseScores]) -> FloatArray:
    """Return the sums of all columns, (k, p)."""
    if not sparse:
        return others
    return np.hstack([others, np.array([np.concatenate(scores.totals()) for scores in sparse])])


def multinomial_bytes(shape: BlockShape, n_free: int) -> int:
    """Return the bytes that one split sends to the driver in a pass.

    Examples
    --------
    >>> multinomial_bytes(BlockShape(n_dense=31), 1) == state_bytes(BlockShape(n_dense=31))
    True
    """
    return len(class_pairs(n_free)) * (state_bytes(shape) - 8 * (3 + shape.p)) + 8 * (3 + n_free * shape.p)
