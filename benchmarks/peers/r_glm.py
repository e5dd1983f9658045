"""R's glm, from a CSV file, as base R reads no Parquet; the making of that file is not counted."""

from __future__ import annotations

import csv
import subprocess
import tempfile
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.peers.frames import read_frame
from benchmarks.peers.peer import FitTask, Fitted, Peer
from benchmarks.phases import BESIDE, CACHED, Phases

MAX_VALUES = 25_000_000
_SCRIPT = Path(__file__).with_name("r_glm.R")


def _fit(task: FitTask, phases: Phases) -> Fitted:
    case = task.case
    with tempfile.TemporaryDirectory() as folder:
        source, answer = Path(folder, "rows.csv"), Path(folder, "answer.csv")
        with phases.phase(BESIDE):
            read_frame(task.table).to_csv(source, index=False)
        flags = ["yes" if flag else "no" for flag in (case.has_weight, case.has_offset)]
        command = ["Rscript", str(_SCRIPT), str(source), str(answer), f"{task.tolerance:g}", *flags]
        with phases.phase("Rscript"):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        with answer.open() as file:
            values = {row["name"]: float(row["value"]) for row in csv.DictReader(file)}
    load, fit, iterations = map(float, done.stdout.split())
    phases.lasting(CACHED, fit)
    estimates = {_term(name, case): value for name, value in values.items()}
    return Fitted(estimates, True, int(iterations), note=f"from CSV: read {load:.2f} + fit {fit:.2f}")


def _term(name: str, case: Case) -> str:
    """Return our name of R's ``columnlevel``; levels begin with the name of their column."""
    if name == "(Intercept)":
        return "intercept"
    if name in case.dense_columns:
        return name
    column, _, number = name.rpartition("_")
    half = column[: len(column) // 2]
    return f"{half}[{half}_{number}]"


def _refuses(case: Case) -> str | None:
    if case.classes > 2:
        return "two classes only"
    if case.prior_precision:
        return "no ridge"
    values = case.rows * case.n_terms
    return f"dense in memory, {values * 8 / 1e9:.1f} GB and copies" if values > MAX_VALUES else None


PEER = Peer(
    name="r-glm",
    what="R glm from CSV; cached: its fit",
    fit=_fit,
    refuses=_refuses,
    programs=("Rscript",),
    tolerances=(1e-8, 1e-14),
)
