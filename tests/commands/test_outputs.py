"""The files of a job come into their folder together, by one run at a time; no Spark."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from logreg_dist.commands.outputs import folder_held, write_together
from logreg_dist.errors import OutputNotVerified, TemporaryFailure
from logreg_dist.publishing.filesystem import Filesystem, local_filesystem
from logreg_dist.publishing.lease import LEASES
from logreg_dist.publishing.run_record import RunRecorder

OLD = {"model.json": b"old model", "summary.txt": b"old summary", "cv.json": b"old folds"}
NEW = {"model.json": b"new model", "summary.txt": b"new summary", "effects.svg": b"new chart"}
CHANGING = ("write_atomic", "make_dirs", "rename", "exchange", "delete_tree", "delete_if_empty")


FULL = OSError(errno.ENOSPC, "No space left on device")


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours is done after it."""


def write(files: Filesystem, folder: Path, contents: dict[str, bytes], run_id: str = "r1") -> RunRecorder:
    recorder = RunRecorder(job="train", run_id=run_id)
    outputs = {name: (name, contents.get(name, b"")) for name in {**OLD, **NEW}}
    with folder_held(files, str(folder), run_id) as lease:
        write_together(lease, outputs, recorder, main="model.json")
    return recorder


def found(folder: Path) -> dict[str, bytes]:
    """Return all that lies in a folder, empty folders too."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


@pytest.fixture
def old(tmp_path) -> Path:
    folder = tmp_path / "out"
    write(local_filesystem(), folder, OLD)
    assert found(folder) == OLD
    return folder


def without_exchange() -> Filesystem:
    """As object stores and HDFS are."""
    return replace(local_filesystem(), exchange=lambda one, other: False, identity=lambda path: None)


KINDS = [local_filesystem, without_exchange]


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_a_run_replace_those_of_the_one_before_and_leave_nothing_else(old, kind):
    recorder = write(kind(), old, NEW, "r2")
    assert found(old) == NEW
    assert recorder.outputs == {name: str(old / name) for name in NEW}


@contextmanager
def files_limited_to(n_bytes: int):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", NEW)
def test_a_file_that_cannot_be_written_keeps_all_old_ones_and_is_told_with_place_and_reason(old, name):
    with files_limited_to(5_000), pytest.raises(OutputNotVerified, match="File too large") as refused:
        write(local_filesystem(), old, {**NEW, name: b"x" * 5_001}, "r2")
    assert str(refused.value).startswith(f"output verification failed: '{old}' could not be written: ")
    assert found(old) == OLD


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_done(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputNotVerified, match=r"'.*/file/out' could not be written: Not a directory"):
        write(local_filesystem(), tmp_path / "file" / "out", NEW)


@pytest.fixture
def unsynced(monkeypatch):
    """Power does not fail here, and a disk takes its time to sync."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def breaking(files: Filesystem, at: int, error: BaseException, *, dead: bool) -> Filesystem:
    """Return operations of which the one numbered `at` is not done, and with `dead` none works from then on."""
    n_done = 0

    def guarded(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            nonlocal n_done
            if dead and n_done > at:
                raise error
            if name not in CHANGING:
                return operation(*arguments)
            n_done += 1
            if n_done != at + 1:
                return operation(*arguments)
            raise error

        return run

    return Filesystem(**{one.name: guarded(one.name, getattr(files, one.name)) for one in fields(files)})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), FULL])
@pytest.mark.usefixtures("unsynced")
def test_a_run_that_is_broken_off_anywhere_leaves_the_old_files_or_the_new_ones(tmp_path, kind, error):
    endings = []
    for at in range(100):
        folder = tmp_path / str(at)
        write(kind(), folder, OLD)
        ended = False
        with suppress(KeyboardInterrupt, OutputNotVerified):
            write(breaking(kind(), at, error, dead=False), folder, NEW, "r2")
            ended = True
        left = {name: content for name, content in found(folder).items() if not name.startswith("_")}
        assert left in (OLD, NEW), f"broken off at operation {at}"
        (folder / LEASES / "r2.json").unlink(
            missing_ok=True
        )  # broken off in its removal; this process lives on
        with folder_held(kind(), str(folder), "r3"):
            pass
        assert found(folder) == left
        endings.append(left == NEW)
        if ended and at > len(NEW) * 4:
            break
    assert ended
    assert endings == sorted(endings)  # first the old ones stay, then the new ones


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("unsynced")
def test_what_a_killed_run_left_is_put_right_by_the_next_one_and_its_main_file_is_always_there(
    tmp_path, kind
):
    endings = set()
    for at in range(100):
        folder = tmp_path / str(at)
        write(kind(), folder, OLD)
        try:
            write(breaking(kind(), at, Killed(), dead=True), folder, NEW, "r2")
        except Killed:
            (folder / LEASES / "r2.json").unlink(missing_ok=True)  # this process lives on
        else:
            break
        assert (folder / "model.json").read_bytes() in (OLD["model.json"], NEW["model.json"])
        with folder_held(kind(), str(folder), "r3"):
            pass
        left = found(folder)
        assert left in (OLD, NEW), f"killed at operation {at}"
        endings.add(left["model.json"])
    assert endings == {OLD["model.json"], NEW["model.json"]}


def test_a_folder_that_another_run_is_writing_is_refused_naming_that_run(old):
    with folder_held(local_filesystem(), str(old), "r2"):
        with pytest.raises(TemporaryFailure, match=f"run 'r2' is writing '{old}' .*process {os.getpid()}"):
            write(local_filesystem(), old, NEW, "r3")
        assert set(found(old)) == {*OLD, LEASES, f"{LEASES}/r2.json"}
