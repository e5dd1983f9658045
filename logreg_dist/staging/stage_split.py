"""Staging one split: batches in, a staged file with its sidecar out. Runs inside a Spark task."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logreg_dist.kernel.sparse import SparseRows, concatenate
from logreg_dist.staging.carried import CarriedWriter, read_carried
from logreg_dist.staging.checksum import ContentChecksum, as_signed
from logreg_dist.staging.decode import LevelDictionary, numbers, texts
from logreg_dist.staging.folds import FoldArray, folds_of_hashes, folds_of_keys
from logreg_dist.staging.outcome_checksum import OutcomeChecksum, OutcomeHasher
from logreg_dist.staging.plan import RawColumn, StagePlan
from logreg_dist.staging.profile import (
    NumericProfile,
    RowCounts,
    TableProfile,
    empty_profile,
    profile_to_dict,
)
from logreg_dist.staging.row_rules import read_roles
from logreg_dist.staging.sparse_columns import SparseReader
from logreg_dist.staging.sparse_file import sparse_path, write_sparse
from logreg_dist.staging.split_file import RawChunk, RecordLayout, write_chunk
from logreg_dist.staging.survey import LevelCounts, survey_numbers
from logreg_dist.staging.vectors import dense_vectors

FloatArray = NDArray[np.float64]

MAX_LABEL_LEVELS = 1000  # enough to tell a user what the label holds


@dataclass(frozen=True)
class StagedSplit:
    """A staged split as the driver knows it.

    Attributes
    ----------
    split : int
        Its number, which orders the sums.
    path : str
        The file, on the disk of the executor that wrote it.
    n_rows : int
        Rows in the file.
    label_sum, weight_sum : float
        For the record of the fit.
    content : int
        What a second reading of the same rows must give again, see `ContentChecksum`.
    outcomes, outcomes_in_order : int
        The checksums of `OutcomeChecksum`, as signed integers.
    seconds : float
        Taken by reading and writing the rows.
    """

    split: int
    path: str
    n_rows: int
    label_sum: float
    weight_sum: float
    content: int
    outcomes: int = 0
    outcomes_in_order: int = 0
    seconds: float = 0.0

    @property
    def outcome_checksum(self) -> OutcomeChecksum:
        """The checksum of label, weight and offset."""
        return OutcomeChecksum(self.n_rows, self.outcomes % 2**64, self.outcomes_in_order % 2**64)


@dataclass(frozen=True)
class Rows:
    """Rows on their way from a batch to a chunk; the rows are the last axis of every array."""

    y: FloatArray
    weight: FloatArray
    frequency: FloatArray
    offset: FloatArray
    numeric: FloatArray
    codes: NDArray[np.int32]
    fold: FoldArray
    sparse: tuple[SparseRows, ...] = ()

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All but the sparse columns, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "sparse"}

    def take(self, which: slice | NDArray[np.bool_]) -> Rows:
        """Return some of the rows."""
        arrays = {name: array[..., which] for name, array in self.arrays.items()}
        return Rows(**arrays, sparse=tuple(rows.take(which) for rows in self.sparse))


def stage_split(batches: Iterable[pa.RecordBatch], plan: StagePlan, path: Path, split: int) -> StagedSplit:
    """Write the rows that count to `path` and their profile beside it; no batches, an empty file.

    The sidecar ``.json`` holds the profile and the split's dictionaries of levels, words and classes, the file
    ``.sparse`` the sparse columns, see `write_sparse`, and ``.carried`` what travels with the rows, see `carried`.
    """
    clock = time.perf_counter()
    layout = record_layout(plan)
    beside_path = sparse_path(path) if plan.sparse else None
    with (
        path.open("wb") as file,
        fold_file(path).open("wb") as folds,
        beside_path.open("wb") if beside_path else BytesIO() as beside,
        closing(CarriedWriter(path, plan.carried)) as carried,
    ):
        survey = _SplitSurvey(plan, carried)
        for rows in rechunk((survey.read(batch) for batch in batches), plan.chunk_rows):
            survey.add(rows)
            chunk = _raw_chunk(rows, layout)
            write_chunk(file, chunk, layout)
            write_sparse(beside, chunk.sparse)
            if plan.folds is not None:
                folds.write(rows.fold.data)
    profile = survey.profile()
    sidecar = {
        "profile": profile_to_dict(profile),
        "levels": [list(dictionary.numbers) for dictionary in survey.dictionaries],
        "words": [reader.words for reader in survey.sparse],
        "classes": list(survey.labels.numbers) if plan.label.by_class else [],
    }
    path.with_suffix(".json").write_text(json.dumps(sidecar), encoding="utf-8")
    counts = profile.rows
    return StagedSplit(
        split,
        str(path),
        counts.n_rows,
        counts.label_sum,
        counts.weight_sum,
        survey.content.value,
        as_signed(survey.outcomes.value.in_any_order),
        as_signed(survey.outcomes.value.in_order),
        time.perf_counter() - clock,
    )


def fold_file(path: Path) -> Path:
    """Return where the folds of a split's rows lie, a byte each; empty where there are none."""
    return path.with_suffix(".folds")


