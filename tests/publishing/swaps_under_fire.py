"""Runs that publish a folder again and again and are killed at every step; a process of its own.

Usage: python swaps_under_fire.py FOLDER: a child process for each step dies by SIGKILL right before it, and the
next run follows; prints one line of JSON per kill.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from logreg_dist.publishing import swap as swap_module
from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing.filesystem import Filesystem, local_filesystem
from logreg_dist.publishing.lease import held
from logreg_dist.publishing.path_sink import path_sink
from logreg_dist.publishing.recover import recover
from logreg_dist.publishing.swap import Swap, finish_swap, staging_folder, swap_back, swap_in

PART = "run_date=2026-11-20"
FILES = 3
CHANGING = ("write_atomic", "create_new", "make_dirs", "rename", "exchange", "delete_tree", "delete_if_empty")


def dying_at(step: int) -> Filesystem:
    left = [step]

    def counted(operation: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any) -> Any:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return operation(*arguments)

        return change

    files = local_filesystem()
    return replace(files, **{name: counted(getattr(files, name)) for name in CHANGING})


def run(path: str, run_id: str, files: Filesystem, *, verified: bool) -> None:
    """Publish three files, as the publishing of a table does; what does not verify is taken back."""
    sink = path_sink(files, None, Destination(path=path, format="parquet", run_date=PART))  # type: ignore[arg-type]
    with held(files, path, run_id, scope=PART) as lease:
        recover(lease, sink)
        staged = Path(staging_folder(path, run_id), PART)
        staged.mkdir(parents=True)
        for k in range(FILES):
            (staged / f"part-{k}-{run_id}").write_text(f"{run_id} {k}")
        old = (PART,) if Path(path, PART).exists() else ()
        swap = Swap(path=path, run_id=run_id, new=(PART,), old=old, scope=PART)
        lease.confirm()
        swap_in(files, swap)
        lease.confirm()
        if verified:
            finish_swap(files, swap)
        else:
            swap_back(files, swap)
        files.delete_tree(staging_folder(path, run_id))
        files.delete_if_empty(str(staged.parent.parent))


def main(path: Path) -> None:
    swap_module.LISTING_SECONDS = 0.1
    run(str(path), "first", local_filesystem(), verified=True)
    for verified in (True, False):
        for step in range(100):
            child = os.fork()
            if child == 0:
                run(str(path), f"killed-{verified}-{step}", dying_at(step), verified=verified)
                os._exit(0)
            died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
            # The next run, of another date, must find and clear all of it.
            sink = path_sink(
                local_filesystem(), None, Destination(path=str(path), format="parquet", run_date="x")
            )  # type: ignore[arg-type]
            with held(
                local_filesystem(), str(path), f"next-{verified}-{step}", scope="run_date=other"
            ) as lease:
                recover(lease, sink)
            left = sorted(entry.name for entry in path.iterdir())
            found = sorted((path / PART).iterdir())
            line = {"step": step, "died": died, "left": left, "rows": [file.read_text() for file in found]}
            print(json.dumps(line), flush=True)  # noqa: T201
            if not died:
                break


if __name__ == "__main__":
    main(Path(sys.argv[1]))
