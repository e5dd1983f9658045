"""Leverages: how much of its own fitted value each row decides; and rows with theirs added to their label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.row_quadratics import RowQuadratics
from logreg_dist.kernel.rows import row_terms


def leverages(beta: FloatArray, block: Block, form: RowQuadratics, shape: BlockShape) -> FloatArray:
    """Return the leverage of each row, ``w mu (1 - mu) x' V x``, shape (m,).

    Of a row that stands for k others it is that of all of them together. Over all rows they sum to the number
    of terms when V is the inverse information at `beta`.

    Parameters
    ----------
    beta : ndarray (p,)
    block : Block
    form : RowQuadratics
        Of the covariance V.
    shape : BlockShape

    Notes
    -----
    Pregibon (1981), Logistic regression diagnostics, Ann. Statist. 9(4), section 3.

    Examples
    --------
    >>> block = Block(dense=np.ones((1, 4)), codes=(), y=np.array([0.0, 1, 0, 1]))
    >>> shape = BlockShape(1)
    >>> leverages(np.zeros(1), block, RowQuadratics(np.array([[1.0]]), shape), shape).tolist()
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
    form = RowQuadratics(covariance, shape)
    for block in blocks:
        half = leverages(beta, block, form, shape) / 2
        weight = np.ones(block.n_rows) if block.weight is None else block.weight
        total = weight + 2 * half
        # A row of weight 0 has no leverage either: its label counts for nothing.
        y = np.divide(weight * block.y + half, total, out=np.zeros(block.n_rows), where=total > 0)
        yield replace(block, y=y, weight=total)
