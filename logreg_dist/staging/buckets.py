"""What runs on executors around a pass whose splits' pieces come together in buckets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Generic, TypeVar

from logreg_dist.staging.pass_timing import TaskTiming
from logreg_dist.staging.split_tasks import Done, Lost
from logreg_dist.staging.staged_split import StagedSplit

Result = TypeVar("Result")


@dataclass(frozen=True)
class Piece:
    """A piece of a split; `place` is its number among those of the split."""

    split: int
    place: int
    content: Any


@dataclass(frozen=True)
class Ended:
    """That a split was read to its end, or was lost; it travels through a bucket like the pieces."""

    bucket: int
    done: Done[None]


@dataclass(frozen=True)
class Merged(Generic[Result]):
    """What became of a bucket."""

    bucket: int
    result: Result


def scattered_pieces(
    task: Callable[[StagedSplit], Iterator[tuple[int, Any]]], n_buckets: int
) -> Callable[[Iterable[StagedSplit]], Iterator[tuple[int, Piece | Ended]]]:
    """Return the function for `mapPartitions` that yields the pieces of staged splits by bucket."""

    def run(splits: Iterable[StagedSplit]) -> Iterator[tuple[int, Piece | Ended]]:
        for split in splits:
            start, bucket = time.perf_counter(), split.split % n_buckets
            try:
                for place, (number, content) in enumerate(task(split)):
                    yield number, Piece(split.split, place, content)
            except FileNotFoundError:
                yield bucket, Ended(bucket, Done(split, Lost(), TaskTiming()))
                continue
            timing = TaskTiming(kernel=time.perf_counter() - start)
            yield bucket, Ended(bucket, Done(split, None, timing))

    return run


def gathered_pieces(
    merge: Callable[[int, Iterator[Any]], Result],
) -> Callable[[int, Iterable[tuple[int, Piece | Ended]]], Iterator[Ended | Merged[Result]]]:
    """Return the function for `mapPartitionsWithIndex` that merges the pieces of a bucket in the splits' order.

    A pass that lost a file is made again, and what was merged of it is not looked at.
    """

    def run(bucket: int, members: Iterable[tuple[int, Piece | Ended]]) -> Iterator[Ended | Merged[Result]]:
        pieces: list[Piece] = []
        for _, member in members:
            if isinstance(member, Ended):
                yield member
            else:
                pieces.append(member)
        pieces.sort(key=lambda piece: (piece.split, piece.place))
        if pieces:
            yield Merged(bucket, merge(bucket, (piece.content for piece in pieces)))

    return run


def added_buckets(members: Iterable[Ended | Merged[Any]]) -> list[Ended | Merged[Any]]:
    """Add the results of neighbouring buckets in their order."""
    ended: list[Ended | Merged[Any]] = []
    merged: list[Merged[Any]] = []
    for member in members:
        if isinstance(member, Merged):
            merged.append(member)
        else:
            ended.append(member)
    merged.sort(key=lambda one: one.bucket)
    if merged:
        ended.append(Merged(merged[0].bucket, reduce(add, [one.result for one in merged])))
    return ended
