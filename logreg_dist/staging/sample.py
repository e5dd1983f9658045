"""The sample of a split: every k-th row of either label, drawn while the split is staged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from logreg_dist.staging.split_file import RawChunk, RecordLayout, write_chunk

FloatArray = NDArray[np.float64]


class SplitSample:
    """Every k-th event and every l-th other row of a split of unknown length; a builder.

    Events have a step of their own: where one row of a thousand is an event, as many of them are kept
    as of the others, or all of them, and weights make up for it (case-control sampling: King and Zeng
    2001, Logistic Regression in Rare Events Data, section 4).
    """

    def __init__(self, max_rows: int) -> None:
        share = max(max_rows // 2, 1)
        self.strata = (_Stratum(share), _Stratum(share))

    @property
    def steps(self) -> tuple[int, int]:
        """How many rows each kept row stands for: an event, another row."""
        events, others = self.strata
        return events.step, others.step

    def add(self, chunk: RawChunk) -> None:
        """Look at more rows; `chunk` may be a buffer that is filled again."""
        event = is_event(chunk.y)
        for stratum, which in zip(self.strata, (event, ~event), strict=True):
            stratum.add(chunk, np.flatnonzero(which))

    def write(self, file: BinaryIO, layout: RecordLayout) -> int:
        """Write the sample in the layout of the splits and return its rows."""
        parts = [part for stratum in self.strata for part in stratum.parts]
        if not parts:
            return 0
        whole = _concatenate(parts)
        for start in range(0, len(whole.y), layout.chunk_rows):
            write_chunk(file, _take(whole, slice(start, start + layout.chunk_rows)), layout)
        return len(whole.y)


def thinned(
    chunks: Sequence[RawChunk], steps: tuple[int, int], max_rows: int
) -> tuple[list[RawChunk], tuple[int, int]]:
    """Return a sample and its steps as if it had been drawn with `max_rows` at once; copies what it keeps.

    Parameters
    ----------
    chunks : sequence of RawChunk
        As `SplitSample.write` wrote them with at least as many rows.
    steps : (int, int)
        How many rows each kept row stands for: an event, another row.
    max_rows : int
    """
    share, found = max(max_rows // 2, 1), list(steps)
    event = np.concatenate([is_event(chunk.y) for chunk in chunks]) if chunks else np.empty(0, dtype=bool)
    kept = np.zeros(len(event), dtype=bool)
    for k, which in enumerate((event, ~event)):
        rows = np.flatnonzero(which)
        while len(rows) > 2 * share:
            rows, found[k] = rows[::2], 2 * found[k]
        kept[rows] = True
    if kept.all():
        return list(chunks), steps
    starts = np.cumsum([0, *(len(chunk.y) for chunk in chunks)])
    parts = [
        _take(chunk, np.flatnonzero(kept[start : start + len(chunk.y)]))
        for chunk, start in zip(chunks, starts[:-1], strict=True)
    ]
    return parts, (found[0], found[1])


def is_event(y: FloatArray) -> NDArray[np.bool_]:
    """Return which rows are drawn as events: label 1, or most of a row's trials."""
    return y > 0.5


class _Stratum:
    """Every k-th of the rows shown.

    It starts with every row and doubles k whenever it holds twice as many rows as it should, so
    the rows lie evenly over the split: a file sorted by time is sampled over all of its time.
    """

    def __init__(self, max_rows: int) -> None:
        self.max_rows = max_rows
        self.step, self.seen, self.size = 1, 0, 0
        self.parts: list[RawChunk] = []

    def add(self, chunk: RawChunk, rows: NDArray[np.intp]) -> None:
        kept = rows[-self.seen % self.step :: self.step]
        self.seen += len(rows)
        if len(kept):
            self._keep(_take(chunk, kept))
        while self.size > 2 * self.max_rows:
            self._thin()

    def _keep(self, part: RawChunk) -> None:
        self.parts.append(part)
        self.size += len(part.y)

    def _thin(self) -> None:
        whole = _concatenate(self.parts)
        self.parts, self.size, self.step = [], 0, 2 * self.step
        self._keep(_take(whole, slice(None, None, 2)))


def _take(chunk: RawChunk, rows: slice | NDArray[np.intp]) -> RawChunk:
    """Copy some rows."""
    return RawChunk(
        y=chunk.y[rows].copy(),
        weight=None if chunk.weight is None else chunk.weight[rows].copy(),
        offset=None if chunk.offset is None else chunk.offset[rows].copy(),
        numeric=chunk.numeric[:, rows].copy(),
        codes=chunk.codes[:, rows].copy(),
    )


def _concatenate(parts: list[RawChunk]) -> RawChunk:
    weights = [part.weight for part in parts if part.weight is not None]
    offsets = [part.offset for part in parts if part.offset is not None]
    return RawChunk(
        y=np.concatenate([part.y for part in parts]),
        weight=np.concatenate(weights) if weights else None,
        offset=np.concatenate(offsets) if offsets else None,
        numeric=np.concatenate([part.numeric for part in parts], axis=1),
        codes=np.concatenate([part.codes for part in parts], axis=1),
    )
