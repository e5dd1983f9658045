"""Numbers that travel as arrays: Spark hands one column of lists to Python faster than fifty of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Gathering:
    """How the columns of a table are put together on their way.

    Attributes
    ----------
    groups : tuple of tuple of int
        Positions, in the table, of the numbers in each array column; these come first in the batches.
    others : tuple of int
        Positions of the columns that travel as they are, in the order in which they follow.
    """

    groups: tuple[tuple[int, ...], ...]
    others: tuple[int, ...]

    @property
    def n_columns(self) -> int:
        """Columns of the table."""
        return sum(map(len, self.groups)) + len(self.others)


def scattered(batches: Iterable[pa.RecordBatch], gathering: Gathering) -> Iterator[pa.RecordBatch]:
    """Yield the batches with every number in a column of its own again, at its position in the table.

    A number that is missing in a list is NaN then, which means the same.

    Examples
    --------
    >>> batch = pa.record_batch({"g": [[1.0, 2.0], [3.0, None]], "c": ["a", "b"]})
    >>> [whole] = scattered([batch], Gathering(groups=((0, 2),), others=(1,)))
    >>> whole.to_pydict()
    {'c0': [1.0, 3.0], 'c1': ['a', 'b'], 'c2': [2.0, nan]}
    """
    for batch in batches:
        columns: list[pa.Array] = [pa.nulls(0)] * gathering.n_columns
        for positions, lists in zip(gathering.groups, batch.columns, strict=False):
            flat = pc.fill_null(lists.flatten(), float("nan")).to_numpy(zero_copy_only=False)
            # One sweep turns rows of numbers into columns, which all that follows runs along.
            for position, values in zip(positions, flat.reshape(-1, len(positions)).T.copy(), strict=True):
                columns[position] = pa.array(np.asarray(values))
        for position, column in zip(gathering.others, batch.columns[len(gathering.groups) :], strict=True):
            columns[position] = column
        yield pa.RecordBatch.from_arrays(columns, names=[f"c{k}" for k in range(len(columns))])
