"""Whole numbers in one file of a folder where others have floating-point ones: refused, whatever file comes first."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from logreg_dist.design.problems import counted, quoted
from logreg_dist.errors import InputRejected
from logreg_dist.reading.listed_files import listed_files
from logreg_dist.reading.names import LeafColumn
from logreg_dist.reading.parquet_files import FOOTER_THREADS, MAX_FILES
from logreg_dist.staging.file_rows import name_in_file

_LOCAL = "file:"


def refuse_widened(table: DataFrame, leaves: Sequence[LeafColumn]) -> None:
    """Raise when a Parquet file holds integers where the table has doubles; no job, but files are opened.

    Spark widens 32-bit ones without a word if a file of doubles comes first, and refuses the table if it comes
    later. Looked at are files on disks, up to `MAX_FILES`, of tables whose types are those of their first file: a
    catalog says what the types of its tables are.

    Parameters
    ----------
    table : DataFrame
    leaves : sequence of LeafColumn
        The columns that are needed.

    Raises
    ------
    InputRejected
        With a file, its column, and the number of such files.
    """
    names = [leaf.path[0] for leaf in leaves if isinstance(leaf.type, T.DoubleType) and len(leaf.path) == 1]
    files = [file.path for file in listed_files(table, declared=False) if file.format.startswith("Parquet")]
    local = [path.removeprefix(_LOCAL) for path in files if path.startswith(_LOCAL)]
    if not names or len(local) > MAX_FILES:
        return
    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        whole = list(pool.map(lambda path: _whole_numbers(path, names), local))
    found = [(path, columns) for path, columns in zip(local, whole, strict=True) if columns]
    if found:
        path, columns = found[0]
        n = f"{len(found):,} of {counted(len(local), 'file')}"
        raise InputRejected(
            f"{n} {'holds' if len(found) == 1 else 'hold'} whole numbers where the table has floating-point ones, "
            f"such as {_LOCAL}{path} in column {quoted(columns[0])}.\n"
            "  Write it again with the types of the others."
        )


def _whole_numbers(path: str, names: Sequence[str]) -> list[str]:
    """Return which of some columns a file holds as integers."""
    # Of a file that cannot be opened whoever reads it has more to say.
    with suppress(pa.ArrowException, OSError):
        schema = pq.read_schema(path)
        here = {name: name_in_file(name, schema.names) for name in names}
        return [
            name for name, found in here.items() if found and pa.types.is_integer(schema.field(found).type)
        ]
    return []
