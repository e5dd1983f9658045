"""The running profile of one split and its level dictionaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logreg_dist.kernel.sparse import SparseRows
from logreg_dist.staging.carried import CarriedWriter, read_carried
from logreg_dist.staging.checksum import ContentChecksum
from logreg_dist.staging.decode import LevelDictionary, numbers, texts
from logreg_dist.staging.folds import folds_of_hashes, folds_of_keys
from logreg_dist.staging.outcome_checksum import OutcomeHasher
from logreg_dist.staging.plan import RawColumn, StagePlan
from logreg_dist.staging.profile import NumericProfile, RowCounts, TableProfile, empty_profile
from logreg_dist.staging.row_rules import read_roles
from logreg_dist.staging.rows import Rows
from logreg_dist.staging.sparse_columns import SparseReader
from logreg_dist.staging.survey import LevelCounts, survey_numbers
from logreg_dist.staging.vectors import dense_vectors

FloatArray = NDArray[np.float64]

MAX_LABEL_LEVELS = 1000  # enough to tell a user what the label holds


class SplitSurvey:
    """Decodes the rows of one split and keeps their running profile; a builder.

    Parameters
    ----------
    plan : StagePlan
    carried : CarriedWriter
        Told of what travels with the rows that count.
    """

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
        dropped = np.zeros(m, dtype=bool)
        numeric = self._numbers(columns, dropped)
        codes = self._codes(columns, dropped)
        sparse = self._sparse(columns, dropped)
        offset = np.zeros(m) if roles.offset is None else roles.offset
        self.rows = replace(
            self.rows,
            n_read=self.rows.n_read + batch.num_rows,
            n_zero_weight=self.rows.n_zero_weight + batch.num_rows - m,
            n_dropped=self.rows.n_dropped + int(dropped.sum()),
        )
        fold = np.zeros(m, dtype=np.uint8)
        if plan.folds is not None and plan.folds.column is not None:
            fold, n_missing, n_not_whole = folds_of_keys(columns[plan.folds.column], plan.folds.n_folds)
            self.problems["fold key.missing"] += n_missing
            self.problems["fold key.not_whole"] += n_not_whole
        rows = Rows(roles.y, roles.weight, roles.frequency, offset, numeric, codes, fold, sparse)
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

    def _numbers(self, columns: Sequence[pa.Array], dropped: NDArray[np.bool_]) -> FloatArray:
        """Return the numeric columns, and mark in `dropped` the rows that a missing number drops."""
        plan = self.plan
        found = np.empty((len(plan.numeric), len(dropped)))
        for row, column in enumerate(plan.numeric):
            if column.element is None:
                found[row], bad = numbers(columns[column.position])
                self.not_number[row] += bad
            elif column.element == 0:
                found[row : row + column.size] = self._vectors(column, columns[column.position])
        if plan.single:
            with np.errstate(over="ignore"):  # beyond its range: infinite, and refused for that
                # Rounded before anything looks at them, so that profile and fit are of the same numbers.
                found = found.astype(np.float32).astype(np.float64)
        for column, values in zip(plan.numeric, found, strict=True):
            if column.drop_if_missing:
                dropped |= np.isnan(values)
        return found

    def _codes(self, columns: Sequence[pa.Array], dropped: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the codes of the categorical columns, and mark the rows that a missing level drops."""
        found = np.empty((len(self.plan.categorical), len(dropped)), dtype=np.int32)
        for row, column in enumerate(self.plan.categorical):
            text, bad = texts(columns[column.position])
            self.not_whole[row] += bad
            found[row] = self.dictionaries[row].encode(text)
            if column.drop_if_missing:
                dropped |= found[row] < 0
        return found

    def _sparse(self, columns: Sequence[pa.Array], dropped: NDArray[np.bool_]) -> tuple[SparseRows, ...]:
        """Return the sparse columns, and mark the rows that a missing text or vector drops."""
        found = []
        for reader in self.sparse:
            column = reader.read(columns[reader.plan.position])
            found.append(_rounded(column.rows) if self.plan.single else column.rows)
            if reader.plan.drop_if_missing:
                dropped |= column.missing
        return tuple(found)

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
