"""Columns that are no part of the model and travel with its rows: clusters, an order, a key.

They lie in a file of their own beside the staged rows, in the same order, so that fits without them pay nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logreg_dist.staging.decode import MAX_WHOLE, numbers, plain_texts_and_counts
from logreg_dist.staging.folds import text_hashes

FloatArray = NDArray[np.float64]


class CarriedRule(StrEnum):
    """What a carried column is staged as."""

    HASH = "hash"  # of its text, 64 bits: equal values are a cluster
    NUMBER = "number"  # an order
    TEXT = "text"  # a key
    FREQUENCY = "frequency"  # observations that a row stands for, from frequency and trials


@dataclass(frozen=True)
class CarriedColumn:
    """A column to carry.

    Attributes
    ----------
    name : str
        What it is for, the name it is read back by: ``cluster[0]``, ``cluster[1]``, ``order``, ``key``, ``frequency``.
    rule : CarriedRule
    position : int or None
        Its place in the batches; None for a frequency.
    """

    name: str
    rule: CarriedRule
    position: int | None


_TYPES = {
    CarriedRule.HASH: pa.uint64(),
    CarriedRule.NUMBER: pa.float64(),
    CarriedRule.TEXT: pa.string(),
    CarriedRule.FREQUENCY: pa.float64(),
}


@dataclass(frozen=True)
class CarriedRows:
    """The carried columns of some rows.

    Attributes
    ----------
    arrays : list of pyarrow.Array
    problems : Counter
        Rows by ``name.problem``.
    """

    arrays: list[pa.Array]
    problems: Counter[str]

    def take(self, kept: NDArray[np.bool_]) -> CarriedRows:
        """Return some of the rows, with the problems of all."""
        return CarriedRows([array.filter(pa.array(kept)) for array in self.arrays], self.problems)

    @property
    def content(self) -> list[FloatArray]:
        """The columns as the bits of numbers, for a checksum."""
        found = []
        for array in self.arrays:
            values = (
                text_hashes(array) if pa.types.is_string(array.type) else array.to_numpy(zero_copy_only=False)
            )
            found.append(values.view(np.float64))
        return found


def read_carried(
    columns: Sequence[pa.Array], carried: Sequence[CarriedColumn], frequency: FloatArray
) -> CarriedRows:
    """Read the carried columns of the rows that count.

    A row without a cluster, an order or a key is a problem: it would be in a cluster with all others like it.

    Parameters
    ----------
    columns : sequence of pyarrow.Array
        Of the batch.
    carried : sequence of CarriedColumn
    frequency : ndarray (m,)

    Examples
    --------
    >>> found = read_carried([pa.array(["a", None])], [CarriedColumn("key", CarriedRule.TEXT, 0)], np.ones(2))
    >>> found.arrays[0].to_pylist(), dict(found.problems)
    (['a', None], {'key.missing': 1})
    """
    arrays: list[pa.Array] = []
    problems: Counter[str] = Counter()
    for column in carried:
        if column.position is None:
            arrays.append(pa.array(frequency))
            continue
        source = columns[column.position]
        if column.rule is CarriedRule.NUMBER:
            values, bad = numbers(source)
            problems[f"{column.name}.not_number"] += bad
            problems[f"{column.name}.missing"] += int(np.isnan(values).sum()) - bad
            if pa.types.is_integer(source.type) or pa.types.is_decimal(source.type):
                # Numbers that are rounded to one would tie, and follow each other in another order.
                problems[f"{column.name}.not_exact"] += int((np.abs(values) >= MAX_WHOLE).sum())
            arrays.append(pa.array(values))
            continue
        text, not_whole = plain_texts_and_counts(source)
        problems[f"{column.name}.not_whole"] += not_whole
        problems[f"{column.name}.missing"] += int(text.null_count) - not_whole
        arrays.append(text if column.rule is CarriedRule.TEXT else pa.array(text_hashes(text)))
    return CarriedRows(arrays, Counter({name: n for name, n in problems.items() if n}))


class CarriedWriter:
    """Writes the carried columns of a split batch by batch; a builder, to be closed."""

    def __init__(self, path: Path, carried: Sequence[CarriedColumn]) -> None:
        schema = pa.schema([(column.name, _TYPES[column.rule]) for column in carried])
        self._schema = schema
        self._file = pa.ipc.new_file(str(carried_file(path)), schema) if carried else None

    def add(self, rows: CarriedRows) -> None:
        """Append rows."""
        if self._file is not None:
            arrays = [array.cast(kind) for array, kind in zip(rows.arrays, self._schema.types, strict=True)]
            self._file.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()


def carried_file(path: Path) -> Path:
    """Return where the carried columns of a split's rows lie; there is no file where there are none."""
    return path.with_suffix(".carried")


def carried_column(path: Path, name: str) -> pa.ChunkedArray:
    """Return a carried column of a whole split, in the order of its rows, as a view of a memory map.

    Raises
    ------
    FileNotFoundError
        When the file is not on this machine.
    """
    with pa.memory_map(str(carried_file(path))) as source:
        return pa.ipc.open_file(source).read_all().column(name)


def carried_numbers(path: Path, name: str) -> NDArray[np.float64] | NDArray[np.uint64]:
    """Return a carried column of numbers or hashes of a whole split as one array."""
    column = carried_column(path, name)
    values: NDArray[np.float64] | NDArray[np.uint64] = column.to_numpy()
    return values
