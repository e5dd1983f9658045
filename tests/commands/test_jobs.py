"""The jobs as a user runs them: real processes, real files, exit codes; all of them without a network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from examples.churn.prepare import main as prepare
from logreg_dist.commands import session
from logreg_dist.commands.session import will_be_local
from tests.offline import offline

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with the churn data and the shipped configurations, where the jobs run."""
    folder = tmp_path_factory.mktemp("project")
    prepare(folder / "data" / "churn")
    return folder


def run(project, *arguments, environment=None):
    """Run ``python jobs/<job>.py`` in the project folder, without a network."""
    job, *rest = arguments
    return subprocess.run(
        offline(sys.executable, ROOT / "jobs" / f"{job}.py", *rest),
        cwd=project,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def trained(project):
    return run(project, "train", "--config", ROOT / "conf" / "train.yaml")


@pytest.fixture(scope="module")
def scored(project, trained):
    return run(
        project, "score", "--config", ROOT / "conf" / "score.yaml", "--set", "output.run_date=2026-11-20"
    )


@pytest.fixture(scope="module")
def evaluated(project, trained):
    return run(project, "evaluate", "--config", ROOT / "conf" / "evaluate.yaml")


pytestmark = [pytest.mark.spark, pytest.mark.slow]


def test_train_exits_0_with_a_summary_on_stdout_and_one_line_per_pass_on_stderr(project, trained):
    assert trained.returncode == 0, trained.stderr
    assert "contract[Two year]" in trained.stdout
    assert "artifacts/churn/model.json" in trained.stdout
    assert "pass 1" not in trained.stdout
    model = _read(project / "artifacts/churn/model.json")
    assert [int(n) for n in re.findall(r"pass (\d+)", trained.stderr)] == list(
        range(1, model["n_passes"] + 1)
    )


def test_train_leaves_a_model_with_every_key_of_the_contract(project, trained):
    model = json.loads((project / "artifacts/churn/model.json").read_text())
    expected = """schema_version family status status_text converged n_rows n_obs n_dropped weight_sum n_events
        log_likelihood null_log_likelihood deviance null_deviance aic bic mcfadden_r2 n_iterations n_passes
        coefficients covariance aliased design history fingerprint config"""
    assert set(expected.split()) <= set(model)
    row = "term column level estimate std_error z p_value conf_low conf_high"
    row += " odds_ratio odds_ratio_low odds_ratio_high"
    assert all(
        {*row.split(), "class_name", "at_bound"} == set(coefficient) for coefficient in model["coefficients"]
    )
    assert set(model["history"][0]) == {"iteration", "deviance", "change", "halvings", "seconds"}
    assert model["aic"] == model["deviance"] + 2 * sum(
        c["estimate"] is not None for c in model["coefficients"]
    )


def test_every_job_leaves_a_run_json_that_names_status_and_outputs(project, trained, scored, evaluated):
    records = {
        "train": project / "artifacts/churn/run.json",
        "score": next((project / "data/churn/scored/_runs").glob("*/run.json")),
        "evaluate": project / "artifacts/churn/holdout/run.json",
    }
    for job, path in records.items():
        record = json.loads(path.read_text())
        assert (record["job"], record["status"], record["exit_code"]) == (job, "done", 0)
        assert all((project / output).exists() for output in record["outputs"].values())
        keys = "retryable message started finished timings rows versions"
        assert set(keys.split()) <= set(record)


def test_score_publishes_every_customer_once_under_the_date(project, scored):
    assert scored.returncode == 0, scored.stderr
    table = pq.read_table(project / "data/churn/scored").to_pandas()
    assert len(table) == table.customer_id.nunique() == 7_043
    assert set(map(str, table.run_date)) == {"2026-11-20"}
    assert table.probability.between(0, 1).all()
    record = json.loads(next((project / "data/churn/scored/_runs").glob("*/run.json")).read_text())
    assert record["details"]["missing"] == {"total_charges": 11}


def test_evaluate_leaves_flat_metrics_and_ten_gains_rows(project, evaluated):
    assert evaluated.returncode == 0, evaluated.stderr
    metrics = json.loads((project / "artifacts/churn/holdout/metrics.json").read_text())
    expected = """n_rows n_events log_loss brier auc gini ks accuracy precision recall f1 calibration_intercept
        calibration_slope gains calibration"""
    assert set(expected.split()) <= set(metrics)
    assert [row["decile"] for row in metrics["gains"]] == list(range(1, 11))
    assert {"rows", "events", "rate", "cumulative_gain", "lift", "min_score", "max_score"} <= set(
        metrics["gains"][0]
    )
    assert sum(row["rows"] for row in metrics["gains"]) == metrics["n_rows"] == 2_106
    for word in ("AUC", "KS", "top-decile lift", "metrics.json"):
        assert word in evaluated.stdout


def test_a_model_that_is_there_is_not_replaced_without_being_asked(project, trained):
    before = (project / "artifacts/churn/model.json").read_bytes()
    again = run(project, "train", "--config", ROOT / "conf" / "train.yaml")
    assert again.returncode == 2
    assert "there is a model in 'artifacts/churn' already" in again.stderr
    assert (project / "artifacts/churn/model.json").read_bytes() == before


def test_a_typo_in_the_config_exits_2_naming_key_file_and_nearest_key(project):
    values = yaml.safe_load((ROOT / "conf" / "train.yaml").read_text())
    values["solver"]["max_iteration"] = values["solver"].pop("max_iterations")
    values["output"]["path"] = "artifacts/typo"
    (project / "typo.yaml").write_text(yaml.safe_dump(values))
    failed = run(project, "train", "--config", "typo.yaml")
    assert failed.returncode == 2
    assert "typo.yaml" in failed.stderr
    assert "did you mean solver.max_iterations?" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert _read(project / "artifacts/typo/run.json")["exit_code"] == 2


def test_a_typo_is_told_before_there_is_a_session(project):
    (project / "early.yaml").write_text(
        "label: {column: churn}\nfeatures: {interactons: []}\noutput: {path: early}\n"
    )
    for job in ("train", "check"):
        # Without Java no session could start.
        nowhere = {"JAVA_HOME": str(project / "no-java"), "PATH": "/nowhere"}
        failed = run(project, job, "--config", "early.yaml", environment=nowhere)
        assert failed.returncode == 2
        assert "features.interactons: unknown key; known here: " in failed.stderr
    assert _read(project / "early/run.json")["exit_code"] == 2
    assert _read(project / "early/checks/run.json")["exit_code"] == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYSPARK_GATEWAY_PORT", "1"),
        ("PYSPARK_SUBMIT_ARGS", "--master yarn pyspark-shell"),
        ("HADOOP_CONF_DIR", "conf"),
        ("YARN_CONF_DIR", "conf"),
        ("SPARK_CONF_DIR", "core"),
        ("SPARK_CONF_DIR", "defaults"),
    ],
)
def test_where_anything_may_name_another_filesystem_it_is_for_the_session_to_tell(
    name, value, tmp_path, monkeypatch
):
    for other in ("PYSPARK_SUBMIT_ARGS", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "SPARK_CONF_DIR"):
        monkeypatch.delenv(other, raising=False)
    assert will_be_local()
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "core-site.xml").write_text("<configuration/>")
    (tmp_path / "defaults").mkdir()
    (tmp_path / "defaults" / "spark-defaults.conf").write_text("spark.hadoop.fs.defaultFS hdfs://n:8020\n")
    monkeypatch.setenv(name, str(tmp_path / value) if name == "SPARK_CONF_DIR" else value)
    assert not will_be_local()


