"""What the tasks of a pass compute from a staged split. Runs on executors: NumPy and pyarrow only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.encode import encode_chunks
from logreg_dist.design.encode_sparse import word_lookups
from logreg_dist.design.spec import DesignSpec
from logreg_dist.inference.separation import (
    DirectionCounts,
    count_along,
    neutral_rows,
)
from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.mixed_rows import mixed_blocks
from logreg_dist.kernel.state import LogisticState
from logreg_dist.staging.carried import carried_numbers
from logreg_dist.staging.label_weights import LabelWeights
from logreg_dist.staging.pass_timing import Measured, ReadingClock
from logreg_dist.staging.profile import TableProfile, profile_from_dict
from logreg_dist.staging.sample import draw_sample, is_event
from logreg_dist.staging.split_file import RawChunk, RecordLayout, read_chunks
from logreg_dist.staging.staged_split import StagedSplit, read_sidecar

NULL_SHAPE = BlockShape(n_dense=1)


class SharedDesign(Protocol):
    """A broadcast design: sent to each executor once, not with every pass."""

    @property
    def value(self) -> DesignSpec:
        """The design."""


def evaluate_task(
    design: SharedDesign, layout: RecordLayout, beta: FloatArray
) -> Callable[[StagedSplit], Measured[LogisticState]]:
    """Return the task that sums a split's rows at `beta` (p,), in the kernel's order."""

    def task(split: StagedSplit) -> Measured[LogisticState]:
        clock = ReadingClock()
        blocks = clock.over(split_blocks(split, design.value, layout))
        return Measured(evaluate(beta, blocks, design.value.shape()), clock.seconds)

    return task


def evaluate_mixed_task(
    design: SharedDesign, layout: RecordLayout, beta: FloatArray, mixing: FloatArray
) -> Callable[[StagedSplit], Measured[LogisticState]]:
    """Return the same for mixtures of the d dense columns: `mixing` (d, d) has a column for each."""

    def task(split: StagedSplit) -> Measured[LogisticState]:
        clock = ReadingClock()
        blocks = mixed_blocks(clock.over(split_blocks(split, design.value, layout)), mixing)
        return Measured(evaluate(beta, blocks, design.value.shape()), clock.seconds)

    return task


def evaluate_null_task(
    layout: RecordLayout, beta: FloatArray
) -> Callable[[StagedSplit], Measured[LogisticState]]:
    """Return the task that sums a split's rows under an intercept and the offset alone."""

    def task(split: StagedSplit) -> Measured[LogisticState]:
        clock, chunks = ReadingClock(), read_chunks(Path(split.path), split.n_rows, layout)
        blocks = clock.over(null_block(chunk) for chunk in chunks)
        return Measured(evaluate(beta, blocks, NULL_SHAPE), clock.seconds)

    return task


def count_along_task(
    design: SharedDesign, layout: RecordLayout, direction: FloatArray, blur: FloatArray
) -> Callable[[StagedSplit], DirectionCounts]:
    """Return the task that counts on which side of a direction a split's rows lie."""

    def task(split: StagedSplit) -> DirectionCounts:
        spec = design.value
        return count_along(direction, split_blocks(split, spec, layout), spec.shape(), blur=blur)

    return task


def neutral_information_task(
    design: SharedDesign, layout: RecordLayout, direction: FloatArray, blur: FloatArray
) -> Callable[[StagedSplit], Measured[LogisticState]]:
    """Return the task whose information is ``X'X`` of a split's rows that count as neutral along `direction`."""

    def task(split: StagedSplit) -> Measured[LogisticState]:
        clock, spec = ReadingClock(), design.value
        shape = spec.shape()
        blocks = clock.over(split_blocks(split, spec, layout))
        rows = neutral_rows(direction, blocks, shape, blur=blur)
        return Measured(evaluate(np.zeros(shape.p), rows, shape), clock.seconds)

    return task


@dataclass(frozen=True)
class SampleRows:
    """The sample of one split.

    Attributes
    ----------
    chunks : tuple of RawChunk
        Each row weighted by the number of rows it stands for.
    levels : list of list of str
        The split's dictionaries, which decode the chunks.
    classes : list of str
        The split's dictionary of the label, where that has classes.
    """

    chunks: tuple[RawChunk, ...]
    levels: list[list[str]]
    classes: list[str]

    def weighted_by(self, label_weights: LabelWeights) -> SampleRows:
        """Return the sample with its rows' weights multiplied by those of their labels."""
        return replace(self, chunks=tuple(_multiplied(chunk, label_weights) for chunk in self.chunks))

    @property
    def n_rows(self) -> int:
        """Rows of the sample."""
        return sum(len(chunk.y) for chunk in self.chunks)


