"""A folder of Parquet files that says itself what Spark would say of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from logreg_dist.staging.file_rows import FileRows


@dataclass(frozen=True)
class ListedFile:
    """A file when the table was opened.

    Attributes
    ----------
    path : str
    length : int
        Bytes.
    modified : int
        Milliseconds since 1970.
    format : str
        Spark's name of the class that reads it.
    """

    path: str
    length: int
    modified: int
    format: str = ""

    @classmethod
    def on_disk(cls, path: str, format: str) -> ListedFile:
        """Return a file as this machine's filesystem has it, in the words that Spark has for it.

        Raises
        ------
        OSError
            FileNotFoundError where it is gone.
        """
        status = os.stat(path)
        return cls(f"file:{path}", status.st_size, status.st_mtime_ns // 1_000_000, format)


@dataclass(frozen=True)
class PlainTable:
    """Parquet files on disks, all of one schema, that pyarrow reads as Spark would.

    Attributes
    ----------
    sparkSession : SparkSession
        Under the name that a DataFrame has for it.
    root : str
        The folder or file, as Spark would write it.
    schema : StructType
        As Spark would find it.
    files : tuple of ListedFile
    rows : tuple of FileRows
        Of the same files, in the order of their paths.
    """

    sparkSession: SparkSession  # noqa: N815
    root: str
    schema: StructType
    files: tuple[ListedFile, ...]
    rows: tuple[FileRows, ...]

    def frame(self) -> DataFrame:
        """Return the same table by Spark's own way."""
        return self.sparkSession.read.parquet(self.root)
