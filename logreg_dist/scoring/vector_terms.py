"""What columns of vectors and texts add to the linear predictor; scored in NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logreg_dist.kernel.sparse import SparseRows, add_products
from logreg_dist.staging.decode import plain_texts
from logreg_dist.staging.row_rules import MAX_MAGNITUDE
from logreg_dist.staging.vectors import dense_vectors, sparse_vectors
from logreg_dist.staging.words import hashed, listed, word_counts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class VectorTerm:
    """A column that adds the product of its vectors with `slopes`.

    Attributes
    ----------
    name : str
    slopes : ndarray (size,)
        Log-odds per unit of each number.
    missing_is_error : bool
        Whether rows without a vector, or with a number missing in it, must not be scored.
    """

    name: str
    slopes: FloatArray = field(repr=False)
    missing_is_error: bool
    unseen_is_error: bool = False
    unseen_policy: str = "error"
    domain: str = ""

    @property
    def unusable(self) -> str:
        """What a value is that cannot be used."""
        return f"no vector of {len(self.slopes):,} finite numbers"


@dataclass(frozen=True)
class SparseTerm:
    """A column that adds the effects of its words, or of the entries of its long vectors.

    Attributes
    ----------
    name : str
    rule, values : str
        As in `SparseColumn`.
    effects : ndarray (size + 1,)
        Log-odds of each term; the last one is 0. Words and buckets without a term add nothing.
    codes : mapping of str to int
        The terms of the words, under the rule ``words``.
    fill : str or None
        The text of rows without one.
    missing_is_error : bool
    """

    name: str
    rule: str
    values: str
    effects: FloatArray = field(repr=False)
    codes: Mapping[str, int] = field(repr=False)
    fill: str | None
    missing_is_error: bool
    unseen_is_error: bool = False
    unseen_policy: str = "error"
    domain: str = ""

    @property
    def unusable(self) -> str:
        """What a value is that cannot be used."""
        return f"no vector of {len(self.effects) - 1:,} finite numbers"


def add_vectors(column: pa.Array, term: VectorTerm, *, out: FloatArray, odd: IntArray) -> None:
    """Write the product of each row's vector with the slopes to `out` (m,), NaN where there is none.

    Examples
    --------
    >>> out, odd = np.zeros(3), np.zeros(3, dtype=np.int64)
    >>> vectors = pa.array([[1.0, 2.0], None, [3.0]])
    >>> add_vectors(vectors, VectorTerm("v", np.array([1.0, 10.0]), True), out=out, odd=odd)
    >>> out.tolist(), odd.tolist()
    ([21.0, nan, nan], [1, 0, 1])
    """
    found = dense_vectors(column, len(term.slopes))
    numbers = found.numbers
    np.matmul(term.slopes, numbers, out=out)
    if numbers.max(initial=0.0) <= MAX_MAGNITUDE and numbers.min(initial=0.0) >= -MAX_MAGNITUDE:
        return  # which NaN is not either
    missing = np.isnan(numbers).any(axis=0) & ~found.unlike
    unusable = ~missing & ~(np.abs(numbers) <= MAX_MAGNITUDE).all(axis=0)
    out[missing | unusable] = np.nan
    odd += np.array([missing.sum(), 0, unusable.sum()])


@dataclass(frozen=True)
class Entries:
    """A column of texts or long vectors, read once for several classes.

    Attributes
    ----------
    rows : SparseRows
    missing, unusable : ndarray (m,) of bool
        Rows without a value and with nothing that stands for it, and with one that cannot be scored.
    absent : ndarray (m,) of bool
        Rows without a value, whether or not something stands for it.
    """

    rows: SparseRows
    missing: NDArray[np.bool_]
    unusable: NDArray[np.bool_]
    absent: NDArray[np.bool_]

    def __getitem__(self, which: slice) -> Entries:
        return Entries(self.rows.take(which), self.missing[which], self.unusable[which], self.absent[which])


def add_entries(column: pa.Array | Entries, term: SparseTerm, *, out: FloatArray, odd: IntArray) -> None:
    """Write the sum of the effects of each row's entries to `out` (m,), NaN where there is no value.

    Examples
    --------
    >>> term = SparseTerm("t", "words", "counts", np.array([1.0, 10.0, 0.0]), {"a": 0, "b": 1}, None, True)
    >>> out, odd = np.zeros(3), np.zeros(3, dtype=np.int64)
    >>> add_entries(pa.array(["B, a: b!", "new", None]), term, out=out, odd=odd)
    >>> out.tolist(), odd.tolist()
    ([21.0, 0.0, nan], [1, 0, 0])
    """
    found = column if isinstance(column, Entries) else read_entries(column, term)
    out[:] = 0.0
    add_products(out, found.rows, term.effects)
    out[found.missing | found.unusable] = np.nan
    odd += np.array([found.absent.sum(), 0, found.unusable.sum()])


def read_entries(column: pa.Array, term: SparseTerm) -> Entries:
    """Return the entries of a column by the terms of a model; the same for all its classes."""
    size = len(term.effects) - 1
    if term.rule == "vector":
        return _vector_entries(column, size)
    text = plain_texts(column)
    absent = np.asarray(pc.is_null(text))
    if term.fill is not None:
        text = pc.fill_null(text, term.fill)
    codes_of = hashed(size) if term.rule == "hashed" else listed(term.codes)
    nowhere = np.zeros(len(text), dtype=bool)
    missing = absent if term.fill is None else nowhere
    return Entries(word_counts(text, codes_of, term.values), missing, nowhere, absent)


def _vector_entries(column: pa.Array, size: int) -> Entries:
    found = sparse_vectors(column, size)
    rows, missing, unusable = found.rows, found.missing.copy(), found.unlike.copy()
    odd = ~(np.abs(rows.values) <= MAX_MAGNITUDE)
    if odd.any():
        of_entry, no_number = rows.rows(), np.isnan(rows.values)
        missing[of_entry[no_number]] = True
        unusable[of_entry[odd & ~no_number]] = True
        unusable &= ~missing
    return Entries(rows, missing, unusable, missing)
