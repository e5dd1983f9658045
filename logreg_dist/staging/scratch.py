"""The folder of a fit on each executor's own disk, and its removal. Runs inside Spark tasks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path


def scratch_folder(run_id: str) -> Path:
    """Return this executor's folder for staged files, on the disk Spark gives it for scratch."""
    root = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or tempfile.gettempdir()
    return Path(root) / f"logreg_dist-{run_id}"


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
