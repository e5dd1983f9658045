from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from logreg_dist.errors import TemporaryFailure
from logreg_dist.publishing import lock
from logreg_dist.publishing.filesystem import local_filesystem
from logreg_dist.publishing.lock import STALE_SECONDS, held

HOLD = """
import sys, time
from logreg_dist.publishing.filesystem import local_filesystem
from logreg_dist.publishing.lock import held
with held(local_filesystem(), sys.argv[1], "other-run"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_and_told_who_holds_the_output(tmp_path: Path) -> None:
    with (
        held(local_filesystem(), str(tmp_path), "r1"),
        pytest.raises(TemporaryFailure, match=rf"run 'r1' is writing(.|\n)*process {os.getpid()}, since 20"),
        held(local_filesystem(), str(tmp_path), "r2"),
    ):
        pytest.fail("both hold it")


def test_the_lock_is_released_after_success_and_after_an_error(tmp_path: Path) -> None:
    with held(local_filesystem(), str(tmp_path), "r1"):
        assert (tmp_path / "_lock").exists()
    with pytest.raises(ValueError, match="inside"), held(local_filesystem(), str(tmp_path), "r2"):
        raise ValueError("inside")
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_killed_loses_its_lock_at_once_and_not_before(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(TemporaryFailure, match="other-run"),
            held(local_filesystem(), str(tmp_path), "r2"),
        ):
            pytest.fail("both hold it")
        holder.kill()
    with held(local_filesystem(), str(tmp_path), "r2"):
        assert json.loads((tmp_path / "_lock").read_text())["run_id"] == "r2"


@pytest.mark.parametrize(("silent", "refused"), [(STALE_SECONDS / 2, True), (STALE_SECONDS * 2, False)])
def test_a_holder_on_another_host_is_dead_after_long_silence(
    tmp_path: Path, silent: float, refused: bool
) -> None:
    (tmp_path / "_lock").write_text(json.dumps({"run_id": "far", "host": "elsewhere", "pid": 1}))
    moment = time.time() - silent
    os.utime(tmp_path / "_lock", (moment, moment))
    if refused:
        with (
            pytest.raises(TemporaryFailure, match="run 'far'"),
            held(local_filesystem(), str(tmp_path), "r2"),
        ):
            pytest.fail("both hold it")
    else:
        with held(local_filesystem(), str(tmp_path), "r2"):
            assert json.loads((tmp_path / "_lock").read_text())["run_id"] == "r2"


@pytest.mark.parametrize("content", ["", "[]", "not json"])
def test_a_lock_that_cannot_be_read_counts_as_held(tmp_path: Path, content: str) -> None:
    (tmp_path / "_lock").write_text(content)
    with (
        pytest.raises(TemporaryFailure, match="is writing the same output"),
        held(local_filesystem(), str(tmp_path), "r2"),
    ):
        pytest.fail("both hold it")


def test_a_process_id_used_again_by_another_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    with held(local_filesystem(), str(tmp_path / "a"), "r1"):
        found = json.loads((tmp_path / "a" / "_lock").read_text())
    (tmp_path / "_lock").write_text(json.dumps({**found, "process_start": "1"}))
    with held(local_filesystem(), str(tmp_path), "r2"):
        assert json.loads((tmp_path / "_lock").read_text())["run_id"] == "r2"


def test_a_holder_shows_that_it_lives_and_never_touches_the_lock_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "REFRESH_SECONDS", 0.05)
    file = tmp_path / "_lock"
    with held(local_filesystem(), str(tmp_path), "r1"):
        os.utime(file, (0, 0))
        deadline = time.monotonic() + 10
        while file.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert file.stat().st_mtime > 0
        file.write_text("of another run")
        time.sleep(0.2)
    assert file.read_text() == "of another run"
