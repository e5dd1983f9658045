from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from logreg_dist.staging.profile import (
    TableProfile,
    merge_profiles,
    profile_from_dict,
    profile_to_dict,
)
from tests.in_process import Staged, plan_of, stage

MOMENTS = 1e-12  # relative: merged chunk by chunk against numpy at once
NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(4)
    n = 500
    holes = rng.normal(3, 2, n)
    holes[rng.random(n) < 0.2] = NAN
    wild = rng.normal(size=n)
    wild[[3, 5, 400]] = [INF, -INF, NAN]
    return pa.table(
        {
            "plain": rng.normal(1e6, 1, n),
            "holes": holes,
            "wild": wild,
            "nulls": pa.array([None if k % 3 else float(k) for k in range(n)]),
            "never": pa.nulls(n, pa.float64()),
            "plan": pa.array(rng.choice(np.array(["a", "b", None], dtype=object), n), pa.string()),
            "label": rng.integers(0, 2, n).astype(float),
            "weight": rng.exponential(1.0, n),
            "frequency": rng.integers(1, 5, n),
        }
    )


@pytest.fixture(scope="module", params=[1, 3, 11])
def staged(request, table, tmp_path_factory) -> Staged:
    return stage(table, tmp_path_factory.mktemp("profile"), n_splits=request.param)


def test_means_and_deviations_are_those_of_numpy(staged, table):
    weight = table["weight"].to_numpy() * table["frequency"].to_numpy()
    for row, column in enumerate(staged.plan.numeric[:4]):
        values = table[column.name].to_pandas().to_numpy(dtype=float)
        finite = np.isfinite(values)
        kept, w = values[finite], weight[finite]
        mean = np.average(kept, weights=w)
        found = staged.profile.numeric
        assert found.mean[row] == pytest.approx(mean, rel=MOMENTS)
        m2 = w @ (kept - mean) ** 2
        assert found.m2[row] == pytest.approx(m2, rel=1e-9)
        assert found.deviation[row] == pytest.approx(np.sqrt(m2 / w.sum()), rel=1e-9)
        assert found.weight[row] == pytest.approx(w.sum(), rel=MOMENTS)
        assert (found.minimum[row], found.maximum[row]) == (kept.min(), kept.max())


def test_missing_and_infinite_values_are_counted_apart(staged, table):
    frame = table.to_pandas()[[column.name for column in staged.plan.numeric]]
    numeric = staged.profile.numeric
    infinite = np.isinf(frame.to_numpy(dtype=float))
    assert numeric.n_infinite.tolist() == infinite.sum(axis=0).tolist() == [0, 0, 2, 0, 0]
    assert numeric.n_missing.tolist() == frame.isna().sum().tolist()


def test_a_column_without_a_value_has_no_range_and_no_weight(staged):
    found = staged.profile.numeric
    assert (found.weight[4], found.mean[4], found.deviation[4]) == (0.0, 0.0, 0.0)
    assert (found.minimum[4], found.maximum[4]) == (INF, -INF)


def test_levels_are_counted_by_frequency_with_their_events(staged, table):
    frame = table.to_pandas()
    frame["events"] = frame["frequency"] * frame["label"]
    expected = frame.groupby("plan")[["frequency", "events"]].sum()
    [found] = staged.profile.categorical
    for level, row in expected.iterrows():
        assert found.levels[level] == (row["frequency"], row["events"])
    gone = frame[frame["plan"].isna()]
    assert (found.n_missing, found.missing[0]) == (len(gone), gone["frequency"].sum())


def test_the_rows_add_up(staged, table):
    rows, frame = staged.profile.rows, table.to_pandas()
    assert (rows.n_read, rows.n_rows, rows.n_dropped, rows.n_zero_weight) == (500, 500, 0, 0)
    assert rows.n_obs == frame["frequency"].sum()
    assert rows.event_sum == (frame["frequency"] * frame["label"]).sum()
    weight = frame["weight"] * frame["frequency"]
    assert rows.weight_sum == pytest.approx(weight.sum(), rel=MOMENTS)
    assert rows.label_sum == pytest.approx((weight * frame["label"]).sum(), rel=MOMENTS)


def test_a_profile_survives_json_bit_for_bit(staged):
    text = json.dumps(profile_to_dict(staged.profile))
    again = profile_from_dict(json.loads(text))
    assert json.dumps(profile_to_dict(again)) == text
    for name in staged.profile.numeric.__dataclass_fields__:
        a, b = getattr(staged.profile.numeric, name), getattr(again.numeric, name)
        assert (a.tobytes(), a.dtype) == (b.tobytes(), b.dtype)


def test_no_profiles_merge_to_nothing():
    found = merge_profiles([], 2, 1)
    assert isinstance(found, TableProfile)
    assert found.rows.n_read == 0
    assert found.numeric.minimum.tolist() == [INF, INF]


@pytest.mark.parametrize("size", [1e160, 1e308])
def test_values_whose_squares_overflow_are_profiled_without_a_warning(tmp_path, size):
    table = pa.table({"x": [size, -size, size, 1.0] * 40, "label": [0.0, 1.0] * 80})
    found = stage(table, tmp_path, n_splits=2).profile.numeric
    assert (found.minimum[0], found.maximum[0]) == (-size, size)


def test_a_far_away_mean_costs_no_digits_of_the_deviation(tmp_path):
    x = 20_261_120.0 + np.arange(300) % 61 - 30
    table = pa.table({"x": x, "label": np.arange(300) % 2})
    found = stage(table, tmp_path, n_splits=5).profile.numeric
    assert found.deviation[0] == pytest.approx(np.std(x - 20_261_120.0), rel=1e-10)


def test_unusable_roles_are_counted_by_kind(tmp_path):
    frame = pd.DataFrame(
        {
            "x": 1.0,
            "label": [0, 1, 0, 1, 0, 1],
            "weight": [1.0, -1.0, NAN, INF, 1.0, 0.0],
            "frequency": [1.0, 1.0, 1.0, 1.0, 2.5, -1.0],
        }
    )
    table = pa.Table.from_pandas(frame, preserve_index=False)
    problems = stage(table, tmp_path, plan=plan_of(table)).profile.problems
    assert {name: problems[name] for name in sorted(problems)} == {
        "frequency.negative": 1,
        "frequency.not_whole": 1,
        "weight.infinite": 1,
        "weight.missing": 1,
        "weight.negative": 1,
    }
