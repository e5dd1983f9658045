"""The jobs through spark-submit, on a real master and workers, with the package out of a zip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pyarrow.dataset as ds
import pyspark
import pytest

pytestmark = [pytest.mark.spark, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 400  # seconds; about 60 when nothing else runs
N_CUSTOMERS = 7_043
# Less compiling in Java virtual machines that live for seconds: a fifth of the processor time.
QUICK_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
MAX_LINES = 150  # of the whole demo on a terminal: results, not Spark's log


@pytest.fixture(scope="module")
def python_without_the_package(tmp_path_factory) -> Path:
    """Make an interpreter that has every dependency and not logreg_dist, as executors are."""
    home = tmp_path_factory.mktemp("python")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(home)})
    # Python runs no .pth file in a folder that is itself named by one: an editable install stays out.
    (Path(packages) / "all.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = home / "bin" / "python"
    look = [python, "-c", "import pyspark, logreg_dist"]
    looked = subprocess.run(look, capture_output=True, text=True, cwd=home)
    assert "No module named 'logreg_dist'" in looked.stderr
    return python


@pytest.fixture(scope="module")
def demo(python_without_the_package, tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run the script from a folder that is not the project's."""
    folder = tmp_path_factory.mktemp("cluster")
    done = subprocess.run(
        [ROOT / "examples" / "cluster" / "run.sh", folder / "out"],
        cwd=folder,
        env=os.environ
        | {"PYTHON": str(python_without_the_package), "TMPDIR": str(folder)}
        | {"SPARK_DAEMON_JAVA_OPTS": QUICK_JAVA, "SPARK_SUBMIT_OPTS": QUICK_JAVA},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
    )
    return done, folder


def test_the_demo_runs_on_executors_that_have_the_package_only_as_a_zip(demo):
    done, folder = demo

    assert done.returncode == 0, done.stdout[-3000:]
    model = json.loads((folder / "out/model/model.json").read_text())
    assert model["converged"]
    assert model["fingerprint"]["n_splits"] == 2
    run = json.loads((folder / "out/model/run.json").read_text())
    assert (run["status"], run["exit_code"]) == ("done", 0)


def test_every_customer_is_scored_once(demo):
    _, folder = demo
    scores = ds.dataset(folder / "out/scored", partitioning="hive").to_table().to_pandas()

    assert len(scores) == scores["customer_id"].nunique() == N_CUSTOMERS
    assert scores["probability"].between(0.0, 1.0, inclusive="neither").all()


def test_the_script_leaves_no_logs_and_no_scratch_when_all_went_well(demo):
    _, folder = demo

    assert [path.name for path in folder.iterdir()] == ["out"]


def test_sparks_log_does_not_flood_the_terminal(demo):
    done, _ = demo
    lines = done.stdout.splitlines()

    assert len(lines) <= MAX_LINES
    assert [line for line in lines if " INFO " in line or " WARN " in line] == []


@pytest.mark.parametrize(
    ("setting", "exit_code", "message"),
    [
        ("solver.start=warm", 2, "config error: "),
        ("input.path=no/such/table", 3, "input rejected: the path does not exist"),
    ],
)
def test_spark_submit_hands_on_the_exit_code_of_the_job(tmp_path, setting, exit_code, message):
    spark_home = Path(pyspark.__file__).parent
    submit = [spark_home / "bin" / "spark-submit", "--master", "local[1]"]
    submit += ["--conf", "spark.speculation=true", ROOT / "jobs" / "train.py"]
    outputs = ["--set", f"output.path={tmp_path / 'model'}", "--set", setting]
    done = subprocess.run(
        [*submit, "--config", ROOT / "conf" / "train.yaml", *outputs],
        env=os.environ | {"SPARK_HOME": str(spark_home), "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        cwd=tmp_path,
    )

    assert done.returncode == exit_code, done.stdout[-3000:]
    assert message in done.stdout  # spark-submit merges the two streams of the job
    assert "spark.speculation is switched off: " in done.stdout
    assert json.loads((tmp_path / "model" / "run.json").read_text())["exit_code"] == exit_code
