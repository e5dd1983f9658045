"""How far the linear predictors of scored rows may be off: rows of the design against the covariance. Runs on executors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logreg_dist.design.encode import RowEncoder
from logreg_dist.design.spec import DesignSpec
from logreg_dist.kernel.block import CodeArray
from logreg_dist.kernel.row_quadratics import RowQuadratics
from logreg_dist.scoring.rows import SLICE_ROWS, add_level
from logreg_dist.scoring.terms import LevelTerm, ScoreTerms
from logreg_dist.scoring.vector_terms import Entries, SparseTerm, VectorTerm, read_entries
from logreg_dist.staging.decode import numbers
from logreg_dist.staging.split_file import RawChunk
from logreg_dist.staging.vectors import dense_vectors

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class IntervalTerms:
    """What intervals of scored rows need of a model.

    Attributes
    ----------
    spec : DesignSpec
    levels : tuple of LevelTerm
        Of each categorical column of `spec`: the design's code of each level in place of an estimate.
    covariance : ndarray (p, p)
        Of the estimates on the centred columns, in the kernel's order; 0 for terms without one.
    quantile : float
        Half the width of an interval in standard errors.
    """

    spec: DesignSpec
    levels: tuple[LevelTerm, ...]
    covariance: FloatArray = field(repr=False)
    quantile: float


def half_widths(
    columns: Sequence[pa.Array | FloatArray | Entries],
    terms: ScoreTerms,
    intervals: IntervalTerms,
    is_scored: NDArray[np.bool_],
) -> FloatArray:
    """Return half the width of the interval of each row's linear predictor, shape (n,), log-odds.

    ``quantile * sqrt(x' covariance x)`` with x the row of the design, which is never one-hot encoded. An
    offset is known and adds nothing.

    Parameters
    ----------
    columns : sequence of pyarrow.Array, ndarray (n,) or Entries
        As in `score_rows`.
    terms : ScoreTerms
    intervals : IntervalTerms
    is_scored : ndarray (n,) of bool
        The others get NaN.

    Notes
    -----
    Hosmer, Lemeshow and Sturdivant (2013), Applied Logistic Regression, section 2.5; R's ``predict`` with ``se.fit``.
    """
    n_rows = len(is_scored)
    encoder = RowEncoder(intervals.spec, [None] * len(intervals.spec.sparse))
    form = RowQuadratics(intervals.covariance, intervals.spec.shape())
    variance = np.empty(n_rows)
    with np.errstate(invalid="ignore", over="ignore"):  # of rows without a score
        for start in range(0, n_rows, SLICE_ROWS):
            rows = slice(start, min(start + SLICE_ROWS, n_rows))
            part = [column[rows] for column in columns]
            chunk, codes = _design_rows(part, terms, intervals, rows.stop - start)
            variance[rows] = form.of(encoder.block(chunk, codes))
        # A covariance of lower rank, such as that of few clusters, may round to less than none.
        found: FloatArray = intervals.quantile * np.sqrt(np.maximum(variance, 0.0))
    found[~is_scored] = np.nan
    return found


def _design_rows(
    columns: Sequence[pa.Array | FloatArray | Entries], terms: ScoreTerms, intervals: IntervalTerms, m: int
) -> tuple[RawChunk, list[CodeArray]]:
    """Return m rows as a fit has them: numbers, NaN where missing, the design's codes, entries."""
    parts: list[FloatArray] = []
    codes: list[CodeArray] = []
    sparse = []
    levels = iter(intervals.levels)
    for column, term in zip(columns, terms.columns, strict=True):
        if isinstance(term, SparseTerm):
            sparse.append((column if isinstance(column, Entries) else read_entries(column, term)).rows)
        elif isinstance(term, VectorTerm):
            parts.append(dense_vectors(column, len(term.slopes)).numbers)
        elif isinstance(term, LevelTerm):
            codes.append(_codes(column, next(levels), m))
        elif term.name != terms.offset:
            parts.append((column if isinstance(column, np.ndarray) else numbers(column)[0])[None])
    numeric = np.concatenate([np.empty((0, m)), *parts])
    return RawChunk(np.zeros(m), None, None, numeric, np.empty((0, m), np.int32), tuple(sparse)), codes


def _codes(column: pa.Array, term: LevelTerm, m: int) -> CodeArray:
    found = np.empty(m)
    add_level(column, term, out=found, odd=np.zeros(3, dtype=np.int64))
    return np.nan_to_num(found).astype(np.int32)  # NaN where a row has no score
