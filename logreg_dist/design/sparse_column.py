"""A sparse column of the design: the words of a text, hashed or listed, or a long vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Sparse columns up to which, all together, blocks hold them as dense ones: then Newton's method has
# its matrix, and the estimates their standard errors.
MAX_DENSE = 500


@dataclass(frozen=True)
class SparseColumn:
    """A column whose rows hold few of many terms.

    Attributes
    ----------
    name, source_type : str
    missing : str
        The policy as configured: ``error``, ``drop``, or ``constant("")`` for texts.
    rule : str
        ``words``, ``hashed`` or ``vector``, see `SparseRule`.
    values : str
        What the value of a word is: ``counts``, ``binary`` or ``log``.
    words : tuple of str
        The words with a term, in sorted order; empty under the other rules.
    size : int
        Buckets, or the length of the vectors; under `words` their number.
    fill : str or None
        The text of rows without one.
    scale : float
        Root mean square of the entries: what a value is where there is one.
    """

    name: str
    source_type: str
    missing: str
    rule: str
    values: str
    words: tuple[str, ...]
    size: int
    fill: str | None
    scale: float

    @property
    def plain(self) -> bool:
        """It always has its own terms: nothing else is made of it."""
        return True

    def labels(self) -> Iterator[str]:
        """Yield what stands in brackets behind the column's name, term by term.

        Examples
        --------
        >>> list(SparseColumn("c", "string", "error", "hashed", "counts", (), 2, None, 1.0).labels())
        ['#0', '#1']
        """
        if self.rule == "words":
            yield from self.words
        else:
            mark = "#" if self.rule == "hashed" else ""
            yield from (f"{mark}{k}" for k in range(self.size))

    def lookup(self, words: Sequence[str]) -> NDArray[np.int32]:
        """Return the term of each of a split's words; `size` for those that have none.

        Examples
        --------
        >>> column = SparseColumn("c", "string", "error", "words", "counts", ("a", "b"), 2, None, 1.0)
        >>> column.lookup(["b", "rare"]).tolist()
        [1, 2]
        """
        terms = {word: k for k, word in enumerate(self.words)}
        return np.array([terms.get(word, self.size) for word in words], dtype=np.int32)
