"""What a reader finds at every instant, while runs are killed at every step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from logreg_dist.publishing.filesystem import local_filesystem

SCRIPT = Path(__file__).with_name("swaps_under_fire.py")
PART = "run_date=2026-11-20"
RUN_SECONDS = 300.0
GAP, TRY_AGAIN = "the partition is missing", "a listed file vanished before it was read"


def look(folder: Path) -> str:
    """List and read, as a reader of the folder does; say whose rows these are, and how many."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return GAP
    try:
        found = sorted((folder / name).read_text() for name in names)
    except (FileNotFoundError, NotADirectoryError):
        return TRY_AGAIN
    runs = {text.split()[0] for text in found}
    return "complete" if len(found) == 3 and len(runs) == 1 else f"{len(found)} files of {len(runs)} runs"


@pytest.fixture
def can_exchange(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    if not local_filesystem().exchange(str(tmp_path / "a"), str(tmp_path / "b")):
        pytest.skip("this filesystem cannot exchange two names")


@pytest.mark.usefixtures("can_exchange")
def test_a_reader_finds_complete_rows_while_runs_are_killed_at_every_step(tmp_path: Path) -> None:
    path = tmp_path / "scored"
    seen: dict[str, int] = {}
    stop = threading.Event()

    def read_on() -> None:
        while not stop.is_set():
            if not (path / PART).exists() and "complete" not in seen:
                continue  # before the first run
            said = look(path / PART)
            seen[said] = seen.get(said, 0) + 1

    reader = threading.Thread(target=read_on)
    reader.start()
    command = [sys.executable, str(SCRIPT), str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    stop.set()
    reader.join()
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert set(seen) <= {"complete", TRY_AGAIN}, seen
    assert seen["complete"] > 100
    kills = [json.loads(line) for line in ran.stdout.splitlines()]
    assert sum(kill["died"] for kill in kills) > 20
    for kill in kills:
        assert kill["left"] == [PART], "nothing of the dead run is left"
        assert len(kill["rows"]) == 3
        assert len({text.split()[0] for text in kill["rows"]}) == 1
