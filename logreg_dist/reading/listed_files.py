"""The files behind a table as Spark listed them: each of them once, and none rewritten while it is read."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import DataFrame

from logreg_dist.design.problems import counted
from logreg_dist.errors import ConfigError, InputRejected
from logreg_dist.reading.plain_table import ListedFile, PlainTable

_STATUS = re.compile(r"\{path=(.*?); isDirectory=false; length=(\d+);.*?modification_time=(\d+);", re.DOTALL)
_SEPARATOR = "\0"
_WILDCARDS = "*?[{"
_NEVER_EMPTY = ("Parquet", "Orc", "Avro")


def listed_files(table: DataFrame | PlainTable, *, declared: bool = True) -> list[ListedFile]:
    """Return the files that a query of the table will read, as they were when it was opened; no job.

    Empty where there are none, or Spark does not tell: cached tables, views of rows, other engines' tables.

    Parameters
    ----------
    table : DataFrame or PlainTable
    declared : bool
        Also those of tables of a catalog, which has declared their columns.
    """
    if isinstance(table, PlainTable):
        return list(table.files)
    try:
        return [file for relation in _relations(table, declared) for file in _listed(table, relation)]
    except (Py4JError, AttributeError, TypeError):  # another Spark than those we know
        return []


def refuse_empty_files(files: Sequence[ListedFile]) -> None:
    """Raise when files of a format that never makes any have no bytes: Spark would skip them without a word.

    Raises
    ------
    InputRejected
        With the number of such files.
    """
    # Hadoop's old clients for object stores mark folders with files of such names.
    empty = [
        file.path
        for file in files
        if not file.length and file.format.startswith(_NEVER_EMPTY) and not file.path.endswith("_$folder$")
    ]
    if empty:
        n = f"{len(empty):,} of {counted(len(files), 'file')} {'has' if len(empty) == 1 else 'have'} no bytes"
        raise InputRejected(
            f"{n}, such as {empty[0]}: what wrote {'it' if len(empty) == 1 else 'them'} did not finish.\n"
            "  Write the table again, or delete what is meant to be empty."
        )


def refuse_repeated_files(files: Sequence[ListedFile], paths: Sequence[str]) -> None:
    """Raise when several paths, or wildcards, name a file more than once: its rows would count twice.

    Parameters
    ----------
    files : sequence of ListedFile
    paths : sequence of str
        As configured.

    Raises
    ------
    ConfigError
        With the number of such files.
    """
    if len(paths) < 2 and not any(mark in path for path in paths for mark in _WILDCARDS):
        return
    counts = Counter(_real_path(file.path) for file in files)
    repeated = [path for path, count in counts.items() if count > 1]
    if repeated:
        n = f"{len(repeated):,} of {counted(len(counts), 'file')}"
        raise ConfigError(
            f"the paths of input.path name {n} more than once, such as {os.path.basename(repeated[0])}: "
            "their rows would count twice.\n"
            "  Name each folder and each file once, and no file beside the folder that holds it."
        )


def refuse_rewritten_files(table: DataFrame | PlainTable, before: Sequence[ListedFile]) -> None:
    """Raise when a file is no longer what it was: nobody knows then which of its rows were read.

    Files that came since are not rows of the table, and a file that is gone was read whole, or the
    query failed.

    Parameters
    ----------
    table : DataFrame or PlainTable
    before : sequence of ListedFile

    Raises
    ------
    InputRejected
        With the number of such files.
    """
    now = _on_disk(before) if isinstance(table, PlainTable) else _in_folders(table, before)
    rewritten = [
        file.path
        for file in before
        if file.path in now and replace(now[file.path], format=file.format) != file
    ]
    if rewritten:
        raise InputRejected(
            f"the table changes while it is read: {len(rewritten):,} of {counted(len(before), 'file')} "
            f"{'was' if len(rewritten) == 1 else 'were'} rewritten, such as {os.path.basename(rewritten[0])}.\n"
            "  Run again when nothing rewrites the table."
        )


def _relations(table: DataFrame, declared: bool) -> Iterator[Any]:
    # With what Spark has cached in its place: rows in memory do not change with their files.
    leaves = table._jdf.queryExecution().withCachedData().collectLeaves()
    for k in range(leaves.size()):
        leaf = leaves.apply(k)
        if leaf.getClass().getSimpleName() != "LogicalRelation":
            continue
        if not declared and leaf.catalogTable().isDefined():
            continue
        relation = leaf.relation()
        if relation.getClass().getSimpleName() == "HadoopFsRelation":
            yield relation


def _listed(table: DataFrame, relation: Any) -> Iterator[ListedFile]:
    location, format = relation.location(), relation.fileFormat().getClass().getSimpleName()
    if location.getClass().getSimpleName() == "CatalogFileIndex":
        nothing = getattr(getattr(_jvm(table).scala.collection.immutable, "Nil$"), "MODULE$")
        location = location.filterPartitions(nothing)
    # Other indexes belong to formats that never rewrite a file, such as Delta.
    if location.getClass().getSimpleName() != "InMemoryFileIndex":
        return
    # Not listFiles(), which passes over files without bytes.
    for file in _parsed(location.allFiles().mkString(_SEPARATOR).split(_SEPARATOR)):
        if not os.path.basename(file.path).startswith(("_", ".")):
            yield replace(file, format=format)


def _on_disk(before: Sequence[ListedFile]) -> dict[str, ListedFile]:
    """Return the files that are still there, without Hadoop, whose filesystem takes 0.1 s to wake."""
    now = {}
    for file in before:
        with suppress(FileNotFoundError, NotADirectoryError):
            now[file.path] = ListedFile.on_disk(file.path.removeprefix("file:"), file.format)
    return now


def _in_folders(table: DataFrame, before: Sequence[ListedFile]) -> dict[str, ListedFile]:
    folders = sorted({_folder(file.path) for file in before})
    return {file.path: file for folder in folders for file in _in_folder(table, folder)}


def _in_folder(table: DataFrame, folder: str) -> Iterator[ListedFile]:
    path = _jvm(table).org.apache.hadoop.fs.Path(folder)
    files = path.getFileSystem(table.sparkSession._jsc.hadoopConfiguration())
    if files.exists(path):
        yield from _parsed([status.toString() for status in files.listStatus(path)])


def _parsed(words: Sequence[str]) -> Iterator[ListedFile]:
    for word in words:
        if found := _STATUS.search(word):
            yield ListedFile(found[1], int(found[2]), int(found[3]))


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _real_path(path: str) -> str:
    """Return where a file on a disk really lies: links lead to the same rows."""
    return os.path.realpath(path.removeprefix("file:")) if path.startswith("file:") else path


def _jvm(table: DataFrame) -> Any:
    return table.sparkSession._jvm
