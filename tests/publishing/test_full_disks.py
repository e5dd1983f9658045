"""Full disks, files that may not grow, forbidden folders, all real: the old rows stay, the message names the cause."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from logreg_dist.commands.job import Request
from logreg_dist.commands.score import score
from logreg_dist.errors import OutputNotVerified
from logreg_dist.publishing.run_record import RunRecorder
from tests.publishing.test_killed_job import Job, ids_in

pytestmark = pytest.mark.spark

NOBODY = 65534
N_OLD, N_NEW = 1_000, 60_000
# Room for the old rows and for Spark's own small files, not for 60,000 new ones.
DISK_BYTES, FILE_BYTES = 1 << 18, 1 << 18


@contextmanager
def no_files_above(pid: int, n_bytes: int) -> Iterator[None]:
    """Let a process write no file beyond a size: EFBIG, which needs no rights and works everywhere on Linux."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root; the limit on the size of files is tested without")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(file: Path) -> None:
    with contextlib.suppress(OSError), open(file, "wb", buffering=0) as filler:
        while True:
            filler.write(b"0" * 512)


def test_files_that_may_not_grow_keep_the_old_rows(spark: Any, tmp_path: Path) -> None:
    job = Job(spark, tmp_path)
    job.run(N_OLD, "sql")
    jvm = int(spark._jvm.java.lang.ProcessHandle.current().pid())
    with (
        no_files_above(jvm, FILE_BYTES),
        pytest.raises(
            OutputNotVerified, match=rf"'{job.output}': a file is larger than this user may write(.|\n)*kept"
        ),
    ):
        job.run(N_NEW, "sql")
    assert sorted(ids_in(job.output)) == list(range(N_OLD))
    assert job.left() == ["_SUCCESS", "run_date=2026-11-21"]


@pytest.mark.parametrize("engine", ["sql", "arrow"])
def test_a_full_disk_keeps_the_old_rows(spark: Any, tmp_path: Path, small_disk: Path, engine: str) -> None:
    job = Job(spark, tmp_path)
    job.output = small_disk / "scored"
    job.run(N_OLD, engine)
    with pytest.raises(
        OutputNotVerified, match=rf"'{job.output}': a disk is full(.|\n)*Make room(.|\n)*kept"
    ):
        job.run(N_NEW, engine)
    assert sorted(ids_in(job.output)) == list(range(N_OLD))
    assert job.left() == ["_SUCCESS", "run_date=2026-11-21"]


def test_a_disk_without_room_for_the_smallest_file_is_told_too(
    spark: Any, tmp_path: Path, small_disk: Path
) -> None:
    job = Job(spark, tmp_path)
    job.output = small_disk / "scored"
    job.run(N_OLD)
    fill(small_disk / "filler")
    with pytest.raises(OutputNotVerified, match=re.escape("No space left on device")):
        job.run(N_OLD + 1)
    assert sorted(ids_in(job.output)) == list(range(N_OLD))


@contextmanager
def without_rights(folder: Path, spark: Any) -> Iterator[None]:
    """Take the right to write into a folder; root, whom nobody refuses, is somebody else meanwhile.

    PySpark writes what it broadcasts into a folder of its own, which stays open to that one.
    """
    broadcast = Path(spark.sparkContext._temp_dir)
    broadcast.chmod(0o777)
    broadcast.parent.chmod(broadcast.parent.stat().st_mode | 0o055)
    for above in folder.parents:
        if above.stat().st_uid == os.geteuid() and str(above).startswith(tempfile.gettempdir() + "/"):
            above.chmod(above.stat().st_mode | 0o055)
    for beside in folder.parent.rglob("*"):
        beside.chmod(beside.stat().st_mode | (0o055 if beside.is_dir() else 0o044))
    mode, user = folder.stat().st_mode, os.geteuid()
    folder.chmod(0o555)
    try:
        if user == 0:
            os.seteuid(NOBODY)
        yield
    finally:
        os.seteuid(user)
        folder.chmod(mode)


def test_a_folder_that_may_not_be_written_keeps_the_old_rows(spark: Any, tmp_path: Path) -> None:
    job = Job(spark, tmp_path)
    job.run(N_OLD)
    config, before = job.prepare(N_OLD + 1), sorted(job.output.rglob("*"))
    recorder = RunRecorder(job="score", run_id="forbidden")
    words = rf"'{job.output}' could not be changed: \[Errno 13\] Permission denied(.|\n)*old output is kept"
    with without_rights(job.output, spark), pytest.raises(OutputNotVerified, match=words):
        score(spark, Request("score", config), recorder)
    assert sorted(job.output.rglob("*")) == before
