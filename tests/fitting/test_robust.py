"""Robust covariances against R's sandwich package, and what must not change them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from logreg_dist.errors import InputRejected
from logreg_dist.fitting.diagnostics import cluster_tasks
from logreg_dist.fitting.diagnostics.robust import RobustOutcome, robust_outcome
from tests.fitting.fitted_alone import fitted
from tests.oracles.robust_rows import robust_rows

# R's vcovHC and vcovCL of a glm with epsilon = 1e-14: see robust.R for the calls.
ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "robust.json").read_text(encoding="utf-8"))

TO_R = 1e-9  # of the largest entry in units of the standard errors: R's QR and ours round apart
ROUNDING = 1e-11  # the same sums in another order
KINDS = ("hc0", "hc1", "hc2", "hc3")
CLUSTERED = {"site": "cluster[0]"}
BOTH = {"site": "cluster[0]", "month": "cluster[1]"}

# By fit of the oracle: the columns of the table, and settings of the fit.
FITS = {
    "plain": (["x1", "x2", "plan"], {"features": {"terms": ["x1:plan"]}}),
    "weighted": (["x1", "x2", "plan", "weight", "offset"], {}),
    "frequency": (["x1", "plan", "weight", "frequency"], {}),
    "grouped": (["x1", "x2", "plan", "events", "trials"], {"grouped": True}),
}
R_NAMES = {"intercept": "(Intercept)", "x1:plan[plus]": "x1:planplus", "x1:plan[pro]": "x1:planpro"}


def robust(folder, fit="plain", *, rows=None, kind="cluster", by=CLUSTERED, n_splits=1) -> RobustOutcome:
    columns, settings = FITS[fit]
    rows = robust_rows() if rows is None else rows
    rows = rows.assign(label=rows["y"].astype(float))
    label = [] if fit == "grouped" else ["label"]
    table = pa.Table.from_pandas(rows[[*columns, *label, *by]], preserve_index=False)
    inference = {"covariance": kind} | ({"cluster": list(by)} if by else {})
    found, outcome = fitted(table, folder, watched=by, n_splits=n_splits, inference=inference, **settings)
    return robust_outcome(found, outcome, found.passes.spec)


def in_r_order(found: RobustOutcome, oracle) -> np.ndarray:
    names = [R_NAMES.get(term.name, term.name.replace("[", "").replace("]", "")) for term in found.outcome.terms]
    at = [names.index(name) for name in oracle["terms"]]
    estimate = found.outcome.found.estimate[at]
    np.testing.assert_allclose(estimate, oracle["estimate"], rtol=1e-9)
    return found.outcome.found.covariance[np.ix_(at, at)]


def assert_close(covariance, expected, tolerance):
    expected = np.array(expected)
    scale = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(covariance / np.outer(scale, scale), expected / np.outer(scale, scale), rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fit", FITS)
def test_hc_covariances_are_those_of_r(tmp_path, fit, kind):
    found = robust(tmp_path, fit, kind=kind, by={})
    assert_close(in_r_order(found, ORACLE[fit]), ORACLE[fit][kind], TO_R)
    assert found.record.kind == kind


@pytest.mark.parametrize("by", [CLUSTERED, {"month": "cluster[0]"}, BOTH], ids=["site", "month", "both"])
@pytest.mark.parametrize("fit", FITS)
def test_cluster_covariances_are_those_of_r(tmp_path, fit, by):
    found = robust(tmp_path, fit, by=by, n_splits=3)
    oracle = ORACLE[fit]
    assert_close(in_r_order(found, oracle), oracle["both" if len(by) == 2 else next(iter(by))], TO_R)
    for name, dependence in zip(by, found.clusters, strict=True):
        expected = oracle[f"icc_{name}"]
        np.testing.assert_allclose([dependence.icc, dependence.design_effect], expected, rtol=1e-8)
        assert dependence.n_clusters == robust_rows()[name].nunique()
