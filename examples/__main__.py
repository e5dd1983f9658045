"""Run the applications as a user would (prepare, train, score, evaluate), then print one screen.

Usage: python -m examples [APPLICATION ...], by default all, from the root of the project.

Every ``train*.yaml`` of an application's folder is trained, then every ``score*.yaml`` scored and every
``evaluate*.yaml`` evaluated, each by the job that a user would start. What they print goes to
``artifacts/<application>/run.log``. The exit code is 1 when a job failed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
HEADER = (
    "application", "model", "learned from", "terms", "judged on", "AUC", "top decile",
    "accuracy", "log loss", "events", "mean score", "seconds",
)  # fmt: skip
WHERE = """
Of each application (the model of its first line did the scoring):
  artifacts/<application>/  model.json, summary.txt, effects.svg, run.log; below it metrics.json and assessment.svg
  data/<application>/       what prepare.py wrote, and in scored/ the scores
What the numbers mean: examples/<application>/README.md"""


@dataclass(frozen=True)
class Step:
    """A command of an application: what it is called, and its arguments to Python."""

    name: str
    arguments: tuple[str, ...]


def main(asked: Sequence[str]) -> int:
    """Run the applications asked for, or all, and print their headline figures; return the exit code."""
    known = applications()
    unknown = [name for name in asked if name not in known]
    if unknown:
        sys.stderr.write(f"No such application: {', '.join(unknown)}. There are: {', '.join(known)}\n")
        return 2
    lines, failed = [HEADER], []
    for name in asked or known:
        start = time.perf_counter()
        if not run(name):
            failed.append(name)
            continue
        lines += headlines(name, time.perf_counter() - start)
    sys.stdout.write("\n" + aligned(lines) + "\n" + WHERE + "\n")
    for name in failed:
        sys.stdout.write(f"FAILED: {name}, see artifacts/{name}/run.log\n")
    return 1 if failed else 0


def applications() -> list[str]:
    """Return the folders that have something to train, sorted."""
    return sorted(path.parent.name for path in HERE.glob("*/train.yaml"))


def steps(name: str) -> list[Step]:
    """Return what is run of an application, in order."""
    found = [Step("prepare", ("-m", f"examples.{name}.prepare", f"data/{name}"))]
    for job in ("train", "score", "evaluate"):
        for file in sorted((HERE / name).glob(f"{job}*.yaml")):
            more = ("--set", "output.overwrite=true") if job == "train" else ()
            config = file.relative_to(HERE.parent).as_posix()
            found.append(Step(file.name, (f"jobs/{job}.py", "--config", config, *more)))
    return found


def run(name: str) -> bool:
    """Run the steps of an application with their output in its log; tell whether all went well."""
    log = Path("artifacts", name, "run.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        for step in steps(name):
            start = time.perf_counter()
            code = subprocess.run(
                [sys.executable, *step.arguments], stdout=output, stderr=subprocess.STDOUT, check=False
            ).returncode
            words = f"{time.perf_counter() - start:.1f} s" if code == 0 else f"exit code {code}"
            sys.stderr.write(f"{name}: {step.name}, {words}\n")
            if code:
                return False
    return True


def headlines(name: str, seconds: float) -> list[tuple[str, ...]]:
    """Return a line for every evaluation of an application; the first has the name and the seconds."""
    lines = []
    for file in sorted((HERE / name).glob("evaluate*.yaml")):
        config = yaml.safe_load(file.read_text())
        model = json.loads(Path(config["model"]).read_text())
        metrics = json.loads(Path(config["output"]["path"], "metrics.json").read_text())
        first = not lines
        variant = file.stem.removeprefix("evaluate").removeprefix("_").replace("_", " ")
        lines.append(
            (name if first else "", variant, *figures(model, metrics), f"{seconds:.0f}" if first else "")
        )
    return lines


def figures(model: dict[str, Any], metrics: dict[str, Any]) -> tuple[str, ...]:
    """Return the figures of a model on the rows that it was judged on, as text."""
    gains = metrics.get("gains")
    return (
        f"{model['n_rows']:,}",
        f"{sum(row['estimate'] is not None for row in model['coefficients']):,}",
        f"{metrics['n_rows']:,}",
        f"{metrics['auc' if gains else 'macro_auc']:.3f}",
        f"x {gains[0]['lift']:.2f}" if gains else "-",
        f"{metrics['accuracy']:.1%}",
        f"{metrics['log_loss']:.4f}",
        f"{metrics['event_rate']:.2%}" if gains else "-",
        f"{metrics['mean_probability']:.2%}" if gains else "-",
    )


def aligned(lines: Sequence[tuple[str, ...]]) -> str:
    """Align text to the left in the first two columns and to the right in the others.

    Examples
    --------
    >>> print(aligned([("a", "b", "n"), ("long", "", "10")]))
    a     b   n
    long     10
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = []
    for line in lines:
        cells = (
            cell.ljust(width) if k < 2 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        rows.append("  ".join(cells).rstrip())
    return "\n".join(rows)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
