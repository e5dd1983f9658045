"""What the executors' Python must have: judged from reports, and asked of a real Python that lacks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from logreg_dist.errors import ConfigError, TemporaryFailure
from logreg_dist.spark.preflight import is_own_python, judge, report_task
from tests.faults.rows import frame, write_files

ROOT = Path(__file__).parents[2]
TIMEOUT = 400  # seconds; about 8 when nothing else runs
GOOD = {
    "host": "a",
    "executable": "/usr/bin/python3",
    "python": "3.11.7",
    "numpy": "2.1.0",
    "pyarrow": "18.0.0",
    "logreg_dist": "0123456789abcdef",
}


def test_this_python_reports_its_versions_and_the_digest_of_the_package():
    [report] = report_task()(())

    assert (report["numpy"], report["pyarrow"]) == tuple(
        sys.modules[name].__version__ for name in ("numpy", "pyarrow")
    )
    assert len(str(report["logreg_dist"])) == 16


def test_like_executors_are_accepted_without_a_word(caplog):
    judge(GOOD, [GOOD, GOOD | {"host": "b"}])

    assert caplog.records == []


@pytest.mark.parametrize(
    ("lacks", "words"),
    [
        (
            {"numpy": None},
            r"has no numpy: Python 3\.11\.7 at /usr/bin/python3, on a\.\n.*--conf spark\.pyspark\.python=",
        ),
        ({"pyarrow": None}, r"has no pyarrow: .*\n.*PYSPARK_PYTHON(.|\n)*--archives"),
        ({"logreg_dist": None}, r"has no logreg_dist: .*\n.*--py-files dist/logreg_dist\.zip"),
        (
            {"logreg_dist": "fedcba9876543210"},
            r"another version of logreg_dist than the driver: .*\n.*--py-files",
        ),
    ],
)
def test_what_all_executors_lack_is_a_matter_of_configuration(lacks, words):
    with pytest.raises(ConfigError, match=words):
        judge(GOOD, [GOOD | lacks, GOOD | lacks])


def test_what_some_executors_lack_is_the_clusters_fault_and_names_their_hosts():
    with pytest.raises(TemporaryFailure, match=r"has no numpy, on some hosts: b, c \(Python"):
        judge(GOOD, [GOOD, *(GOOD | {"numpy": None, "host": host} for host in "bc")])


def test_other_versions_than_the_drivers_are_a_warning(caplog):
    judge(GOOD, [GOOD | {"numpy": "1.26.4"}])

    assert "numpy is 1.26.4 on the executors and 2.1.0 on the driver" in caplog.text


def test_executors_that_differ_among_themselves_are_a_warning(caplog):
    judge(GOOD, [GOOD, GOOD | {"pyarrow": "19.0.0"}])

    assert "the executors have different versions of pyarrow (18.0.0, 19.0.0)" in caplog.text


@pytest.mark.parametrize("master", ["yarn", "spark://host:7077", "local-cluster[2,1,1024]", "k8s://host"])
def test_a_cluster_is_asked_even_where_its_python_has_the_same_name(master):
    assert not is_own_python(master, sys.executable)
    assert not is_own_python("local[*]", "/usr/bin/env")


OTHER_VERSION = """
import sys
from collections import namedtuple
sys.version_info = namedtuple("version_info", "major minor micro releaselevel serial")(3, 99, 0, "final", 0)
"""


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize(
    ("sitecustomize", "words"),
    [
        pytest.param("", "config error: the executors' Python has no numpy: Python 3.", id="no numpy"),
        pytest.param(
            OTHER_VERSION,
            "config error: the executors' Python has another minor version than the driver's: 3.99 and 3.",
            id="another minor version",
            marks=pytest.mark.faults,
        ),
    ],
)
def test_a_job_whose_workers_run_an_unfit_python_says_so_before_it_begins(tmp_path, sitecustomize, words):
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "venv")}))
    (packages / "sitecustomize.py").write_text(sitecustomize)
    table = write_files(frame(1_000), tmp_path / "table", 2)
    config = {"input": {"path": table}, "label": {"column": "y"}, "output": {"path": str(tmp_path / "out")}}
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, ROOT / "jobs" / "train.py", "--config", tmp_path / "train.yaml"],
        env=os.environ | {"PYSPARK_PYTHON": str(python)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )

    assert done.returncode == 2, done.stderr[-3000:]
    assert words in done.stderr
    assert "--conf spark.pyspark.python=" in done.stderr
    assert "pass 1" not in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "out" / "run.json").read_text())["exit_code"] == 2
