from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logreg_dist.errors import TemporaryFailure
from logreg_dist.publishing import lease as lease_module
from logreg_dist.publishing.filesystem import local_filesystem
from logreg_dist.publishing.lease import Lease, LeaseLost, dead_runs, held, live_runs

FIRST, SECOND = "run_date=2026-11-20", "run_date=2026-11-21"
# Starting Python takes a second, and up to 30 on a busy machine.
START_SECONDS = 60.0

HOLD = """
import sys, time
from logreg_dist.publishing import lease
from logreg_dist.publishing.filesystem import local_filesystem
path, run_id, scope, seconds = sys.argv[1:]
lease.LEASE_SECONDS, lease.RENEW_SECONDS = float(seconds), float(seconds) / 5
with lease.held(local_filesystem(), path, run_id, scope=scope) as held:
    print("held", flush=True)
    sys.stdin.readline()
    try:
        held.confirm()
        print("still held", flush=True)
    except lease.LeaseLost as lost:
        print(lost, flush=True)
"""


@contextmanager
def another_process(
    path: Path, run_id: str, scope: str = "", seconds: float = 900.0
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(path), run_id, scope, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            yield holder
        finally:
            holder.kill()


def held_here(path: Path, run_id: str, scope: str = "") -> Any:
    return held(local_filesystem(), str(path), run_id, scope=scope)


def refused(path: Path, run_id: str, scope: str = "", *, match: str) -> None:
    with pytest.raises(TemporaryFailure, match=match), held_here(path, run_id, scope):
        pytest.fail("both hold it")


def lease_file(path: Path, run_id: str) -> Path:
    return path / "_leases" / f"{run_id}.json"


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "PATIENCE_SECONDS", 0.1)


def test_a_second_run_is_refused_and_told_who_holds_the_output_and_until_when(tmp_path: Path) -> None:
    with held_here(tmp_path, "r1", FIRST):
        holder = json.loads(lease_file(tmp_path, "r1").read_text())
        assert (holder["run_id"], holder["scope"], holder["process"]) == ("r1", FIRST, os.getpid())
        left = datetime.fromisoformat(holder["expires"]) - datetime.now(UTC)
        assert timedelta(minutes=14) < left <= timedelta(minutes=15)
        refused(
            tmp_path,
            "r2",
            FIRST,
            match=rf"run 'r1' is writing '.*{FIRST}' \(host .+, process {os.getpid()}, since 20.*, "
            rf"until {holder['expires'][:16]}.* unless renewed\)(.|\n)*Try again when it has ended",
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("one", "other"), [("", FIRST), (FIRST, ""), ("", "")])
def test_the_whole_output_excludes_every_partition(tmp_path: Path, one: str, other: str) -> None:
    with held_here(tmp_path, "r1", one):
        refused(tmp_path, "r2", other, match="run 'r1' is writing")


def test_the_lease_is_released_after_success_and_after_an_error(tmp_path: Path) -> None:
    with held_here(tmp_path, "r1"):
        assert lease_file(tmp_path, "r1").exists()
    with pytest.raises(ValueError, match="inside"), held_here(tmp_path, "r2"):
        raise ValueError("inside")
    assert list(tmp_path.iterdir()) == []


def test_two_processes_hold_two_dates_side_by_side_and_never_one(tmp_path: Path) -> None:
    with another_process(tmp_path, "r1", FIRST), another_process(tmp_path, "r2", SECOND):
        assert live_runs(local_filesystem(), str(tmp_path)) == {"r1", "r2"}
        refused(tmp_path, "r3", FIRST, match="run 'r1' is writing")
        refused(tmp_path, "r3", SECOND, match="run 'r2' is writing")
        refused(tmp_path, "r3", "", match="run 'r[12]' is writing")


def test_a_process_that_is_killed_loses_its_lease_at_once(tmp_path: Path) -> None:
    with another_process(tmp_path, "other", FIRST) as holder:
        refused(tmp_path, "r2", FIRST, match="run 'other'")
        holder.kill()  # not waited for: a zombie is dead too
        with held_here(tmp_path, "r2", FIRST):
            assert dead_runs(local_filesystem(), str(tmp_path)) == {"other": FIRST}


def test_a_process_that_proc_hides_is_alive_until_its_number_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with another_process(tmp_path, "hidden", FIRST) as holder:
        # As for another user where /proc is mounted with hidepid=2.
        monkeypatch.setattr("logreg_dist.processes.PROCESSES", tmp_path / "hidden")
        refused(tmp_path, "r2", FIRST, match="run 'hidden'")
        holder.kill()
        holder.wait()
        with held_here(tmp_path, "r2", FIRST):
            assert dead_runs(local_filesystem(), str(tmp_path)) == {"hidden": FIRST}


