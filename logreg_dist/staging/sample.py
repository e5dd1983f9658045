"""The sample of a split: every k-th row of either label, read from where the rows are staged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.staging.split_file import RawChunk

FloatArray = NDArray[np.float64]

# Of few columns: with half as many, steps that the sample corrects take a pass more on 5 million rows.
MAX_SAMPLE_ROWS = 100_000
# On its way to the driver a sample takes 1 s for each 100 MB, and its optimum as long again: half of it costs
# 200 columns no pass. With fewer rows a column the start is too far away.
SAMPLE_BYTES = 32_000_000
SAMPLE_ROWS_PER_COLUMN = 8
MAX_SAMPLE_BYTES = 64_000_000


def rows_of_sample(n_features: int) -> int:
    """Return how many rows make a sample that the driver can hold and that says enough.

    Examples
    --------
    >>> rows_of_sample(30), rows_of_sample(199), rows_of_sample(999), rows_of_sample(1999)
    (100000, 20000, 7992, 4000)
    """
    row_bytes = 8 * (1 + n_features)
    enough = max(SAMPLE_BYTES // row_bytes, SAMPLE_ROWS_PER_COLUMN * n_features)
    return min(MAX_SAMPLE_ROWS, enough, MAX_SAMPLE_BYTES // row_bytes)


def draw_sample(
    chunks: Callable[[], Iterable[RawChunk]], max_rows: int, chunk_rows: int
) -> tuple[list[RawChunk], tuple[int, int]]:
    """Return every k-th event and every l-th other row of a split, in order, and these two steps.

    Events have a step of their own: where one row of a thousand is an event, as many of them are kept
    as of the others, or all of them, and weights make up for it (case-control sampling: King and Zeng
    2001, Logistic Regression in Rare Events Data, section 4). The rows lie evenly over the split: a file
    sorted by time is sampled over all of its time.

    Parameters
    ----------
    chunks : callable
        Reads the split; called twice, and of what it yields nothing is kept.
    max_rows : int
        The sample has at most twice as many rows.
    chunk_rows : int
        Rows of the chunks that are returned, but for the last.

    Examples
    --------
    >>> rows = RawChunk(np.array([0, 0, 1, 0, 0, 0.0]), None, None, np.arange(6.0)[None], np.empty((0, 6), np.int32))
    >>> [sample], steps = draw_sample(lambda: [rows], 2, 100)
    >>> sample.numeric.tolist(), steps
    ([[0.0, 2.0, 5.0]], (1, 4))
    """
    n_rows = n_events = 0
    for chunk in chunks():
        n_rows += len(chunk.y)
        n_events += int(np.count_nonzero(is_event(chunk.y)))
    share = max(max_rows // 2, 1)
    steps = _step(n_events, share), _step(n_rows - n_events, share)
    return list(_gathered(_kept(chunks(), steps), chunk_rows)), steps


def is_event(y: FloatArray) -> NDArray[np.bool_]:
    """Return which rows are drawn as events: label 1, or most of a row's trials."""
    return y > 0.5


def _step(n: int, share: int) -> int:
    """Return the step that leaves `share` to twice as many of `n` rows, or all where there are fewer."""
    step = 1
    while -(-n // step) > 2 * share:
        step *= 2
    return step


def _kept(chunks: Iterable[RawChunk], steps: tuple[int, int]) -> Iterator[tuple[RawChunk, NDArray[np.intp]]]:
    """Yield chunks with the rows to keep of each, in order; nothing is held that grows with the rows of the split."""
    seen = [0, 0]
    for chunk in chunks:
        event, kept = is_event(chunk.y), []
        for k, which in enumerate((event, ~event)):
            rows = np.flatnonzero(which)
            kept.append(rows[-seen[k] % steps[k] :: steps[k]])
            seen[k] += len(rows)
        yield chunk, np.sort(np.concatenate(kept))


def _gathered(chunks: Iterable[tuple[RawChunk, NDArray[np.intp]]], chunk_rows: int) -> Iterator[RawChunk]:
    """Copy rows, given in order for each chunk, into chunks of their own."""
    parts: list[RawChunk] = []
    held = 0
    for chunk, rows in chunks:
        here = rows
        while len(here):
            now, here = here[: chunk_rows - held], here[chunk_rows - held :]
            parts.append(_take(chunk, now))
            held += len(now)
            if held == chunk_rows:
                yield _concatenate(parts)
                parts, held = [], 0
    if parts:
        yield _concatenate(parts)


def _take(chunk: RawChunk, rows: NDArray[np.intp]) -> RawChunk:
    return RawChunk(
        y=chunk.y[rows],
        weight=None if chunk.weight is None else chunk.weight[rows],
        offset=None if chunk.offset is None else chunk.offset[rows],
        numeric=chunk.numeric.take(rows, axis=1),
        codes=chunk.codes.take(rows, axis=1),
    )


def _concatenate(parts: list[RawChunk]) -> RawChunk:
    weights = [part.weight for part in parts if part.weight is not None]
    offsets = [part.offset for part in parts if part.offset is not None]
    return replace(
        parts[0],
        y=np.concatenate([part.y for part in parts]),
        weight=np.concatenate(weights) if weights else None,
        offset=np.concatenate(offsets) if offsets else None,
        numeric=np.concatenate([part.numeric for part in parts], axis=1),
        codes=np.concatenate([part.codes for part in parts], axis=1),
    )
