from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from logreg_dist.errors import OutputNotVerified, TemporaryFailure
from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing.filesystem import Filesystem, local_filesystem
from logreg_dist.publishing.holder import Holder, holder_as_json
from logreg_dist.publishing.lease import LEASES, held
from logreg_dist.publishing.path_sink import path_sink
from logreg_dist.publishing.recover import UNCLAIMED_SECONDS
from logreg_dist.publishing.recover import recover as recover_with_lease
from logreg_dist.publishing.sink import Sink
from logreg_dist.publishing.swap import Swap, finish_swap, swap_back, swap_in

CHANGING = ("write_atomic", "make_dirs", "rename", "exchange", "delete_tree")
EXCHANGES = (True, False)


def local(*, exchange: bool = True) -> Filesystem:
    """Return local operations, or those of a filesystem that offers no more than renames."""
    files = local_filesystem()
    plain = {"exchange": lambda one, other: False, "identity": lambda path: None}
    return files if exchange else replace(files, **plain)  # type: ignore[arg-type]


def recover(files: Filesystem, path: str) -> None:
    """Recover as the next run does, which holds the whole output; the lease itself never fails here."""
    with held(local_filesystem(), path, "next") as lease:
        recover_with_lease(replace(lease, files=files), steps(files, path))


def steps(files: Filesystem, path: str) -> Sink:
    return path_sink(files, None, Destination(path=path, format="parquet", run_date="2026-11-20"))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logreg_dist.publishing.swap.LISTING_SECONDS", 0.0)


class Crash(BaseException):
    """The driver dies here."""


def crashing_after(n_changes: int, files: Filesystem) -> Filesystem:
    """Return the same operations, which die once `n_changes` changes were made."""
    left = [n_changes]

    def dying(operation: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any) -> Any:
            if left[0] == 0:
                raise Crash
            left[0] -= 1
            return operation(*arguments)

        return change

    return replace(files, **{name: dying(getattr(files, name)) for name in CHANGING})


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def contents(path: Path) -> dict[str, str]:
    return {
        str(file.relative_to(path)): file.read_text()
        for file in path.rglob("*")
        if file.is_file() and not str(file.relative_to(path)).startswith(("_staging", "_replaced", "_leases"))
    }


# Partitions replaced, kept, added and dropped; a first run; files that share no name.
SHAPES = {
    "one partition": (("d=1",), ("d=1",), ("d=1", "d=2")),
    "all partitions": (("d=2", "d=3"), ("d=1", "d=2"), ("d=1", "d=2")),
    "first run": (("d=1",), (), ()),
    "files": (("part-b", "part-c"), ("part-a",), ("part-a",)),
    "nothing new": ((), ("d=1",), ("d=1",)),
}


def prepared(path: Path, shape: str) -> Swap:
    new, old, live = SHAPES[shape]
    path.mkdir(parents=True)
    for name in live:
        write(path / name / "file" if "=" in name else path / name, f"old {name}")
    for name in new:
        staged = path / "_staging" / "r1" / name
        write(staged / "file" if "=" in name else staged, f"new {name}")
    return Swap(path=str(path), run_id="r1", new=new, old=old)


def after(path: Path, shape: str) -> dict[str, str]:
    """Return what the output holds when the swap succeeded."""
    new, old, live = SHAPES[shape]
    names = {name: "old" for name in live if name not in old} | dict.fromkeys(new, "new")
    return {(f"{name}/file" if "=" in name else name): f"{age} {name}" for name, age in names.items()}


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_swap_replaces_the_old_entries_and_only_those(tmp_path: Path, shape: str, exchange: bool) -> None:
    swap = prepared(tmp_path / "out", shape)
    swap_in(local(exchange=exchange), swap)
    finish_swap(local(exchange=exchange), swap)
    assert contents(tmp_path / "out") == after(tmp_path / "out", shape)
    assert not (tmp_path / "out" / "_replaced").exists()


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_driver_killed_anywhere_leaves_the_old_output_or_the_new_one_after_recovery(
    tmp_path: Path, shape: str, exchange: bool
) -> None:
    outcomes = set()
    for n_changes in range(40):
        path = tmp_path / f"out{n_changes}"
        swap = prepared(path, shape)
        before = contents(path)
        files = crashing_after(n_changes, local(exchange=exchange))
        try:
            swap_in(files, swap)
            finish_swap(files, swap)
        except Crash:
            pass
        else:
            assert outcomes >= {"new"}
            assert n_changes > 2
            return
        if exchange:
            assert all(
                contents(path / name) for name in SHAPES[shape][2] if name in SHAPES[shape][0] and "=" in name
            ), "a reader finds each partition at every instant"
        recover(local(exchange=exchange), str(path))
        found = contents(path)
        assert found in (before, after(path, shape)), n_changes
        outcomes.add("old" if found == before else "new")
        recover(local(exchange=exchange), str(path))
        assert contents(path) == found, "recovering again changes nothing"
    pytest.fail("the swap never ended")


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_driver_killed_anywhere_in_the_recovery_is_recovered_by_the_next(
    tmp_path: Path, shape: str, exchange: bool
) -> None:
    for n_before in range(2, 7):
        for n_changes in range(12):
            path = tmp_path / f"out{n_before}-{n_changes}"
            swap = prepared(path, shape)
            before = contents(path)
            with contextlib.suppress(Crash):
                swap_in(crashing_after(n_before, local(exchange=exchange)), swap)
            reached = contents(path)
            try:
                recover(crashing_after(n_changes, local(exchange=exchange)), str(path))
            except Crash:
                recover(local(exchange=exchange), str(path))
            complete = reached == after(path, shape)
            assert contents(path) == (reached if complete else before), (n_before, n_changes)


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_swap_back_restores_the_old_output_wherever_the_swap_stopped(
    tmp_path: Path, shape: str, exchange: bool
) -> None:
    for n_changes in range(8):
        path = tmp_path / f"out{n_changes}"
        swap = prepared(path, shape)
        before = contents(path)
        with contextlib.suppress(Crash):
            swap_in(crashing_after(n_changes, local(exchange=exchange)), swap)
        swap_back(local(exchange=exchange), swap)
        assert contents(path) == before
        assert not (path / "_replaced").exists()


