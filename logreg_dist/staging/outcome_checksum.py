"""A checksum of the outcomes alone, that fits of the same rows share whatever their features and splits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.staging.checksum import ROWS_AT_ONCE, ContentChecksum, HashArray
from logreg_dist.staging.decode import LevelDictionary

FloatArray = NDArray[np.float64]

# Its powers are 2**62 different numbers modulo 2**64, because it is 5 modulo 8; a step of a linear congruential
# generator (Knuth, MMIX).
_BASE = 6364136223846793005
_MODULUS = 2**64


@dataclass(frozen=True)
class OutcomeChecksum:
    """Checksums of label, weight and offset of rows, 64 bits each.

    Equal numbers in order: the same outcomes row by row. Equal numbers in any order alone: the same outcomes, of
    which nobody can tell whether they belong to the same rows. It is no protection against intent.

    Attributes
    ----------
    n_rows : int
    in_any_order : int
        Sum of the rows' hashes.
    in_order : int
        Sum of the hashes, each times the power of a constant that its place says. So that of two parts is known
        from theirs, wherever a table is cut.

    Examples
    --------
    >>> def checksum(y):
    ...     found = OutcomeHasher([])
    ...     found.add([np.array(y)], np.empty((0, len(y)), dtype=np.int32))
    ...     return found.value
    >>> checksum([1.0, 0.0]) + checksum([1.0]) == checksum([1.0, 0.0, 1.0])
    True
    >>> one, other = checksum([1.0, 0.0, 1.0]), checksum([1.0, 1.0, 0.0])
    >>> one.in_any_order == other.in_any_order, one.in_order == other.in_order
    (True, False)
    """

    n_rows: int = 0
    in_any_order: int = 0
    in_order: int = 0

    def __add__(self, other: OutcomeChecksum) -> OutcomeChecksum:
        return OutcomeChecksum(
            self.n_rows + other.n_rows,
            (self.in_any_order + other.in_any_order) % _MODULUS,
            (self.in_order + pow(_BASE, self.n_rows, _MODULUS) * other.in_order) % _MODULUS,
        )

    def as_dict(self) -> dict[str, str]:
        """Return both as hexadecimal texts, for a record that people compare."""
        return {"in_order": f"{self.in_order:016x}", "in_any_order": f"{self.in_any_order:016x}"}


def joined(parts: Iterable[OutcomeChecksum]) -> OutcomeChecksum:
    """Return the checksum of parts one after the other."""
    return sum(parts, OutcomeChecksum())


class OutcomeHasher:
    """The checksum of the rows so far; a builder.

    Parameters
    ----------
    dictionaries : sequence of LevelDictionary
        Of the label where it has classes, which are hashed by their names; empty otherwise.
    """

    def __init__(self, dictionaries: Sequence[LevelDictionary]) -> None:
        self._rows = ContentChecksum(dictionaries)
        self._powers = np.multiply.accumulate(np.full(ROWS_AT_ONCE, _BASE, dtype=np.uint64)) * np.uint64(
            pow(_BASE, -1, _MODULUS)
        )
        self.value = OutcomeChecksum()

    def add(self, numbers: Sequence[FloatArray], codes: NDArray[np.int32]) -> None:
        """Add m rows: columns of numbers (m,) and `codes` (n, m) of the dictionaries, -1 for missing."""
        # A zero is a zero whatever its sign, which differs between readers of the same number.
        hashes = self._rows.row_hashes([column + 0.0 for column in numbers], codes)
        for start in range(0, len(hashes), ROWS_AT_ONCE):
            self.value += self._of(hashes[start : start + ROWS_AT_ONCE])

    def _of(self, hashes: HashArray) -> OutcomeChecksum:
        n = len(hashes)
        return OutcomeChecksum(n, int(hashes.sum()), int((hashes * self._powers[:n]).sum()))
