"""Hashes of keys, 64 bits a row, and whether any of them occurs twice. Runs on executors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

HashArray = NDArray[np.uint64]

# Hashes that are compared at once: with the table of their places they stay in a core's cache.
COMPARED = 131_072
BITS = 64
_PART_BITS = 6
# Odd constants of MurmurHash3's finalizer (Appleby 2011, public domain) and the golden ratio of SplitMix64.
_FIRST, _SECOND, _STEP = (
    np.uint64(0xFF51AFD7ED558CCD),
    np.uint64(0xC4CEB9FE1A85EC53),
    np.uint64(0x9E3779B97F4A7C15),
)
_HALF = np.uint64(33)
_NULL = np.uint64(0x2545F4914F6CDD1D)
# The low bytes of a word that belong to a text of 0 to 8 bytes.
_MASKS = np.array([(1 << 8 * k) - 1 for k in range(8)] + [2**64 - 1], dtype=np.uint64)


def key_hashes(columns: Sequence[pa.Array]) -> HashArray:
    """Return a hash of each row of key columns, shape (m,): equal keys have equal ones.

    Of one column of numbers, dates or times different keys have different hashes too.

    Parameters
    ----------
    columns : sequence of pyarrow.Array
        At least one; texts, numbers, truth values, dates, times or decimals of up to 38 digits.

    Examples
    --------
    >>> found = key_hashes([pa.array(["a", "b", "a"]), pa.array([1, 1, 1])])
    >>> bool(found[0] == found[2]), bool(found[0] == found[1])
    (True, False)
    """
    found = _mixed(_words(columns[0]))
    for column in columns[1:]:
        found = _mixed(found * _STEP + _words(column))
    return found


def has_repeated(hashes: HashArray, n_used: int) -> bool:
    """Whether a hash occurs more than once.

    Each is written to its place in a table, and the last one that came there stays. One that finds another of the
    same value in its place is a repetition; one that finds a different value goes on to a next round with other bits.

    Parameters
    ----------
    hashes : ndarray (m,)
    n_used : int
        The high bits in which all of them are alike already.

    Examples
    --------
    >>> has_repeated(np.array([7, 8, 9], dtype=np.uint64), 0), has_repeated(np.array([7, 8, 7], dtype=np.uint64), 0)
    (False, True)
    """
    if len(hashes) > COMPARED and n_used + _PART_BITS <= BITS // 2:
        parts = (part for _, part in cut_by_bits(hashes, n_used, _PART_BITS))
        return any(has_repeated(part, n_used + _PART_BITS) for part in parts)
    size = (2 * len(hashes)).bit_length()
    holder = np.zeros(1 << size, dtype=np.int32)
    mask = np.uint64((1 << size) - 1)
    left, turn = hashes, 0
    while len(left):
        places = ((left if turn == 0 else _mixed(left + np.uint64(turn))) & mask).astype(np.int64)
        own = np.arange(len(left), dtype=np.int32)
        holder[places] = own
        winner = holder[places]
        lost = np.flatnonzero(winner != own)
        if (left[winner[lost]] == left[lost]).any():
            return True
        left, turn = left[lost], turn + 1
    return False


def range_of(hashes: HashArray, n: int) -> HashArray:
    """Return which of `n` equal ranges of all hashes each one falls into, shape (m,).

    Examples
    --------
    >>> range_of(np.array([0, 2**63 - 1, 2**63, 2**64 - 1], dtype=np.uint64), 2).tolist()
    [0, 0, 1, 1]
    """
    found: HashArray = ((hashes >> np.uint64(BITS // 2)) * np.uint64(n)) >> np.uint64(BITS // 2)
    return found


def cut_by_bits(hashes: HashArray, n_used: int, n_bits: int) -> Iterator[tuple[int, HashArray]]:
    """Yield the hashes whose `n_bits` after the `n_used` highest are 0, 1, 2, ... with that number; none are empty."""
    if n_bits == 0:
        yield 0, hashes
        return
    shift, mask = np.uint64(BITS - n_used - n_bits), np.uint64((1 << n_bits) - 1)
    number = ((hashes >> shift) & mask).astype(np.uint8 if n_bits <= 8 else np.uint16)  # sorted by radix
    in_order = hashes[np.argsort(number, kind="stable")]
    ends = np.cumsum(np.bincount(number, minlength=1 << n_bits)).tolist()
    for k, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        if end > start:
            yield k, in_order[start:end]


def _mixed(words: HashArray) -> HashArray:
    """Return words whose bits all depend on all bits of the given ones, one to one."""
    found = words ^ (words >> _HALF)
    found *= _FIRST
    found ^= found >> _HALF
    found *= _SECOND
    found ^= found >> _HALF
    return found


def _words(column: pa.Array) -> HashArray:
    """Return a word for each value; different ones for different values, but for long texts and decimals."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found = _text_words(column)
    elif pa.types.is_decimal128(kind):
        halves = np.frombuffer(column.buffers()[1], dtype=np.uint64).reshape(-1, 2)
        halves = halves[column.offset : column.offset + len(column)]
        found = _mixed(halves[:, 1] * _STEP) + halves[:, 0]
    elif pa.types.is_floating(kind):
        numbers = column.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0  # no -0.0
        found = np.where(np.isnan(numbers), np.nan, numbers).view(np.uint64)
    else:
        found = _whole(column).to_numpy(zero_copy_only=False).view(np.uint64)
    if column.null_count:
        found = np.where(column.is_null().to_numpy(zero_copy_only=False), _NULL, found)
    return found


def _whole(column: pa.Array) -> pa.Array:
    """Return dates, times, truth values and whole numbers as 64-bit numbers, null as 0."""
    if pa.types.is_date32(column.type):
        column = column.view(pa.int32())
    elif pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
    return pc.fill_null(column.cast(pa.int64()), 0)


def _text_words(column: pa.Array) -> HashArray:
    """Return a hash of the bytes of each text, eight at a time."""
    if not len(column):
        return np.empty(0, dtype=np.uint64)
    text = pa.concat_arrays([column.cast(pa.large_string()).fill_null("")])  # no offset into shared buffers
    _, offsets, data = text.buffers()
    edges = np.frombuffer(offsets, dtype=np.int64)[: len(text) + 1]
    # Eight more, so that a word can begin at every byte.
    padded = np.zeros(edges[-1] + 8, dtype=np.uint8)
    if data is not None:
        padded[: edges[-1]] = np.frombuffer(data, dtype=np.uint8)[: edges[-1]]
    at_byte = np.ndarray((len(padded) - 7,), dtype="<u8", buffer=padded.data, strides=(1,))
    lengths = np.diff(edges)
    found: HashArray = lengths.astype(np.uint64) * _STEP
    rows = np.flatnonzero(lengths)
    starts, left = edges[rows], lengths[rows]
    while len(rows):
        word = at_byte[starts] & _MASKS[np.minimum(left, 8)]
        found[rows] = _mixed(found[rows] ^ word)
        longer = left > 8
        rows, starts, left = rows[longer], starts[longer] + 8, left[longer] - 8
    return found