def test_a_local_session_leaves_what_the_default_file_sets(tmp_path, monkeypatch):
    for other in ("PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("PYSPARK_PYTHON", "python3")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    file = tmp_path / "spark-defaults.conf"
    file.write_text(
        "# ours\nspark.driver.memory 16g\n\nspark.driver.extraJavaOptions=-Dx=y\n spark.locality.wait: 1s\n"
    )
    found = session._settings()
    assert found["spark.master"] == "local[*,4]"
    assert not {"spark.driver.memory", "spark.driver.extraJavaOptions", "spark.locality.wait"} & found.keys()
    assert "log4j2" in found["spark.driver.defaultJavaOptions"]  # Spark puts it before the file's
    (tmp_path / "home" / "conf").mkdir(parents=True)
    (tmp_path / "home" / "conf" / "spark-defaults.conf").write_text("spark.sql.ansi.enabled false\n")
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / "home"))
    assert "spark.sql.ansi.enabled" not in session._in_default_file()  # Spark reads one of the two
    file.write_text("spark.master: yarn\n")
    assert session._has_master()


def test_a_refused_run_leaves_the_table_that_it_would_have_written_into_alone(project):
    before = sorted(path.name for path in (project / "data/churn/holdout").iterdir())
    failed = run(
        project,
        "evaluate",
        "--config",
        ROOT / "conf" / "evaluate.yaml",
        "--set",
        "output.path=data/churn/holdout",
    )
    assert failed.returncode == 2
    assert sorted(path.name for path in (project / "data/churn/holdout").iterdir()) == before


