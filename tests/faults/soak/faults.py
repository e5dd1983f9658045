"""Which process is killed at which moment of a run."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.faults.soak.jobs import CLUSTER, LOCAL, VICTIMS, Job

LOOK_SECONDS = 0.002
# After the moment has come: within the swap of a small table and the reading of it afterwards.
SOON = {"any": 9.0, "staging": 0.6, "swap": 0.5, "leaving": 0.3}


@dataclass(frozen=True)
class Fault:
    """SIGKILL of a process of kind `victim`, `delay` seconds after `moment` has come."""

    victim: str
    moment: str
    delay: float


def draw_fault(chance: random.Random, master: str) -> Fault | None:
    """Return a fault that can happen under `master`, or None: one run in five is left alone."""
    if chance.random() < 0.2:
        return None
    kinds = [kind for kind in VICTIMS if kind != "executor JVM"]
    victim = "executor JVM" if master == CLUSTER and chance.random() < 0.7 else chance.choice(kinds)
    moments = ["any", "staging"] if victim in ("Python worker", "executor JVM") else [*SOON]
    moment = chance.choice(moments)
    return Fault(victim, moment, chance.random() * SOON[moment])


def draw_master(chance: random.Random) -> str:
    """Return the master of a run: one in eight has executors of its own."""
    return CLUSTER if chance.random() < 0.125 else LOCAL


def inject(fault: Fault, job: Job, output: Path) -> bool:
    """Wait for the moment of `fault` and kill; False when the job ended before, or had no such process."""
    come = _moments(output)[fault.moment]
    while not come():
        if job.process.poll() is not None:
            return False
        time.sleep(LOOK_SECONDS)
    end = time.monotonic() + fault.delay
    while time.monotonic() < end:
        if job.process.poll() is not None:
            return False
        time.sleep(LOOK_SECONDS)
    while job.process.poll() is None:
        for victim in job.victims(fault.victim)[-1:]:
            with suppress(psutil.Error):
                victim.kill()
                return True
        if fault.moment != "any":
            return False
    return False


def _moments(output: Path) -> dict[str, Callable[[], bool]]:
    """Return what tells that a moment has come, by name.

    Folders of another run at the same time may give the sign: the moment is then a random one.
    """
    before = {kind: _names(output / kind) for kind in ("_staging", "_replaced")}
    began: list[int] = []

    def has_new(kind: str) -> bool:
        return bool(_names(output / kind) - before[kind])

    def is_leaving() -> bool:
        if not began and has_new("_replaced"):
            began.append(1)
        return bool(began) and not has_new("_replaced")

    return {
        "any": lambda: True,
        "staging": lambda: has_new("_staging"),
        "swap": lambda: has_new("_replaced"),
        "leaving": is_leaving,
    }


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return set()
