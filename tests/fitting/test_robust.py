"""Robust covariances against R's sandwich package, and what must not change them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import linalg

from logreg_dist import TrainConfig
from logreg_dist.errors import InputRejected
from logreg_dist.fitting.diagnostics import cluster_tasks, clusters
from logreg_dist.fitting.diagnostics.clusters import refuse_one_cluster
from logreg_dist.fitting.diagnostics.robust import RobustOutcome, robust_outcome
from logreg_dist.fitting.tasks import first_look_task
from logreg_dist.kernel import cluster_sums
from tests.fitting.fitted_alone import fitted
from tests.oracles.robust_rows import N_ROWS, robust_rows

# R's vcovHC and vcovCL of a glm with epsilon = 1e-14: see robust.R for the calls.
ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "robust.json").read_text(encoding="utf-8"))

TO_R = 1e-9  # in units of the standard errors: R's QR and ours round apart
ROUNDING = 1e-11  # the same sums in another order
KINDS = ("hc0", "hc1", "hc2", "hc3")
SITE, MONTH = {"site": "cluster[0]"}, {"month": "cluster[0]"}
BOTH = {"site": "cluster[0]", "month": "cluster[1]"}

# By fit of the oracle: the columns of the table, and settings of the fit.
FITS = {
    "plain": (["x1", "x2", "plan"], {"features": {"terms": ["x1:plan"]}}),
    "weighted": (["x1", "x2", "plan", "weight", "offset"], {}),
    "frequency": (["x1", "plan", "weight", "frequency"], {}),
    "grouped": (["x1", "x2", "plan", "events", "trials"], {"grouped": True}),
}
R_NAMES = {"intercept": "(Intercept)", "x1:plan[plus]": "x1:planplus", "x1:plan[pro]": "x1:planpro"}


def robust(folder, fit="plain", *, rows=None, kind="cluster", by=SITE, n_splits=1, more=()) -> RobustOutcome:
    columns, settings = FITS[fit]
    columns = [*columns, *more]
    rows = robust_rows() if rows is None else rows
    rows = rows.assign(label=rows["y"].astype(float))
    label = [] if fit == "grouped" else ["label"]
    table = pa.Table.from_pandas(rows[[*columns, *label, *by]], preserve_index=False)
    inference = {"covariance": kind} | ({"cluster": list(by)} if by else {})
    found, outcome = fitted(table, folder, watched=by, n_splits=n_splits, inference=inference, **settings)
    return robust_outcome(found, outcome, found.passes.spec)


def in_r_order(found: RobustOutcome, oracle) -> np.ndarray:
    names = [
        R_NAMES.get(term.name, term.name.replace("[", "").replace("]", "")) for term in found.outcome.terms
    ]
    at = [names.index(name) for name in oracle["terms"]]
    np.testing.assert_allclose(found.outcome.found.estimate[at], oracle["estimate"], rtol=1e-9)
    return found.outcome.found.covariance[np.ix_(at, at)]


def assert_close(covariance, expected, tolerance):
    expected = np.array(expected)
    scale = np.sqrt(np.diag(expected))
    unit = np.outer(scale, scale)
    np.testing.assert_allclose(covariance / unit, expected / unit, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fit", FITS)
def test_hc_covariances_are_those_of_r(tmp_path, fit, kind):
    found = robust(tmp_path, fit, kind=kind, by={})
    assert_close(in_r_order(found, ORACLE[fit]), ORACLE[fit][kind], TO_R)
    np.testing.assert_array_equal(found.outcome.found.variance, np.diag(found.outcome.found.covariance))
    assert found.record.kind == kind


@pytest.mark.parametrize("by", [SITE, MONTH], ids=["site", "month"])
@pytest.mark.parametrize("fit", FITS)
def test_cluster_covariances_and_dependence_are_those_of_r(tmp_path, fit, by):
    found, oracle, [name] = robust(tmp_path, fit, by=by, n_splits=3), ORACLE[fit], by
    assert_close(in_r_order(found, oracle), oracle[name], TO_R)
    [dependence] = found.clusters
    # R: analysis of variance of residuals(fit, "pearson") of single trials.
    np.testing.assert_allclose([dependence.icc, dependence.design_effect], oracle[f"icc_{name}"], rtol=1e-8)
    assert dependence.n_clusters == robust_rows()[name].nunique()
    ratios = np.diag(oracle[name]) / np.diag(oracle["model"])
    np.testing.assert_allclose(dependence.largest_ratio, ratios.max(), rtol=1e-8)


@pytest.mark.parametrize("fit", FITS)
def test_covariances_by_two_columns_are_those_of_r_without_negative_eigenvalues(tmp_path, fit):
    found, oracle = robust(tmp_path, fit, by=BOTH, n_splits=2), ORACLE[fit]
    # Relative to the model's covariance, so that units do not matter; nothing is negative: R's own numbers.
    model = np.array(oracle["model"])
    values, vectors = linalg.eigh(np.array(oracle["both"]), model)
    half = model @ vectors
    expected = half * np.maximum(values, 0.0) @ half.T
    assert_close(in_r_order(found, oracle), expected, TO_R)
    n_negative = int((values < 0).sum())
    assert ("1 negative eigenvalue set to 0" in found.record.text) == (n_negative == 1)
    assert found.record.n_clusters == (40, 12, len(robust_rows()[["site", "month"]].drop_duplicates()))
    assert [dependence.column for dependence in found.clusters] == ["site", "month"]


def test_the_oracle_has_two_columns_with_and_without_a_negative_eigenvalue():
    signs = {fit: np.linalg.eigvalsh(np.array(ORACLE[fit]["both"])).min() > 0 for fit in FITS}
    assert set(signs.values()) == {True, False}


@pytest.mark.parametrize("fit", ["plain", "weighted"])
def test_a_cluster_for_each_row_is_hc0_with_the_factor_of_clusters(tmp_path, fit):
    rows = robust_rows().assign(site=np.arange(N_ROWS))
    clustered = robust(tmp_path / "clustered", fit, rows=rows)
    single = robust(tmp_path / "single", fit, kind="hc0", by={})
    expected = N_ROWS / (N_ROWS - 1) * single.outcome.found.covariance
    assert_close(clustered.outcome.found.covariance, expected, ROUNDING)
    [dependence] = clustered.clusters
    assert (dependence.icc, dependence.design_effect) == (None, None)


@pytest.mark.parametrize("kind", ["hc3", "cluster"])
def test_a_frequency_is_so_many_rows_and_its_order_does_not_matter(tmp_path, kind):
    rows = robust_rows()
    repeated = rows.loc[rows.index.repeat(rows["frequency"])].assign(frequency=1)
    shuffled = repeated.sample(frac=1.0, random_state=1)
    one = robust(tmp_path / "one", "frequency", rows=rows, kind=kind)
    other = robust(tmp_path / "other", "frequency", rows=shuffled, kind=kind, n_splits=3)
    assert_close(other.outcome.found.covariance, one.outcome.found.covariance, ROUNDING)
    assert other.clusters[0].n_clusters == one.clusters[0].n_clusters
    for name in ("icc", "design_effect", "mean_size", "largest"):
        np.testing.assert_allclose(
            getattr(other.clusters[0], name), getattr(one.clusters[0], name), rtol=1e-9
        )


@pytest.mark.parametrize("by", [SITE, BOTH], ids=["one", "two"])
def test_units_of_columns_and_the_label_that_counts_change_nothing_else(tmp_path, by):
    rows = robust_rows()
    changed = rows.assign(x2=rows["x2"] * 1e6 - 3e9, y=1 - rows["y"])
    one = robust(tmp_path / "one", rows=rows, by=by).outcome.found
    other = robust(tmp_path / "other", rows=changed, by=by).outcome.found
    z, flipped = (found.estimate / np.sqrt(found.variance) for found in (one, other))
    np.testing.assert_allclose(flipped[1:], -z[1:], rtol=1e-7)  # the intercept is another


@pytest.mark.parametrize("n_splits", [2, 7])
@pytest.mark.parametrize("fit", ["plain", "grouped"])
def test_lots_buckets_and_splits_change_a_covariance_by_rounding_at_most(
    tmp_path, monkeypatch, fit, n_splits
):
    whole = robust(tmp_path / "whole", fit, by=BOTH)
    monkeypatch.setattr(cluster_tasks, "HELD_BYTES", 4_000)
    monkeypatch.setattr(cluster_tasks, "BUCKET_BYTES", 10_000)
    monkeypatch.setattr(clusters, "MAX_SENT_BYTES", 0)
    monkeypatch.setattr(cluster_sums, "PRODUCT_BYTES", 1_000)
    monkeypatch.setattr(cluster_sums, "LISTED_COST", 1e-9)
    monkeypatch.setattr(cluster_sums, "CELLS_PER_ENTRY", 0)
    parts = robust(tmp_path / "parts", fit, by=BOTH, n_splits=n_splits)
    again = robust(tmp_path / "again", fit, by=BOTH, n_splits=n_splits)
    assert_close(parts.outcome.found.covariance, whole.outcome.found.covariance, ROUNDING)
    assert parts.record == whole.record
    assert np.array_equal(again.outcome.found.covariance, parts.outcome.found.covariance)


def test_few_clusters_are_noted(tmp_path):
    few = robust(tmp_path / "few", by=MONTH)
    assert few.notes[0].startswith("12 clusters of 'month' are few")
    assert robust(tmp_path / "enough").notes == ()


@pytest.mark.parametrize("n_splits", [1, 3])
def test_one_cluster_is_known_from_the_first_look(tmp_path, n_splits):
    def looks_at(site, folder):
        rows = robust_rows().assign(site=site, label=robust_rows()["y"].astype(float))
        table = pa.Table.from_pandas(rows[["x1", "label", *BOTH]], preserve_index=False)
        found, _ = fitted(table, folder, watched=BOTH, n_splits=n_splits)
        task = first_look_task(found.passes.layout, sample_rows=0, n_clusterings=2)
        return found.passes.staged.run_pass(task)

    def config(kind):
        return TrainConfig(label={"column": "label"}, inference={"covariance": kind, "cluster": list(BOTH)})

    one = looks_at("same", tmp_path / "one")
    with pytest.raises(InputRejected, match=r"inference\.cluster 'site' has one cluster") as refused:
        refuse_one_cluster(one, config("cluster"))
    assert "month" not in str(refused.value)
    refuse_one_cluster(one, config("model"))  # clusters are looked into, and nothing hangs on them
    last_differs = ["same"] * (N_ROWS - 1) + ["other"]
    refuse_one_cluster(looks_at(last_differs, tmp_path / "two"), config("cluster"))


def test_clusters_are_looked_into_where_standard_errors_are_the_models(tmp_path):
    found = robust(tmp_path / "model", kind="model")
    by_cluster = robust(tmp_path / "cluster")
    assert found.record is None
    assert found.clusters == by_cluster.clusters
    assert found.outcome.found.covariance is not by_cluster.outcome.found.covariance
    one = robust(tmp_path / "one", kind="model", rows=robust_rows().assign(site="same"))
    assert (one.clusters[0].n_clusters, one.clusters[0].icc, one.clusters[0].largest_ratio) == (1, None, None)
    assert one.notes == ()


@pytest.mark.parametrize(("kind", "by"), [("hc3", {}), ("cluster", SITE), ("cluster", BOTH)])
def test_terms_without_an_estimate_change_nothing(tmp_path, kind, by):
    rows = robust_rows().assign(again=robust_rows()["x1"] * 3 - 1)
    without = robust(tmp_path / "without", rows=rows, kind=kind, by=by).outcome
    found = robust(tmp_path / "with", rows=rows, kind=kind, by=by, more=["again"]).outcome
    at = [term.name for term in found.terms].index("again")
    assert np.flatnonzero(~found.found.estimable).tolist() == [at]
    assert np.isnan(found.found.variance[at])
    assert_close(found.found.covariance, without.found.covariance, ROUNDING)


def test_a_term_that_clusters_say_nothing_of_has_no_standard_error(tmp_path, monkeypatch):
    monkeypatch.setitem(FITS, "levels", (["plan"], {}))
    rows = robust_rows()
    by_level = rows.assign(site=rows["plan"])  # the scores of a level add to 0, and so those of a cluster
    found = robust(tmp_path, "levels", rows=by_level)
    assert np.isnan(found.outcome.found.variance).all()
    assert (
        found.outcome.found.covariance is None
    )  # so no test, contrast, effect or interval takes rounding for it
    assert found.notes[-1] == (
        "there are no standard errors: the rows that tell of 'intercept', 'plan[plus]', 'plan[pro]' lie in one cluster each"
    )


def test_a_level_in_one_cluster_is_noted_where_its_variance_is_too_small(tmp_path):
    rows = robust_rows()
    rare = rows[(rows["plan"] != "pro") | (rows["plan"] == "pro").cumsum().le(30)]
    found = robust(
        tmp_path, rows=rare.assign(site=np.where(rare["plan"] == "pro", "alone", rare["site"].astype(str)))
    )
    assert np.isfinite(found.outcome.found.variance).all()
    [note] = found.notes
    assert note.startswith(
        "the standard error of 'x1:plan[pro]' by cluster is 0.34 of the model's (and 1 more below half"
    )
    assert note.endswith("of it): too small where the rows of a level are in few clusters")
