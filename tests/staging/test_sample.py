from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from logreg_dist.fitting.tasks import first_look_task
from logreg_dist.staging.staged_split import record_layout
from tests.in_process import plan_of, stage

SAMPLE_ROWS = 40  # 20 of either label, or up to twice as many


def sample_of(n_rows: int, folder: Path, *, every: int = 2, weighted: bool = False):
    """Sample `n_rows` numbered rows of which each `every`-th is an event."""
    label = (np.arange(n_rows) % every == 0).astype(int)
    columns = {"row": np.arange(n_rows, dtype=float), "label": label}
    if weighted:
        columns["weight"] = 1.0 + np.arange(n_rows) % 3
    table = pa.table(columns)
    staged = stage(table, folder, plan=plan_of(table, chunk_rows=16))
    sample = first_look_task(record_layout(staged.plan), sample_rows=SAMPLE_ROWS)(staged.splits[0]).sample
    rows = np.concatenate([chunk.numeric[0] for chunk in sample.chunks]) if sample.chunks else np.empty(0)
    weight = np.concatenate([chunk.weight for chunk in sample.chunks]) if sample.chunks else np.empty(0)
    event = rows % every == 0
    return [(rows[which], weight[which]) for which in (event, ~event)]


@pytest.mark.parametrize("n_rows", [2, 31, 40, 41, 80, 81, 100, 999])
def test_the_rows_of_either_label_lie_evenly_over_the_split(tmp_path, n_rows):
    for first, (rows, weight) in enumerate(sample_of(n_rows, tmp_path)):
        steps = set(np.diff(rows) / 2)  # in rows of the same label
        assert len(steps) <= 1
        step = steps.pop() if steps else 1.0
        assert step.is_integer()
        assert np.log2(step).is_integer()
        n_label = (n_rows + 1 - first) // 2
        assert (rows[0], rows[-1] + 2 * step >= n_rows) == (first, True)
        assert min(n_label, 20) <= len(rows) <= 40
        np.testing.assert_array_equal(weight, step)


def test_a_split_smaller_than_its_sample_is_all_of_it(tmp_path):
    found = sample_of(30, tmp_path)
    assert sorted(np.concatenate([rows for rows, _ in found])) == list(range(30))
    assert {weight for _, weights in found for weight in weights} == {1.0}


def test_rare_events_are_all_kept_and_the_other_rows_weigh_more(tmp_path):
    (events, event_weight), (others, other_weight) = sample_of(2000, tmp_path, every=100)
    np.testing.assert_array_equal(events, np.arange(0, 2000, 100))
    np.testing.assert_array_equal(event_weight, 1.0)
    assert 20 <= len(others) <= 40
    assert other_weight.sum() == pytest.approx(1980, rel=1 / 20)  # a step is cut short at the end


def test_the_weights_of_a_sample_are_multiplied_by_its_steps(tmp_path):
    for rows, weight in sample_of(999, tmp_path, weighted=True):
        np.testing.assert_array_equal(weight, (1.0 + rows % 3) * np.diff(rows)[0] / 2)


def test_an_empty_split_has_an_empty_sample(tmp_path):
    assert [len(rows) for rows, _ in sample_of(0, tmp_path)] == [0, 0]


def test_a_sample_comes_in_chunks_of_whole_rows(tmp_path):
    table = pa.table({"row": np.arange(999.0), "twice": 2 * np.arange(999.0), "label": np.arange(999) % 2})
    staged = stage(table, tmp_path, plan=plan_of(table, chunk_rows=16))
    sample = first_look_task(record_layout(staged.plan), sample_rows=50)(staged.splits[0]).sample
    assert [len(chunk.y) for chunk in sample.chunks] == [16, 16, 16, 16]
    for chunk in sample.chunks:
        np.testing.assert_array_equal(chunk.numeric[1], 2 * chunk.numeric[0])
        np.testing.assert_array_equal(chunk.y, chunk.numeric[0] % 2)
