"""A checksum of rows that does not depend on their order: what a second reading must give again."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from logreg_dist.staging.decode import LevelDictionary

FloatArray = NDArray[np.float64]
HashArray = NDArray[np.uint64]

# Odd, with well-mixed bits: a multiplier of MurmurHash3's 64-bit finaliser.
_MULTIPLIER = np.uint64(0xFF51AFD7ED558CCD)
_HALF = np.uint64(32)
# Their hashes stay in the cache while the columns pass by.
ROWS_AT_ONCE = 8192


class ContentChecksum:
    """The sum of a hash of every row, modulo 2**64; a builder.

    Sums of the label and the weight cannot see a feature that changes, nor values that change
    places; and they round, so that rows in another order, as a shuffle gives them, would look like
    other rows. It is no protection against intent.

    Examples
    --------
    >>> def checksum(x, y):
    ...     found = ContentChecksum([])
    ...     found.add([np.array(x), np.array(y)], np.empty((0, len(x)), dtype=np.int32))
    ...     return found.value
    >>> checksum([1.0, 2.0], [0.0, 1.0]) == checksum([2.0, 1.0], [1.0, 0.0])
    True
    >>> checksum([1.0, 2.0], [0.0, 1.0]) == checksum([2.0, 1.0], [0.0, 1.0])
    False
    """

    def __init__(self, dictionaries: Sequence[LevelDictionary]) -> None:
        self.total = 0
        self.dictionaries = dictionaries
        self.level_hashes = [np.empty(0, dtype=np.uint64) for _ in dictionaries]

    @property
    def value(self) -> int:
        """The checksum as a signed 64-bit integer, which Arrow and Spark can hold."""
        return as_signed(self.total)

    def add(self, numbers: Sequence[FloatArray], codes: NDArray[np.int32]) -> None:
        """Add m rows: columns of numbers (m,) and `codes` (n, m) of the dictionaries, -1 for missing."""
        self.total = (self.total + int(self.row_hashes(numbers, codes).sum())) % 2**64

    def row_hashes(self, numbers: Sequence[FloatArray], codes: NDArray[np.int32]) -> HashArray:
        """Return the hashes (m,) of rows, which equal rows share; arguments as for `add`."""
        hashes_of_rows = []
        level_hashes = [self._hashes_of_levels(k) for k in range(len(codes))]
        for start in range(0, codes.shape[1], ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            row_hash = np.zeros(codes[:, rows].shape[1], dtype=np.uint64)
            for column in numbers:
                _mix_in(row_hash, np.ascontiguousarray(column[rows]).view(np.uint64))
            for hashes, column_codes in zip(level_hashes, codes, strict=True):
                _mix_in(row_hash, hashes.take(column_codes[rows]))
            hashes_of_rows.append(row_hash)
        return np.concatenate(hashes_of_rows) if hashes_of_rows else np.empty(0, dtype=np.uint64)

    def _hashes_of_levels(self, k: int) -> HashArray:
        """Hash the levels by their names: another order of the rows numbers them otherwise."""
        known, names = self.level_hashes[k], self.dictionaries[k].numbers
        n_known = max(len(known) - 1, 0)
        if len(names) > n_known or not len(known):
            fresh = [zlib.crc32(name.encode()) for name in islice(names, n_known, None)]
            missing = 1 << 40  # beyond every crc32; last, where code -1 finds it
            known = np.array([*known[:n_known], *fresh, missing], dtype=np.uint64)
            self.level_hashes[k] = known
        return known


def as_signed(bits: int) -> int:
    """Return 64 bits as the signed integer that has them.

    Examples
    --------
    >>> as_signed(2**64 - 1), as_signed(5)
    (-1, 5)
    """
    return bits - 2**64 if bits >= 2**63 else bits


def _mix_in(row_hash: HashArray, bits: HashArray) -> None:
    """Add a column (m,) to the hashes (m,) in place.

    A product carries only upwards, and small whole numbers have their bits at the top of a double:
    the shift brings them down, where the next product spreads them.
    """
    row_hash += bits
    row_hash *= _MULTIPLIER
    row_hash ^= row_hash >> _HALF
