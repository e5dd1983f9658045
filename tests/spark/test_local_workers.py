"""Python workers of a local session find PySpark in its folder, whoever starts the session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from logreg_dist.commands import session
from logreg_dist.spark.local_workers import worker_settings
from logreg_dist.spark.worker_path.logreg_dist_daemon import with_folders_first

BIN = Path(sys.executable).parent
SCRIPT = """
import json, sys
from logreg_dist.commands.session import open_session

def look(_):
    import pyspark
    loaded = [name for name in ("pyarrow.parquet", "numpy") if name in sys.modules]
    import pyarrow
    pyarrow.array([1.0, None]).to_numpy(zero_copy_only=False)
    loaded += [name for name in ("pandas",) if name in sys.modules]
    frame = pyarrow.table({"a": [1]}).to_pandas()
    archives = [key for key, finder in sys.path_importer_cache.items() if type(finder).__name__ == "zipimporter"]
    return pyspark.__file__, sys.argv[0], loaded, type(frame).__module__, archives

context = open_session("test").sparkContext
print(json.dumps(context.parallelize([0], 1).map(look).first()))
"""


class Look(NamedTuple):
    """Where workers find PySpark, their daemon's file, what they have loaded, a frame's module, archives looked into."""

    where: str
    daemon: str
    loaded: set[str]
    frame: str
    archives: list[str]


@pytest.fixture
def looked_at(tmp_path):
    """What the workers of a session find."""

    def look(*command: str, **environment: str) -> Look:
        script = tmp_path / "look.py"
        script.write_text(SCRIPT)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYSPARK_", "SPARK_"))}
        found = subprocess.run(
            [*command, str(script)],
            env=kept
            | {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
            | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert found.returncode == 0, found.stderr[-2000:]
        where, daemon, loaded, frame, archives = json.loads(found.stdout.strip().splitlines()[-1])
        return Look(where, Path(daemon).stem, set(loaded), frame, archives)

    return look


@pytest.mark.spark
@pytest.mark.parametrize(
    "command",
    [[sys.executable], [str(BIN / "spark-submit"), "--master", "local[1]"]],
    ids=["python", "spark-submit"],
)
def test_workers_leave_the_zip_aside(looked_at, command):
    look = looked_at(*command)
    assert look.daemon == "logreg_dist_daemon"
    assert Path(look.where).is_file()  # nothing in a zip is one
    assert not [archive for archive in look.archives if "py4j" not in archive]


@pytest.mark.spark
def test_workers_begin_with_what_tasks_need_and_load_pandas_when_it_is_asked_for(looked_at):
    look = looked_at(sys.executable)
    assert look.loaded == {"numpy", "pyarrow.parquet"}
    assert look.frame.startswith("pandas")


@pytest.mark.spark
def test_a_search_path_of_the_users_own_is_left_alone(looked_at, tmp_path):
    setting = f"spark.executorEnv.PYTHONPATH={tmp_path}"
    look = looked_at(str(BIN / "spark-submit"), "--master", "local[1]", "--conf", setting)
    assert look.daemon == "daemon"
    assert "pyspark.zip" in look.where


@pytest.mark.spark
def test_it_is_left_alone_in_the_default_file_too(looked_at, tmp_path):
    (tmp_path / "spark-defaults.conf").write_text(f"spark.executorEnv.PYTHONPATH {tmp_path}\n")
    assert looked_at(sys.executable, SPARK_CONF_DIR=str(tmp_path)).daemon == "daemon"


@pytest.mark.parametrize(
    "given", ["--conf spark.executorEnv.PYTHONPATH=/mine", "--properties-file mine.conf"]
)
def test_arguments_for_spark_submit_are_left_alone(monkeypatch, given):
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "pyspark-shell")
    assert "spark.python.daemon.module" in session._settings()
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", f"{given} pyspark-shell")
    assert "spark.python.daemon.module" not in session._settings()


def test_executors_elsewhere_and_other_pythons_start_as_spark_starts_them():
    assert worker_settings("local[2]", sys.executable)
    for master, python in [
        ("yarn", sys.executable),
        ("local-cluster[2,1,1024]", sys.executable),
        ("local", "sh"),
    ]:
        assert worker_settings(master, python) == {}


def test_a_broken_installation_is_left_for_the_tasks_to_name(tmp_path):
    (tmp_path / "pyarrow.py").write_text("raise ValueError('numpy.dtype size changed')\n")
    script = (
        "from logreg_dist.spark.worker_path.logreg_dist_daemon import import_before_fork as run\n"
        "import sys; finders = list(sys.meta_path); run(); assert sys.meta_path == finders"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr[-2000:]


@pytest.fixture
def installation(tmp_path):
    """Make Spark's folder with a zip of PySpark, and PySpark's folder where it is asked for."""

    def make(home: str, *files: str) -> tuple[Path, list[str]]:
        root = tmp_path / home
        library = root / "python" / "lib"
        for file in (library / "pyspark.zip", library / "py4j-1-src.zip", *(root / one for one in files)):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        jar = str(root / "jars" / "spark-core.jar")
        return root, [str(library / "pyspark.zip"), str(library / "py4j-1-src.zip"), jar, "/lib/mine.jar"]

    return make


def test_an_installation_by_pip_is_found_in_its_folder(installation):
    root, path = installation("site-packages/pyspark", "__init__.py", "python/pyspark/shell.py")
    _, py4j, _, mine = path
    path.append(str(root.parent))
    assert with_folders_first(path) == [mine, str(root.parent), py4j]


def test_a_distribution_has_its_folder_first(installation):
    root, path = installation("spark-4", "python/pyspark/__init__.py")
    _, py4j, _, mine = path
    assert with_folders_first(path) == [str(root / "python"), py4j, mine]


def test_without_a_folder_that_would_be_found_the_path_stays(installation):
    _, path = installation("spark-4")
    assert with_folders_first(path) == path
    _, path = installation("other/pyspark", "__init__.py")  # of another installation than the one on the path
    assert with_folders_first(path) == path
    assert with_folders_first(["/lib/python"]) == ["/lib/python"]
    assert with_folders_first(["pyspark.zip"]) == ["pyspark.zip"]
