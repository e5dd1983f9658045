"""What the tasks of a pass compute where the label has several classes. Runs on executors: NumPy and pyarrow only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from logreg_dist.design.classes import Classes
from logreg_dist.design.spec import DesignSpec
from logreg_dist.fitting.tasks import split_blocks
from logreg_dist.inference.class_separation import count_classes_along, neutral_pairs
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.kernel.block import Block, FloatArray
from logreg_dist.kernel.multinomial import MultinomialState, evaluate_multinomial, multinomial_diagonal
from logreg_dist.kernel.signed import signed_information
from logreg_dist.staging.pass_timing import Measured, ReadingClock
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit, read_sidecar


@dataclass(frozen=True)
class ClassDesign:
    """The design of a model of several classes."""

    spec: DesignSpec
    classes: Classes


class SharedClassDesign(Protocol):
    """A broadcast design."""

    @property
    def value(self) -> ClassDesign:
        """The design."""


def evaluate_classes_task(
    design: SharedClassDesign, layout: RecordLayout, beta: FloatArray, *, information: bool
) -> Callable[[StagedSplit], Measured[MultinomialState]]:
    """Return the task that sums a split's rows at `beta` (k, p), in the kernel's order."""

    def task(split: StagedSplit) -> Measured[MultinomialState]:
        clock = ReadingClock()
        blocks = clock.over(class_blocks(split, design.value, layout))
        shape = design.value.spec.shape()
        return Measured(evaluate_multinomial(beta, blocks, shape, information=information), clock.seconds)

    return task


def class_diagonal_task(
    design: SharedClassDesign, layout: RecordLayout, beta: FloatArray
) -> Callable[[StagedSplit], FloatArray]:
    """Return the task that sums the diagonal of a split's information at `beta` (k, p), in the kernel's order."""

    def task(split: StagedSplit) -> FloatArray:
        return multinomial_diagonal(
            beta, class_blocks(split, design.value, layout), design.value.spec.shape()
        )

    return task


def count_classes_task(
    design: SharedClassDesign, layout: RecordLayout, direction: FloatArray, blur: FloatArray
) -> Callable[[StagedSplit], DirectionCounts]:
    """Return the task that counts how a direction (k, p) ranks the classes of a split's rows."""

    def task(split: StagedSplit) -> DirectionCounts:
        blocks = class_blocks(split, design.value, layout)
        return count_classes_along(direction, blocks, design.value.spec.shape(), blur=blur)

    return task


def neutral_classes_task(
    design: SharedClassDesign, layout: RecordLayout, direction: FloatArray, blur: FloatArray
) -> Callable[[StagedSplit], Measured[MultinomialState]]:
    """Return the task whose matrix is 0 along the directions that leave equal what is equal along `direction`."""

    def task(split: StagedSplit) -> Measured[MultinomialState]:
        clock, shape = ReadingClock(), design.value.spec.shape()
        blocks = clock.over(class_blocks(split, design.value, layout))
        pairs = neutral_pairs(direction, blocks, shape, blur=blur)
        return Measured(signed_information(pairs, shape, len(direction)), clock.seconds)

    return task


def in_classes(blocks: Iterable[Block], levels: Sequence[str], classes: Classes) -> Iterator[Block]:
    """Yield blocks whose labels are the kernel's numbers of their classes instead of a split's own codes.

    Where classes have weights, the rows' weights are multiplied by them.
    """
    lookup = classes.lookup(levels)
    factors = None if classes.weights is None else np.array(classes.weights)
    for block in blocks:
        y, weight = lookup.take(block.y.astype(int)), block.weight
        if factors is not None:
            own = factors.take(y.astype(np.intp))
            weight = own if weight is None else own * weight
        yield replace(block, y=y, weight=weight)


def class_blocks(split: StagedSplit, design: ClassDesign, layout: RecordLayout) -> Iterator[Block]:
    """Yield the encoded blocks of a staged split, its labels as the kernel's numbers of their classes."""
    levels = read_sidecar(split.path)["classes"]
    return in_classes(split_blocks(split, design.spec, layout), levels, design.classes)
