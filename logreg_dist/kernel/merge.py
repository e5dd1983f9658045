"""Merged columns: several small categorical columns counted as one, so that there are fewer pairs.

The columns ``a`` (4 codes) and ``b`` (3 codes) become one column of 12 codes ``3 a + b``. Whatever is
summed by the 12 codes gives the sums by ``a``, by ``b`` and by both on adding up along an axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np

from logreg_dist.kernel.block import CodeArray, FloatArray

# Codes of a merged column: a table between two of 256 codes (0.5 MB) stays in a core's L2 cache.
MERGED_CODES = 256
# Cells of all tables between merged columns: 40 MB.
MAX_CELLS = 5_000_000


@dataclass(frozen=True)
class MergedColumn:
    """Categorical columns that are counted as one.

    Attributes
    ----------
    columns : tuple of int
        Their numbers among the categorical columns, ascending.
    sizes : tuple of int
        Codes of each, the reference level included.
    """

    columns: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def n_codes(self) -> int:
        """Codes of the merged column."""
        return prod(self.sizes)

    def merge_codes(self, codes: Sequence[CodeArray], joint: CodeArray, out: np.ndarray) -> None:
        """Write the merged codes of m rows to `out` (m,) of type intp; `joint` (m,) is overwritten."""
        first, *rest = self.columns
        source = codes[first]
        for column, size in zip(rest, self.sizes[1:], strict=True):
            np.multiply(source, size, out=joint)
            source = np.add(joint, codes[column], out=joint)
        # np.add.at takes its fast path for intp only.
        out[:] = source

    def outer_sum(self, parts: Sequence[FloatArray]) -> FloatArray:
        """Return for each merged code the sum over its columns' entries, shape (n_codes,).

        Parameters
        ----------
        parts : sequence of ndarrays (size,)
            One for each of `columns`.
        """
        total = np.zeros(())
        for part in parts:
            total = total[..., None] + part
        return total.ravel()

    def marginal(self, table: FloatArray, *columns: int) -> FloatArray:
        """Return sums by merged code (..., n_codes) as sums by the codes of `columns` (..., size, ...)."""
        cube = table.reshape(*table.shape[:-1], *self.sizes)
        lead = table.ndim - 1
        away = tuple(lead + axis for axis, column in enumerate(self.columns) if column not in columns)
        summed: FloatArray = cube.sum(axis=away)
        return summed


def merge_columns(widths: Sequence[int], merged_codes: int = MERGED_CODES) -> tuple[MergedColumn, ...]:
    """Decide which categorical columns to count as one; a function of `widths` alone.

    First fit, the widest first: a column joins the first group in which the codes still number at
    most `merged_codes`. Wider columns stay alone.

    Parameters
    ----------
    widths : sequence of int
        Coefficients of each column, as in `BlockShape`.
    merged_codes : int
        Most codes of a merged column.

    Examples
    --------
    >>> [merged.columns for merged in merge_columns((1, 999, 15, 3, 1))]
    [(1,), (0, 2, 3, 4)]
    >>> merge_columns((1, 999, 15, 3, 1))[1].n_codes
    256
    """
    sizes = [width + 1 for width in widths]
    groups: list[list[int]] = []
    for column in sorted(range(len(sizes)), key=lambda column: (-sizes[column], column)):
        for group in groups:
            if sizes[column] * prod(sizes[k] for k in group) <= merged_codes:
                group.append(column)
                break
        else:
            groups.append([column])
    return tuple(
        MergedColumn(tuple(sorted(group)), tuple(sizes[k] for k in sorted(group))) for group in groups
    )


def merge_for_pairs(widths: Sequence[int]) -> tuple[MergedColumn, ...]:
    """Decide which columns to merge when all pairs are summed: as `merge_columns`, in bounded memory.

    Merging makes the tables of wide columns wider: beyond `MAX_CELLS` cells in all the groups are
    made smaller, down to single columns, whose tables are those of the state itself.

    Examples
    --------
    >>> len(merge_for_pairs((49, 19_999, 49))), len(merge_for_pairs((1, 999, 15, 3, 1)))
    (3, 2)
    """
    merged_codes = MERGED_CODES
    merged = merge_columns(widths, merged_codes)
    while merged_codes > 1 and pair_cells(merged) > MAX_CELLS:
        merged_codes //= 4
        merged = merge_columns(widths, merged_codes)
    return merged


def pair_cells(merged: Sequence[MergedColumn]) -> int:
    """Return the cells of the tables between all pairs of merged columns."""
    return sum(a.n_codes * b.n_codes for a, b in combinations(merged, 2))
