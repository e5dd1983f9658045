from __future__ import annotations

import mmap
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logreg_dist.staging import split_file
from logreg_dist.staging.split_file import RawChunk, RecordLayout, read_chunks, write_chunk
from logreg_dist.staging.stage_split import stage_split
from logreg_dist.staging.staged_split import read_sidecar, record_layout
from tests.in_process import plan_of

NAN = float("nan")
PAGE = mmap.PAGESIZE
SUFFIXES = (".rows", ".json")


def mixed_table(n_rows: int = 203, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n_rows)
    x[rng.random(n_rows) < 0.1] = NAN
    plan = np.array(["a", "b", None, "long name"], dtype=object)[rng.integers(0, 4, n_rows)]
    return pa.table(
        {
            "x1": x,
            "plan": pa.array(plan, pa.string()),
            "x2": pa.array([None if k % 9 == 0 else k for k in range(n_rows)], pa.int32()),
            "label": rng.integers(0, 2, n_rows).astype(float),
            "weight": rng.choice([0.0, 0.5, 2.0], n_rows),
            "frequency": rng.integers(1, 4, n_rows),
            "offset": rng.normal(size=n_rows),
        }
    )


TABLE = mixed_table()


def staged_bytes(batches, folder: Path, plan, name: str) -> list[bytes]:
    path = folder / f"{name}.rows"
    stage_split(batches, plan, path, 0)
    return [path.with_suffix(suffix).read_bytes() for suffix in SUFFIXES]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, TABLE.num_rows), max_size=12))
def test_batches_of_any_sizes_give_the_same_bytes(tmp_path_factory, cuts):
    folder, plan = tmp_path_factory.mktemp("cuts"), plan_of(TABLE)
    edges = [0, *sorted(cuts), TABLE.num_rows]
    batches = [batch for a, b in pairwise(edges) for batch in TABLE.slice(a, b - a).to_batches()]
    assert staged_bytes(batches, folder, plan, "cut") == staged_bytes(
        TABLE.to_batches(), folder, plan, "whole"
    )