def read_sidecar(path: str) -> dict[str, Any]:
    """Return what `stage_split` noted beside the staged file."""
    sidecar: dict[str, Any] = json.loads(Path(path).with_suffix(".json").read_text(encoding="utf-8"))
    return sidecar


def record_layout(plan: StagePlan) -> RecordLayout:
    """Return the layout of the files that `plan` leads to."""
    return RecordLayout(
        n_numeric=len(plan.numeric),
        n_categorical=len(plan.categorical),
        weighted=plan.is_weighted,
        has_offset=plan.offset is not None,
        chunk_rows=plan.chunk_rows,
        single=plan.single,
        n_sparse=len(plan.sparse),
    )


def rechunk(parts: Iterable[Rows], chunk_rows: int) -> Iterator[Rows]:
    """Yield the same rows in chunks of `chunk_rows`, the last one smaller.

    The chunks are one buffer, filled again and again: use a chunk before asking for the next.
    The sums then do not depend on the sizes in which the batches happen to come.
    """
    buffer: Rows | None = None
    filled = 0
    held: list[tuple[SparseRows, ...]] = []  # the sparse part of the buffer
    for part in parts:
        if buffer is None:
            empty = {name: np.empty((*a.shape[:-1], chunk_rows), a.dtype) for name, a in part.arrays.items()}
            buffer = replace(part, **empty, sparse=())
        start, n_rows = 0, len(part.y)
        if not filled and n_rows == chunk_rows:
            yield part  # as it is, without a copy
            continue
        while start < n_rows:
            step = min(chunk_rows - filled, n_rows - start)
            for name, source in part.arrays.items():
                getattr(buffer, name)[..., filled : filled + step] = source[..., start : start + step]
            held.append(tuple(rows.take(slice(start, start + step)) for rows in part.sparse))
            filled, start = filled + step, start + step
            if filled == chunk_rows:
                yield replace(buffer, sparse=_joined(held))
                filled, held = 0, []
    if buffer is not None and filled:
        yield replace(buffer.take(slice(filled)), sparse=_joined(held))


def _joined(parts: Sequence[tuple[SparseRows, ...]]) -> tuple[SparseRows, ...]:
    return tuple(concatenate(column) for column in zip(*parts, strict=True))


