"""By how much the terms of a row change with one of its numbers. Runs on executors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.curves import curve_slopes
from logreg_dist.design.derived import Transform
from logreg_dist.design.derived_rows import DerivedRows
from logreg_dist.design.spec import DesignSpec
from logreg_dist.kernel.block import CodeArray, FloatArray


def stepped_columns(spec: DesignSpec) -> set[str]:
    """Return the columns that ``bins`` cuts: the log-odds jump there and have no slope."""
    parts = (part for column in spec.derived for part in column.parts)
    return {part.column for part in parts if isinstance(part, Transform) and part.is_levels}


class DerivedSlopes:
    """The derivatives of what is derived from a column, exact as the curves are polynomials.

    Parameters
    ----------
    spec : DesignSpec
    column : str
        A numeric column that is in no ``bins``.

    Attributes
    ----------
    rows : ndarray (k,) of intp
        The dense rows of a block that change with the column beside its own one.
    """

    def __init__(self, spec: DesignSpec, column: str) -> None:
        self._derived, self._column = DerivedRows(spec), column
        self._place, self._fill = self._derived.numeric[column]
        self._cells = []
        self._own = [
            part
            for part in {part.text: part for derived in spec.derived for part in derived.parts}.values()
            if isinstance(part, Transform) and part.column == column
        ]
        rows, row = [], self._derived.first_row
        for derived in spec.dense_derived:
            for cell in derived.cells:
                if column in derived.columns:
                    rows.append(row)
                    self._cells.append((derived.parts, cell))
                row += 1
        self.rows = np.array(rows, dtype=np.intp)

    def of_rows(self, numeric: FloatArray, codes: Sequence[CodeArray]) -> FloatArray:
        """Return the derivative of each of `rows` by the column, shape (k, m), per unit of the column.

        A row without a value has the slope at what stands in for it.

        Parameters
        ----------
        numeric : ndarray (n_numeric, m)
            The raw columns, NaN where missing.
        codes : sequence of ndarray (m,)
            The design's codes of each categorical column.
        """
        values = self._derived.parts(numeric, codes)
        x = np.asarray(numeric[self._place], dtype=np.float64)
        if self._fill is not None:
            x = np.where(np.isnan(x), self._fill, x)
        slopes = {part.text: curve_slopes(self._derived.curves[part.text], x) for part in self._own}
        found = np.zeros((len(self._cells), len(x)))
        for out, (parts, cell) in zip(found, self._cells, strict=True):
            factors = [_row(values[part.text], k) for part, k in zip(parts, cell, strict=True)]
            for i, (part, k) in enumerate(zip(parts, cell, strict=True)):
                if part.text in slopes:
                    changed = slopes[part.text][k]
                    out += np.prod([changed, *(f for j, f in enumerate(factors) if j != i)], axis=0)
        return found


def _row(values: FloatArray | NDArray[np.intp], k: int) -> FloatArray:
    """Return a part's function, or 1 where rows have its level k, shape (m,)."""
    found: FloatArray = values[k] if values.ndim == 2 else (values == k).astype(np.float64)
    return found