@dataclass(frozen=True)
class FirstLook:
    """What staging noted of a split beside its rows, and a sample of these.

    Attributes
    ----------
    profile : TableProfile
    sample : SampleRows or None
        None when it was not asked for.
    classes : mapping of str to (int, float)
        Rows and weight of each class, where the label has classes.
    clusters : tuple of tuple of int
        Of each cluster column that was asked for the hashes of two clusters, or of all where there are fewer.
    """

    profile: TableProfile
    sample: SampleRows | None
    classes: Mapping[str, tuple[int, float]]
    clusters: tuple[tuple[int, ...], ...] = ()


def first_look_task(
    layout: RecordLayout, *, sample_rows: int, n_clusterings: int = 0
) -> Callable[[StagedSplit], FirstLook]:
    """Return the task that reads a split's profile and whether there are clusters in its cluster columns.

    It draws a sample of `sample_rows` rows besides, or up to twice as many; none for 0.
    """

    def task(split: StagedSplit) -> FirstLook:
        sidecar = read_sidecar(split.path)
        profile = profile_from_dict(sidecar["profile"])
        sample = _sample_rows(split, sidecar, layout, sample_rows) if sample_rows else None
        clusters = tuple(
            _two_of(carried_numbers(Path(split.path), f"cluster[{k}]")) for k in range(n_clusterings)
        )
        return FirstLook(profile, sample, _class_sums(split, sidecar["classes"], layout), clusters)

    return task


def split_blocks(split: StagedSplit, spec: DesignSpec, layout: RecordLayout) -> Iterator[Block]:
    """Yield the encoded blocks of a staged split.

    Raises
    ------
    FileNotFoundError
        When the files are not on this machine.
    """
    chunks = read_chunks(Path(split.path), split.n_rows, layout)
    levels = read_sidecar(split.path)["levels"] if spec.categorical else []
    return encode_chunks(chunks, spec, levels, word_lookups(Path(split.path), spec))


def null_block(chunk: RawChunk) -> Block:
    """Return the block of a model that has nothing but an intercept."""
    return Block(
        dense=np.ones((1, len(chunk.y))), codes=(), y=chunk.y, weight=chunk.weight, offset=chunk.offset
    )


def _sample_rows(
    split: StagedSplit, sidecar: dict[str, Any], layout: RecordLayout, sample_rows: int
) -> SampleRows:
    path, without = Path(split.path), replace(layout, n_sparse=0)
    chunks, steps = draw_sample(
        lambda: read_chunks(path, split.n_rows, without), sample_rows, layout.chunk_rows
    )
    weighted = tuple(_weighted(chunk, *steps) for chunk in chunks)
    return SampleRows(weighted, sidecar["levels"], sidecar["classes"])


def _two_of(hashes: NDArray[Any]) -> tuple[int, ...]:
    """Return the first value and the first one that is another, where there are such."""
    others = hashes[hashes != hashes[:1]] if len(hashes) else hashes
    return tuple(int(one) for one in (*hashes[:1], *others[:1]))


def _class_sums(split: StagedSplit, classes: list[str], layout: RecordLayout) -> dict[str, tuple[int, float]]:
    rows, weights = np.zeros(len(classes), dtype=np.int64), np.zeros(len(classes))
    for chunk in read_chunks(Path(split.path), split.n_rows, layout) if classes else ():
        known = ~np.isnan(chunk.y)  # the others are refused once everything about the table is known
        codes = chunk.y[known].astype(np.intp)
        weight = None if chunk.weight is None else chunk.weight[known]
        rows += np.bincount(codes, minlength=len(classes))
        weights += np.bincount(codes, weight, minlength=len(classes))
    return dict(zip(classes, zip(rows.tolist(), weights.tolist(), strict=True), strict=True))


def _multiplied(chunk: RawChunk, label_weights: LabelWeights) -> RawChunk:
    y, weight = label_weights.of_rows(chunk.y, chunk.weight)
    return replace(chunk, y=y, weight=weight)


def _weighted(chunk: RawChunk, event_step: int, other_step: int) -> RawChunk:
    stands_for = np.where(is_event(chunk.y), float(event_step), float(other_step))
    return replace(chunk, weight=stands_for if chunk.weight is None else chunk.weight * stands_for)
