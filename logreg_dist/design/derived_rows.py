"""From raw columns to derived ones: the rows of a chunk. Runs on executors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.curves import curve_values
from logreg_dist.design.derived import DerivedColumn, LevelPart, Part, Transform
from logreg_dist.design.spec import CategoricalColumn, DesignSpec
from logreg_dist.kernel.block import CodeArray, FloatArray

IntArray = NDArray[np.intp]


class DerivedRows:
    """Works out what is derived from the columns of a chunk; its tables are made once."""

    def __init__(self, spec: DesignSpec) -> None:
        self.spec = spec
        self.numeric = {column.name: (k, column.fill) for k, column in enumerate(spec.numeric)}
        self.categorical = {column.name: k for k, column in enumerate(spec.categorical)}
        self.level_tables = [_levels_by_code(column) for column in spec.categorical]
        parts = {part.text: part for column in spec.derived for part in column.parts}
        self.curves = {text: part.curves() for text, part in parts.items() if isinstance(part, Transform)}
        self.code_tables = [_codes_by_cell(column) for column in spec.coded_derived]
        self.centres = spec.derived_centres
        self.first_row = spec.shape().n_dense - len(self.centres)

    def fill(self, dense: FloatArray, numeric: FloatArray, codes: Sequence[CodeArray]) -> list[CodeArray]:
        """Write the dense derived columns to the last rows of `dense` and return the codes of the others.

        Parameters
        ----------
        dense : ndarray (d, m)
        numeric : ndarray (n_numeric, m)
            The raw columns, NaN where missing.
        codes : sequence of ndarray (m,)
            The design's codes of each categorical column.
        """
        parts = self.parts(numeric, codes)
        row = self.first_row
        for column in self.spec.dense_derived:
            for cell in column.cells:
                _multiply([parts[part.text] for part in column.parts], cell, out=dense[row])
                row += 1
        dense[self.first_row :] -= self.centres[:, None]
        return [
            table.take(_places(column, parts))
            for column, table in zip(self.spec.coded_derived, self.code_tables, strict=True)
        ]

    def parts(self, numeric: FloatArray, codes: Sequence[CodeArray]) -> dict[str, FloatArray | IntArray]:
        """Return of each part the functions' values (k, m), or the number of each row's level (m,)."""
        found: dict[str, FloatArray | IntArray] = {}
        for column in self.spec.derived:
            for part in column.parts:
                if part.text not in found:
                    found[part.text] = self._part(part, numeric, codes)
        return found

    def _part(self, part: Part, numeric: FloatArray, codes: Sequence[CodeArray]) -> FloatArray | IntArray:
        if isinstance(part, LevelPart):
            k = self.categorical[part.column]
            return self.level_tables[k].take(codes[k])
        row, fill = self.numeric[part.column]
        # Float32, where numbers are rounded, would round what follows too.
        values = np.asarray(numeric[row], dtype=np.float64)
        if fill is not None:
            values = np.where(np.isnan(values), fill, values)
        curves = self.curves[part.text]
        if part.is_levels:
            bins: IntArray = np.searchsorted(curves.breaks, values, side="left")
            return bins
        return curve_values(curves, values)


def _multiply(parts: Sequence[FloatArray | IntArray], cell: Sequence[int], *, out: FloatArray) -> None:
    """Write the product of one function or level of each part: of a level 1 where the row has it."""
    factors = [rows[k] if rows.ndim == 2 else rows == k for rows, k in zip(parts, cell, strict=True)]
    if len(factors) == 1:
        out[:] = factors[0]
    else:
        np.multiply(factors[0], factors[1], out=out)


def _places(column: DerivedColumn, parts: dict[str, FloatArray | IntArray]) -> IntArray:
    """Return the number of each row's cell among all combinations, the last part running fastest."""
    places = parts[column.parts[0].text]
    for part in column.parts[1:]:
        places = places * part.size + parts[part.text]
    return np.asarray(places, dtype=np.intp)


def _codes_by_cell(column: DerivedColumn) -> CodeArray:
    """Return the kernel's code of each combination: behind the last one for those without a coefficient."""
    sizes = [part.size for part in column.parts]
    table = np.full(int(np.prod(sizes)), len(column.cells), dtype=np.int32)
    if column.cells:
        table[np.ravel_multi_index(tuple(np.array(column.cells).T), sizes)] = np.arange(len(column.cells))
    return table


def _levels_by_code(column: CategoricalColumn) -> IntArray:
    """Return the number among all levels of each code of `level_lookup`."""
    place = {level: k for k, level in enumerate(column.levels)}
    without = 0 if column.reference is None else place[column.reference]
    return np.array([*(place[level] for level in column.coefficient_levels), without], dtype=np.intp)
