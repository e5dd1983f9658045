"""The folder of a fit on each executor's own disk, and its removal. Runs inside Spark tasks.

A killed Java process leaves its scratch behind, and with it staged rows. So each folder says which process it
belongs to, and the next fit on the machine removes the folders of processes that are gone.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from logreg_dist.processes import is_running, start_of, this_machine

OWNER = "_owner.json"
# Where other executors of this user have theirs, seen from the scratch of one: in local sessions, and on a
# standalone cluster. What runs in containers of its own loses its scratch with them.
_BESIDE = ("../blockmgr-*", "../../../spark-*/executor-*/blockmgr-*", ".")


def scratch_folder(run_id: str) -> Path:
    """Return this executor's folder for staged files, on the disk Spark gives it for scratch."""
    root = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or tempfile.gettempdir()
    return Path(root) / f"logreg_dist-{run_id}"


def claimed_scratch(run_id: str) -> Path:
    """Return this executor's folder, which the first to ask makes after removing what dead executors left."""
    folder = scratch_folder(run_id)
    with suppress(FileExistsError):
        folder.mkdir(parents=True)
        mark_owner(folder, _java_process())
        remove_leftovers(folder.parent)
    return folder


def mark_owner(folder: Path, process: int | None) -> None:
    """Write down whose a folder is; without a process it belongs to nobody, and is left alone by all."""
    started = "" if process is None else start_of(process)
    if started:
        owner = {"machine": this_machine(), "process": process, "started": started}
        (folder / OWNER).write_text(json.dumps(owner))


def remove_leftovers(scratch: Path) -> None:
    """Remove the staged files of executors that are gone from this machine, beside those in `scratch`.

    Only those of this user, marked by a process of this boot of this machine that lives no more: files on a
    disk that several machines or containers share are nobody else's to judge.
    """
    for place in _BESIDE:
        for folder in map(Path, glob.iglob(f"{glob.escape(str(scratch))}/{place}/logreg_dist-*")):
            with suppress(OSError):  # another fit may be removing it
                if folder.lstat().st_uid == os.getuid() and _is_of_the_dead(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def removal_task(run_id: str, used: frozenset[str]) -> Callable[[Iterable[object]], Iterator[str]]:
    """Return the task that removes whatever the fit `run_id` left on the machine it runs on.

    The folder goes as a whole: attempts that failed, and splits that were staged twice, left files
    that no row names. `used` holds the folders of all executors, also of those that died since: one
    that lives on the same machine removes theirs. Their names hold `run_id`, so no other fit is hit.
    The task yields the folders that are known to be gone.
    """

    def remove(_: Iterable[object]) -> Iterator[str]:
        own = str(scratch_folder(run_id))
        shutil.rmtree(own, ignore_errors=True)
        yield own
        for folder in used:
            if Path(folder).is_dir():
                shutil.rmtree(folder, ignore_errors=True)
                yield folder

    return remove


def _is_of_the_dead(folder: Path) -> bool:
    try:
        owner = json.loads((folder / OWNER).read_bytes())
        process, started, machine = int(owner["process"]), owner["started"], owner["machine"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    is_known = bool(machine) and bool(started) and machine == this_machine()
    return is_known and not is_running(process, started)


def _java_process() -> int | None:
    """Return the executor: the nearest Java process above this one."""
    process = os.getppid()
    with suppress(OSError, IndexError):
        while process > 1:
            name, _, rest = Path(f"/proc/{process}/stat").read_text().partition("(")[2].rpartition(")")
            if name == "java":
                return process
            process = int(rest.split()[1])
    return None
