"""What the tasks of a cross-validation compute from a staged split. Runs on executors: NumPy and pyarrow only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from logreg_dist.fitting.class_tasks import SharedClassDesign, class_blocks
from logreg_dist.fitting.tasks import SharedDesign, split_blocks
from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.multinomial import MultinomialState, evaluate_multinomial
from logreg_dist.kernel.state import LogisticState
from logreg_dist.staging.folds import FoldArray
from logreg_dist.staging.pass_timing import Measured, ReadingClock
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit, fold_file

State = LogisticState | MultinomialState


BlocksOf = Callable[[StagedSplit], Iterator[Block]]


class Evaluate(Protocol):
    """The kernel of a family of models."""

    def __call__(self, beta: FloatArray, blocks: Iterable[Block], *, information: bool) -> Any:
        """Return the state of the blocks' rows."""


@dataclass(frozen=True)
class FoldStates:
    """What was asked of several fits in one pass; those of disjoint rows add.

    Attributes
    ----------
    training : tuple of states
        Of each fit asked about, over the rows it learns from.
    held_out : ndarray (n,)
        Deviance of each at the rows of its fold; 0 for the fit of all rows.
    """

    training: tuple[State, ...]
    held_out: FloatArray

    def __add__(self, other: FoldStates) -> FoldStates:
        pairs = zip(self.training, other.training, strict=True)
        return FoldStates(tuple(a + b for a, b in pairs), self.held_out + other.held_out)  # type: ignore[operator]


def evaluate_folds_task(
    blocks_of: BlocksOf,
    evaluate: Evaluate,
    asked: Mapping[int, FloatArray],
    n_folds: int,
) -> Callable[[StagedSplit], Measured[FoldStates]]:
    """Return the task that sums a split's rows for several fits at once.

    Parameters
    ----------
    blocks_of : callable
        Reads the encoded blocks of a split.
    evaluate : callable
    asked : mapping of int to ndarray
        By the fold that a fit leaves out its coefficients, in the kernel's order; `n_folds` for the fit
        that leaves out none.
    n_folds : int
    """

    def task(split: StagedSplit) -> Measured[FoldStates]:
        clock, folds = ReadingClock(), read_folds(split)
        training, held_out = [], np.zeros(len(asked))
        for k, (fold, beta) in enumerate(asked.items()):
            blocks = clock.over(blocks_of(split))
            if fold == n_folds:
                training.append(evaluate(beta, blocks, information=True))
                continue
            state = evaluate(beta, without_fold(blocks, folds, fold), information=True)
            training.append(replace(state, n_rows=int((folds != fold).sum())))
            left_out = rows_of_fold(clock.over(blocks_of(split)), folds, fold)
            held_out[k] = evaluate(beta, left_out, information=False).deviance
        return Measured(FoldStates(tuple(training), held_out), clock.seconds)

    return task


def fold_totals_task(
    blocks_of: BlocksOf, n_folds: int, n_outcomes: int
) -> Callable[[StagedSplit], FloatArray]:
    """Return the task that sums a split's weight by fold and outcome, shape (n_folds, n_outcomes).

    Outcome k of a binary label is label k; a row of several trials is shared between both.
    """

    def task(split: StagedSplit) -> FloatArray:
        folds, total = read_folds(split), np.zeros((n_folds, n_outcomes))
        for block, own in _with_folds(blocks_of(split), folds):
            weight = np.ones(block.n_rows) if block.weight is None else block.weight
            for outcome in range(n_outcomes):
                share = (block.y if outcome else 1.0 - block.y) if n_outcomes == 2 else block.y == outcome
                total[:, outcome] += np.bincount(own, weight * share, minlength=n_folds)
        return total

    return task


def staged_blocks(design: SharedDesign, layout: RecordLayout) -> BlocksOf:
    """Return what reads the blocks of a binary model's split."""
    return lambda split: split_blocks(split, design.value, layout)


def staged_class_blocks(design: SharedClassDesign, layout: RecordLayout) -> BlocksOf:
    """Return what reads the blocks of a split where the label has several classes."""
    return lambda split: class_blocks(split, design.value, layout)


def binary_kernel(shape: BlockShape) -> Evaluate:
    """Return the kernel of binary models of a shape."""

    def kernel(beta: FloatArray, blocks: Iterable[Block], *, information: bool) -> LogisticState:
        return evaluate(beta, blocks, shape, information=information)

    return kernel


def class_kernel(shape: BlockShape) -> Evaluate:
    """Return the kernel of models of several classes."""

    def kernel(beta: FloatArray, blocks: Iterable[Block], *, information: bool) -> MultinomialState:
        return evaluate_multinomial(beta, blocks, shape, information=information)

    return kernel


def read_folds(split: StagedSplit) -> FoldArray:
    """Return the fold of each row of a staged split, shape (n_rows,).

    Raises
    ------
    FileNotFoundError
        When the file is not on this machine.
    """
    return np.fromfile(fold_file(Path(split.path)), dtype=np.uint8)


def without_fold(blocks: Iterable[Block], folds: FoldArray, fold: int) -> Iterator[Block]:
    """Yield the blocks with weight 0 for the rows of a fold: quicker than to copy all others.

    Examples
    --------
    >>> block = Block(np.ones((1, 3)), (), np.zeros(3))
    >>> [one.weight.tolist() for one in without_fold([block], np.array([0, 1, 0], dtype=np.uint8), 1)]
    [[1.0, 0.0, 1.0]]
    """
    for block, own in _with_folds(blocks, folds):
        counts = (own != fold).astype(np.float64)
        yield replace(block, weight=counts if block.weight is None else counts * block.weight)


def rows_of_fold(blocks: Iterable[Block], folds: FoldArray, fold: int) -> Iterator[Block]:
    """Yield the rows of a fold alone.

    Examples
    --------
    >>> block = Block(np.array([[1.0, 2.0, 3.0]]), (), np.zeros(3))
    >>> [one.dense.tolist() for one in rows_of_fold([block], np.array([0, 1, 0], dtype=np.uint8), 0)]
    [[[1.0, 3.0]]]
    """
    for block, own in _with_folds(blocks, folds):
        rows: NDArray[np.intp] = np.flatnonzero(own == fold)
        yield Block(
            dense=block.dense[:, rows],
            codes=[codes[rows] for codes in block.codes],
            y=block.y[rows],
            weight=None if block.weight is None else block.weight[rows],
            offset=None if block.offset is None else block.offset[rows],
            sparse=[group.take(own == fold) for group in block.sparse],
        )


def _with_folds(blocks: Iterable[Block], folds: FoldArray) -> Iterator[tuple[Block, FoldArray]]:
    start = 0
    for block in blocks:
        yield block, folds[start : start + block.n_rows]
        start += block.n_rows
