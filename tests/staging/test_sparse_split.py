"""Texts and long vectors in the files of a split: nothing depends on how the rows happened to come."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from logreg_dist.staging.plan import SparsePlan, SparseRule
from logreg_dist.staging.profile import profile_from_dict
from logreg_dist.staging.sparse_file import sparse_path
from logreg_dist.staging.split_file import read_chunks
from logreg_dist.staging.stage_split import stage_split
from logreg_dist.staging.staged_split import read_sidecar, record_layout
from tests.fitting.long_rows import plan_of

TEXTS = ["one two", None, "two two three", "", "four", "one"] * 20
TABLE = pa.table({"text": TEXTS, "label": np.arange(120.0) % 2})
WORDS = SparsePlan("text", 0, SparseRule.WORDS)


def staged(tmp_path, *, table=TABLE, batch=37, chunk_rows=50, sparse=(WORDS,), name="s", **more):
    plan = plan_of(table, sparse, chunk_rows=chunk_rows, **more)
    path = tmp_path / f"{name}.rows"
    return path, stage_split(table.to_batches(max_chunksize=batch), plan, path, 0), record_layout(plan)


def rows_of(path, split, layout) -> list[dict[str, float]]:
    words = read_sidecar(str(path))["words"][0]
    found = []
    for chunk in read_chunks(path, split.n_rows, layout):
        [rows] = chunk.sparse
        for start, stop in zip(rows.starts[:-1], rows.starts[1:], strict=True):
            columns = [words[k] for k in rows.columns[start:stop]]
            found.append(dict(zip(columns, rows.values[start:stop].tolist(), strict=True)))
    return found


def test_what_is_read_back_is_what_the_texts_hold(tmp_path):
    found = rows_of(*staged(tmp_path))
    assert found[:6] == [{"one": 1, "two": 1}, {}, {"two": 2, "three": 1}, {}, {"four": 1}, {"one": 1}]
    assert found == found[:6] * 20


def test_batches_of_any_size_give_the_same_bytes(tmp_path):
    files = []
    for batch in (1, 37, 120):
        path, _, _ = staged(tmp_path, batch=batch, name=str(batch))
        files.append((path.read_bytes(), sparse_path(path).read_bytes(), read_sidecar(str(path))["words"]))
    assert files[0] == files[1] == files[2]


def test_chunks_of_another_size_hold_the_same_rows(tmp_path):
    assert rows_of(*staged(tmp_path, chunk_rows=7, name="a")) == rows_of(*staged(tmp_path, name="b"))


def test_rows_of_missing_texts_can_be_dropped_and_are_counted(tmp_path):
    dropping = SparsePlan("text", 0, SparseRule.WORDS, drop_if_missing=True)
    path, split, layout = staged(tmp_path, sparse=[dropping])
    assert split.n_rows == 100
    assert rows_of(path, split, layout)[:2] == [{"one": 1, "two": 1}, {"two": 2, "three": 1}]
    assert profile_from_dict(read_sidecar(str(path))["profile"]).rows.n_dropped == 20


def test_a_constant_stands_in_for_a_missing_text(tmp_path):
    filled = SparsePlan("text", 0, SparseRule.WORDS, fill="gone two")
    assert rows_of(*staged(tmp_path, sparse=[filled]))[1] == {"gone": 1, "two": 1}


def test_the_checksum_sees_words_and_their_rows_but_not_the_order_of_rows(tmp_path):
    def content(texts, name, **more):
        table = pa.table({"text": texts, "label": [0.0, 1.0, 1.0]})
        return staged(tmp_path, table=table, name=name, **more)[1].content

    first = content(["a b", "c", "d"], "1")
    assert content(["b, A", "c", "d"], "2") == first
    assert content(["a b", "d", "c"], "3") == first  # two rows of one label change places
    assert content(["c", "a b", "d"], "4") != first
    assert content(["a c", "b", "d"], "5") != first
    assert content(["a b b", "c", "d"], "6") != first


def test_a_file_that_is_cut_off_or_gone_is_noticed(tmp_path):
    path, split, layout = staged(tmp_path)
    beside = sparse_path(path)
    whole = beside.read_bytes()
    for damaged in (whole[:-64], whole + bytes(64)):
        beside.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"staged file of sparse columns has \d+ bytes, expected \d+"):
            list(read_chunks(path, split.n_rows, layout))
    beside.unlink()
    with pytest.raises(FileNotFoundError):
        list(read_chunks(path, split.n_rows, layout))


def test_profiles_of_splits_add_up(tmp_path):
    parts = [staged(tmp_path, table=TABLE.slice(k * 60, 60), name=str(k)) for k in range(2)]
    whole = staged(tmp_path, name="whole")
    [first, second, together] = [
        profile_from_dict(read_sidecar(str(path))["profile"]).sparse[0] for path, _, _ in (*parts, whole)
    ]
    assert first + second == together
    assert together.words == {"one": 40.0, "two": 40.0, "three": 20.0, "four": 20.0}
    assert (together.n_missing, together.n_entries) == (20, 120)
