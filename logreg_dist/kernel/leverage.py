"""Leverages: how much of its own fitted value each row decides, by a quadratic form of the row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.rows import row_terms


class QuadraticForm:
    """``x' M x`` of the rows of blocks; its tables are made once.

    Parameters
    ----------
    matrix : ndarray (p, p)
        Symmetric, in the order of `shape`.
    shape : BlockShape
        Without sparse columns: a matrix of these is never formed.

    Examples
    --------
    A number and a category of one level beside its reference:

    >>> matrix = np.array([[2.0, 0.5], [0.5, 3.0]])
    >>> codes = np.array([0, 1], dtype=np.int32)
    >>> block = Block(dense=np.array([[1.0, 10.0]]), codes=(codes,), y=np.zeros(2))
    >>> QuadraticForm(matrix, BlockShape(1, (1,))).of(block).tolist()
    [6.0, 200.0]
    """

    def __init__(self, matrix: FloatArray, shape: BlockShape) -> None:
        if shape.sparse:
            raise ValueError("sparse columns have no information matrix")
        d, slices = shape.n_dense, shape.slices()
        # Behind the last level stands the reference, which has no coefficient.
        self._dense = np.ascontiguousarray(matrix[:d, :d])
        self._diagonals = [np.append(np.diag(matrix)[where], 0.0) for where in slices]
        self._crosses = [np.vstack([2.0 * matrix[where, :d], np.zeros((1, d))]) for where in slices]
        self._pairs = {
            (j, k): np.pad(2.0 * matrix[slices[j], slices[k]], ((0, 1), (0, 1)))
            for j, k in combinations(range(len(slices)), 2)
        }

    def of(self, block: Block) -> FloatArray:
        """Return ``x' M x`` of each row, shape (m,)."""
        found: FloatArray = np.einsum("im,im->m", self._dense @ block.dense, block.dense)
        for codes, diagonal, cross in zip(block.codes, self._diagonals, self._crosses, strict=True):
            found += diagonal.take(codes)
            found += np.einsum("mi,im->m", cross.take(codes, axis=0), block.dense)
        for (j, k), pair in self._pairs.items():
            found += pair[block.codes[j], block.codes[k]]
        return found


def leverages(beta: FloatArray, block: Block, form: QuadraticForm, shape: BlockShape) -> FloatArray:
    """Return the leverage of each row, ``w mu (1 - mu) x' V x``, shape (m,).

    Of a row that stands for k others it is that of all of them together. Over all rows they sum to the number
    of terms when V is the inverse information at `beta`.

    Parameters
    ----------
    beta : ndarray (p,)
    block : Block
    form : QuadraticForm
        Of the covariance V.
    shape : BlockShape

    Notes
    -----
    Pregibon (1981), Logistic regression diagnostics, Ann. Statist. 9(4), section 3.

    Examples
    --------
    >>> block = Block(dense=np.ones((1, 4)), codes=(), y=np.array([0.0, 1, 0, 1]))
    >>> shape = BlockShape(1)
    >>> leverages(np.zeros(1), block, QuadraticForm(np.array([[1.0]]), shape), shape).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    terms = row_terms(linear_predictor(beta, block, shape), block.y, block.weight)
    found: FloatArray = terms.working_weight * form.of(block)
    return found


def with_half_events(
    beta: FloatArray, covariance: FloatArray, blocks: Iterable[Block], shape: BlockShape
) -> Iterator[Block]:
    """Yield the blocks with half of each row's leverage h added to its events and half to its non-events.

    A row of weight w becomes one of weight ``w + h`` with ``(w y + h / 2) / (w + h)`` as its share of events. The
    score of these rows at `beta` is Firth's, ``sum((w (y - mu) + h (1/2 - mu)) x)``: the derivative of the
    log-likelihood plus half the log-determinant of the information.

    Parameters
    ----------
    beta : ndarray (p,)
    covariance : ndarray (p, p)
        Inverse information at `beta`, 0 for terms without an estimate; in the order of `shape`.
    blocks : iterable of Block
    shape : BlockShape

    Notes
    -----
    Firth (1993), Bias reduction of maximum likelihood estimates, Biometrika 80(1), section 3; Heinze and Schemper
    (2002), A solution to the problem of separation in logistic regression, Statist. Med. 21, section 2.

    Examples
    --------
    One of two rows is an event, whatever their leverage: the score stays 0.

    >>> block = Block(dense=np.ones((1, 2)), codes=(), y=np.array([0.0, 1.0]))
    >>> [found] = with_half_events(np.zeros(1), np.array([[2.0]]), [block], BlockShape(1))
    >>> found.weight.tolist(), found.y.round(6).tolist()
    ([1.5, 1.5], [0.166667, 0.833333])
    """
    form = QuadraticForm(covariance, shape)
    for block in blocks:
        half = leverages(beta, block, form, shape) / 2
        weight = np.ones(block.n_rows) if block.weight is None else block.weight
        total = weight + 2 * half
        # A row of weight 0 has no leverage either: its label counts for nothing.
        y = np.divide(weight * block.y + half, total, out=np.zeros(block.n_rows), where=total > 0)
        yield replace(block, y=y, weight=total)
