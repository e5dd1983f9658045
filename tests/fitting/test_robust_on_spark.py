"""Robust covariances and checks of independence of whole fits: what Spark's shuffle and the readers add."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from logreg_dist import TrainConfig, fit, load_model
from logreg_dist.design.term_moments import term_centres
from logreg_dist.errors import InputRejected
from logreg_dist.fitting.diagnostics import cluster_tasks, clusters, serial
from logreg_dist.inference.covariance import centred_covariance
from logreg_dist.staging.passes import StagedTable
from tests.faults.rows import every_bit, write_files
from tests.faults.test_lost_files import delete_scratch
from tests.fitting.test_robust import ORACLE, TO_R, assert_close
from tests.oracles.robust_rows import robust_rows

pytestmark = pytest.mark.spark

ROUNDING = 1e-11  # the same sums in another order
N_FILES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return write_files(robust_rows(), tmp_path_factory.mktemp("robust") / "table", N_FILES)


def fit_files(
    spark,
    folder,
    *,
    n_splits=N_FILES,
    reader="auto",
    features=("x1", "x2", "plan"),
    on_pass=lambda timing: None,
    **settings,
):
    source = {"path": folder, "splits": n_splits, "reader": reader}
    columns = {"plan": {"reference": "basic"}} if "plan" in features else {}
    asked = {"include": list(features), "columns": columns}
    config = TrainConfig(**{"input": source, "label": {"column": "y"}, "features": asked} | settings)
    return fit(spark.read.parquet(folder), config, on_pass=on_pass)


def by_both(spark, folder, **settings):
    inference = {"covariance": "cluster", "cluster": ["site", "month"]}
    return fit_files(
        spark, folder, inference=inference, checks={"order": "time"}, weight="weight", **settings
    )


def test_weights_of_labels_are_weights_of_single_trials(spark, folder):
    label = {"column": "y", "class_weights": {"1": 3.0, "0": 1.0}}
    model = fit_files(spark, folder, features=("x1", "plan"), label=label, inference={"covariance": "hc3"})
    assert_close(model.covariance, ORACLE["class_weights"]["hc3"], TO_R)


def test_a_whole_fit_has_the_covariance_by_cluster_in_all_that_follows_from_it(spark, folder, tmp_path):
    model = fit_files(
        spark,
        folder,
        inference={"covariance": "cluster", "cluster": "site"},
        weight="weight",
        offset="offset",
    )
    oracle = ORACLE["weighted"]
    assert_close(model.covariance, oracle["site"], TO_R)
    table = model.coefficients
    std_error = np.sqrt(np.diag(oracle["site"]))
    np.testing.assert_allclose(table["std_error"], std_error, rtol=1e-8)
    np.testing.assert_allclose(table["z"], np.array(oracle["estimate"]) / std_error, rtol=1e-7)
    low = np.array(oracle["estimate"]) - stats.norm.isf(0.025) * std_error
    np.testing.assert_allclose(table["conf_low"], low, rtol=1e-7)
    expected = "Standard errors: sandwich, robust to dependence within clusters: 40 clusters of 'site', times"
    assert expected in model.summary()
    loaded = load_model(model.save(tmp_path))
    assert loaded.covariance_record == model.covariance_record
    at_centres = centred_covariance(model.covariance, term_centres(model.design), 0)[0]
    np.testing.assert_allclose(loaded.covariance_at_centres, at_centres, rtol=1e-9, atol=1e-15)
    assert loaded.checks.clusters == model.checks.clusters


def test_readers_splits_and_buckets_change_clusters_by_rounding_at_most(spark, folder, monkeypatch):
    one = by_both(spark, folder, n_splits=1)
    monkeypatch.setattr(cluster_tasks, "BUCKET_BYTES", 10_000)
    monkeypatch.setattr(serial, "RANGE_ROWS", 200)
    others = [by_both(spark, folder, n_splits=4, reader="spark"), by_both(spark, folder, reader="arrow")]
    for other in others:
        assert_close(other.covariance, one.covariance, ROUNDING)
        assert other.covariance_record == one.covariance_record
        icc, expected = ([cluster.icc for cluster in model.checks.clusters] for model in (other, one))
        np.testing.assert_allclose(icc, expected, rtol=1e-9)
    # A split holds the rows of its files in their order: ties of time are as in the table.
    np.testing.assert_allclose(others[1].checks.serial.z, one.checks.serial.z, rtol=1e-9)


def test_buckets_that_spark_adds_first_have_the_same_bits(spark, folder, monkeypatch):
    monkeypatch.setattr(cluster_tasks, "BUCKET_BYTES", 4_000)  # 12 buckets
    monkeypatch.setattr(clusters, "group_size", lambda n: 4)
    on_driver = fit_files(spark, folder, inference={"covariance": "cluster", "cluster": "site"})
    monkeypatch.setattr(clusters, "MAX_SENT_BYTES", 0)
    by_spark = fit_files(spark, folder, inference={"covariance": "cluster", "cluster": "site"})
    assert_close(by_spark.covariance, on_driver.covariance, 1e-14)


def test_files_lost_before_a_shuffle_are_staged_again(spark, folder, monkeypatch, caplog):
    undisturbed = every_bit(by_both(spark, folder))
    bucket_pass = StagedTable.bucket_pass

    def disturbed(self, *arguments, **settings):
        delete_scratch(self)
        return bucket_pass(self, *arguments, **settings)

    monkeypatch.setattr(StagedTable, "bucket_pass", disturbed)
    assert every_bit(by_both(spark, folder)) == undisturbed
    assert [record.message for record in caplog.records].count(
        "staged files were lost; staging the table again"
    ) == 2


def test_rows_without_a_cluster_or_an_order_are_refused_with_their_number(spark, tmp_path):
    rows = robust_rows()
    rows.loc[:4, "site"] = None
    folder = write_files(rows, tmp_path / "table", 2)
    with pytest.raises(InputRejected, match=r"cluster\[0\] column 'site' has 5 missing values in 360 rows"):
        fit_files(spark, folder, inference={"cluster": "site"})


def test_a_robust_covariance_without_a_matrix_is_refused_before_the_fit(spark, folder):
    with pytest.raises(InputRejected, match=r"no inference\.covariance hc1: solver\.method lbfgs"):
        fit_files(spark, folder, inference={"covariance": "hc1"}, solver={"method": "lbfgs"})


def test_a_penalised_fit_has_dependence_without_a_covariance(spark, folder):
    model = fit_files(
        spark, folder, inference={"cluster": "site"}, checks={"order": "time"}, penalty={"l2": 0.1}
    )
    [dependence] = model.checks.clusters
    assert dependence.icc > 0.1
    assert dependence.largest_ratio is None
    assert model.checks.serial.within == "site"


def test_of_selected_columns_the_covariance_is_that_of_their_own_fit(spark, folder):
    inference = {"covariance": "cluster", "cluster": "month"}
    chosen = fit_files(
        spark,
        folder,
        features=("trials", "x1", "plan", "frequency", "x2"),
        inference=inference,
        selection={"method": "backward", "criterion": "bic", "keep": ["plan"]},
    )
    own = fit_files(spark, folder, features=chosen.selection.columns, inference=inference)
    assert 1 < len(chosen.selection.columns) < 5
    assert [row.term for row in chosen.coefficient_rows] == [row.term for row in own.coefficient_rows]
    assert_close(chosen.covariance, own.covariance, 1e-9)  # the optimum is met from another start


def test_one_cluster_is_refused_before_the_iterations(spark, tmp_path):
    folder = write_files(robust_rows().assign(site="same"), tmp_path / "table", N_FILES)
    passes = []
    with pytest.raises(InputRejected, match=r"inference\.cluster 'site' has one cluster"):
        fit_files(
            spark,
            folder,
            features=("x1",),
            inference={"covariance": "cluster", "cluster": "site"},
            on_pass=passes.append,
        )
    assert len(passes) <= 2  # staging, and the first look
