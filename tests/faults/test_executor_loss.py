"""Fits on two real executor JVMs whose processes are killed: the same bits, or a named error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.rows import every_bit, frame, of_the_run, write_files

pytestmark = [pytest.mark.spark, pytest.mark.slow]

SCENARIOS = (
    "undisturbed",
    "python_worker",
    "executor",
    "executor_and_input",
    "shuffles",
    "executor_adding_sums",
    "executor_adding_scores",
)
N_ROWS = 20_000  # 5,000 in each of 4 splits: enough for every sum to round
TIMEOUT = 1200  # seconds; about 60 when nothing else runs
ENOUGH_PASSES = 8  # so that pass 3, where the kill happens, lies well within


@pytest.fixture(scope="module")
def fits(tmp_path_factory) -> dict[str, dict]:
    """Run all scenarios in one process, because a cluster takes seconds to start."""
    folder = tmp_path_factory.mktemp("fire")
    table = write_files(frame(N_ROWS), folder / "table", n_files=4)
    script = Path(__file__).with_name("fits_under_fire.py")
    with (folder / "log").open("w") as log:
        done = subprocess.run(
            [sys.executable, script, table, folder, *SCENARIOS], stdout=log, stderr=log, timeout=TIMEOUT
        )
    assert done.returncode == 0, (folder / "log").read_text()[-3000:]
    found = {name: json.loads((folder / f"{name}.json").read_text()) for name in SCENARIOS}
    return {name: one | {"warnings": of_the_run(one["warnings"])} for name, one in found.items()}


def test_an_undisturbed_fit_takes_enough_passes_to_be_disturbed(fits):
    model = fits["undisturbed"]["model"]

    assert model["converged"]
    assert model["n_passes"] >= ENOUGH_PASSES
    assert fits["undisturbed"]["warnings"] == []


@pytest.mark.parametrize("victim", ["python_worker", "executor"])
def test_a_kill_in_pass_three_changes_no_bit_of_the_model(fits, victim):
    assert every_bit(fits[victim]["model"]) == every_bit(fits["undisturbed"]["model"])


def test_a_killed_python_worker_costs_a_retry_and_no_staging(fits):
    assert fits["python_worker"]["lost"] != []  # the kill did happen
    assert fits["python_worker"]["warnings"] == []


def test_a_killed_executor_gives_one_warning_for_each_split_it_held(fits):
    lost = fits["executor"]["lost"]

    assert lost != []
    assert fits["executor"]["warnings"] == [
        f"split {split} was staged again: its executor was lost" for split in lost
    ]


@pytest.mark.parametrize("where", ["executor_adding_sums", "executor_adding_scores"])
def test_an_executor_that_dies_in_a_shuffle_changes_no_bit_of_the_model(fits, where):
    assert fits[where]["killed"]
    assert every_bit(fits[where]["model"]) == every_bit(fits["shuffles"]["model"])
    new = set(fits[where]["warnings"]) - set(fits["shuffles"]["warnings"])
    assert all(words.endswith("was staged again: its executor was lost") for words in new)


def test_a_split_that_comes_back_with_other_rows_ends_the_fit(fits):
    disturbed = fits["executor_and_input"]

    assert "model" not in disturbed
    assert disturbed["error"].startswith("input rejected: the table changes while it is read: split ")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_staged_file_is_left_whatever_was_killed(fits, scenario):
    assert fits[scenario]["scratch_left"] == []
