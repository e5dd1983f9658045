"""The tasks that score rows in Python: Arrow batches in, carried columns and linear predictors out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logreg_dist.scoring.interval_rows import IntervalTerms, half_widths
from logreg_dist.scoring.predictors import travelling_names
from logreg_dist.scoring.rows import FloatArray, IntArray, score_rows
from logreg_dist.scoring.terms import ScoreTerms
from logreg_dist.scoring.vector_terms import Entries, SparseTerm, read_entries
from logreg_dist.staging.file_rows import FileColumn, FilePart, read_rows

# Rows that are read from a file at once, or as many as fill its batches if that is more.
CHUNK_ROWS = 8_192
# Larger than those of staging, where each number is written, too: of smaller ones pyarrow takes longer for a row.
READ_BYTES = 16_000_000

BatchTask = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class BatchLayout:
    """What the columns of a batch are, and what is done with them.

    Attributes
    ----------
    terms : ScoreTerms
        With several classes those of the first one.
    places : tuple of (int, int or None)
        For each of ``terms.columns`` the column of the batch, and the place in its arrays if it
        holds several numbers together.
    carried : tuple of int
        The columns to hand on, keys first.
    n_keys : int
    types : tuple of pyarrow.DataType, or None
        What the carried columns must be; None leaves them as they come.
    refusals : tuple of (int, str), or None
        Counts that must stay 0, by number, and the sentence that is handed on if one does not; None
        lets everything pass.
    further : tuple of ScoreTerms
        Of the other classes.
    n_free : int
        Classes beside the reference; 0 for a binary model.
    intervals : IntervalTerms or None
        What intervals need, where they are asked for.
    """

    terms: ScoreTerms
    places: tuple[tuple[int, int | None], ...]
    carried: tuple[int, ...]
    n_keys: int
    types: tuple[pa.DataType, ...] | None = None
    refusals: tuple[tuple[int, str], ...] | None = None
    further: tuple[ScoreTerms, ...] = ()
    n_free: int = 0
    intervals: IntervalTerms | None = None


def score_batches_task(layout: BatchLayout) -> BatchTask:
    """Return the function for `mapInArrow` that scores the batches it is given."""

    def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return score_batches(batches, layout)

    return score


def score_files_task(
    splits: Sequence[tuple[FilePart, ...]], columns: Sequence[FileColumn], layout: BatchLayout
) -> BatchTask:
    """Return the function for `mapInArrow` that reads and scores the splits whose numbers it is given."""

    def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        parts = [part for batch in batches for k in batch.column(0).to_pylist() for part in splits[k]]
        return score_batches(read_rows(parts, columns, CHUNK_ROWS, READ_BYTES), layout)

    return score


def score_batches(batches: Iterable[pa.RecordBatch], layout: BatchLayout) -> Iterator[pa.RecordBatch]:
    """Yield the carried columns, the linear predictor (null without a score) and a note of each row.

    With refusals the note is the sentence of one of them, on all rows of a batch that has reason for it: whichever
    of them is asked for, the query must fail. Without, the last row of all has the counts of all batches as its
    note, in the order of `count_names`, if any of them is not 0: Spark drops the rows of a task that it runs
    twice, and the counts with them, which it does not do with accumulators.
    """
    total = no_counts(layout)
    held: list[pa.Array] = []
    for batch in batches:
        if batch.num_rows == 0:
            continue
        if held:
            yield _with_note(held, None, layout)
        held, counts = score_batch(batch, layout)
        total += counts
        if layout.refusals is not None:
            sentence = next((s for k, s in layout.refusals if counts[k]), None)
            yield _with_notes(held, pa.repeat(pa.scalar(sentence, pa.string()), batch.num_rows), layout)
            held = []
    if held:
        yield _with_note(held, " ".join(map(str, total.tolist())) if total.any() else None, layout)


def read_notes(notes: Iterable[str], n_counts: int) -> list[int]:
    """Add up the counts of all tasks.

    Examples
    --------
    >>> read_notes(["1 0 2", "0 0 1"], 3), read_notes([], 2)
    ([1, 0, 3], [0, 0])
    """
    counts = np.array([[0] * n_counts, *([int(n) for n in note.split()] for note in notes)], dtype=np.int64)
    found: list[int] = counts.sum(axis=0).tolist()
    return found


def no_counts(layout: BatchLayout) -> IntArray:
    """Return a zero for each of `count_names`, to add to."""
    return np.zeros(1 + 3 * len(layout.terms.columns) + layout.n_keys, dtype=np.int64)


def score_batch(batch: pa.RecordBatch, layout: BatchLayout) -> tuple[list[pa.Array], IntArray]:
    """Return the carried columns with the linear predictors of a batch, and its counts by `count_names`."""
    together: dict[int, FloatArray] = {}
    columns: list[pa.Array | FloatArray | Entries] = []
    for position, place in layout.places:
        if place is None:
            columns.append(batch.column(position))
            continue
        if position not in together:
            together[position] = _transposed(batch.column(position))
        columns.append(together[position][place])
    if layout.further or layout.intervals:  # each class would split the texts once more, and the intervals
        columns = [
            read_entries(column, term) if isinstance(term, SparseTerm) else column
            for column, term in zip(columns, layout.terms.columns, strict=True)
        ]
    found = score_rows(columns, layout.terms, batch.num_rows)
    carried = [batch.column(position) for position in layout.carried]
    no_key = [_count_missing(column) for column in carried[: layout.n_keys]]
    unscored = np.isnan(found.linear_predictor)
    n_unscored = np.count_nonzero(unscored)
    # A row without a score has none for any class.
    mask = unscored if n_unscored else None
    scores = [pa.array(found.linear_predictor, mask=mask)]
    for terms in layout.further:
        other = score_rows(columns, terms, batch.num_rows).linear_predictor
        scores.append(pa.array(other, mask=mask))
    if layout.intervals is not None:
        widths = half_widths(columns, layout.terms, layout.intervals, ~unscored)
        scores.append(pa.array(widths, mask=np.isnan(widths)))
    if layout.types is not None:
        carried = [_as_type(column, kind) for column, kind in zip(carried, layout.types, strict=True)]
    return [*carried, *scores], np.array([n_unscored, *found.odd.ravel(), *no_key], dtype=np.int64)


def _transposed(column: pa.ListArray) -> FloatArray:
    """Return the arrays of a column as one row for each place."""
    values: FloatArray = column.flatten().to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(values.reshape(len(column), -1).T)


def _count_missing(column: pa.Array) -> int:
    if pa.types.is_floating(column.type):
        return int(pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0)
    return int(column.null_count)


def _as_type(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    # Nanoseconds are cut off, as Spark does.
    return column if column.type == kind else column.cast(kind, safe=not pa.types.is_timestamp(kind))


def _with_note(arrays: Sequence[pa.Array], note: str | None, layout: BatchLayout) -> pa.RecordBatch:
    n = len(arrays[-1])
    notes = pa.nulls(n, pa.string()) if note is None else pa.array([*[None] * (n - 1), note], pa.string())
    return _with_notes(arrays, notes, layout)


def _with_notes(arrays: Sequence[pa.Array], notes: pa.Array, layout: BatchLayout) -> pa.RecordBatch:
    names = output_names(len(layout.carried), layout.n_free, with_intervals=layout.intervals is not None)
    return pa.RecordBatch.from_arrays([*arrays, notes], names=names)


def output_names(n_carried: int, n_free: int = 0, *, with_intervals: bool = False) -> list[str]:
    """Return the names of the columns that the tasks yield.

    Examples
    --------
    >>> output_names(2)
    ['carried_0', 'carried_1', 'linear_predictor', 'note']
    """
    numbers = travelling_names(n_free, with_intervals=with_intervals)
    return [*(f"carried_{i}" for i in range(n_carried)), *numbers, "note"]
