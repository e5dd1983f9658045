"""A run in a process of its own, watched from outside: time, CPU seconds, memory of all its processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.phases import Phase, end_to_end, seconds_of

INTERVAL = 0.2  # seconds between looks at the processes; a look costs about 5 ms
ROLES = ("driver", "jvm", "workers")


@dataclass(frozen=True)
class Sample:
    """One look at the processes of a run.

    Attributes
    ----------
    at : float
        Seconds on the machine's monotonic clock.
    cpu : float
        CPU seconds so far of all processes that were ever seen.
    memory : dict of str to float
        MB of private memory (resident without file mappings, which the page cache can take back) by role:
        the Python process that drives, the JVM (or server), and the Python workers below it.
    """

    at: float
    cpu: float
    memory: dict[str, float]


@dataclass(frozen=True)
class Run:
    """What one run gave.

    Attributes
    ----------
    status : str
        ``done``, ``not available``, ``failed`` or ``timeout``.
    words : str
        Why, when it is not done.
    phases : tuple of Phase
    result : dict
        What the work returned.
    samples : tuple of Sample
    seconds : float
        The whole process.
    """

    status: str
    words: str
    phases: tuple[Phase, ...] = ()
    result: dict[str, Any] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    seconds: float = 0.0

    @property
    def wall(self) -> float:
        """Seconds from Parquet to the answer."""
        return sum(phase.seconds for phase in end_to_end(self.phases))

    def phase(self, name: str) -> float | None:
        """Return the seconds of a phase, None when the run had none of that name."""
        return seconds_of(self.phases, name)

    @property
    def cpu(self) -> float:
        """CPU seconds of all processes together from Parquet to the answer."""
        return sum(_cpu_between(self.samples, phase.start, phase.end) for phase in end_to_end(self.phases))

    def peak(self, roles: Sequence[str] = ROLES) -> float:
        """Return the most MB that the processes of these roles had together, from Parquet to the answer."""
        counted = end_to_end(self.phases)
        within = [
            sum(sample.memory[role] for role in roles)
            for sample in self.samples
            if any(phase.start <= sample.at <= phase.end + INTERVAL for phase in counted)
        ]
        return max(within, default=float("nan"))


def run_in_process(request: Mapping[str, Any], *, timeout: float) -> Run:
    """Run a request of `benchmarks.worker` and watch it; its processes are gone when this returns."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        place = Path(scratch)
        (place / "request.json").write_text(json.dumps(request))
        (place / "spark").mkdir()
        start = time.monotonic()
        with (place / "log").open("wb") as log:
            process = psutil.Popen(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.worker",
                    str(place / "request.json"),
                    str(place / "answer.json"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(place),
                start_new_session=True,
            )
            samples, in_time = _watch(process, start + timeout)
        seconds = time.monotonic() - start
        if not in_time:
            return Run("timeout", f"stopped after {timeout:g} s", samples=samples, seconds=seconds)
        return _run_of(place, samples, seconds)


def _environment(place: Path) -> dict[str, str]:
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    # Everything that Spark and Java leave behind goes with the scratch folder.
    local = {"SPARK_LOCAL_DIRS": str(place / "spark"), "TMPDIR": scratch_of(place), "PYTHONPATH": path}
    return os.environ | local | {"PYSPARK_PYTHON": sys.executable}


def scratch_of(place: Path) -> str:
    """Return the folder for temporary files of a run, made if need be."""
    folder = place / "tmp"
    folder.mkdir(exist_ok=True)
    return str(folder)


def _run_of(place: Path, samples: tuple[Sample, ...], seconds: float) -> Run:
    answer_file = place / "answer.json"
    if not answer_file.is_file():
        last = (place / "log").read_text(errors="replace").strip().splitlines()[-3:]
        return Run("failed", "the process died: " + " / ".join(last)[-300:], samples=samples, seconds=seconds)
    answer = json.loads(answer_file.read_text())
    phases = tuple(Phase(**phase) for phase in answer["phases"])
    for key, status in (("not_available", "not available"), ("failed", "failed")):
        if key in answer:
            return Run(status, answer[key], phases, samples=samples, seconds=seconds)
    return Run("done", "", phases, answer["result"], samples, seconds)


def _watch(process: psutil.Popen, deadline: float) -> tuple[tuple[Sample, ...], bool]:
    """Sample until the process ends or the deadline comes; then end whatever of its tree is left."""
    samples: list[Sample] = []
    cpu: dict[tuple[int, float], float] = {}
    seen: dict[int, psutil.Process] = {}
    in_time = True
    try:
        while process.poll() is None:
            seen |= {found.pid: found for found in _tree(process)}
            samples.append(_look(process, cpu))
            if time.monotonic() > deadline:
                in_time = False
                break
            time.sleep(INTERVAL)
    finally:
        _end([process, *seen.values()])
    return tuple(samples), in_time


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _look(root: psutil.Process, cpu: dict[tuple[int, float], float]) -> Sample:
    memory = dict.fromkeys(ROLES, 0.0)
    names: dict[int, str] = {}
    for process in _tree(root):
        try:
            with process.oneshot():
                used, held, name = process.cpu_times(), process.memory_info(), process.name()
                parent, born = process.ppid(), process.create_time()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        cpu[process.pid, born] = used.user + used.system
        names[process.pid] = "driver" if process.pid == root.pid else _role(name, names.get(parent))
        memory[names[process.pid]] += (held.rss - held.shared) / 1e6
    return Sample(time.monotonic(), sum(cpu.values()), memory)


def _role(name: str, parent: str | None) -> str:
    if name == "java":
        return "jvm"
    return "workers" if parent in ("jvm", "workers") else "driver"


def _end(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        # psutil compares the time of birth, so a process that was given an old number is left alone.
        try:
            if process.is_running():
                process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(list(processes), timeout=10)


def _cpu_between(samples: Sequence[Sample], start: float, end: float) -> float:
    return _cpu_at(samples, end) - _cpu_at(samples, start)


def _cpu_at(samples: Sequence[Sample], when: float) -> float:
    """Interpolate the CPU seconds at a time."""
    if not samples:
        return 0.0
    before = max((sample for sample in samples if sample.at <= when), key=lambda s: s.at, default=samples[0])
    after = min((sample for sample in samples if sample.at > when), key=lambda s: s.at, default=samples[-1])
    if after.at <= before.at:
        return before.cpu
    share = (when - before.at) / (after.at - before.at)
    return before.cpu + min(max(share, 0.0), 1.0) * (after.cpu - before.cpu)
