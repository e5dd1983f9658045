"""Real jobs that are told to stop: the exit code, the time it takes, and what is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark
import pytest
import yaml

from logreg_dist.model.file import model_to_json
from tests.faults.rows import frame, write_files
from tests.scoring.models import model_of, numeric

pytestmark = [pytest.mark.spark, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 30.0  # what schedulers wait before they kill
START_SECONDS = 240.0  # starting Spark takes a minute on a busy machine
ORPHAN_SECONDS = 15.0  # for the JVM, which ends when it sees its pipe from Python closed
# Seconds of work for every partition, of which nothing can be left out.
SLOW = "aggregate(sequence(1, 4000), 0D, (sum, k) -> sum + sin(k + x1)) < 1e9"
# Hundreds of short passes.
MANY_PASSES = {
    "input.filter": "null",
    "solver.method": "lbfgs",
    "solver.tolerance": "1e-300",
    "solver.max_iterations": "1000",
}
OLD = "run_date=2026-11-19/part-0.parquet"
QUICK_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_files(frame(100_000), folder / "table", n_files=4)
    model = model_of(numeric("x1", "double"), numeric("x2", "double"))
    (folder / "model.json").write_text(model_to_json(model))
    configs = {
        "train": {
            "input": {"path": "table", "filter": SLOW, "splits": 4},
            "label": {"column": "y"},
            "output": {"path": "out"},
        },
        "score": {
            "model": "model.json",
            "input": {"path": "table", "filter": SLOW},
            "keys": ["weight"],
            "output": {"path": "out", "run_date": "2026-11-20"},
        },
        "evaluate": {
            "model": "model.json",
            "input": {"path": "table", "filter": SLOW},
            "output": {"path": "out"},
        },
    }
    for job, config in configs.items():
        (folder / f"{job}.yaml").write_text(yaml.safe_dump(config))
    return folder


@dataclass(frozen=True)
class Running:
    """A job under way, in a process group of its own, as a terminal starts it."""

    process: subprocess.Popen[bytes]
    folder: Path
    log: Path

    def descendants(self) -> dict[int, str]:
        """Return the commands of all processes that came of it."""
        commands = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.getpgid(int(entry.name)) == self.process.pid:
                    commands[int(entry.name)] = (entry / "cmdline").read_bytes().decode().replace("\0", " ")
            except (OSError, ProcessLookupError):
                continue
        return {pid: command for pid, command in commands.items() if pid != self.process.pid and command}

    def jvm(self) -> int:
        return next(pid for pid, command in self.descendants().items() if "java" in command.split()[0])

    def staged(self) -> list[Path]:
        return list((self.folder / "local").rglob("logreg_dist-*/*.rows"))

    def written(self) -> list[Path]:
        return list((self.folder / "out").rglob("_staging/*/**/*part-*"))

    def passes(self) -> int:
        return self.log.read_text().count(" pass ")


def as_from_a_terminal() -> None:
    """Ignore no signal that nohup, or a shell's `&`, has these tests ignore."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def job(project: Path, folder: Path, name: str, *, submitted: bool, settings: dict) -> Iterator[Running]:
    (folder / "local").mkdir()
    (folder / "out" / OLD).parent.mkdir(parents=True)
    (folder / "out" / OLD).write_bytes(b"old")
    spark_home = Path(pyspark.__file__).parent
    starter = [spark_home / "bin/spark-submit", "--master", "local[2]"] if submitted else [sys.executable]
    changes = [f"{key}={value}" for key, value in {"output.path": folder / "out", **settings}.items()]
    environment = os.environ | {
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_SUBMIT_OPTS": QUICK_JAVA,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_HOME": str(spark_home),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*starter, ROOT / "jobs" / f"{name}.py", "--config", f"{name}.yaml"]
            + [part for change in changes for part in ("--set", change)],
            cwd=project,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=as_from_a_terminal,
        )
    try:
        yield Running(process, folder, folder / "log")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return bool(condition())


@dataclass(frozen=True)
class Case:
    """What is run, until when, and who gets which signal how often."""

    job: str
    until: Callable[[Running], object]
    number: int
    code: int
    message: str
    times: int = 1
    to_all: bool = False
    submitted: bool = False


def in_a_pass(running: Running) -> bool:
    return running.passes() >= 5


def reads_rows(running: Running) -> bool:
    """Whether a Python worker of the job has begun: the evaluation's only rows go to those."""
    return any("pyspark.worker" in command for command in running.descendants().values())


