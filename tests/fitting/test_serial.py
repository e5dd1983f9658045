"""Serial dependence against a plain sort, whatever the splits and ranges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from logreg_dist.fitting.diagnostics import serial, serial_tasks
from logreg_dist.fitting.diagnostics.serial import serial_dependence
from tests.fitting.fitted_alone import fitted
from tests.oracles.robust_rows import robust_rows

ROUNDING = 1e-12  # sums of products of numbers around 1 in another order


def found_and_expected(folder, *, by=None, n_splits=1, rows=None):
    rows = robust_rows() if rows is None else rows
    rows = rows.assign(label=rows["y"].astype(float))
    watched = {"time": "order"} | ({by: "cluster[0]"} if by else {})
    table = pa.Table.from_pandas(rows[["x1", "x2", "label", "weight", *watched]], preserve_index=False)
    settings = {"checks": {"order": "time"}} | ({"inference": {"cluster": by}} if by else {})
    fit, outcome = fitted(table, folder, watched=watched, n_splits=n_splits, **settings)
    b0, b1, b2 = outcome.found.estimate
    mu = 1 / (1 + np.exp(-(b0 + b1 * rows["x1"] + b2 * rows["x2"])))
    residual = (rows["y"] - mu) * np.sqrt(rows["weight"] / (mu * (1 - mu)))
    return serial_dependence(fit), naive(rows.assign(residual=residual), by)


def naive(rows: pd.DataFrame, by: str | None) -> tuple[int, float]:
    """Sort, and pair each row with the one before it."""
    keys = [by, "time"] if by else ["time"]
    in_order = rows.sort_values(keys, kind="stable")
    before = (in_order.groupby(by)["residual"] if by else in_order["residual"]).shift()
    pairs = before.notna()
    if not pairs.any():
        return 0, float("nan")
    return int(pairs.sum()), float(np.corrcoef(before[pairs], in_order["residual"][pairs])[0, 1])


@pytest.mark.parametrize("ranges", [1, 5], ids=["one range", "ranges"])
@pytest.mark.parametrize("n_splits", [1, 4])
@pytest.mark.parametrize("by", [None, "site", "month"])
def test_the_autocorrelation_is_that_of_a_plain_sort(tmp_path, monkeypatch, by, n_splits, ranges):
    if ranges > 1:
        monkeypatch.setattr(serial, "RANGE_ROWS", 80)
        monkeypatch.setattr(serial_tasks, "RUN_ROWS", 30)
    found, (n_pairs, r) = found_and_expected(tmp_path, by=by, n_splits=n_splits)
    assert (found.n_pairs, found.within, found.column) == (n_pairs, by, "time")
    np.testing.assert_allclose(found.autocorrelation, r, rtol=0, atol=ROUNDING * 10)
    np.testing.assert_allclose(found.z, r * np.sqrt(n_pairs), rtol=0, atol=1e-9)
    assert 0 < found.p_value < 1


@pytest.mark.parametrize("by", [None, "site"])
def test_one_time_and_one_cluster_for_all_are_cut_into_ranges_too(tmp_path, monkeypatch, by):
    monkeypatch.setattr(serial, "RANGE_ROWS", 50)
    monkeypatch.setattr(serial_tasks, "RUN_ROWS", 64)
    rows = robust_rows().assign(time=7, site="same")
    found, (n_pairs, r) = found_and_expected(tmp_path, by=by, rows=rows, n_splits=3)
    assert found.n_pairs == n_pairs == len(rows) - 1
    np.testing.assert_allclose(found.autocorrelation, r, rtol=0, atol=ROUNDING * 10)


def test_clusters_of_one_row_have_no_pairs(tmp_path):
    rows = robust_rows()
    found, _ = found_and_expected(tmp_path, by="site", rows=rows.assign(site=np.arange(len(rows))))
    assert (found.n_pairs, found.autocorrelation, found.z, found.p_value) == (0, None, None, None)


def test_rows_that_drift_are_found(tmp_path):
    rows = robust_rows().sort_values(["y", "x1"]).reset_index(drop=True)
    found, _ = found_and_expected(tmp_path, rows=rows.assign(time=np.arange(len(rows))))
    assert found.autocorrelation > 0.5
    assert found.p_value < 1e-12