def test_two_machines_that_cannot_be_told_apart_are_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logreg_dist.publishing.holder.this_machine", lambda: "")
    with held_here(tmp_path, "far", FIRST) as lease:
        # Its processes have numbers that nothing has here.
        lease.files.write_atomic(
            lease.file, lease_module.holder_as_json(replace(lease.holder, processes={"4194305": "1"}))
        )
        refused(tmp_path, "r2", FIRST, match="run 'far'")


def test_a_holder_that_is_paused_beyond_its_expiry_notices_that_another_took_over(tmp_path: Path) -> None:
    with another_process(tmp_path, "sleeper", FIRST, seconds=2.0) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with held_here(tmp_path, "r2", FIRST):
                    holder.send_signal(signal.SIGCONT)
                    holder.stdin.write("\n")
                    holder.stdin.flush()
                    said = holder.stdout.readline()
                break
            except TemporaryFailure:
                time.sleep(0.1)
        assert "run 'sleeper' was silent for over 2 seconds and has lost" in said


def test_a_holder_that_renews_is_never_taken_for_dead(tmp_path: Path) -> None:
    with another_process(tmp_path, "renewer", FIRST, seconds=2.0) as holder:
        time.sleep(3.0)
        refused(tmp_path, "r2", FIRST, match="run 'renewer'")
        out, _ = holder.communicate("\n", timeout=START_SECONDS)
        assert out == "still held\n"


def test_a_holder_whose_lease_was_taken_over_and_given_back_has_lost_it_too(tmp_path: Path) -> None:
    with held_here(tmp_path, "r1", FIRST) as lease:
        lease.confirm()
        lease_file(tmp_path, "r1").unlink()
        assert lease.is_lost()
        with pytest.raises(LeaseLost, match=r"has lost '.*run_date=2026-11-20'(.|\n)*publishes nothing more"):
            lease.confirm()


def test_a_late_renewal_does_not_win_over_who_announced_itself_before(tmp_path: Path) -> None:
    with held_here(tmp_path, "r1", FIRST) as sleeper:
        # As if asleep until now, with the other one between its announcement and its look around.
        other = replace(sleeper.holder, run_id="r2", token="2", family="r2")
        lease_file(tmp_path, "r2").write_bytes(lease_module.holder_as_json(other))
        with pytest.raises(LeaseLost, match="'r1'"):
            Lease(sleeper.files, sleeper.path, sleeper.holder).confirm()


@pytest.mark.parametrize(("left", "is_refused"), [(60.0, True), (-60.0, False)])
def test_a_holder_on_another_machine_is_dead_when_its_lease_expires(
    tmp_path: Path, left: float, is_refused: bool
) -> None:
    with held_here(tmp_path / "model", "far"):
        holder = json.loads(lease_file(tmp_path / "model", "far").read_text())
    holder |= {"machine": "another", "processes": {"1": "1"}, "expires": in_seconds(left)}
    lease_file(tmp_path, "far").parent.mkdir()
    lease_file(tmp_path, "far").write_text(json.dumps(holder))
    if is_refused:
        refused(tmp_path, "r2", match="run 'far'")
    else:
        with held_here(tmp_path, "r2"):
            assert dead_runs(local_filesystem(), str(tmp_path)) == {"far": ""}


def test_a_process_id_used_again_by_another_process_does_not_keep_the_lease(tmp_path: Path) -> None:
    with held_here(tmp_path / "model", "r1"):
        holder = json.loads(lease_file(tmp_path / "model", "r1").read_text())
    lease_file(tmp_path, "r1").parent.mkdir()
    lease_file(tmp_path, "r1").write_text(json.dumps({**holder, "processes": {str(os.getpid()): "1"}}))
    with held_here(tmp_path, "r2"):
        assert live_runs(local_filesystem(), str(tmp_path)) == {"r2"}


@pytest.mark.parametrize("content", ["", "[]", "not json", "{}"])
def test_a_lease_that_cannot_be_read_counts_until_it_could_have_expired(tmp_path: Path, content: str) -> None:
    file = lease_file(tmp_path, "odd")
    file.parent.mkdir()
    file.write_text(content)
    refused(tmp_path, "r2", FIRST, match=r"run 'odd' is writing '.*' \(its lease cannot be read\)")
    moment = time.time() - 2 * lease_module.LEASE_SECONDS
    os.utime(file, (moment, moment))
    with held_here(tmp_path, "r2", FIRST):
        pass


def test_of_runs_that_begin_together_one_holds_at_a_time_and_all_get_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "PATIENCE_SECONDS", START_SECONDS)
    inside, most = [0], [0]
    together = threading.Barrier(4)

    def run(k: int) -> None:
        together.wait()
        with held_here(tmp_path, f"r{k}", FIRST if k % 2 else ""):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            inside[0] -= 1

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert list(tmp_path.iterdir()) == []
