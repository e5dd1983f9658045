"""The folder of a fit on each executor's own disk, and its removal. Runs inside Spark tasks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

# A local property of the Spark job that removes: tasks that would stage a lost split see it and do not.
REMOVING = "logreg_dist.removing"


def scratch_folder(run_id: str) -> Path:
    """Return this executor's folder for staged files, on the disk Spark gives it for scratch."""
    root = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or tempfile.gettempdir()
    return Path(root) / f"logreg_dist-{run_id}"


def removal_task(run_id: str, used: frozenset[Path]) -> Callable[[Iterable[object]], None]:
    """Return the task that removes whatever the fit `run_id` left on the machine it runs on.

    The folder goes as a whole: attempts that failed, and splits that were staged twice, left files
    that no row names. `used` holds the folders of executors that may have died since; a machine
    where another one lives removes those too. Their names hold `run_id`, so no other fit is hit.
    """

    def remove(_: Iterable[object]) -> None:
        for folder in {scratch_folder(run_id), *used}:
            shutil.rmtree(folder, ignore_errors=True)

    return remove
