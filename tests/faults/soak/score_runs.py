"""Many scheduled score runs of the same few dates, while processes are killed at random.

Usage: python -m tests.faults.soak.score_runs [RUNS [SEED]], by default 200 and 0: prints what happened, writes it to
build/faults/soak.json, and exits 1 when anything was lost, doubled, read half or left behind.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.faults.results import keep_results
from tests.faults.soak.faults import Fault, draw_fault, draw_master, inject
from tests.faults.soak.jobs import LOCAL, Job, end_all, start_job
from tests.faults.soak.reader import Expected, Reader, problems, run_of
from tests.faults.tables import good_rows

DATES = [f"2026-11-{day}" for day in range(16, 21)]
N_ROWS, N_FILES = 2_000, 4
ATTEMPTS = 6
ATTEMPT_SECONDS = 400.0  # about six when nothing else runs
PATIENCE_SECONDS = 60.0  # for the processes of a job that has ended to follow it
RETRYABLE = (75, -9)
TRAIN = {"label": {"column": "y"}, "features": {"exclude": ["id"]}, "output": {"path": "model"}}
SCORE = {
    "model": "model/model.json",
    "keys": ["id"],
    "output": {"path": "scored", "run_date": DATES[0]},
}


@dataclass(frozen=True)
class Run:
    """One run of a date, with the fault of each attempt; attempts beyond those are left alone."""

    number: int
    date: str
    master: str
    faults: tuple[Fault | None, ...]


@dataclass
class Tally:
    """What happened; added to by several threads, one list append or counter at a time under `lock`."""

    processes: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    survived: int = 0
    lost: list[str] = field(default_factory=list)
    not_published: list[str] = field(default_factory=list)
    exits: Counter[str] = field(default_factory=Counter)
    orphans: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def main(n_runs: int, seed: int) -> dict[str, Any]:
    """Run the soak and return its figures."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    start, tally = time.monotonic(), Tally()
    expected = prepare(folder)
    reader = Reader(folder / "scored", expected)
    reading = threading.Thread(target=reader.read_on)
    reading.start()
    try:
        for group in schedule(n_runs, random.Random(seed)):
            work = partial(carry_out, folder=folder, tally=tally, alone=len(group) == 1)
            with ThreadPoolExecutor(max_workers=len(group)) as pool:
                list(pool.map(work, group))
            say(
                f"{group[-1].number + 1} runs, {sum(tally.injected.values())} kills, {len(reader.bad)} bad reads"
            )
        last = Run(n_runs, DATES[0], LOCAL, ())
        carry_out(
            last, folder=folder, tally=tally, alone=True
        )  # clears what the run before may have left when it was killed
    finally:
        reader.stop()
        reading.join()
    figures = summary(folder, tally, reader, expected) | {
        "runs": n_runs,
        "seed": seed,
        "seconds": round(time.monotonic() - start, 1),
    }
    if is_clean(figures):
        shutil.rmtree(folder)
    else:
        figures["folder"] = str(folder)
    return figures


def prepare(folder: Path) -> Expected:
    """Write the table, fit the model, and score every date undisturbed: old rows, that are never to be missed."""
    for name in ("logs", "local", "tmp", "work", "table"):
        (folder / name).mkdir()
    rows = good_rows(N_ROWS)
    rows.insert(0, "id", [f"K{k:06d}" for k in range(N_ROWS)])
    for k, part in enumerate(np.array_split(np.arange(N_ROWS), N_FILES)):
        pq.write_table(pa.Table.from_pandas(rows.iloc[part]), folder / "table" / f"part-{k}.parquet")
    for name, config in (("train", TRAIN), ("score", SCORE)):
        text = yaml.safe_dump(config | {"input": {"path": "table"}})
        (folder / f"{name}.yaml").write_text(text)
    for arguments in (["train", "--config", "train.yaml"], *map(score_arguments, DATES)):
        job = start_job(arguments, folder=folder, master=LOCAL)
        if job.process.wait(ATTEMPT_SECONDS) != 0:
            raise RuntimeError(job.log.read_text()[-2000:])
        end_all(job, PATIENCE_SECONDS)
    scored = pq.read_table(folder / "scored" / f"run_date={DATES[0]}", partitioning=None)
    total = float(np.sort(scored["probability"].to_numpy()).sum())
    return Expected(tuple(rows["id"]), total)


def score_arguments(date: str) -> list[str]:
    """Return the command that a scheduler has for a date."""
    return ["score", "--config", "score.yaml", "--set", f"output.run_date={date}"]


def schedule(n_runs: int, chance: random.Random) -> list[list[Run]]:
    """Return the runs in the order they start: most alone, a quarter two at a time."""
    runs = [draw_run(number, chance) for number in range(n_runs)]
    groups = []
    while runs:
        size = 2 if len(runs) > 1 and chance.random() < 0.15 else 1
        groups.append([runs.pop(0) for _ in range(size)])
    return groups


