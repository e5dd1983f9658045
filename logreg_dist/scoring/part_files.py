"""Scores that never leave Python: batches of rows in, one Parquet file with their scores out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logreg_dist.scoring.rows import IntArray
from logreg_dist.scoring.tasks import BatchLayout, no_counts, score_batch

# Rows of a row group; as many are held at a time.
GROUP_ROWS = 1_000_000

_SCORE_TYPES = {"probability": pa.float64(), "linear_predictor": pa.float64(), "predicted_class": pa.string()}


@dataclass(frozen=True)
class PartOutput:
    """The columns of the files.

    Attributes
    ----------
    carried : tuple of (str, pyarrow.DataType)
        Names and types of the carried columns, in the order of `BatchLayout.carried`.
    scores : tuple of str
        Of ``probability``, ``linear_predictor`` and ``predicted_class``.
    positive, negative : str
        The classes at and above, and below, even odds.
    constants : tuple of (str, pyarrow.Scalar)
        Columns with one value.
    compression : str
    """

    carried: tuple[tuple[str, pa.DataType], ...]
    scores: tuple[str, ...]
    positive: str
    negative: str
    constants: tuple[tuple[str, pa.Scalar], ...]
    compression: str

    @property
    def schema(self) -> pa.Schema:
        """What a file holds."""
        scores = [(name, _SCORE_TYPES[name]) for name in self.scores]
        return pa.schema([*self.carried, *scores, *((name, value.type) for name, value in self.constants)])


@dataclass(frozen=True)
class PartWritten:
    """What a task wrote.

    Attributes
    ----------
    part : int
    path : str
        Of the file, under a name that readers do not look at.
    n_rows : int
    probability_sum : float or None
        None where no row has a score.
    counts : tuple of int
        Rows by `count_names`.
    """

    part: int
    path: str
    n_rows: int
    probability_sum: float | None
    counts: tuple[int, ...]


def write_part(
    batches: Iterable[pa.RecordBatch], layout: BatchLayout, output: PartOutput, part: int, path: Path
) -> PartWritten:
    """Score batches and write them to `path`, a file without rows if there are none."""
    counts, sums, n_rows = no_counts(layout), [], 0
    # Texts repeat, numbers do not: looking for repetitions takes longer than writing them.
    repeated = [field.name for field in output.schema if pa.types.is_string(field.type)]
    with pq.ParquetWriter(
        path, output.schema, compression=output.compression, use_dictionary=repeated, store_schema=False
    ) as writer:
        for table in _in_row_groups(_scored(batches, layout, output, counts), output.schema):
            if "probability" in output.scores:
                sums.append(pc.sum(table["probability"]).as_py())
            writer.write_table(table, row_group_size=table.num_rows)
            n_rows += table.num_rows
    known = [value for value in sums if value is not None]
    return PartWritten(part, str(path), n_rows, sum(known) if known else None, tuple(counts.tolist()))


def _scored(
    batches: Iterable[pa.RecordBatch], layout: BatchLayout, output: PartOutput, counts: IntArray
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the file batch by batch and add to `counts`."""
    for batch in batches:
        if batch.num_rows:
            columns, found = score_batch(batch, layout)
            counts += found
            yield _with_scores(columns, output)


def _in_row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(part.num_rows for part in held) >= GROUP_ROWS:
            yield pa.Table.from_batches(held, schema)
            held = []
    if held:
        yield pa.Table.from_batches(held, schema)


def _with_scores(columns: list[pa.Array], output: PartOutput) -> pa.RecordBatch:
    *carried, eta = columns
    available = {
        "linear_predictor": lambda: eta,
        "probability": lambda: _probability(eta),
        "predicted_class": lambda: pc.if_else(
            pc.greater_equal(eta, 0.0), pa.scalar(output.positive), pa.scalar(output.negative)
        ),
    }
    scores = [available[name]() for name in output.scores]
    constants = [pa.repeat(value, len(eta)) for _, value in output.constants]
    return pa.RecordBatch.from_arrays([*carried, *scores, *constants], schema=output.schema)


def _probability(eta: pa.Array) -> pa.Array:
    values = eta.to_numpy(zero_copy_only=False)  # NaN where null
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the right answer
        odds = np.exp(-values)
    odds += 1.0
    return pa.array(np.divide(1.0, odds, out=odds), mask=np.isnan(values) if eta.null_count else None)
