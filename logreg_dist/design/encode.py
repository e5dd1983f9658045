"""From a staged chunk to a block: the learned design applied to raw columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from logreg_dist.design.derived_rows import DerivedRows
from logreg_dist.design.encode_sparse import SparseEncoder
from logreg_dist.design.spec import OTHER, CategoricalColumn, DesignSpec
from logreg_dist.kernel.block import Block, CodeArray, FloatArray
from logreg_dist.staging.split_file import RawChunk


def encode_chunks(
    chunks: Iterable[RawChunk],
    spec: DesignSpec,
    dictionaries: Sequence[Sequence[str]],
    lookups: Sequence[CodeArray | None] = (),
) -> Iterator[Block]:
    """Yield the block of each chunk; all blocks share one buffer, so use each before the next.

    Parameters
    ----------
    chunks : iterable of RawChunk
        All but the last with equally many rows.
    spec : DesignSpec
    dictionaries : sequence of sequence of str
        For each categorical column the split's levels in the order of its codes.
    lookups : sequence of ndarray or None
        For each sparse column, see `SparseEncoder`.
    """
    levels_of = [
        level_lookup(column, levels) for column, levels in zip(spec.categorical, dictionaries, strict=True)
    ]
    encoder = RowEncoder(spec, lookups)
    for chunk in chunks:
        codes = [lookup.take(codes) for lookup, codes in zip(levels_of, chunk.codes, strict=True)]
        yield encoder.block(chunk, codes)


class RowEncoder:
    """Makes blocks of chunks; all share one buffer, so use each before the next.

    Parameters
    ----------
    spec : DesignSpec
    lookups : sequence of ndarray or None
        For each sparse column, see `SparseEncoder`.
    """

    def __init__(self, spec: DesignSpec, lookups: Sequence[CodeArray | None] = ()) -> None:
        self._spec, self._sparse = spec, SparseEncoder(spec, lookups)
        self._derived = DerivedRows(spec) if spec.derived else None
        self._plain = [column.plain for column in spec.categorical]
        self._buffer: FloatArray | None = None

    def block(self, chunk: RawChunk, codes: Sequence[CodeArray]) -> Block:
        """Return the block of a chunk whose rows have the design's own `codes`, see `level_lookup`.

        Parameters
        ----------
        chunk : RawChunk
            Its codes, which are a split's own, are not looked at.
        codes : sequence of ndarray (m,)
            One for each categorical column.
        """
        n_rows = len(chunk.y)
        if self._buffer is None or self._buffer.shape[1] != n_rows:
            self._buffer = np.empty((self._spec.shape().n_dense, n_rows))
        _fill_dense(self._buffer, chunk.numeric, self._spec)
        groups = self._sparse.groups(chunk.sparse, self._buffer)
        if self._derived is not None:
            more = self._derived.fill(self._buffer, chunk.numeric, codes)
            codes = [*(own for own, has_terms in zip(codes, self._plain, strict=True) if has_terms), *more]
        return Block(
            dense=self._buffer,
            codes=codes,
            y=chunk.y,
            weight=chunk.weight,
            offset=chunk.offset,
            sparse=groups,
        )


def level_lookup(column: CategoricalColumn, levels: Sequence[str]) -> CodeArray:
    """Return the design's code for each code of a split, shape (len(levels) + 1,).

    The last entry is for rows without a value, which the splits code as -1. The reference level
    has the code behind the last coefficient; levels the design does not know are `OTHER`.

    Examples
    --------
    >>> column = CategoricalColumn("c", "string", "level", "error", ("a", "b", OTHER), "a", OTHER)
    >>> level_lookup(column, ["b", "rare", "a"]).tolist()
    [0, 1, 2, 1]
    """
    with_coefficient = column.coefficient_levels
    codes = {level: code for code, level in enumerate(with_coefficient)}
    no_coefficient = len(with_coefficient)
    if column.reference is not None:
        codes[column.reference] = no_coefficient
    other = codes.get(OTHER, no_coefficient)
    missing = no_coefficient if column.missing_level is None else codes[column.missing_level]
    return np.array([*(codes.get(level, other) for level in levels), missing], dtype=np.int32)


def _fill_dense(dense: FloatArray, numeric: FloatArray, spec: DesignSpec) -> None:
    first = int(spec.intercept)
    dense[:first] = 1.0
    plain, centres = [column.plain for column in spec.numeric], spec.centres
    n_plain = sum(plain)
    centred = dense[first : first + n_plain]
    if n_plain == len(numeric):
        np.subtract(numeric, centres[:, None], out=centred)
    else:
        np.subtract(numeric[plain], centres[plain, None], out=centred)
    indicator_row = first + n_plain
    place = -1
    for row, column in enumerate(spec.numeric):
        place += column.plain
        if column.fill is None or not (column.plain or column.indicator):
            continue
        missing = np.isnan(numeric[row])
        if column.plain:
            centred[place][missing] = column.fill - centres[row]
        if column.indicator:
            dense[indicator_row] = missing
            indicator_row += 1