class AnotherMount:
    """The module `os`, where the same filesystem has another device number."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def lstat(self, path: str) -> Any:
        found = os.lstat(path)
        return SimpleNamespace(st_dev=found.st_dev + 1, st_ino=found.st_ino)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_driver_killed_anywhere_is_recovered_on_another_mount(
    tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = set()
    for n_changes in range(1, 12):
        path = tmp_path / f"out{n_changes}"
        swap = prepared(path, shape)
        before = contents(path)
        with contextlib.suppress(Crash):
            files = crashing_after(n_changes, local())
            swap_in(files, swap)
            finish_swap(files, swap)
        with monkeypatch.context() as mount:
            mount.setattr("logreg_dist.publishing.filesystem.os", AnotherMount())
            recover(local(), str(path))
        assert contents(path) in (before, after(path, shape)), n_changes
        outcomes.add("old" if contents(path) == before else "new")
    assert outcomes == {"old", "new"}


@pytest.mark.parametrize("shape", ["first run", "files"])
def test_new_entries_whose_identities_a_copy_changed_are_undone_by_name(tmp_path: Path, shape: str) -> None:
    for n_changes in range(1, 4):
        path = tmp_path / f"out{n_changes}"
        swap = prepared(path, shape)
        before = contents(path)
        with contextlib.suppress(Crash):
            swap_in(crashing_after(n_changes, local()), swap)
        arrived = contents(path) == after(path, shape)
        files = local()
        recover(replace(files, identity=lambda name, files=files: f"9{files.identity(name)}"), str(path))  # type: ignore[misc]
        assert contents(path) == (after(path, shape) if arrived else before), n_changes


@pytest.mark.parametrize("back", [True, False])
def test_readers_are_waited_for_once_however_many_dates_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("logreg_dist.publishing.swap.time.sleep", waits.append)
    dates = tuple(f"d={k}" for k in range(5))
    for date in dates:
        write(tmp_path / date / "file", "old")
        write(tmp_path / "_staging" / "r1" / date / "file", "new")
    swap = Swap(path=str(tmp_path), run_id="r1", new=dates, old=dates)
    swap_in(local_filesystem(), swap)
    (swap_back if back else finish_swap)(local_filesystem(), swap)
    assert contents(tmp_path) == {f"{date}/file": "old" if back else "new" for date in dates}
    assert len(waits) == 1


def test_a_swap_back_that_fails_says_where_the_old_output_lies(tmp_path: Path) -> None:
    swap = prepared(tmp_path / "out", "one partition")
    swap_in(local(exchange=False), swap)

    def refuse(source: str, target: str) -> None:
        raise PermissionError("not allowed")

    with pytest.raises(OutputNotVerified, match=r"not allowed(.|\n)*It lies in '.*/out/_replaced/r1'"):
        swap_back(replace(local(exchange=False), rename=refuse), swap)
    recover(local_filesystem(), swap.path)
    assert contents(tmp_path / "out") == {"d=1/file": "old d=1", "d=2/file": "old d=2"}


def test_old_rows_set_aside_without_a_plan_return_when_their_place_is_empty(tmp_path: Path) -> None:
    write(tmp_path / "_replaced" / "r0" / "d=1" / "file", "old")
    write(tmp_path / "_replaced" / "r0" / "d=2" / "file", "old")
    write(tmp_path / "d=2" / "file", "new")
    recover(local_filesystem(), str(tmp_path))
    assert contents(tmp_path) == {"d=1/file": "old", "d=2/file": "new"}


def test_a_finished_swap_is_never_undone_even_when_its_partition_was_deleted_later(tmp_path: Path) -> None:
    write(tmp_path / "_replaced" / "r0" / "d=1" / "file", "old")
    plan = {"new": ["d=1"], "old": ["d=1"], "scope": "d=1", "identities": {}, "finished": True}
    write(tmp_path / "_replaced" / "r0" / "_swap.json", json.dumps(plan))
    recover(local_filesystem(), str(tmp_path))
    assert contents(tmp_path) == {}


def test_a_swap_that_arrived_before_its_driver_died_is_never_undone_later(tmp_path: Path) -> None:
    swap = prepared(tmp_path / "out", "one partition")
    swap_in(local_filesystem(), swap)
    recover(local_filesystem(), swap.path)
    local_filesystem().delete_tree(f"{swap.path}/d=1")
    recover(local_filesystem(), swap.path)
    assert contents(tmp_path / "out") == {"d=2/file": "old d=2"}


@pytest.mark.parametrize("kind", ["_staging", "_replaced"])
def test_leftovers_that_nobody_claims_are_deleted_when_they_are_an_hour_old(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    write(tmp_path / "d=1" / "file", "live")
    for run_id, age in (("young", 0.5), ("old", 1.5)):
        write(tmp_path / kind / run_id / "d=1" / "file", "left")
        moment = time.time() - age * UNCLAIMED_SECONDS
        os.utime(tmp_path / kind / run_id, (moment, moment))
    recover(local_filesystem(), str(tmp_path))
    assert [entry.name for entry in (tmp_path / kind).iterdir()] == ["young"]
    assert "run 'young' left something in" in caplog.text


def leased(path: Path, run_id: str, scope: str, *, alive: bool) -> None:
    """Write the lease of a run, here or elsewhere, that is alive or has expired."""
    expires = "2999-01-01T00:00:00+00:00" if alive else "2026-01-01T00:00:00+00:00"
    lease = Holder(run_id=run_id, scope=scope, process=1, expires=expires, family=run_id, token=run_id)
    write(path / LEASES / f"{run_id}.json", holder_as_json(lease).decode())


def test_the_leftovers_of_dead_runs_of_any_date_go_at_once_and_those_of_live_runs_stay(
    tmp_path: Path,
) -> None:
    for run_id, scope, alive in (("dead", "d=1", False), ("alive", "d=2", True)):
        leased(tmp_path, run_id, scope, alive=alive)
        write(tmp_path / "_staging" / run_id / scope / "file", "left")
        write(tmp_path / "_replaced" / run_id / scope / "file", f"old {scope}")
    with held(local_filesystem(), str(tmp_path), "next", scope="d=3") as lease:
        recover_with_lease(lease, steps(lease.files, lease.path))
    assert contents(tmp_path) == {"d=1/file": "old d=1"}
    for kind in ("_staging", "_replaced"):
        assert [entry.name for entry in (tmp_path / kind).iterdir()] == ["alive"]
    assert [entry.name for entry in (tmp_path / LEASES).iterdir()] == ["alive.json"]


def test_a_dead_run_of_a_date_that_another_run_holds_is_left_to_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logreg_dist.publishing.lease.PATIENCE_SECONDS", 0.1)
    leased(tmp_path, "dead", "d=1", alive=False)
    leased(tmp_path, "alive", "d=1", alive=True)
    write(tmp_path / "_replaced" / "dead" / "d=1" / "file", "old")
    with held(local_filesystem(), str(tmp_path), "next", scope="d=2") as lease:
        recover_with_lease(lease, steps(lease.files, lease.path))
    assert contents(tmp_path) == {}
    assert (tmp_path / LEASES / "dead.dead").exists()


def test_a_run_waits_for_the_repair_of_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A dead run of all dates cannot be undone while any date is busy, and this run would build on it.
    monkeypatch.setattr("logreg_dist.publishing.lease.PATIENCE_SECONDS", 0.1)
    leased(tmp_path, "dead", "", alive=False)
    leased(tmp_path, "alive", "d=1", alive=True)
    with (
        held(local_filesystem(), str(tmp_path), "next", scope="d=2") as lease,
        pytest.raises(TemporaryFailure, match="run 'alive' is writing"),
    ):
        recover_with_lease(lease, steps(lease.files, lease.path))


def test_an_output_without_leftovers_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "d=1" / "file", "live")
    (tmp_path / "_staging").mkdir()
    recover(local_filesystem(), str(tmp_path))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["d=1"]
