"""The fold of each row: a hash of its key, so that neither the order of the rows nor the splits matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logreg_dist.staging.decode import plain_texts_and_counts

HashArray = NDArray[np.uint64]
FoldArray = NDArray[np.uint8]

# Odd, with well-mixed bits: multipliers of MurmurHash3's 64-bit finaliser and of FNV-1a.
_FINAL = np.uint64(0xC4CEB9FE1A85EC53)
_POWER_BASE = 0x100000001B3
_SHIFT = np.uint64(33)


@dataclass(frozen=True)
class FoldPlan:
    """How rows get their folds.

    Attributes
    ----------
    n_folds : int
    column : int or None
        Position of the key in the batches; None: rows whose features are equal share a fold.
    """

    n_folds: int
    column: int | None


def folds_of_keys(column: pa.Array, n_folds: int) -> tuple[FoldArray, int, int]:
    """Return the fold of each key, shape (m,), 0 where there is none, how many are missing, and how many not whole.

    Equal keys have equal folds, whatever type a number is stored as.

    Parameters
    ----------
    column : pyarrow.Array
        Of texts, whole numbers, booleans or dates.
    n_folds : int

    Examples
    --------
    >>> one, n_missing, n_not_whole = folds_of_keys(pa.array([7, 8.5, 7, None]), 5)
    >>> other, *_ = folds_of_keys(pa.array(["7", None, "7", None]), 5)
    >>> one.tolist() == other.tolist(), bool(one[0] == one[2]), n_missing, n_not_whole
    (True, True, 1, 1)
    """
    text, n_not_whole = plain_texts_and_counts(column)
    n_missing = int(text.null_count) - n_not_whole
    return folds_of_hashes(text_hashes(text), n_folds), n_missing, n_not_whole


def folds_of_hashes(hashes: HashArray, n_folds: int) -> FoldArray:
    """Return the fold of each hash (m,), by its high bits.

    Examples
    --------
    >>> counts = np.bincount(folds_of_hashes(np.arange(10_000, dtype=np.uint64), 4))
    >>> bool(abs(counts - 2_500).max() < 250)
    True
    """
    return (mixed_hashes(hashes) % np.uint64(n_folds)).astype(np.uint8)


def mixed_hashes(hashes: HashArray) -> HashArray:
    """Return 31 well-mixed bits of each hash (m,): those of texts that are alike are alike themselves."""
    mixed = hashes * _FINAL
    mixed ^= mixed >> _SHIFT
    mixed *= _FINAL
    return mixed >> _SHIFT


def text_hashes(text: pa.Array) -> HashArray:
    """Return a hash of each text (m,), of the bytes of its UTF-8: a polynomial modulo 2**64; 0 for null.

    Examples
    --------
    >>> found = text_hashes(pa.array(["ab", "ba", "ab", None, ""]))
    >>> bool(found[0] == found[2] != found[1]), int(found[3])
    (True, 0)
    """
    if not len(text):
        return np.empty(0, dtype=np.uint64)
    text = pa.concat_arrays([text.cast(pa.large_string()).fill_null("")])  # no offset into shared buffers
    _, offsets, data = text.buffers()
    edges = np.frombuffer(offsets, dtype=np.int64)[: len(text) + 1]
    values = np.frombuffer(data, dtype=np.uint8)[edges[0] : edges[-1]] if data is not None else np.empty(0)
    edges = edges - edges[0]
    lengths = np.diff(edges)
    place = np.arange(edges[-1]) - np.repeat(edges[:-1], lengths)
    terms = (values.astype(np.uint64) + np.uint64(1)) * _powers(int(lengths.max(initial=0))).take(place)
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(terms, dtype=np.uint64)])
    hashes: HashArray = sums[edges[1:]] - sums[edges[:-1]]
    return hashes


def _powers(n: int) -> HashArray:
    """Return the powers of the base from 1 on, shape (n,), modulo 2**64."""
    base = np.full(n, _POWER_BASE, dtype=np.uint64)
    return np.multiply.accumulate(base) if n else base
