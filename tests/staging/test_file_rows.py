"""Rows of Parquet files: cut without loss, read in order, refused when a file is another than before."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logreg_dist.staging.file_rows import (
    SLACK,
    FileColumn,
    FilePart,
    FileRows,
    UnreadableFile,
    cut_files,
    read_rows,
)

GROUPS = st.lists(st.lists(st.integers(0, 50), max_size=4), max_size=6)


@given(GROUPS, st.integers(1, 9))
def test_cutting_loses_no_row_and_repeats_none(groups, n_splits):
    files = [FileRows(f"f{k}", tuple(sizes)) for k, sizes in enumerate(groups)]
    splits = cut_files(files, n_splits)

    assert len(splits) == n_splits
    found = [
        (part.file.path, row) for parts in splits for part in parts for row in range(part.first, part.stop)
    ]
    assert found == [(file.path, row) for file in files for row in range(file.n_rows)]


@given(st.integers(1, 10_000), st.integers(1, 9))
def test_splits_of_one_large_row_group_are_equally_long(n_rows, n_splits):
    sizes = [
        sum(part.stop - part.first for part in parts)
        for parts in cut_files([FileRows("f", (n_rows,))], n_splits)
    ]
    assert max(sizes) - min(sizes) <= 1 + 2 * SLACK * n_rows / n_splits


def write(folder, sizes) -> FileRows:
    path, start = str(folder / "t.parquet"), 0
    schema = pa.schema([("other", pa.int64()), ("Place", pa.string()), ("x", pa.float64())])
    with pq.ParquetWriter(path, schema) as writer:
        for size in sizes:
            rows = np.arange(start, start + size)
            places = [f"p{row % 3}" if row % 5 else None for row in rows]
            writer.write_table(pa.table([rows, places, rows / 2], schema=schema))
            start += size
    return FileRows(path, tuple(sizes), (pa.scalar("north"), pa.scalar(None, pa.int32())))


COLUMNS = (
    FileColumn("x"),
    FileColumn("region", partition=0),
    FileColumn("place", as_levels=True),
    FileColumn("year", partition=1),
    FileColumn("absent"),
)


def lists(batches) -> list[list]:
    table = [batch.to_pydict() for batch in batches]
    return [[value for columns in table for value in columns[f"c{k}"]] for k in range(len(COLUMNS))]


def test_columns_come_in_the_order_asked_for_with_the_values_of_the_directories(tmp_path):
    file = write(tmp_path, [4, 3])
    x, region, place, year, absent = lists(read_rows([FilePart(file, 0, 7)], COLUMNS, 1024))

    assert x == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    assert region == ["north"] * 7
    assert place == [None, "p1", "p2", "p0", "p1", None, "p0"]
    assert year == absent == [None] * 7


@given(st.lists(st.integers(0, 20), max_size=5), st.sampled_from([1, 3, 1024]))
def test_parts_put_together_are_the_file(tmp_path_factory, cuts, chunk_rows):
    file = write(tmp_path_factory.mktemp("cuts"), [7, 0, 9, 4])
    edges = [0, *sorted(cuts), 20]
    parts = [FilePart(file, a, b) for a, b in pairwise(edges) if a < b]

    assert lists(read_rows(parts, COLUMNS, chunk_rows)) == lists(
        read_rows([FilePart(file, 0, 20)], COLUMNS, 1024)
    )


def test_a_file_that_vanished_is_named(tmp_path):
    file = FileRows(str(tmp_path / "gone.parquet"), (3,))
    with pytest.raises(UnreadableFile, match=r"^FILE_NOT_EXIST file:.*gone\.parquet$"):
        list(read_rows([FilePart(file, 0, 3)], COLUMNS, 1024))


def test_a_file_that_may_not_be_read_is_told_from_one_that_a_disk_does_not_give(tmp_path):
    file = write(tmp_path, [4])
    Path(file.path).chmod(0)
    user = os.geteuid()
    try:
        if user == 0:  # whom nobody refuses
            os.seteuid(65_534)
        with pytest.raises(UnreadableFile, match=r"^ACCESS_DENIED file:.*t\.parquet$"):
            list(read_rows([FilePart(file, 0, 4)], COLUMNS, 1024))
    finally:
        os.seteuid(user)


def test_a_file_with_other_rows_than_when_the_table_was_opened_is_refused(tmp_path):
    file = write(tmp_path, [4, 3])
    write(tmp_path, [4, 4])
    with pytest.raises(UnreadableFile, match=r"^FAILED_READ_FILE file:.*t\.parquet$"):
        list(read_rows([FilePart(file, 0, 7)], COLUMNS, 1024))


def test_a_truncated_file_is_refused(tmp_path):
    file = write(tmp_path, [4_000])
    with open(file.path, "r+b") as handle:
        handle.truncate(4_000)
    with pytest.raises(UnreadableFile, match=r"^FAILED_READ_FILE file:.*t\.parquet$"):
        list(read_rows([FilePart(file, 0, 4_000)], COLUMNS, 1024))
