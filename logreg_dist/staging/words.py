"""The words of texts, split and counted by one fixed rule: at the fit and at scoring alike.

A word is a run of letters and digits (Unicode categories L and N) of the text in lower case (each
character's simple mapping). Everything else, the underscore included, stands between words. There are no stop
words and no stems. The rule and the hash are part of the model: neither follows a version of Python or a machine.
Only of characters that Unicode gained lately an older pyarrow may not know yet that they are letters.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logreg_dist.kernel.sparse import SparseRows, starts_of
from logreg_dist.staging.decode import LevelDictionary

_BETWEEN = r"[^\p{L}\p{N}]+"

WordCodes = Callable[[Sequence[str]], NDArray[np.int64]]


def word_counts(texts: pa.Array, codes_of: WordCodes, values: str) -> SparseRows:
    """Return the words of each text, their codes in rising order; a missing text has none.

    Work is done for each occurrence by Arrow and NumPy, and in Python for each different word once.

    Parameters
    ----------
    texts : pyarrow.Array of string
    codes_of : callable
        Different words to their codes (n,), at least 0; equal codes count together, those below 0 are left out.
    values : str
        ``counts`` (how often a word is there), ``binary`` (1) or ``log`` (``log(1 + count)``).

    Examples
    --------
    >>> known = listed({"be": 0, "not": 1, "to": 2, "2": 3})
    >>> rows = word_counts(pa.array(["To be, or not TO be", None, "be_2"]), known, "counts")
    >>> rows.starts.tolist(), rows.columns.tolist(), rows.values.tolist()
    ([0, 3, 3, 5], [0, 1, 2, 0, 3], [2.0, 1.0, 2.0, 1.0, 1.0])
    """
    if texts.null_count:
        texts = pc.fill_null(texts, "")
    lists = pc.split_pattern_regex(pc.utf8_lower(texts), _BETWEEN)
    sizes = np.asarray(pc.list_value_length(lists))
    encoded = lists.flatten().dictionary_encode()
    different = encoded.dictionary.to_pylist()
    # A text that begins or ends between words has an empty word there.
    codes = np.array(codes_of(different), dtype=np.int64)
    if "" in different:
        codes[different.index("")] = -1
    by_entry = codes.take(encoded.indices.to_numpy(zero_copy_only=False))
    rows = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    kept = by_entry >= 0
    if not kept.all():
        rows, by_entry = rows[kept], by_entry[kept]
    # Sorted by row and code; how often each occurs is the count.
    keys, counts = np.unique(rows << 32 | by_entry, return_counts=True)
    return SparseRows(
        starts=starts_of(np.bincount(keys >> 32, minlength=len(sizes))),
        columns=(keys & 0xFFFFFFFF).astype(np.int32),
        values=_values(counts, values),
    )


def hashed(n_buckets: int) -> WordCodes:
    """Return the codes of words by hash: ``crc32(UTF-8 of the word) modulo n_buckets``.

    The CRC-32 of zlib, gzip and PNG (ISO 3309), the same everywhere. Words that share a bucket are added up.

    Parameters
    ----------
    n_buckets : int
        A power of 2.

    Examples
    --------
    >>> hashed(2**18)(["logistic", "regression"]).tolist()
    [86973, 217476]
    """
    mask = n_buckets - 1

    def codes_of(words: Sequence[str]) -> NDArray[np.int64]:
        return np.array([zlib.crc32(word.encode()) & mask for word in words], dtype=np.int64)

    return codes_of


def listed(codes: Mapping[str, int]) -> WordCodes:
    """Return the codes of words by a list; words that it does not hold are left out."""

    def codes_of(words: Sequence[str]) -> NDArray[np.int64]:
        return np.array([codes.get(word, -1) for word in words], dtype=np.int64)

    return codes_of


class WordDictionary(LevelDictionary):
    """The words of one column of one split, numbered as they come; a builder.

    Attributes
    ----------
    numbers : dict of str to int
    overflowed : bool
        Whether words were left out for being more than `max_levels`: the driver then rejects the table.
    """

    def codes_of(self, words: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of each word, a new one where it is new."""
        numbers = self.numbers
        if len(numbers) + len(words) <= self.max_levels:
            found = [numbers.setdefault(word, len(numbers)) if word else -1 for word in words]
        else:
            found = [self.number(word or None) for word in words]
        return np.array(found, dtype=np.int64)


def _values(counts: NDArray[np.int64], values: str) -> NDArray[np.float64]:
    if values == "binary":
        return np.ones(len(counts))
    return np.log1p(counts) if values == "log" else counts.astype(np.float64)
