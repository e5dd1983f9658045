"""Scheduled runs while processes are killed; the number of score runs is SOAK_RUNS, 200 unless it is set."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.faults.results import keep_results
from tests.faults.rows import every_bit
from tests.faults.soak.jobs import LOCAL, Job, end_all, start_job
from tests.faults.soak.score_runs import is_clean, main
from tests.faults.tables import good_rows

pytestmark = [pytest.mark.spark, pytest.mark.faults]

TIMEOUT = 400  # seconds for a job; about ten when nothing else runs


def test_score_runs_under_random_kills_lose_nothing_double_nothing_and_leave_nothing():
    figures = main(int(os.environ.get("SOAK_RUNS", "200")), int(os.environ.get("SOAK_SEED", "0")))
    keep_results("soak", figures)

    assert figures["injected"] > 0
    assert is_clean(figures), json.dumps(figures, indent=2)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    for name in ("logs", "local", "tmp", "work", "table"):
        (folder / name).mkdir()
    pq.write_table(pa.Table.from_pandas(good_rows(20_000)), folder / "table" / "part-0.parquet")
    config = {"input": {"path": "table"}, "label": {"column": "y"}, "solver": {"start": "zero"}}
    (folder / "train.yaml").write_text(yaml.safe_dump(config | {"output": {"path": "model"}}))
    return folder


@pytest.fixture(scope="module")
def undisturbed(project) -> dict:
    return trained(project, train(project, "alone"), "alone")


def train(folder: Path, output: str) -> Job:
    place = ["--set", f"output.path={output}"]
    return start_job(["train", "--config", "train.yaml", *place], folder=folder, master=LOCAL)


def trained(folder: Path, job: Job, output: str) -> dict:
    assert job.process.wait(TIMEOUT) == 0, job.log.read_text()[-2000:]
    assert end_all(job, TIMEOUT) == 0
    model = every_bit(json.loads((folder / output / "model.json").read_text()))
    return {key: value for key, value in model.items() if key not in ("config", "n_passes", "history")}


def staged_below(folder: Path) -> list[Path]:
    return [path for path in (folder / "local").rglob("logreg_dist-*") if path.is_dir()]


@pytest.mark.parametrize("victims", [("driver",), ("driver JVM",), ("driver JVM", "driver")], ids="+".join)
def test_a_killed_train_job_leaves_no_staged_rows_once_the_next_one_ran_and_no_bit_changes(
    project, undisturbed, victims
):
    output = "-".join(victims).replace(" ", "")
    killed = train(project, output)
    while not any((project / "local").rglob("*.rows")):
        assert killed.process.poll() is None, killed.log.read_text()[-2000:]
        time.sleep(0.01)
    for kind in victims:
        for process in killed.victims(kind):
            process.kill()
    assert killed.process.wait(TIMEOUT) in (-9, 75), killed.log.read_text()[-2000:]
    assert end_all(killed, TIMEOUT) == 0
    left = staged_below(project)

    model = trained(project, train(project, output), output)

    if victims == ("driver JVM", "driver"):
        assert left != []  # nobody was there to remove them
    assert staged_below(project) == []
    assert model == undisturbed
