"""What one reading shows of a sparse column: how large its entries are, and how frequent its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.sparse import SparseRows

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SparseProfile:
    """What is known of one sparse column; profiles of disjoint rows add.

    Attributes
    ----------
    n_missing : int
        Rows without a text or a vector.
    n_unlike : int
        Rows with a vector of another size, or none that can be read.
    n_not_finite, n_too_large : int
        Entries that are NaN or infinite, and finite ones beyond what a model takes.
    n_entries : int
        Entries, zeros not counted.
    squares : float
        Sum of their squares.
    overflowed : bool
        Whether a split met more words than it may keep.
    words : mapping of str to float
        Observations with each word, by frequency.
    """

    n_missing: int = 0
    n_unlike: int = 0
    n_not_finite: int = 0
    n_too_large: int = 0
    n_entries: int = 0
    squares: float = 0.0
    overflowed: bool = False
    words: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: SparseProfile) -> SparseProfile:
        words = dict(self.words)
        for word, n in other.words.items():
            words[word] = words.get(word, 0.0) + n
        return SparseProfile(
            self.n_missing + other.n_missing,
            self.n_unlike + other.n_unlike,
            self.n_not_finite + other.n_not_finite,
            self.n_too_large + other.n_too_large,
            self.n_entries + other.n_entries,
            self.squares + other.squares,
            self.overflowed or other.overflowed,
            words,
        )

    @property
    def typical(self) -> float:
        """Root mean square of the entries: the size of a value where there is one; 1 without any."""
        return float(np.sqrt(self.squares / self.n_entries)) if self.squares > 0 else 1.0


def sparse_to_list(profile: SparseProfile) -> list[Any]:
    """Return the profile as what JSON can hold."""
    values = [getattr(profile, name) for name in profile.__dataclass_fields__]
    return [*values[:-1], dict(profile.words)]


def sparse_from_list(data: list[Any]) -> SparseProfile:
    """Undo `sparse_to_list`."""
    return SparseProfile(*data)


class SparseSurvey:
    """The running profile of one sparse column of a split; a builder."""

    def __init__(self, largest: float) -> None:
        self.largest = largest
        self.n_missing = self.n_unlike = self.n_not_finite = self.n_too_large = self.n_entries = 0
        self.squares = 0.0
        self.observations = np.zeros(0)

    def add_rows(self, missing: NDArray[np.bool_], unlike: NDArray[np.bool_]) -> None:
        """Count rows that have no vector, or one of another size."""
        self.n_missing += int(missing.sum())
        self.n_unlike += int(unlike.sum())

    def add(self, rows: SparseRows, frequency: FloatArray, *, words: bool) -> None:
        """Survey the entries of m rows that count; `words` asks for their columns to be counted."""
        finite = np.isfinite(rows.values)
        with np.errstate(over="ignore", invalid="ignore"):
            self.squares += float(np.square(rows.values).sum(where=finite))
        self.n_not_finite += int((~finite).sum())
        self.n_too_large += int((finite & (np.abs(rows.values) > self.largest)).sum())
        self.n_entries += len(rows.values)
        if words:
            found = np.bincount(
                rows.columns, weights=rows.spread(frequency), minlength=len(self.observations)
            )
            counts = found.astype(np.float64, copy=False)
            counts[: len(self.observations)] += self.observations
            self.observations = counts

    def profile(self, words: Iterable[str], *, overflowed: bool) -> SparseProfile:
        """Return what was found; `words` in the order of their numbers."""
        names = list(words)
        counts = np.zeros(len(names))
        counts[: len(self.observations)] = self.observations
        return SparseProfile(
            self.n_missing,
            self.n_unlike,
            self.n_not_finite,
            self.n_too_large,
            self.n_entries,
            self.squares if np.isfinite(self.squares) else 0.0,
            overflowed,
            dict(zip(names, counts.tolist(), strict=True)),
        )