def test_one_row_batches_and_empty_batches_give_the_same_bytes(tmp_path):
    plan = plan_of(TABLE)
    empty = pa.RecordBatch.from_arrays(
        [pa.array([], field.type) for field in TABLE.schema], schema=TABLE.schema
    )
    singly = [empty]
    for batch in TABLE.to_batches(max_chunksize=1):
        singly += [batch, empty]
    expected = staged_bytes(TABLE.to_batches(), tmp_path, plan, "whole")
    assert staged_bytes(singly, tmp_path, plan, "singly") == expected


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("chunk_rows", [256, 8192])
def test_chunks_that_are_views_of_a_batch_have_the_sums_of_chunks_that_were_gathered(
    tmp_path, chunk_rows, weighted
):
    rng, n_rows = np.random.default_rng(3), 3 * chunk_rows + 77
    columns = {f"x{k}": rng.normal(k, 2.0, n_rows) for k in range(37)}
    columns["label"] = rng.integers(0, 2, n_rows).astype(float)
    if weighted:  # some rows of weight 0, which are left out
        columns["weight"] = rng.choice([0.0, 0.3, 2.0], n_rows)
    table = pa.table(columns)
    plan = plan_of(table, chunk_rows=chunk_rows)
    whole = staged_bytes(table.to_batches(), tmp_path, plan, "whole")
    assert len(whole[0]) > 8 * 37 * 2 * chunk_rows
    for size in (chunk_rows // 3, 2 * chunk_rows + 5):
        assert staged_bytes(table.to_batches(max_chunksize=size), tmp_path, plan, "cut") == whole


@pytest.mark.parametrize("most", [3, 10**9])  # bytes that the system takes at a time
def test_a_view_is_written_whole_however_little_the_system_takes_at_a_time(tmp_path, monkeypatch, most):
    monkeypatch.setattr(split_file, "MAX_BUFFERS", 2)
    monkeypatch.setattr(os, "writev", lambda fd, buffers: os.write(fd, b"".join(buffers)[:most]))
    numbers, codes = np.arange(60.0).reshape(5, 12), np.arange(36, dtype=np.int32).reshape(3, 12)
    layout = RecordLayout(n_numeric=5, n_categorical=3, weighted=False, has_offset=False, chunk_rows=4)
    view, own = tmp_path / "view.rows", tmp_path / "own.rows"
    for path, of in ((view, lambda array: array), (own, np.ascontiguousarray)):
        with path.open("wb") as file:
            for start in range(0, 12, 4):
                rows = slice(start, start + 4)
                chunk = RawChunk(numbers[0, rows], None, None, of(numbers[:, rows]), of(codes[:, rows]))
                write_chunk(file, chunk, layout)
    assert view.read_bytes() == own.read_bytes()
    found = np.concatenate([chunk.codes for chunk in read_chunks(view, 12, layout)], axis=1)
    np.testing.assert_array_equal(found, codes)


def test_no_batches_and_empty_batches_stage_the_same_nothing(tmp_path):
    plan = plan_of(TABLE)
    none = staged_bytes([], tmp_path, plan, "none")
    empty = TABLE.slice(0, 0).combine_chunks()
    batch = pa.RecordBatch.from_arrays(
        [column.combine_chunks() for column in empty.columns], empty.column_names
    )
    assert staged_bytes([batch], tmp_path, plan, "empty") == none
    assert none[0] == b""
    split = stage_split([], plan, tmp_path / "again.rows", 7)
    assert (split.split, split.n_rows, split.label_sum, split.weight_sum) == (7, 0, 0.0, 0.0)
    assert list(read_chunks(tmp_path / "again.rows", 0, record_layout(plan))) == []


@pytest.mark.parametrize("chunk_rows", [1, 64, 1000])
def test_the_rows_come_back_as_they_were(tmp_path, chunk_rows):
    plan = plan_of(TABLE, chunk_rows=chunk_rows)
    split = stage_split(TABLE.to_batches(max_chunksize=50), plan, tmp_path / "s.rows", 0)
    chunks = list(read_chunks(Path(split.path), split.n_rows, record_layout(plan)))
    kept = TABLE.filter(pa.array(TABLE["weight"].to_numpy() > 0))
    assert split.n_rows == kept.num_rows == sum(len(chunk.y) for chunk in chunks)
    assert all(len(chunk.y) == chunk_rows for chunk in chunks[:-1])
    np.testing.assert_array_equal(np.concatenate([chunk.y for chunk in chunks]), kept["label"].to_numpy())
    weight = kept["weight"].to_numpy() * kept["frequency"].to_numpy()
    np.testing.assert_array_equal(np.concatenate([chunk.weight for chunk in chunks]), weight)
    np.testing.assert_array_equal(
        np.concatenate([chunk.offset for chunk in chunks]), kept["offset"].to_numpy()
    )
    numeric = np.concatenate([chunk.numeric for chunk in chunks], axis=1)
    np.testing.assert_array_equal(numeric[0], kept["x1"].to_numpy())
    np.testing.assert_array_equal(numeric[1], kept["x2"].to_pandas().to_numpy(dtype=float))
    levels = [*read_sidecar(split.path)["levels"][0], None]
    codes = np.concatenate([chunk.codes[0] for chunk in chunks])
    assert [levels[code] for code in codes] == kept["plan"].to_pylist()
    assert split.weight_sum == pytest.approx(weight.sum())
    assert split.label_sum == pytest.approx(weight @ kept["label"].to_numpy())


def test_rows_without_weights_and_offsets_store_neither(tmp_path):
    table = TABLE.drop_columns(["weight", "frequency", "offset"])
    plan = plan_of(table)
    split = stage_split(table.to_batches(), plan, tmp_path / "s.rows", 0)
    chunk = next(read_chunks(Path(split.path), split.n_rows, record_layout(plan)))
    assert (chunk.weight, chunk.offset) == (None, None)
    assert split.weight_sum == table.num_rows


def test_a_file_of_another_length_is_refused(tmp_path):
    plan = plan_of(TABLE)
    split = stage_split(TABLE.to_batches(), plan, tmp_path / "s.rows", 0)
    with pytest.raises(ValueError, match=r"staged file has \d+ bytes, expected \d+"):
        next(read_chunks(Path(split.path), split.n_rows + 20, record_layout(plan)))
    with pytest.raises(FileNotFoundError, match="gone"):
        next(read_chunks(tmp_path / "gone.rows", 1, record_layout(plan)))


def test_views_of_a_staged_file_cannot_be_written_to(tmp_path):
    plan = plan_of(TABLE)
    split = stage_split(TABLE.to_batches(), plan, tmp_path / "s.rows", 0)
    chunk = next(read_chunks(Path(split.path), split.n_rows, record_layout(plan)))
    with pytest.raises(ValueError, match="read-only"):
        chunk.y[0] = 5.0


def without_row_counts(sidecar: dict) -> dict:
    n_read, n_zero_weight, n_dropped, *sums = sidecar["profile"]["rows"]
    assert n_read == n_zero_weight + n_dropped + sums[0]
    return {**sidecar, "profile": {**sidecar["profile"], "rows": sums}}


def test_rows_of_weight_zero_leave_no_trace_whatever_they_hold(tmp_path):
    plan = plan_of(TABLE)
    odd = pa.Table.from_pylist(
        [{"x1": float("inf"), "plan": "unheard of", "x2": None, "label": None, "weight": 0.0, "frequency": 3}]
        * 4,
        schema=TABLE.schema,
    )
    mixed = pa.concat_tables([odd, TABLE.slice(0, 70), odd, TABLE.slice(70)])
    kept = TABLE.filter(pa.array(TABLE["weight"].to_numpy() > 0))
    results = []
    for name, table in (("mixed", mixed), ("kept", kept)):
        rows, _ = staged_bytes(table.to_batches(max_chunksize=31), tmp_path, plan, name)
        results.append((rows, without_row_counts(read_sidecar(str(tmp_path / f"{name}.rows")))))
    assert results[0] == results[1]


def test_dropped_rows_leave_no_trace_in_rows_and_profile(tmp_path):
    plan = plan_of(TABLE, drop=["x1", "plan"])
    present = ~np.isnan(TABLE["x1"].to_numpy()) & TABLE["plan"].is_valid().to_numpy()
    expected = TABLE.filter(pa.array(present & (TABLE["weight"].to_numpy() > 0)))
    assert 0 < expected.num_rows < TABLE.num_rows
    a = staged_bytes(TABLE.to_batches(), tmp_path, plan, "dropped")
    b = staged_bytes(expected.to_batches(), tmp_path, plan, "absent")
    assert a[0] == b[0]
    sidecars = [
        without_row_counts(read_sidecar(str(tmp_path / f"{name}.rows"))) for name in ("dropped", "absent")
    ]
    # But their labels count: one that means nothing is to be told about, not dropped over.
    for sidecar in sidecars:
        del sidecar["profile"]["label_levels"]
    assert sidecars[0]["profile"] == sidecars[1]["profile"]


def test_single_precision_rounds_before_anything_is_counted_and_keeps_that(tmp_path):
    plan = replace(plan_of(TABLE), single=True)
    rounded = TABLE.set_column(0, "x1", TABLE["x1"].cast(pa.float32()).cast(pa.float64()))
    for name, table, how in (("single", TABLE, plan), ("rounded", rounded, replace(plan, single=False))):
        stage_split(table.to_batches(), how, tmp_path / f"{name}.rows", 0)
    found = {}
    for name, how in (("single", plan), ("rounded", replace(plan, single=False))):
        path, profile = tmp_path / f"{name}.rows", read_sidecar(str(tmp_path / f"{name}.rows"))["profile"]
        n_rows = profile["rows"][3]
        found[name] = profile, list(read_chunks(path, n_rows, record_layout(how)))

    assert found["single"][0] == found["rounded"][0]
    assert found["single"][1][0].numeric.dtype == np.float32
    for single, double in zip(found["single"][1], found["rounded"][1], strict=True):
        np.testing.assert_array_equal(single.numeric.astype(float), double.numeric)
        np.testing.assert_array_equal(single.codes, double.codes)
        np.testing.assert_array_equal(single.offset, double.offset)  # never rounded


def test_a_number_beyond_single_precision_is_infinite_for_the_check_to_find(tmp_path):
    table = pa.table({"x": [1e39, 1.0], "label": [0.0, 1.0]})
    stage_split(table.to_batches(), replace(plan_of(table), single=True), tmp_path / "a.rows", 0)
    assert read_sidecar(str(tmp_path / "a.rows"))["profile"]["numeric"][1] == [1]


def test_classes_in_another_order_have_the_same_content_and_their_own_codes(tmp_path):
    table = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "label": ["a", "b", "c", "a"]})
    plan = plan_of(table)
    plan = replace(plan, label=replace(plan.label, by_class=True))
    backwards = table.take([3, 2, 1, 0])
    first = stage_split(table.to_batches(), plan, tmp_path / "first", 0)
    second = stage_split(backwards.to_batches(), plan, tmp_path / "second", 0)
    assert first.content == second.content
    assert read_sidecar(first.path)["classes"] == ["a", "b", "c"]
    assert read_sidecar(second.path)["classes"] == ["a", "c", "b"]
    [chunk] = read_chunks(tmp_path / "second", 4, record_layout(plan))
    assert chunk.y.tolist() == [0.0, 1.0, 2.0, 0.0]
    other = table.set_column(1, "label", [["a", "b", "b", "a"]])
    assert stage_split(other.to_batches(), plan, tmp_path / "third", 0).content != first.content


