"""Results that are larger than Spark hands to its driver in one job, in pieces that are not."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

# Of spark.driver.maxResultSize: Spark counts its own envelopes too, and pieces are not cut by what they take there.
PIECE_SHARE, JOB_SHARE = 8, 2


def cut(piece_bytes: int) -> Callable[[Iterable[Any]], Iterator[bytes]]:
    """Return the function for `mapPartitions` that turns a partition's results into pieces of bytes.

    Examples
    --------
    >>> pieces = list(cut(16)(["a result that is long", 2]))
    >>> max(map(len, pieces)), joined(pieces)
    (16, ['a result that is long', 2])
    """

    def run(results: Iterable[Any]) -> Iterator[bytes]:
        content = pickle.dumps(list(results), protocol=pickle.HIGHEST_PROTOCOL)
        for start in range(0, len(content), piece_bytes):
            yield content[start : start + piece_bytes]

    return run


def joined(pieces: Sequence[bytes]) -> list[Any]:
    """Return the results that one partition was cut from; what they hold was made by our own tasks."""
    results: list[Any] = pickle.loads(b"".join(pieces))
    return results


def counted(partition: int, pieces: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Tell how many pieces a partition has; for `mapPartitionsWithIndex`."""
    yield partition, sum(1 for _ in pieces)


def fetched(
    wanted: Mapping[int, tuple[int, int]],
) -> Callable[[int, Iterable[bytes]], Iterator[tuple[int, bytes]]]:
    """Return the function for `mapPartitionsWithIndex` that yields pieces by partition: from one number to another."""

    def run(partition: int, pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        for piece in islice(pieces, *wanted.get(partition, (0, 0))):
            yield partition, piece

    return run


def jobs_of(n_pieces: Mapping[int, int], pieces_per_job: int) -> list[dict[int, tuple[int, int]]]:
    """Return for each job which pieces of which partitions it fetches.

    Examples
    --------
    >>> jobs_of({0: 3, 1: 1, 2: 2}, 2)
    [{0: (0, 2)}, {0: (2, 3), 1: (0, 1)}, {2: (0, 2)}]
    """
    every = [(partition, k) for partition in sorted(n_pieces) for k in range(n_pieces[partition])]
    jobs: list[dict[int, tuple[int, int]]] = []
    for start in range(0, len(every), pieces_per_job):
        job: dict[int, tuple[int, int]] = {}
        for partition, k in every[start : start + pieces_per_job]:
            job[partition] = (job.get(partition, (k, k))[0], k + 1)
        jobs.append(job)
    return jobs
