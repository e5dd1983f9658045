from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from logreg_dist.fitting.tasks import sample_task
from logreg_dist.staging.stage_split import record_layout
from tests.in_process import plan_of, stage


def sample_of(n_rows: int, sample_rows: int, folder: Path, *, weighted: bool = False):
    columns = {"row": np.arange(n_rows, dtype=float), "label": np.arange(n_rows) % 2}
    if weighted:
        columns["weight"] = 1.0 + np.arange(n_rows) % 3
    table = pa.table(columns)
    staged = stage(table, folder, plan=plan_of(table, chunk_rows=16, sample_rows=sample_rows))
    sample = sample_task(record_layout(staged.plan))(staged.splits[0])
    rows = np.concatenate([chunk.numeric[0] for chunk in sample.chunks]) if sample.chunks else np.empty(0)
    weight = np.concatenate([chunk.weight for chunk in sample.chunks]) if sample.chunks else np.empty(0)
    return rows, weight


@pytest.mark.parametrize("n_rows", [1, 15, 16, 17, 40, 41, 100, 999])
def test_the_rows_of_a_sample_lie_evenly_over_the_split(tmp_path, n_rows):
    rows, weight = sample_of(n_rows, 20, tmp_path)
    steps = set(np.diff(rows))
    assert len(steps) <= 1
    step = steps.pop() if steps else 1.0
    assert step.is_integer()
    assert np.log2(step).is_integer()
    assert (rows[0], rows[-1] + step >= n_rows) == (0.0, True)
    assert min(n_rows, 20) <= len(rows) <= 40
    np.testing.assert_array_equal(weight, step)


def test_a_split_smaller_than_its_sample_is_all_of_it(tmp_path):
    rows, weight = sample_of(30, 30, tmp_path)
    np.testing.assert_array_equal(rows, np.arange(30.0))
    np.testing.assert_array_equal(weight, 1.0)


def test_the_weights_of_a_sample_are_multiplied_by_its_step(tmp_path):
    rows, weight = sample_of(999, 20, tmp_path, weighted=True)
    np.testing.assert_array_equal(weight, (1.0 + rows % 3) * np.diff(rows)[0])


def test_an_empty_split_has_an_empty_sample(tmp_path):
    assert len(sample_of(0, 20, tmp_path)[0]) == 0