def test_little_of_a_long_split_is_mapped_at_a_time(tmp_path, monkeypatch):
    """What is mapped counts as the worker's memory, whoever wrote it."""
    table, plan = mixed_table(n_rows=2000), plan_of(TABLE, chunk_rows=16)
    split = stage_split(table.to_batches(), plan, tmp_path / "long.rows", 0)
    layout = record_layout(plan)
    whole = [chunk.numeric.copy() for chunk in read_chunks(Path(split.path), split.n_rows, layout)]

    monkeypatch.setattr(split_file, "WINDOW_BYTES", 5 * layout.record_bytes(16))
    mapped, pieces = [], []
    for chunk in read_chunks(Path(split.path), split.n_rows, layout):
        maps = Path("/proc/self/maps").read_text().splitlines()
        mapped.append(sum(_length(line) for line in maps if line.endswith("long.rows")))
        pieces.append(chunk.numeric.copy())

    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), np.concatenate(whole, axis=1))
    # The window, the one before it, and their ends, which are whole pages.
    assert max(mapped) <= 2 * (split_file.WINDOW_BYTES + 2 * PAGE)
    assert max(mapped) < Path(split.path).stat().st_size / 2


def _length(line: str) -> int:
    first, last = line.split()[0].split("-")
    return int(last, 16) - int(first, 16)
