"""The journal of a fit: where each of its searches is, so that an interrupted fit can go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.problems import counted, first_few, quoted
from logreg_dist.design.spec import INTERCEPT, DesignSpec, table_column
from logreg_dist.errors import CheckpointDamaged, CheckpointMisfit
from logreg_dist.model.strict_json import content_hash
from logreg_dist.solver.bookmarks import Page
from logreg_dist.staging.staged_split import StagedSplit

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

MAX_NAMED = 6


class Bookmark(Protocol):
    """Where a search is; each kind of search has its own."""

    @property
    def beta(self) -> FloatArray:
        """The coefficients there, (p,)."""

    @property
    def iteration(self) -> int:
        """How many iterations lie behind."""

    @property
    def n_numbers(self) -> int:
        """How many numbers it holds, but for a few."""


Kind = TypeVar("Kind", bound=Bookmark)


@dataclass(frozen=True)
class TableMark:
    """What the rows and their encoding must be again; no level and no value can be read out of it.

    Attributes
    ----------
    n_rows, n_splits : int
    content : str
        A hash of the splits' checksums, see `ContentChecksum`.
    columns : mapping of str to str
        By column, or term made of columns, a hash of how it is encoded.
    """

    n_rows: int
    n_splits: int
    content: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Kept:
    """What an earlier run left.

    Attributes
    ----------
    place : str
        The file, for messages.
    written : str
        When, ISO 8601.
    table : TableMark
    latest : str
        The name of the search that it was in.
    bookmarks : mapping of str to Bookmark
        By the name of the search.
    """

    place: str
    written: str
    table: TableMark
    latest: str
    bookmarks: Mapping[str, Bookmark]

    def summary(self) -> dict[str, Any]:
        """Return which search it was in, and how far that had come, as plain values."""
        iteration = self.bookmarks[self.latest].iteration
        return {"written": self.written, "search": self.latest, "iteration": iteration}


@dataclass
class _Store:
    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    table: TableMark | None = None
    latest: str = ""
    is_written: bool = True


@dataclass(frozen=True)
class Journal:
    """Where each search of a fit is, under a name that is the same in every run.

    Parameters
    ----------
    kept : Kept or None
        What an interrupted run of the same fit left.
    write : callable
        Told the journal whenever a search has come further.

    Examples
    --------
    >>> from logreg_dist.solver.bookmarks import ProximalBookmark
    >>> journal = Journal()
    >>> page = journal.within("fold 1").page("path", ProximalBookmark, 2)
    >>> page.resume is None
    True
    >>> page.keep(ProximalBookmark(np.zeros(2)))
    >>> journal.latest, list(journal.bookmarks)
    ('fold 1/path', ['fold 1/path'])
    """

    kept: Kept | None = None
    write: Callable[[Journal], None] = lambda journal: None
    prefix: str = ""
    _store: _Store = field(default_factory=_Store)

    def __post_init__(self) -> None:
        """Begin with what was left."""
        if self.kept is not None and not self._store.bookmarks:
            self._store.bookmarks.update(self.kept.bookmarks)
            self._store.latest = self.kept.latest

    @property
    def place(self) -> str:
        """The file that an earlier run left, for messages."""
        return "the journal" if self.kept is None else self.kept.place

    @property
    def bookmarks(self) -> Mapping[str, Bookmark]:
        """By the name of the search."""
        return self._store.bookmarks

    @property
    def table(self) -> TableMark | None:
        """The rows and their encoding, once they are known."""
        return self._store.table

    @property
    def latest(self) -> str:
        """The search that came further last."""
        return self._store.latest

    def within(self, name: str) -> Journal:
        """Return the same journal for searches whose names begin with another one."""
        return replace(self, prefix=f"{self.prefix}{name}/")

    def recognise(self, table: TableMark) -> None:
        """Compare the rows and their encoding with those of the run that was interrupted, and say where it goes on.

        Raises
        ------
        CheckpointMisfit
            Listing what differs.
        """
        self._store.table = table
        if self.kept is None:
            return
        differences = list(_differences(self.kept.table, table))
        if differences:
            raise misfit(self.kept.place, self.kept.written, differences)
        log.info(
            "going on from iteration %d%s of the checkpoint written at %s",
            self.bookmarks[self.latest].iteration,
            "" if self.latest == MAIN else f" of the search '{self.latest}'",
            self.kept.written,
        )

    def page(self, name: str, kind: type[Kind], p: int, *, at_once: bool = True) -> Page[Kind]:
        """Return the page of a search of p coefficients.

        Parameters
        ----------
        name : str
            Of the search, among those with the same prefix.
        kind : type
            Of its bookmarks.
        p : int
        at_once : bool
            Whether to write when it comes further, or to leave that to `write_changes`: searches on threads.

        Raises
        ------
        CheckpointDamaged
            When what was left is not where such a search can be.
        """
        whole = self.prefix + name
        left = None if self.kept is None else self.kept.bookmarks.get(whole)
        if left is not None and (not isinstance(left, kind) or left.beta.shape != (p,)):
            raise damaged(self.place, "a search of another kind or size is in it")

        def keep(bookmark: Kind) -> None:
            store = self._store
            store.bookmarks[whole], store.latest, store.is_written = bookmark, whole, False
            if at_once:
                self.write_changes()

        return Page(left, keep)

    def write_changes(self) -> None:
        """Write the journal where a search has come further since it was written."""
        if not self._store.is_written:
            self._store.is_written = True
            self.write(self)


# The search that most fits consist of.
MAIN = "main"
WAY_OUT = "Run with --resume never to delete it and start anew."


def table_mark(splits: Sequence[StagedSplit], spec: DesignSpec) -> TableMark:
    """Return what a later run must find again."""
    contents = [(split.n_rows, split.content) for split in splits]
    return TableMark(
        n_rows=sum(split.n_rows for split in splits),
        n_splits=len(splits),
        content=content_hash({"splits": contents}),
        columns=_encodings(spec),
    )


def misfit(place: str, written: str, differences: Sequence[str]) -> CheckpointMisfit:
    """Return the error that lists what differs, a line for each kind."""
    lines = "\n  ".join(differences)
    return CheckpointMisfit(f"{place}, written at {written}, is of another fit.\n  {lines}\n  {WAY_OUT}")


def damaged(place: str, why: str) -> CheckpointDamaged:
    """Return the error for a file that cannot be gone on from."""
    return CheckpointDamaged(f"{place}: {why}.\n  {WAY_OUT}")


def _encodings(spec: DesignSpec) -> dict[str, str]:
    """Return a hash of how each column and each derived column is encoded; the numbers of a vector together."""
    parts: dict[str, list[Any]] = {INTERCEPT: [spec.intercept]}
    for column in spec.columns:
        parts.setdefault(table_column(column), []).append(asdict(column))
    for derived in spec.derived:
        parts.setdefault(derived.text, []).append(asdict(derived))
    return {name: content_hash({"encoding": values}) for name, values in parts.items()}


def _differences(then: TableMark, now: TableMark) -> Iterator[str]:
    if then.n_rows != now.n_rows:
        yield f"data: {counted(then.n_rows, 'row')} then and {now.n_rows:,} now"
    elif then.n_splits == now.n_splits and then.content != now.content:
        yield f"data: {counted(then.n_rows, 'row')} then and now, with other values"
    if then.n_splits != now.n_splits:
        yield f"splits: {then.n_splits:,} then and {now.n_splits:,} now; input.splits sets them"
    names = dict.fromkeys([*then.columns, *now.columns])
    other = [name for name in names if then.columns.get(name) != now.columns.get(name)]
    if other:
        yield f"encoding: {first_few([quoted(name) for name in other], MAX_NAMED)}"
