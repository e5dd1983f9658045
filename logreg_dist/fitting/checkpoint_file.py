"""The journal as a file: strict, hashed, and with no value of the table in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from logreg_dist.fitting.bookmark_records import bookmark_from, content_of
from logreg_dist.fitting.journal import Journal, Kept, TableMark, damaged
from logreg_dist.model.strict_json import content_hash, hashed_json, is_crammed, strict_json

SCHEMA_VERSION = 1
# A search by L-BFGS with 75,000 terms; what is larger starts anew. Reading stops at four times as much.
MAX_BYTES = 64_000_000
BASE64_BYTES = 11  # of a double


@dataclass(frozen=True)
class Origin:
    """What a fit is of, as far as it is known before the table is read.

    Attributes
    ----------
    config : mapping of str to str
        By dotted key a hash of its value.
    versions : mapping of str to str
        Of what decides the last bits.
    """

    config: Mapping[str, str]
    versions: Mapping[str, str]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class _Array(_Record):
    shape: list[int]
    data: str


class _Bookmark(_Record):
    kind: str
    numbers: dict[str, int]
    arrays: dict[str, _Array]


class _Table(_Record):
    n_rows: int
    n_splits: int
    content: str
    columns: dict[str, str]


class _File(_Record):
    schema_version: Literal[1]
    written: str
    config: dict[str, str]
    versions: dict[str, str]
    table: _Table
    latest: str
    searches: dict[str, _Bookmark]
    content_hash: str


def journal_bytes(journal: Journal) -> int:
    """Return how large the file of a journal is, nearly."""
    return sum(BASE64_BYTES * bookmark.n_numbers for bookmark in journal.bookmarks.values())


def journal_to_json(journal: Journal, origin: Origin, written: str) -> str:
    """Return the text of the file."""
    assert journal.table is not None
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "written": written,
        "config": dict(origin.config),
        "versions": dict(origin.versions),
        "table": asdict(journal.table),
        "latest": journal.latest,
        "searches": {name: content_of(mark).record() for name, mark in journal.bookmarks.items()},
    }
    return hashed_json(data)


def kept_from_json(text: bytes, place: str) -> tuple[Kept, Origin]:
    """Read what an interrupted run left, checking every key, type and size, and the hash of the content.

    Raises
    ------
    CheckpointDamaged
        Saying what is wrong with the file.
    """
    if len(text) > 4 * MAX_BYTES:
        raise damaged(place, f"it has {len(text):,} bytes, more than any checkpoint")
    if is_crammed(text):
        raise damaged(place, "it has more values than any checkpoint of its size")
    try:
        data = strict_json(text)
        file = _File.model_validate_json(text)
    except ValidationError:
        raise damaged(place, "it does not follow the schema of a checkpoint") from None
    except (ValueError, RecursionError):
        raise damaged(place, "it is not JSON of unique keys") from None
    if content_hash({name: value for name, value in data.items() if name != "content_hash"}) != (
        file.content_hash
    ):
        raise damaged(place, "its content does not match its hash")
    try:
        bookmarks = {name: bookmark_from(one.model_dump()) for name, one in file.searches.items()}
    except ValueError as error:
        raise damaged(place, f"it contradicts itself: {error}") from None
    if file.latest not in bookmarks:
        raise damaged(place, "it contradicts itself: the search that it was in is not there")
    table = TableMark(**file.table.model_dump())
    return Kept(place, file.written, table, file.latest, bookmarks), Origin(file.config, file.versions)
