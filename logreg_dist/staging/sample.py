"""The sample of a split: every k-th row of either label, read from where the rows are staged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

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
    n_kept = _kept_of(n_events, steps[0]) + _kept_of(n_rows - n_events, steps[1])
    return list(_gathered(_kept(chunks(), steps), n_kept, chunk_rows)), steps


def is_event(y: FloatArray) -> NDArray[np.bool_]:
    """Return which rows are drawn as events: label 1, or most of a row's trials."""
    return y > 0.5


def _step(n: int, share: int) -> int:
    """Return the step that leaves `share` to twice as many of `n` rows, or all where there are fewer."""
    step = 1
    while _kept_of(n, step) > 2 * share:
        step *= 2
    return step


def _kept_of(n: int, step: int) -> int:
    """Return how many rows every `step`-th of `n` is, the first one among them."""
    return -(-n // step)


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


def _gathered(
    chunks: Iterable[tuple[RawChunk, NDArray[np.intp]]], n_rows: int, chunk_rows: int
) -> Iterator[RawChunk]:
    """Copy `n_rows` rows, given in order for each chunk, into chunks of their own."""
    found: RawChunk | None = None
    held = 0
    for chunk, rows in chunks:
        here = rows
        while len(here):
            if found is None:
                found, held = _room_for(min(n_rows, chunk_rows), chunk), 0
            now, here = here[: len(found.y) - held], here[len(found.y) - held :]
            _copy(chunk, now, found, held)
            held += len(now)
            if held == len(found.y):
                yield found
                found, n_rows = None, n_rows - held


def _room_for(n_rows: int, like: RawChunk) -> RawChunk:
    return RawChunk(
        y=np.empty(n_rows),
        weight=None if like.weight is None else np.empty(n_rows),
        offset=None if like.offset is None else np.empty(n_rows),
        numeric=np.empty((len(like.numeric), n_rows), like.numeric.dtype),
        codes=np.empty((len(like.codes), n_rows), like.codes.dtype),
    )


def _copy(chunk: RawChunk, rows: NDArray[np.intp], found: RawChunk, start: int) -> None:
    where = slice(start, start + len(rows))
    found.y[where] = chunk.y[rows]
    if chunk.weight is not None and found.weight is not None:
        found.weight[where] = chunk.weight[rows]
    if chunk.offset is not None and found.offset is not None:
        found.offset[where] = chunk.offset[rows]
    found.numeric[:, where] = chunk.numeric.take(rows, axis=1)
    found.codes[:, where] = chunk.codes.take(rows, axis=1)
