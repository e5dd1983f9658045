"""JSON that was written by us: finite numbers, unique keys, and a hash that tells whether anybody changed it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

MAX_KEYS = 100_000  # of one object
# Bytes that a list or object, and a value, take at least in a file of ours; and how many more may be denser.
BYTES_OF_CONTAINER, SPARE_CONTAINERS = 64, 100_000
BYTES_OF_VALUE, SPARE_VALUES = 6, 500_000
WINDOW = 1_000_000  # bytes that are looked at together
# A string without its end reaches to the end: to look for one from every quote would take time with its square.
_WHOLE = re.compile(rb'(?:[^"]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)


def strict_json(text: str | bytes) -> Any:
    """Return what a text of JSON holds.

    Raises
    ------
    ValueError
        When it is no JSON, or holds NaN, an infinity, a number beyond a double's range, or a key twice.
    RecursionError
        When it is nested deeper than anything we write.

    Examples
    --------
    >>> strict_json('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    """
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)


def is_crammed(text: str | bytes) -> bool:
    """Return whether a text has so many values that reading it takes more memory than any file of ours of its size."""
    content = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    most_containers = SPARE_CONTAINERS + len(content) // BYTES_OF_CONTAINER
    most_values = SPARE_VALUES + len(content) // BYTES_OF_VALUE
    n_containers = n_values = 0
    for bare in _outside_strings(content):
        n_containers += bare.count(b"[") + bare.count(b"{")
        n_values += bare.count(b",")
        if n_containers > most_containers or n_values > most_values:
            return True
    return False


def _outside_strings(content: bytes) -> Iterator[bytes]:
    """Yield what stands outside of strings, window by window: levels and words may hold anything, and do not count."""
    at = 0
    while at < len(content):
        found = _WHOLE.match(content, at, min(at + WINDOW, len(content)))
        end = at if found is None else found.end()
        if end == at:  # a string that is longer than a window
            longer = _STRING.match(content, at)
            at = len(content) if longer is None else longer.end()
            continue
        yield _STRING.sub(b"", content[at:end])
        at = end


def content_hash(data: Mapping[str, Any]) -> str:
    """Return the hash of plain values, the same in every process and for every order of the keys."""
    return hashlib.sha256(_sorted_text(data).encode()).hexdigest()


def hashed_json(data: Mapping[str, Any]) -> str:
    """Return a text of JSON with the `content_hash` of all its other keys as its last.

    Examples
    --------
    >>> read = strict_json(hashed_json({"b": 1, "a": 2}))
    >>> read.pop("content_hash") == content_hash(read)
    True
    """
    text = _sorted_text(data)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{text[:-1]}, "content_hash": "{digest}"}}'


def _sorted_text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, ensure_ascii=True, allow_nan=False)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise ValueError("more keys than any object has")
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse_constant(text: str) -> float:
    raise ValueError(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