def draw_run(number: int, chance: random.Random) -> Run:
    """Return a run; one retry in five is hit again."""
    master = draw_master(chance)
    faults = [draw_fault(chance, master)]
    while faults[-1] is not None and len(faults) < ATTEMPTS - 2 and chance.random() < 0.2:
        faults.append(draw_fault(chance, master))
    return Run(number, chance.choice(DATES), master, tuple(faults))


def carry_out(run: Run, *, folder: Path, tally: Tally, alone: bool) -> None:
    """Do as a scheduler does: start the run, and again while a retry may help."""
    jobs, was_hit = [], False
    while not jobs or (jobs[-1].process.returncode in RETRYABLE and len(jobs) < ATTEMPTS):
        if jobs:
            time.sleep(1.0)
        fault = run.faults[len(jobs)] if len(jobs) < len(run.faults) else None
        job, hit = attempt(run, fault, folder, tally)
        jobs.append(job)
        was_hit |= hit
    code, words = jobs[-1].process.returncode, jobs[-1].log.read_text()
    # Only now: the retry of a killed driver begins at once, while its JVM may still be alive.
    orphans = sum(end_all(job, PATIENCE_SECONDS) for job in jobs)
    with tally.lock:
        tally.orphans += orphans
        if code != 0:
            tally.lost.append(f"run {run.number} of {run.date} ended in {code}: {words[-600:]}")
            return
        tally.survived += was_hit
        if alone:
            tally.not_published += unpublished(run, folder, words)


def attempt(run: Run, fault: Fault | None, folder: Path, tally: Tally) -> tuple[Job, bool]:
    """Start the job once and wait for it, with a kill if one is asked for; return it and whether it was hit."""
    with ExitStack() as ending:
        job = start_job(score_arguments(run.date), folder=folder, master=run.master)
        ending.callback(job.process.kill)
        hit = fault is not None and inject(fault, job, folder / "scored")
        with suppress(subprocess.TimeoutExpired):
            job.process.wait(ATTEMPT_SECONDS)
        code = job.process.poll()
    with tally.lock:
        tally.processes += 1
        tally.exits[str(code)] += 1  # None: it never ended
        if fault is not None and hit:
            tally.injected[f"{fault.victim}, {fault.moment}"] += 1
        tally.missed += fault is not None and not hit
    return job, hit


def unpublished(run: Run, folder: Path, words: str) -> list[str]:
    """Return a word if the rows of the date are not those of the run that said it had published them."""
    said = re.search(r"_runs/([^/\s]+)/run\.json", words)
    found = run_of(folder / "scored", f"run_date={run.date}")
    if said is not None and said.group(1) == found:
        return []
    return [f"run {run.number} of {run.date} said it published, and the rows are of {found}"]


def summary(folder: Path, tally: Tally, reader: Reader, expected: Expected) -> dict[str, Any]:
    """Look at every date and at what is left, after the last run."""
    output = folder / "scored"
    wrong = []
    for date in sorted(path.name for path in output.glob("run_date=*")):
        rows = pq.read_table(output / date, partitioning=None)
        wrong += [f"{date}: {problem}" for problem in problems(rows, expected)]
    left = [path.name for path in output.iterdir() if path.name in ("_staging", "_replaced", "_leases")]
    left += [str(path) for path in (folder / "local").rglob("logreg_dist-*")]
    left += [str(path) for path in output.glob("run_date=*/*") if path.name.startswith(("_", "."))]
    return {
        "processes": tally.processes,
        "exit_codes": dict(sorted(tally.exits.items())),
        "injected": sum(tally.injected.values()),
        "by_kind": dict(sorted(tally.injected.items())),
        "too_late": tally.missed,
        "survived": tally.survived,
        "lost_runs": tally.lost,
        "not_published": tally.not_published,
        "wrong_at_the_end": wrong,
        "left_behind": left,
        "orphans": tally.orphans,
        "reads": reader.reads,
        "reads_moved": reader.moved,
        "bad_reads": reader.bad[:20],
        "n_bad_reads": len(reader.bad),
    }


def is_clean(figures: dict[str, Any]) -> bool:
    """Whether nothing was lost, doubled, half read or left behind."""
    kinds = ("lost_runs", "not_published", "wrong_at_the_end", "left_behind", "orphans", "n_bad_reads")
    return not any(figures[kind] for kind in kinds)


def say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    n_runs, seed = (int(text) for text in (*sys.argv[1:], *("200", "0")[len(sys.argv) - 1 :]))
    found = main(n_runs, seed)
    keep_results("soak", found)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    sys.exit(0 if is_clean(found) else 1)
