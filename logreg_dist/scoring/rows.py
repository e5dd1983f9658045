"""Rows to linear predictors in NumPy, with the same sums in the same order as the SQL expression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logreg_dist.design.curves import curve_values
from logreg_dist.scoring.products import JointTerm, ProductTerm
from logreg_dist.scoring.terms import LevelTerm, NumericTerm, ScoreTerms
from logreg_dist.scoring.vector_terms import Entries, SparseTerm, VectorTerm, add_entries, add_vectors
from logreg_dist.staging.decode import numbers, texts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# A column of so many rows, with the sums it is added to, stays in the cache of a core. And for products of
# more than 10,000 rows OpenBLAS would start threads, which takes 20 times as long as the product.
SLICE_ROWS = 8_192


@dataclass(frozen=True)
class RowScores:
    """What was found in a batch.

    Attributes
    ----------
    linear_predictor : ndarray (n,)
        Log-odds, the offset included; NaN where a row cannot be scored.
    odd : ndarray (k, 3) of int64
        For each of the k columns: rows without a value, with a level that the model does not list,
        and with an infinite number, one that the fit would not have taken, or a text that is none.
    """

    linear_predictor: FloatArray
    odd: IntArray


def score_rows(
    columns: Sequence[pa.Array | FloatArray | Entries], terms: ScoreTerms, n_rows: int
) -> RowScores:
    """Return the linear predictor of a batch of rows.

    Sums are added as a balanced tree in the order of the terms, as `score.linear_predictor` does in
    Spark. Multiplication and addition are rounded alike everywhere, so both give the same bits, but for
    products of columns, which Spark adds in another place.

    Parameters
    ----------
    columns : sequence of pyarrow.Array or ndarray (n,)
        One for each of ``terms.columns``, in order; an ndarray holds numbers, NaN where missing.
    terms : ScoreTerms
    n_rows : int
        A model of an intercept alone has no columns that would tell.

    Examples
    --------
    >>> age = NumericTerm("age", 0.5, missing_value=None, missing_is_error=False)
    >>> plan = LevelTerm("plan", {"a": 0.0, "b": 2.0}, None, 0.0, False, True, False, "reference")
    >>> found = score_rows(
    ...     [pa.array([2.0, 4.0, None]), pa.array(["b", "new", "a"])],
    ...     ScoreTerms(-1.0, (age, plan), None),
    ...     n_rows=3,
    ... )
    >>> found.linear_predictor.tolist(), found.odd.tolist()
    ([2.0, 1.0, nan], [[1, 0, 0], [0, 1, 0]])
    """
    odd = np.zeros((len(terms.columns), 3), dtype=np.int64)
    found = np.zeros(n_rows)
    with np.errstate(invalid="ignore", over="ignore"):  # of numbers that are counted as unusable
        for start in range(0, n_rows, SLICE_ROWS):
            rows = slice(start, min(start + SLICE_ROWS, n_rows))
            _sum([column[rows] for column in columns], terms, out=found[rows], odd=odd)
    return RowScores(found, odd)


def _sum(
    columns: Sequence[pa.Array | FloatArray | Entries], terms: ScoreTerms, *, out: FloatArray, odd: IntArray
) -> None:
    """Write the sums of some rows to `out` and add to the counts of `odd`."""
    first = int(terms.intercept is not None)
    n_values = first + len(columns)
    if n_values == 0:
        return
    # One row for each level of the tree: a sum waits there while the other half is added up.
    sums = [out, *np.empty((n_values.bit_length(), len(out)))]

    def add_up(low: int, high: int, depth: int) -> None:
        if high - low > 1:
            middle = low + (high - low) // 2
            add_up(low, middle, depth)
            add_up(middle, high, depth + 1)
            sums[depth] += sums[depth + 1]
        elif low < first:
            sums[depth][:] = terms.intercept
        else:
            i = low - first
            term = terms.columns[i]
            if isinstance(term, VectorTerm):
                add_vectors(columns[i], term, out=sums[depth], odd=odd[i])
            elif isinstance(term, SparseTerm):
                add_entries(columns[i], term, out=sums[depth], odd=odd[i])
            else:
                _write(columns[i], term, out=sums[depth], odd=odd[i])

    add_up(0, n_values, 0)
    for product in terms.products:
        out += _product(columns, product, len(out))


def _write(
    column: pa.Array | FloatArray, term: NumericTerm | LevelTerm, *, out: FloatArray, odd: IntArray
) -> None:
    if isinstance(term, NumericTerm):
        _add_number(column, term, out=out, odd=odd)
    else:
        add_level(column, term, out=out, odd=odd)


def _product(
    columns: Sequence[pa.Array | FloatArray], product: ProductTerm | JointTerm, n_rows: int
) -> FloatArray:
    """Return what a pair of columns adds (n,), NaN where one of them has no value."""
    seen = np.zeros(3, dtype=np.int64)  # what is odd was counted with the columns themselves

    def read(which: int, term: NumericTerm | LevelTerm) -> FloatArray:
        values = np.empty(n_rows)
        _write(columns[product.places[which]], term, out=values, odd=seen)
        return values

    if isinstance(product, ProductTerm):
        total = np.zeros(n_rows)
        for first, second in product.factors:
            total += read(0, first) * read(1, second)
        return total
    first, second = product.numbers
    places = read(0, first) + read(1, second)
    absent = np.isnan(places)
    places[absent] = 0.0
    found: FloatArray = np.array(product.table).take(places.astype(np.intp))
    found[absent] = np.nan
    return found


def _add_number(column: pa.Array | FloatArray, term: NumericTerm, *, out: FloatArray, odd: IntArray) -> None:
    """Write ``slope * value`` and the curves to `out`, NaN where there is no value."""
    values, n_bad = (column, 0) if isinstance(column, np.ndarray) else numbers(column)
    np.multiply(values, term.slope, out=out)
    for curve in term.curves:
        out += curve_values(curve, values)[0]
    is_inside = term.above is None or bool((values > term.above).all())
    # One product of the column with itself shows that all is well: no square exceeds the sum of squares.
    if n_bad == 0 and is_inside and values @ values <= term.limit**2:
        return
    missing = np.isnan(values)
    if n_bad:
        missing = np.asarray(pc.is_null(column))  # the others are texts that are no number
    unusable = ~missing & ~(np.abs(values) <= term.limit)
    if term.above is not None:
        unusable |= values <= term.above
    out[unusable] = np.nan
    out[missing] = np.nan if term.missing_value is None else term.missing_value
    odd += np.array([np.count_nonzero(missing), 0, np.count_nonzero(unusable)])


def add_level(column: pa.Array, term: LevelTerm, *, out: FloatArray, odd: IntArray) -> None:
    """Write the estimate of each row's level to `out`, NaN where there is none."""
    text, n_unusable = texts(column)
    if not pa.types.is_dictionary(text.type):
        text = text.dictionary_encode()
    estimates = np.array([*term.estimates.values(), _or_nan(term.unseen_value)])
    n_listed = len(term.estimates)
    listed = pa.array(list(term.estimates), type=pa.string())
    found = pc.index_in(text.dictionary.cast(pa.string()), value_set=listed)
    codes = pc.fill_null(found, n_listed).to_numpy(zero_copy_only=False)
    n = len(codes)
    indices = text.indices
    n_absent = indices.null_count  # missing values, and numbers that are no level
    if n_absent:
        indices = pc.fill_null(indices, n)
    rows = indices.to_numpy(zero_copy_only=False)
    # The last entry is for rows without a level.
    np.take(np.append(estimates[codes], _or_nan(term.missing_value)), rows, out=out)
    n_unseen = 0
    if (codes == n_listed).any():  # a file's dictionary may hold levels that no row has
        n_unseen = int(np.count_nonzero(np.append(codes == n_listed, False)[rows]))
    n_missing = n_absent - n_unusable
    if n_unusable:
        is_missing = np.asarray(pc.is_null(column, nan_is_null=True))
        out[(rows == n) & ~is_missing] = np.nan
    if term.missing_is_unseen:
        n_unseen += n_missing
    odd += np.array([n_missing, n_unseen, n_unusable])


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value
