"""Real signals in the middle of a replacement on the local filesystem."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from logreg_dist.commands.interrupts import interruptible
from logreg_dist.errors import OutputNotVerified
from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing.filesystem import Filesystem, local_filesystem
from logreg_dist.publishing.lease import Lease, held
from logreg_dist.publishing.path_sink import path_sink

PART = "run_date=2026-11-20"
FILE = f"{PART}/part-0"


@pytest.fixture(autouse=True)
def nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logreg_dist.publishing.swap.LISTING_SECONDS", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for file, content in ((FILE, "old"), (f"_staging/r1/{FILE}", "new")):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(content)
    return tmp_path


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def put_in_place(
    path: Path, monkeypatch: pytest.MonkeyPatch, files: Filesystem, check: Callable[[], None]
) -> None:
    """Replace the old rows as a job does, with `check` in place of Spark's reading."""
    monkeypatch.setattr("logreg_dist.publishing.path_sink._check_live", lambda *arguments: check())
    sink = path_sink(files, None, Destination(path=str(path), format="parquet", run_date="2026-11-20"))  # type: ignore[arg-type]
    with (
        held(local_filesystem(), str(path), "r1", scope=PART) as lease,
        interruptible("tag", lambda interruption: None) as interrupts,
    ):
        interrupts.install()
        sink.replace(Lease(files, lease.path, lease.holder), {"n_rows": 1}, interrupts.hold)


def test_a_signal_after_the_new_rows_are_verified_does_not_end_the_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = local_filesystem()
    deleted = []

    def delete(name: str) -> None:
        deleted.append(name)
        terminate()
        files.delete_tree(name)

    put_in_place(path, monkeypatch, replace(files, delete_tree=delete), lambda: None)
    assert deleted
    assert (path / FILE).read_text() == "new"
    assert not (path / "_replaced").exists()


def test_a_signal_while_the_new_rows_are_verified_brings_the_old_ones_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="143"):
        put_in_place(path, monkeypatch, local_filesystem(), terminate)
    assert (path / FILE).read_text() == "old"
    assert not (path / "_replaced").exists()


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("n_changes", range(1, 6))
def test_a_signal_while_the_old_rows_return_does_not_leave_them_half_way(
    path: Path, monkeypatch: pytest.MonkeyPatch, n_changes: int, exchange: bool
) -> None:
    files, left = local_filesystem(), [-1]

    def counted(operation: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                terminate()
            return operation(*arguments)

        return change

    def refuse() -> None:
        left[0] = n_changes
        raise OutputNotVerified("it reads back otherwise")

    if not exchange:
        files = replace(files, exchange=lambda one, other: False, identity=lambda name: None)
    names = ("rename", "exchange", "delete_tree", "delete_if_empty")
    files = replace(files, **{name: counted(getattr(files, name)) for name in names})
    with pytest.raises((SystemExit, OutputNotVerified), match=r"143|reads back"):
        put_in_place(path, monkeypatch, files, refuse)
    assert (path / FILE).read_text() == "old"
    assert not (path / "_replaced").exists()
