"""Bad input as a scheduler meets it: exit code, run.json, a message without a stack trace, nothing of the data."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.faults.tables import good_rows

pytestmark = [pytest.mark.spark, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


def train(folder: Path, rows, *arguments: str, **settings) -> subprocess.CompletedProcess[str]:
    """Run ``python jobs/train.py`` on `rows` and return what it printed."""
    rows.to_parquet(folder / "table.parquet")
    values = {"input": {"path": "table.parquet"}, "label": {"column": "y"}, "output": {"path": "out"}}
    for key, value in settings.items():
        values[key] = values.get(key, {}) | value
    (folder / "train.yaml").write_text(yaml.safe_dump(values))
    return subprocess.run(
        [sys.executable, ROOT / "jobs" / "train.py", "--config", "train.yaml", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def refused(folder: Path, job: subprocess.CompletedProcess[str], exit_code: int, message: str) -> dict:
    """Check the exit code, stderr and run.json of a job, and return the record."""
    assert job.returncode == exit_code, job.stderr
    assert job.stderr.endswith(message + "\n")
    assert "Traceback" not in job.stderr
    assert "Exception" not in job.stderr
    assert job.stdout == ""
    record = json.loads((folder / "out" / "run.json").read_text())
    assert (record["status"], record["exit_code"], record["message"]) == ("failed", exit_code, message)
    assert record["retryable"] is False
    return record


def test_a_filter_that_leaves_nothing_tells_the_rows_before_and_after(tmp_path):
    job = train(tmp_path, good_rows(), input={"filter": "x > 1e9"})
    message = """\
input rejected: no rows are left by input.filter: 400 rows before it, 0 after.
  Check the filter."""
    refused(tmp_path, job, 3, message)
    assert not (tmp_path / "out" / "model.json").exists()


def test_one_text_in_a_hundred_thousand_numbers_is_counted_and_in_no_log(tmp_path):
    rows = good_rows(100_000)
    amounts = [f"{value:.6f}" for value in rows.pop("x")]
    amounts[77_777] = "x1"
    columns = {"amount": {"type": "numeric"}}
    job = train(tmp_path, rows.assign(amount=amounts), "--debug", features={"columns": columns})
    message = """\
input rejected: column 'amount' is to be numeric: 1 of 100,000 values is not a number.
  Mend the column, or set features.columns.amount.type to categorical."""
    assert job.returncode == 3, job.stderr
    assert message in job.stderr
    written = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert json.loads((tmp_path / "out" / "run.json").read_text())["message"] == message
    for text in (job.stdout, job.stderr, *written):
        assert not re.search(r"\bx1\b", text)


def test_one_class_exits_4_and_leaves_no_model(tmp_path):
    job = train(tmp_path, good_rows().assign(y=0))
    message = """\
fit not usable: label column 'y' has one class only: all 400 rows have the label '0'.
  A model needs rows of two classes. Check label.positive and input.filter."""
    record = refused(tmp_path, job, 4, message)
    assert record["fit_status"] is None
    assert not (tmp_path / "out" / "model.json").exists()


def test_collinear_terms_exit_4_when_so_configured_and_leave_a_marked_model(tmp_path):
    rows = good_rows()
    job = train(tmp_path, rows.assign(c=2 * rows.x - rows.z + 3, d=np.pi), solver={"on_collinear": "error"})
    message = """\
fit not usable: rank_deficient: 2 terms depend on earlier ones, and solver.on_collinear is error:
  c equals 2*x - z + 3; d is constant.
  Exclude them, or set solver.on_collinear to alias.
  The model was written to out/model.json, marked."""
    record = refused(tmp_path, job, 4, message)
    assert record["fit_status"] == "rank_deficient"
    model = json.loads((tmp_path / "out" / "model.json").read_text())
    assert (model["status"], model["converged"]) == ("rank_deficient", False)
    assert model["aliased"] == [
        {"term": "c", "reason": "equals 2*x - z + 3"},
        {"term": "d", "reason": "is constant"},
    ]
