"""Scores that never leave Python: batches of rows in, one Parquet file with their scores out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import TaskContext

from logreg_dist.publishing.probability_columns import is_added_up
from logreg_dist.scoring.columns import ScoreColumns
from logreg_dist.scoring.file_totals import plus
from logreg_dist.scoring.predictors import by_class, class_probabilities
from logreg_dist.scoring.rows import IntArray
from logreg_dist.scoring.tasks import CHUNK_ROWS, READ_BYTES, BatchLayout, no_counts, score_batch
from logreg_dist.staging.file_rows import FileColumn, FilePart, read_rows

# Rows of a row group; as many are held at a time.
GROUP_ROWS = 1_000_000


@dataclass(frozen=True)
class PartOutput:
    """The columns of the files.

    Attributes
    ----------
    carried : tuple of (str, pyarrow.DataType)
        Names and types of the carried columns, in the order of `BatchLayout.carried`.
    scores : ScoreColumns
    constants : tuple of (str, pyarrow.Scalar)
        Columns with one value.
    compression : str
    """

    carried: tuple[tuple[str, pa.DataType], ...]
    scores: ScoreColumns
    constants: tuple[tuple[str, pa.Scalar], ...]
    compression: str

    @property
    def schema(self) -> pa.Schema:
        """What a file holds."""
        scores = [
            (name, pa.string() if name == "predicted_class" else pa.float64()) for name in self.scores.names
        ]
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
    sums : mapping of str to float or None
        Of the probabilities and the ends of their intervals; None where no row has a score.
    counts : tuple of int
        Rows by `count_names`.
    """

    part: int
    path: str
    n_rows: int
    sums: Mapping[str, float | None]
    counts: tuple[int, ...]


def write_parts_task(
    splits: Sequence[tuple[FilePart, ...]],
    columns: Sequence[FileColumn],
    layout: BatchLayout,
    output: PartOutput,
    folder: str,
) -> Callable[[Iterable[int]], Iterator[PartWritten]]:
    """Return the function for `mapPartitions` that reads, scores and writes the splits whose numbers it is given.

    Each attempt writes a file of its own, under a name that readers do not look at.
    """

    def write(numbers: Iterable[int]) -> Iterator[PartWritten]:
        running = TaskContext.get()
        assert running is not None
        for k in numbers:
            path = Path(folder, f"_part-{k:05d}-{running.taskAttemptId()}")
            yield write_part(read_rows(splits[k], columns, CHUNK_ROWS, READ_BYTES), layout, output, k, path)

    return write


def write_part(
    batches: Iterable[pa.RecordBatch], layout: BatchLayout, output: PartOutput, part: int, path: Path
) -> PartWritten:
    """Score batches and write them to `path`, a file without rows if there are none."""
    counts, n_rows = no_counts(layout), 0
    names = [name for name in output.scores.names if is_added_up(name)]
    sums: dict[str, float | None] = dict.fromkeys(names)
    # Texts repeat, numbers do not: looking for repetitions takes longer than writing them.
    repeated = [field.name for field in output.schema if pa.types.is_string(field.type)]
    with pq.ParquetWriter(
        path, output.schema, compression=output.compression, use_dictionary=repeated, store_schema=False
    ) as writer:
        for table in _in_row_groups(_scored(batches, layout, output, counts), output.schema):
            for name in names:
                sums[name] = plus(sums[name], pc.sum(table[name]).as_py())
            writer.write_table(table, row_group_size=table.num_rows)
            n_rows += table.num_rows
    return PartWritten(part, str(path), n_rows, sums, tuple(counts.tolist()))


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
    n_predictors = max(len(output.scores.free), 1) + output.scores.has_intervals
    carried, predictors = columns[:-n_predictors], columns[-n_predictors:]
    found = (_binary_scores if output.scores.is_binary else _class_scores)(predictors, output.scores)
    constants = [pa.repeat(value, len(predictors[0])) for _, value in output.constants]
    return pa.RecordBatch.from_arrays([*carried, *found, *constants], schema=output.schema)


def _binary_scores(predictors: Sequence[pa.Array], wanted: ScoreColumns) -> list[pa.Array]:
    eta, *half_width = predictors  # the second one with intervals
    negative, positive = wanted.classes
    available = {
        "linear_predictor": lambda: eta,
        "probability": lambda: _probability(eta),
        "conf_low": lambda: _probability(pc.subtract(eta, *half_width)),
        "conf_high": lambda: _probability(pc.add(eta, *half_width)),
        "predicted_class": lambda: pc.if_else(
            pc.greater_equal(eta, 0.0), pa.scalar(positive), pa.scalar(negative)
        ),
    }
    return [available[name]() for name in wanted.names]


def _class_scores(predictors: Sequence[pa.Array], wanted: ScoreColumns) -> list[pa.Array]:
    arrays = [predictor.to_numpy(zero_copy_only=False) for predictor in predictors]  # NaN where null
    mask = np.isnan(arrays[0]) if predictors[0].null_count else None
    eta = by_class(arrays, wanted.places)
    mu = class_probabilities(eta)
    found = {
        f"probability_{name}": pa.array(row, mask=mask) for name, row in zip(wanted.classes, mu, strict=True)
    }
    found |= {f"linear_predictor_{name}": one for name, one in zip(wanted.free, predictors, strict=True)}
    if "predicted_class" in wanted.names:
        codes = pa.array(eta.argmax(axis=0), mask=mask)
        found["predicted_class"] = pa.array(wanted.classes, pa.string()).take(codes)
    return [found[name] for name in wanted.names]


def _probability(eta: pa.Array) -> pa.Array:
    values = eta.to_numpy(zero_copy_only=False)  # NaN where null
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the right answer
        odds = np.exp(-values)
    odds += 1.0
    return pa.array(np.divide(1.0, odds, out=odds), mask=np.isnan(values) if eta.null_count else None)
