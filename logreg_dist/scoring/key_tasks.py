"""The tasks that look for repeated keys: hashes are cut by their highest bits, and each cut is looked at by one task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logreg_dist.scoring.key_hashes import (
    COMPARED,
    HashArray,
    cut_by_bits,
    has_repeated,
    key_hashes,
    range_of,
)
from logreg_dist.scoring.tasks import BatchTask

PIECES = "cut int, hashes binary"
FINDING = "repeated boolean"
# Rows whose keys are read, and hashed, at a time: they stay in a cache.
BATCH_ROWS = 131_072
# Hashes that a task holds before it sends them: 64 MB.
HELD_ROWS = 8_000_000
# A task sends a piece for each cut: more of them would be many small ones.
MAX_BITS = 12


def bits_of_cuts(n_rows: int) -> int:
    """Return the number of bits by which so many hashes are cut, so that a cut is compared at once.

    Examples
    --------
    >>> bits_of_cuts(1_000), bits_of_cuts(20_000_000), bits_of_cuts(10**12)
    (0, 8, 12)
    """
    return min(max((2 * n_rows // COMPARED).bit_length() - 1, 0), MAX_BITS)


def hash_rows_task(n_bits: int) -> BatchTask:
    """Return the function for `mapInArrow` from key columns to `PIECES`."""

    def pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _pieces((batch.columns for batch in batches), n_bits)

    return pieces


def compare_files_task(
    files: Sequence[str], names: Sequence[str], n_tasks: int, n_bits: int
) -> Callable[[Iterable[int]], Iterator[bool]]:
    """Return the function for `mapPartitions` that says whether keys of Parquet files repeat, by tasks 0 to n_tasks - 1.

    Each reads the keys of all files and compares those whose hashes fall into its own range: on few cores that
    takes less than a shuffle of all hashes.
    """

    def compare(numbers: Iterable[int]) -> Iterator[bool]:
        for k in numbers:
            cuts: defaultdict[int, list[HashArray]] = defaultdict(list)
            for hashes in _hashes_of_files(files, names):
                for number, part in cut_by_bits(hashes[range_of(hashes, n_tasks) == k], 0, n_bits):
                    cuts[number].append(part)
            yield any(has_repeated(np.concatenate(parts), n_bits) for parts in cuts.values())

    return compare


def _hashes_of_files(files: Sequence[str], names: Sequence[str]) -> Iterator[HashArray]:
    """Yield the hashes of the keys of all files, of small ones together."""
    held: list[HashArray] = []
    for path in files:
        with pq.ParquetFile(path) as file:
            for found in file.iter_batches(BATCH_ROWS, columns=list(names)):
                held.append(key_hashes([found[name] for name in names]))
                if sum(map(len, held)) >= BATCH_ROWS:
                    yield np.concatenate(held)
                    held = []
    if held:
        yield np.concatenate(held)


def compare_task(n_bits: int) -> BatchTask:
    """Return the function for `mapInArrow` from all `PIECES` of some cuts to their `FINDING`."""

    def compare(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cuts: defaultdict[int, list[HashArray]] = defaultdict(list)
        for batch in batches:
            for k, piece in zip(batch.column(0).to_pylist(), batch.column(1), strict=True):
                cuts[k].append(np.frombuffer(piece.as_buffer(), dtype=np.uint64))
        repeated = any(has_repeated(np.concatenate(pieces), n_bits) for pieces in cuts.values())
        yield pa.RecordBatch.from_arrays([pa.array([repeated])], names=["repeated"])

    return compare


def _pieces(keys: Iterable[Sequence[pa.Array]], n_bits: int) -> Iterator[pa.RecordBatch]:
    cuts: defaultdict[int, list[HashArray]] = defaultdict(list)
    held = 0
    for columns in keys:
        hashes = key_hashes(columns)
        for k, part in cut_by_bits(hashes, 0, n_bits):
            cuts[k].append(part)
        held += len(hashes)
        if held >= HELD_ROWS:
            yield from _sent(cuts)
            cuts.clear()
            held = 0
    yield from _sent(cuts)


def _sent(cuts: Mapping[int, Sequence[HashArray]]) -> Iterator[pa.RecordBatch]:
    for k, parts in cuts.items():
        piece = pa.array([np.concatenate(parts).tobytes()], pa.binary())
        yield pa.RecordBatch.from_arrays([pa.array([k], pa.int32()), piece], names=["cut", "hashes"])
