"""From Parquet to Parquet without Spark on the way of the rows: it only runs and repeats the tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from logreg_dist.errors import OutputNotVerified
from logreg_dist.model.model import LogisticModel
from logreg_dist.publishing.destination import RUN_DATE, Destination, is_hidden
from logreg_dist.publishing.filesystem import is_local, local_path
from logreg_dist.publishing.probability_columns import is_added_up
from logreg_dist.publishing.totals import StagedBy, StagedTotals
from logreg_dist.reading.failures import explain_spark_error
from logreg_dist.reading.parquet_files import ParquetFiles
from logreg_dist.scoring.batches import FileWork, file_work
from logreg_dist.scoring.columns import score_columns
from logreg_dist.scoring.file_totals import add_sums, file_totals_task
from logreg_dist.scoring.match import ScoreInput
from logreg_dist.scoring.part_files import PartOutput, PartWritten, write_parts_task
from logreg_dist.spark.words import all_words

_UNREADABLE = (
    "'{}': a file that was written cannot be read back; see the log with --debug.\n  The old output is kept."
)
# What Spark's setting and Parquet both know; another one is written as snappy.
_CODECS = {"snappy": "snappy", "zstd": "zstd", "gzip": "gzip", "none": "none", "uncompressed": "none"}


@dataclass(frozen=True)
class DirectScores:
    """Writes scores to a folder; `counts` can be read after that.

    Attributes
    ----------
    by : StagedBy
        Writes a folder and reads it back: a Spark job each, whose tasks use pyarrow alone.
    counts : callable
        Rows by the numbers of `count_names`.
    """

    by: StagedBy
    counts: Callable[[], Sequence[int]]


def can_be_direct(destination: Destination, spark: SparkSession) -> bool:
    """Whether the tasks may write the files themselves: Parquet on a disk, in one folder."""
    one_folder = len(destination.partition_by) <= 1
    return destination.format == "parquet" and one_folder and is_local(destination.path, spark)


def direct_scores(
    source: ScoreInput,
    files: ParquetFiles,
    model: LogisticModel,
    *,
    columns: Sequence[str],
    run_id: str,
    destination: Destination,
) -> DirectScores:
    """Prepare scoring files to files; no job.

    Each attempt of a task writes a file under a name that readers do not look at. The driver names
    those of the attempts that Spark took, and removes what others left.
    """
    work, spark = file_work(source, files), source.table.sparkSession
    output = _output(source, work, model, columns=columns, run_id=run_id, destination=destination)
    done: list[PartWritten] = []

    def write(folder: str) -> StagedTotals:
        local = _local(folder, spark)
        local.mkdir(parents=True, exist_ok=True)
        done.extend(_run(source, work, output, local))
        name_files(done, local, run_id)
        n_rows = sum(part.n_rows for part in done)
        return StagedTotals(n_rows, n_rows, add_sums(part.sums for part in done))

    def read(folder: str) -> StagedTotals:
        return _read_back(spark, _local(folder, spark), output)

    def count(folder: str) -> int:
        return _count_rows(_local(folder, spark))

    return DirectScores(
        StagedBy(write, read, count), lambda: np.sum([part.counts for part in done], axis=0).tolist()
    )


def visible_files(folder: Path) -> list[Path]:
    """List the files under a folder that readers look at, in order; hidden folders are left out with all they hold."""
    entries = sorted(path for path in folder.iterdir() if not is_hidden(path.name))
    return [file for path in entries for file in (visible_files(path) if path.is_dir() else [path])]


def _run(source: ScoreInput, work: FileWork, output: PartOutput, folder: Path) -> list[PartWritten]:
    context = source.table.sparkSession.sparkContext
    # Nothing of this module or of `work` itself: executors need not have what the driver imports.
    task = write_parts_task(work.splits, work.columns, work.layout, output, str(folder))
    n = len(work.splits)
    try:
        found = context.parallelize(range(n), n).mapPartitions(task).collect()
    except (PySparkException, Py4JError) as error:
        explained = explain_spark_error(error) if "UnreadableFile" in all_words(error) else None
        raise (explained or error) from error
    return sorted(found, key=lambda part: part.part)


def _read_back(spark: SparkSession, folder: Path, output: PartOutput) -> StagedTotals:
    paths = [str(path) for path in visible_files(folder)]
    names = [name for name in output.scores.names if is_added_up(name)]
    date = next((constant for constant in output.constants if constant[0] == RUN_DATE), None)
    context = spark.sparkContext
    files = context.parallelize(paths, max(min(len(paths), context.defaultParallelism), 1))
    try:
        found = files.mapPartitions(file_totals_task(names, date)).collect()
    except (PySparkException, Py4JError) as error:
        if "UnreadableFile" not in all_words(error):
            raise
        raise OutputNotVerified(_UNREADABLE.format(folder)) from error
    sums = {**dict.fromkeys(names), **add_sums(part.sums for part in found)}
    return StagedTotals(sum(part.n_rows for part in found), sum(part.n_of_date for part in found), sums)


def _count_rows(folder: Path) -> int:
    """Count the rows of the files under a folder by their footers."""
    try:
        return sum(pq.read_metadata(path).num_rows for path in visible_files(folder))
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the operating system's: the caller has words for them
        raise OutputNotVerified(_UNREADABLE.format(folder)) from error


def _local(folder: str, spark: SparkSession) -> Path:
    local = local_path(folder, spark)
    assert local is not None
    return local.absolute()  # the workers' own folder may be another one


def name_files(parts: Sequence[PartWritten], folder: Path, run_id: str) -> None:
    """Give the files of these attempts names that readers look at, and remove all others' files."""
    for part in parts:
        Path(part.path).rename(folder / f"part-{part.part:05d}-{run_id}.parquet")
    for left in folder.glob("_part-*"):
        left.unlink()


def _output(
    source: ScoreInput,
    work: FileWork,
    model: LogisticModel,
    *,
    columns: Sequence[str],
    run_id: str,
    destination: Destination,
) -> PartOutput:
    constants = [("model_id", pa.scalar(model.model_id)), ("run_id", pa.scalar(run_id))]
    if not destination.partition_by:
        constants.append((RUN_DATE, pa.scalar(destination.run_date).cast(pa.date32())))
    codec = source.table.sparkSession.conf.get("spark.sql.parquet.compression.codec")
    assert work.layout.types is not None
    return PartOutput(
        carried=tuple(zip((*source.keys, *source.others), work.layout.types, strict=True)),
        scores=score_columns(model, columns),
        constants=tuple(constants),
        compression=_CODECS.get(codec.lower(), "snappy"),
    )