def test_a_separated_fit_exits_4_and_is_written_marked(project):
    failed = run(
        project,
        "train",
        "--config",
        ROOT / "conf" / "train.yaml",
        "--set",
        "output.path=artifacts/separated",
        "--set",
        "input.filter=(contract = 'Two year' and churn = 'No') or (contract = 'Month-to-month')",
        "--set",
        "features.include=[contract, tenure]",
        "--set",
        "features.exclude=[]",
        "--set",
        "features.columns={}",
    )
    assert failed.returncode == 4, failed.stderr
    assert "rows of contract[Two year] have label 'No'" in failed.stderr
    model = _read(project / "artifacts/separated/model.json")
    [worst] = [one for one in model["checks"]["findings"] if one["severity"] == "problem"]
    assert worst["check"] == "separation"
    assert (model["status"], model["converged"]) == ("separated_quasi", False)
    record = _read(project / "artifacts/separated/run.json")
    assert (record["exit_code"], record["fit_status"]) == (4, "separated_quasi")


def test_a_check_leaves_a_report_beside_the_model_and_no_model(project, trained):
    before = (project / "artifacts/churn/run.json").read_bytes()
    checked = run(
        project,
        "check",
        "--config",
        ROOT / "conf" / "train.yaml",
        "--set",
        "checks.influence.key=customer_id",
    )
    assert checked.returncode == 0, checked.stderr
    folder = project / "artifacts/churn/checks"
    names = {path.name for path in folder.iterdir()}
    assert {"checks.txt", "checks.html", "checks.json", "run.json"} <= names
    assert "model.json" not in names
    assert (project / "artifacts/churn/run.json").read_bytes() == before
    found = _read(folder / "checks.json")["checks"]["findings"]
    assert {"collinearity", "independence", "outcome", "separation"} <= {one["check"] for one in found}
    report = (folder / "checks.txt").read_text()
    assert report.strip() in checked.stdout
    assert "'Yes' of 'churn' means 1" in report
    assert (_read(folder / "run.json")["job"], _read(folder / "run.json")["exit_code"]) == ("check", 0)


def test_help_explains_every_option_without_starting_spark():
    shown = subprocess.run(
        [sys.executable, ROOT / "jobs" / "train.py", "--help"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    for word in ("--config", "--set", "--debug", "--resume", "conf/train.yaml", "exit codes"):
        assert word in shown.stdout
    assert "WARN" not in shown.stderr


def _read(path):
    return json.loads(path.read_text())