STAGING, WRITING = Running.staged, Running.written
TERM, HUP, INT = signal.SIGTERM, signal.SIGHUP, signal.SIGINT
CASES = {
    "SIGTERM twice while a fit reads": Case("train", STAGING, TERM, 143, "interrupted by SIGTERM", times=2),
    "Ctrl-C while scores are written": Case("score", WRITING, INT, 130, "interrupted by Ctrl-C", to_all=True),
    "SIGTERM for spark-submit": Case("score", WRITING, TERM, 143, "interrupted by SIGTERM", submitted=True),
}
MORE_CASES = {
    "Ctrl-C twice in a pass": Case("train", in_a_pass, INT, 130, "interrupted by Ctrl-C", times=2),
    "a closed terminal": Case("train", in_a_pass, HUP, 129, "interrupted by SIGHUP, the end of its terminal"),
    "SIGTERM while an evaluation reads": Case("evaluate", reads_rows, TERM, 143, "interrupted by SIGTERM"),
    "SIGTERM while scores are written": Case("score", WRITING, TERM, 143, "interrupted by SIGTERM"),
    "SIGTERM for spark-submit while a fit reads": Case(
        "train", STAGING, TERM, 143, "interrupted by SIGTERM", submitted=True
    ),
    "Ctrl-C on spark-submit in a pass": Case(
        "train", in_a_pass, INT, 130, "interrupted by Ctrl-C", to_all=True, submitted=True
    ),
}


@pytest.mark.parametrize(
    "case",
    [
        *(pytest.param(case, id=name) for name, case in CASES.items()),
        *(pytest.param(case, id=name, marks=pytest.mark.faults) for name, case in MORE_CASES.items()),
    ],
)
def test_a_job_that_is_told_to_stop_cleans_up_and_is_gone_in_time(project, tmp_path, case):
    settings = MANY_PASSES if case.until is in_a_pass else {}
    with job(project, tmp_path, case.job, submitted=case.submitted, settings=settings) as running:
        began = wait_for(lambda: case.until(running) or running.process.poll() is not None, START_SECONDS)
        assert began, running.log.read_text()[-3000:]
        assert running.process.poll() is None, running.log.read_text()[-3000:]
        descendants = running.descendants()
        start = time.monotonic()
        for _ in range(case.times):
            (os.killpg if case.to_all else os.kill)(running.process.pid, case.number)
            time.sleep(0.3)
        code = running.process.wait(2 * STOP_SECONDS)
        seconds = time.monotonic() - start
        orphans = {}

        def is_gone() -> bool:
            orphans.update(running.descendants())
            [orphans.pop(pid) for pid in list(orphans) if pid not in running.descendants()]
            return not orphans

        gone = wait_for(is_gone, ORPHAN_SECONDS)

    assert code == case.code, running.log.read_text()[-3000:]
    assert seconds < STOP_SECONDS
    assert any("java" in command for command in descendants.values()) or case.submitted
    assert gone, orphans
    assert list((tmp_path / "local").rglob("logreg_dist-*")) == []
    assert (tmp_path / "out" / OLD).read_bytes() == b"old"
    assert list((tmp_path / "out").rglob("_staging*")) == []
    [run] = (tmp_path / "out").rglob("run.json")
    record = json.loads(run.read_text())
    assert (record["status"], record["exit_code"], record["retryable"]) == ("interrupted", case.code, True)
    assert record["message"] == case.message
    if not case.submitted:  # whose JVM takes the terminal along
        assert case.message in running.log.read_text()
        assert "Traceback" not in running.log.read_text()


@pytest.mark.faults
def test_a_third_signal_ends_a_job_at_once(project, tmp_path):
    with job(project, tmp_path, "train", submitted=False, settings={}) as running:
        assert wait_for(running.staged, START_SECONDS), running.log.read_text()[-3000:]
        os.kill(running.jvm(), signal.SIGSTOP)  # nothing can be cancelled now
        try:
            for _ in range(2):
                running.process.send_signal(signal.SIGTERM)
                time.sleep(2.0)
            assert running.process.poll() is None
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(5.0) == 143
        finally:
            os.kill(running.jvm(), signal.SIGCONT)
    assert "a third signal ends the job at once" in running.log.read_text()


@pytest.mark.faults
def test_a_job_whose_spark_does_not_answer_still_ends_in_time_with_a_record(project, tmp_path):
    with job(project, tmp_path, "train", submitted=False, settings={}) as running:
        assert wait_for(running.staged, START_SECONDS), running.log.read_text()[-3000:]
        os.kill(running.jvm(), signal.SIGSTOP)
        start = time.monotonic()
        try:
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(2 * STOP_SECONDS) == 143
            assert time.monotonic() - start < STOP_SECONDS
        finally:
            os.kill(running.jvm(), signal.SIGCONT)
    assert "the next run removes what is left" in running.log.read_text()
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "interrupted"


def test_a_driver_whose_jvm_is_killed_ends_at_once_with_a_record(project, tmp_path):
    with job(project, tmp_path, "train", submitted=False, settings=MANY_PASSES) as running:
        assert wait_for(lambda: in_a_pass(running), START_SECONDS), running.log.read_text()[-3000:]
        os.kill(running.jvm(), signal.SIGKILL)
        start = time.monotonic()
        assert running.process.wait(2 * STOP_SECONDS) == 75, running.log.read_text()[-3000:]
        assert time.monotonic() - start < STOP_SECONDS
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (record["status"], record["exit_code"], record["retryable"]) == ("failed", 75, True)
    assert record["message"].startswith("temporary failure: the JVM of Spark's driver is gone")
    assert "Traceback" not in running.log.read_text()
    assert list((tmp_path / "local").rglob("logreg_dist-*")) == []