class _SplitSurvey:
    """The running profile of one split and its level dictionaries; a builder."""

    def __init__(self, plan: StagePlan, carried: CarriedWriter) -> None:
        self.plan, self.carried = plan, carried
        self.rows, self.problems = RowCounts(), Counter[str]()
        self.numeric: NumericProfile = empty_profile(len(plan.numeric), 0).numeric
        self.not_number = np.zeros(len(plan.numeric), dtype=np.int64)
        self.labels, self.label_counts = LevelDictionary(MAX_LABEL_LEVELS), LevelCounts()
        self.dictionaries = [LevelDictionary(plan.max_levels) for _ in plan.categorical]
        self.level_counts = [LevelCounts() for _ in plan.categorical]
        # A class goes into it by its name: its code depends on the order in which rows happen to come.
        by_class = [self.labels] if plan.label.by_class else []
        self.content = ContentChecksum([*self.dictionaries, *by_class])
        self.outcomes = OutcomeHasher(by_class)
        self.not_whole = [0] * len(plan.categorical)
        self.sparse = [SparseReader(column, plan.max_levels) for column in plan.sparse]

    def read(self, batch: pa.RecordBatch) -> Rows:
        """Decode a batch and leave out the rows that do not count."""
        plan = self.plan
        roles = read_roles(batch.columns, plan, self.labels, self.label_counts)
        self.problems.update(roles.problems)
        # A row of weight 0 is as good as absent, whatever it holds.
        columns = (batch if roles.counts.all() else batch.filter(pa.array(roles.counts))).columns
        m = len(roles.y)
        numeric = np.empty((len(plan.numeric), m))
        codes = np.empty((len(plan.categorical), m), dtype=np.int32)
        dropped = np.zeros(m, dtype=bool)
        for row, column in enumerate(plan.numeric):
            if column.element is None:
                numeric[row], bad = numbers(columns[column.position])
                self.not_number[row] += bad
            elif column.element == 0:
                numeric[row : row + column.size] = self._vectors(column, columns[column.position])
        if plan.single:
            with np.errstate(over="ignore"):  # beyond its range: infinite, and refused for that
                # Rounded before anything looks at them, so that profile and fit are of the same numbers.
                numeric = numeric.astype(np.float32).astype(np.float64)
        for column, values in zip(plan.numeric, numeric, strict=True):
            if column.drop_if_missing:
                dropped |= np.isnan(values)
        for row, column in enumerate(plan.categorical):
            text, bad = texts(columns[column.position])
            self.not_whole[row] += bad
            codes[row] = self.dictionaries[row].encode(text)
            if column.drop_if_missing:
                dropped |= codes[row] < 0
        sparse = []
        for reader in self.sparse:
            found = reader.read(columns[reader.plan.position])
            sparse.append(_rounded(found.rows) if plan.single else found.rows)
            if reader.plan.drop_if_missing:
                dropped |= found.missing
        offset = np.zeros(m) if roles.offset is None else roles.offset
        self.rows = replace(
            self.rows,
            n_read=self.rows.n_read + batch.num_rows,
            n_zero_weight=self.rows.n_zero_weight + batch.num_rows - m,
            n_dropped=self.rows.n_dropped + int(dropped.sum()),
        )
        fold = np.zeros(m, dtype=np.uint8)
        if plan.folds is not None and plan.folds.column is not None:
            fold, n_missing = folds_of_keys(columns[plan.folds.column], plan.folds.n_folds)
            self.problems["fold key.missing"] += n_missing
        rows = Rows(roles.y, roles.weight, roles.frequency, offset, numeric, codes, fold, tuple(sparse))
        beside = read_carried(columns, plan.carried, roles.frequency)
        self.problems.update(beside.problems)
        if dropped.any():
            rows, beside = rows.take(~dropped), beside.take(~dropped)
        self.carried.add(beside)
        # Here and not chunk by chunk: of wide tables those are so short that every column costs more
        # for being called than for its rows.
        hashes = [reader.hashes(part) for reader, part in zip(self.sparse, rows.sparse, strict=True)]
        if plan.folds is not None and plan.folds.column is None:
            # Without the label: rows alike but for it would lie apart, each unseen by the fit that scores it.
            features = self.content.row_hashes([rows.offset, *rows.numeric, *hashes], rows.codes)
            rows.fold[:] = folds_of_hashes(features, plan.folds.n_folds)
        self._add_to_content(rows, [*hashes, *beside.content])
        return rows

    def _vectors(self, column: RawColumn, array: pa.Array) -> FloatArray:
        found = dense_vectors(array, column.size)
        self.problems[f"unlike.{column.name}"] += int(found.unlike.sum())
        return found.numbers

    def _add_to_content(self, rows: Rows, more: Sequence[FloatArray]) -> None:
        outcome = [rows.weight, rows.offset]
        if self.plan.frequency is not None:
            outcome.append(rows.frequency)  # the weight is that of all repeats
        others = [*outcome, *rows.numeric, *more]
        if self.plan.folds is not None:
            others.append(rows.fold.astype(np.float64))
        if not self.plan.label.by_class:
            self.content.add([rows.y, *others], rows.codes)
            self.outcomes.add([rows.y, *outcome], rows.codes[:0])
            return
        classes = np.where(np.isnan(rows.y), -1.0, rows.y).astype(np.int32)
        self.content.add(others, np.vstack([rows.codes, classes[None]]))
        self.outcomes.add(outcome, classes[None])

    def add(self, rows: Rows) -> None:
        """Survey a chunk of rows that count."""
        frequency = rows.frequency
        self.rows = self.rows + RowCounts(
            n_rows=len(rows.y),
            n_obs=float(frequency.sum()),
            weight_sum=float(rows.weight.sum()),
            event_sum=float(frequency @ rows.y),
            label_sum=float(rows.weight @ rows.y),
        )
        self.numeric = self.numeric + survey_numbers(rows.numeric, rows.weight)
        is_event = _of_single_rows(rows) if self.level_counts else None
        for counts, codes in zip(self.level_counts, rows.codes, strict=True):
            if is_event is None:
                counts.add(codes, rows.y, frequency)
            else:
                counts.add_ones(codes, is_event)
        for reader, part in zip(self.sparse, rows.sparse, strict=True):
            reader.add(part, frequency)

    def profile(self) -> TableProfile:
        """Return the profile of everything read so far."""
        return TableProfile(
            rows=self.rows,
            problems={name: count for name, count in self.problems.items() if count},
            label_levels=_column_profile(self.label_counts, self.labels, 0),
            numeric=replace(self.numeric, n_not_number=self.not_number),
            categorical=tuple(
                _column_profile(*column)
                for column in zip(self.level_counts, self.dictionaries, self.not_whole, strict=True)
            ),
            sparse=tuple(reader.profile() for reader in self.sparse),
        )


def _of_single_rows(rows: Rows) -> NDArray[np.int32] | None:
    """Return which rows are events, where every row counts once and has label 0 or 1."""
    single = ((rows.y == 0.0) | (rows.y == 1.0)) & (rows.frequency == 1.0)
    return rows.y.astype(np.int32) if single.all() else None


def _rounded(rows: SparseRows) -> SparseRows:
    with np.errstate(over="ignore"):
        return replace(rows, values=rows.values.astype(np.float32).astype(np.float64))


def _column_profile(counts: LevelCounts, dictionary: LevelDictionary, n_not_whole: int) -> Any:
    return counts.profile(dictionary.numbers, n_not_whole=n_not_whole, overflowed=dictionary.overflowed)


def _raw_chunk(rows: Rows, layout: RecordLayout) -> RawChunk:
    return RawChunk(
        y=rows.y,
        weight=rows.weight if layout.weighted else None,
        offset=rows.offset if layout.has_offset else None,
        numeric=rows.numeric,
        codes=rows.codes,
        sparse=rows.sparse,
    )
