"""The sample of a split: every k-th row, drawn while the split is staged."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from logreg_dist.staging.split_file import RawChunk, RecordLayout, write_chunk


class SplitSample:
    """Every k-th row of a split of unknown length; a builder.

    It starts with every row and doubles k whenever it holds twice as many rows as it should, so
    the rows lie evenly over the split: a file sorted by time is sampled over all of its time.
    """

    def __init__(self, max_rows: int) -> None:
        self.max_rows = max_rows
        self.step, self.seen, self.size = 1, 0, 0
        self.parts: list[RawChunk] = []

    def add(self, chunk: RawChunk) -> None:
        """Take the rows of `chunk` whose number in the split is a multiple of the step."""
        first = -self.seen % self.step
        self.seen += len(chunk.y)
        self._keep(_every(chunk, first, self.step))
        while self.size > 2 * self.max_rows:
            self._thin()

    def write(self, file: BinaryIO, layout: RecordLayout) -> int:
        """Write the sample in the layout of the splits and return its rows."""
        if self.size == 0:
            return 0
        whole = _concatenate(self.parts)
        for start in range(0, self.size, layout.chunk_rows):
            write_chunk(file, _slice(whole, slice(start, start + layout.chunk_rows)), layout)
        return self.size

    def _keep(self, part: RawChunk) -> None:
        self.parts.append(part)
        self.size += len(part.y)

    def _thin(self) -> None:
        whole = _concatenate(self.parts)
        self.parts, self.size, self.step = [], 0, 2 * self.step
        self._keep(_every(whole, 0, 2))


def _every(chunk: RawChunk, first: int, step: int) -> RawChunk:
    return _slice(chunk, slice(first, None, step))


def _slice(chunk: RawChunk, rows: slice) -> RawChunk:
    """Copy some rows: the chunk may be a buffer that is filled again."""
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
