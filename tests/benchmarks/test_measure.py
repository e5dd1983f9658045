"""Runs in processes of their own: what they answer, and that they end."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict

import psutil

from benchmarks.measure import run_in_process


def a_request(table, peer):
    return {
        "work": "fit",
        "peer": peer,
        "tolerance": 1e-8,
        "case": asdict(table.case),
        "folder": str(table.folder),
    }


def test_a_run_brings_back_its_answer_phases_and_samples(small):
    run = run_in_process(a_request(small("tiny"), "statsmodels"), timeout=60)
    assert run.status == "done", run.words
    assert len(run.result["estimates"]) == 11
    assert run.wall > 0.0
    assert run.samples


def test_a_run_that_takes_too_long_is_stopped(small):
    run = run_in_process(a_request(small("tiny"), "statsmodels"), timeout=0.0)
    assert run.status == "timeout"
    assert not [p for p in psutil.Process().children() if "benchmarks.worker" in " ".join(p.cmdline())]


def test_what_a_tool_throws_is_an_answer(small):
    request = a_request(small("tiny"), "statsmodels") | {"folder": "/nowhere"}
    run = run_in_process(request, timeout=60)
    assert run.status == "failed"
    assert "nowhere" in run.words or "No such file" in run.words


def test_help_needs_no_java():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "fit", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert "sklearn-lbfgs" in done.stdout
