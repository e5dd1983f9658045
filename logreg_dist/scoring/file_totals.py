"""What files of scores hold, read back by pyarrow: rows, rows of the run's date, sums of the probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logreg_dist.staging.file_rows import UnreadableFile

# Rows that are added up at a time: they stay in a cache.
BATCH_ROWS = 131_072


@dataclass(frozen=True)
class FileTotals:
    """What a file holds.

    Attributes
    ----------
    n_rows : int
    n_of_date : int
        Of them those of the run's date; all where the folder's name has it.
    sums : mapping of str to float or None
        By column; None where no row has a value.
    """

    n_rows: int
    n_of_date: int
    sums: Mapping[str, float | None]


def file_totals_task(
    names: Sequence[str], date: tuple[str, pa.Scalar] | None
) -> Callable[[Iterable[str]], Iterator[FileTotals]]:
    """Return the function for `mapPartitions` from paths of Parquet files to what they hold, see `file_totals`."""

    def read(paths: Iterable[str]) -> Iterator[FileTotals]:
        for path in paths:
            yield file_totals(path, names, date)

    return read


def file_totals(path: str, names: Sequence[str], date: tuple[str, pa.Scalar] | None) -> FileTotals:
    """Read columns of a Parquet file and add them up.

    Parameters
    ----------
    path : str
    names : sequence of str
        Columns to add up.
    date : tuple of str and pyarrow.Scalar, or None
        The column and the value of the run's date, where the files have it.

    Raises
    ------
    UnreadableFile
        It cannot be read, or lacks a column.
    pyarrow.ArrowMemoryError
    """
    wanted = [*names, *([date[0]] if date else [])]
    sums: dict[str, float | None] = dict.fromkeys(names)
    n_rows = n_of_date = 0
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
                for name in names:
                    sums[name] = plus(sums[name], pc.sum(batch[name]).as_py())
                same = pc.sum(pc.equal(batch[date[0]], date[1])).as_py() if date else batch.num_rows
                n_of_date += same or 0  # no sum of nulls only
                n_rows += batch.num_rows
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, OSError, KeyError) as error:
        raise UnreadableFile(f"FAILED_READ_FILE file:{path}") from error
    return FileTotals(n_rows, n_of_date, sums)


def add_sums(parts: Iterable[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return the sums of all parts, by column.

    Examples
    --------
    >>> add_sums([{"probability": 0.5}, {"probability": None}, {"probability": 0.25}])
    {'probability': 0.75}
    """
    total: dict[str, float | None] = {}
    for sums in parts:
        for name, found in sums.items():
            total[name] = plus(total.get(name), found)
    return total


def plus(a: float | None, b: float | None) -> float | None:
    """Return the sum of two sums, of which either may have had nothing to add.

    Examples
    --------
    >>> plus(None, 0.5), plus(None, None)
    (0.5, None)
    """
    return a if b is None else b if a is None else a + b
