"""The sparse columns of a split while it is staged: dictionaries, surveys, hashes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logreg_dist.kernel.sparse import SparseRows
from logreg_dist.staging.decode import plain_texts
from logreg_dist.staging.plan import SparsePlan, SparseRule
from logreg_dist.staging.row_rules import MAX_MAGNITUDE
from logreg_dist.staging.sparse_survey import SparseProfile, SparseSurvey
from logreg_dist.staging.vectors import sparse_vectors
from logreg_dist.staging.words import WordDictionary, hashed, word_counts

FloatArray = NDArray[np.float64]

# Odd, with well-mixed bits: a multiplier of SplitMix64.
_MULTIPLIER = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(29)


@dataclass(frozen=True)
class ReadSparse:
    """A batch of a sparse column; `missing` (m,) are the rows without a value."""

    rows: SparseRows
    missing: NDArray[np.bool_]


class SparseReader:
    """Reads one sparse column of a split; a builder, which knows all words and counts met so far."""

    def __init__(self, plan: SparsePlan, max_words: int) -> None:
        self.plan = plan
        self.dictionary = WordDictionary(max_words)
        self.survey = SparseSurvey(MAX_MAGNITUDE)
        self._hashes = np.empty(0, dtype=np.uint64)

    @property
    def words(self) -> list[str]:
        """The words by their numbers; none but under the rule `words`."""
        return list(self.dictionary.numbers)

    def read(self, column: pa.Array) -> ReadSparse:
        """Decode a batch and count the rows that cannot be used."""
        plan = self.plan
        if plan.rule is SparseRule.VECTOR:
            found = sparse_vectors(column, plan.size)
            missing = (
                found.missing | self._not_a_number(found.rows) if plan.drop_if_missing else found.missing
            )
            self.survey.add_rows(missing, found.unlike)
            return ReadSparse(found.rows, missing)
        text = plain_texts(column)
        if plan.fill is not None:
            text = pc.fill_null(text, plan.fill)
        missing = np.asarray(pc.is_null(text))
        codes_of = self.dictionary.codes_of if plan.rule is SparseRule.WORDS else hashed(plan.size)
        self.survey.add_rows(missing, np.zeros(0, dtype=bool))
        return ReadSparse(word_counts(text, codes_of, plan.values), missing)

    def add(self, rows: SparseRows, frequency: FloatArray) -> None:
        """Survey rows that count."""
        self.survey.add(rows, frequency, words=self.plan.rule is SparseRule.WORDS)

    def profile(self) -> SparseProfile:
        """Return what was found so far."""
        return self.survey.profile(self.dictionary.numbers, overflowed=self.dictionary.overflowed)

    def hashes(self, rows: SparseRows) -> FloatArray:
        """Return a hash of each row's entries (m,), whatever their order, as the bits of doubles."""
        columns = rows.columns.astype(np.uint64)
        if self.plan.rule is SparseRule.WORDS:
            columns = self._hashes_of_words().take(rows.columns)
        with np.errstate(over="ignore"):
            mixed = (columns + np.uint64(1)) * _MULTIPLIER
            mixed ^= mixed >> _SHIFT
            mixed += rows.values.view(np.uint64)
            mixed *= _MULTIPLIER
            mixed ^= mixed >> _SHIFT
            # Differences of running sums: they wrap around alike.
            running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed)])
            found = running[rows.starts[1:]] - running[rows.starts[:-1]]
        bits: FloatArray = found.view(np.float64)
        return bits

    def _hashes_of_words(self) -> NDArray[np.uint64]:
        n_known = len(self._hashes)
        fresh = [crc32(word.encode()) for word in islice(self.dictionary.numbers, n_known, None)]
        if fresh:
            self._hashes = np.concatenate([self._hashes, np.array(fresh, dtype=np.uint64)])
        return self._hashes

    @staticmethod
    def _not_a_number(rows: SparseRows) -> NDArray[np.bool_]:
        found = np.zeros(rows.n_rows, dtype=bool)
        found[rows.rows()[np.isnan(rows.values)]] = True
        return found
