"""Separation of several classes: a direction along which the likelihood rises for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from logreg_dist.inference.separation import DirectionCounts, absolute
from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.class_pairs import class_pairs
from logreg_dist.kernel.sparse import add_products


def count_classes_along(
    direction: FloatArray, blocks: Iterable[Block], shape: BlockShape, *, blur: FloatArray
) -> DirectionCounts:
    """Count rows by how a direction ranks their own class among the others.

    `separated` are the rows whose class no other one outranks and that outranks some, `neutral` those
    that some other class equals: with several classes a row may be both.

    Parameters
    ----------
    direction : ndarray (k, p)
        In the order of `shape`; the reference class has 0.
    blocks : iterable of Block
        Their ``y`` holds the class of each row: ``0 .. k - 1``, k for the reference.
    shape : BlockShape
    blur : ndarray (k, p)
        How far each entry of `direction` may be off.

    Notes
    -----
    Albert and Anderson (1984), section 3: complete separation when every row's class outranks all
    others, quasi-complete when none is outranked.

    Examples
    --------
    >>> block = Block(dense=np.array([[-1.0, 0, 2]]), codes=(), y=np.array([1.0, 1, 0]))
    >>> count_classes_along(np.ones((1, 1)), [block], BlockShape(1), blur=np.full((1, 1), 1e-9))
    DirectionCounts(separated=2, neutral=1, violated=0)
    """
    total = DirectionCounts()
    for block in blocks:
        lead, noise = _leads(direction, block, shape, blur)
        wrong = (lead < -noise).any(axis=0)
        ahead = (lead > noise).any(axis=0) & ~wrong
        level = (np.abs(lead) <= noise).any(axis=0) & ~wrong
        total = total + DirectionCounts(int(ahead.sum()), int(level.sum()), int(wrong.sum()))
    return total


def neutral_pairs(
    direction: FloatArray, blocks: Iterable[Block], shape: BlockShape, *, blur: FloatArray
) -> Iterator[tuple[Block, FloatArray]]:
    """Yield blocks with the sum of ``(e_y - e_c)(e_y - e_c)'`` over the classes c that equal a row's own.

    A direction D leaves all of them equal exactly where the sum of ``(x'(D_y - D_c))**2``, the quadratic
    form of these weights (see `signed_information`), is 0.
    """
    n_free = len(direction)
    for block in blocks:
        lead, noise = _leads(direction, block, shape, blur)
        equal = np.abs(lead) <= noise  # NaN of a row's own class is not
        own = block.y.astype(np.intp)
        n_equal = equal.sum(axis=0)
        weights = []
        for a, b in class_pairs(n_free):
            if a == b:
                weights.append(np.where(own == a, n_equal, equal[a]).astype(np.float64))
            else:
                weights.append(-(((own == a) & equal[b]) | ((own == b) & equal[a])).astype(np.float64))
        yield block, np.array(weights)


def _leads(
    direction: FloatArray, block: Block, shape: BlockShape, blur: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return by how much each row's class leads each class, (k + 1, m), NaN for itself, and what counts as 0."""
    along = _by_class(direction, block, shape)
    sizes = replace(block, dense=np.abs(block.dense), sparse=absolute(block.sparse))
    noise = _by_class(blur, sizes, shape)
    own, rows = block.y.astype(np.intp), np.arange(block.n_rows)
    lead = along[own, rows] - along
    lead[own, rows] = np.nan
    return lead, noise[own, rows] + noise


def _by_class(beta: FloatArray, block: Block, shape: BlockShape) -> FloatArray:
    """Return ``X beta`` for each class, the reference last, (k + 1, m)."""
    found = np.zeros((len(beta) + 1, block.n_rows))
    found[:-1] = beta[:, : shape.n_dense] @ block.dense
    for where, codes in zip(shape.slices(), block.codes, strict=True):
        found[:-1] += np.pad(beta[:, where], ((0, 0), (0, 1))).take(codes, axis=1)
    for where, rows in zip(shape.sparse_slices(), block.sparse, strict=True):
        for one, effects in zip(found, beta[:, where], strict=False):
            add_products(one, rows, np.append(effects, 0.0))
    return found
