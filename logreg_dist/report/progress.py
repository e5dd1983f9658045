"""Progress on stderr: one line for each pass, and on a terminal a bar of the running job."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from pyspark.sql import SparkSession
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from logreg_dist.printable import printable, printable_lines

_INTERVAL = 0.5  # seconds between looks at the running job


@contextmanager
def progress(spark: SparkSession) -> Iterator[None]:
    """Show a bar of the tasks of the running Spark job while the block runs, on a terminal only.

    Log lines go above the bar. Spark's own bar must be off: the two overwrite each other.
    """
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(spark, done), daemon=True)
    with logging_redirect_tqdm():
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join(timeout=2)


def configure_logging(*, debug: bool, hide: Callable[[str], str] = str) -> None:
    """Send this package's log to stderr, one plain line each; the jobs call it, the library never.

    `hide` takes the secrets out of every line, of stack traces too.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(hide))
    logger = logging.getLogger("logreg_dist")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    logger.propagate = False


class _OneLine(logging.Formatter):
    """A message is one line whatever names it holds; a stack trace keeps its lines. Neither shows a secret."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(message)s", datefmt="%H:%M:%S")
        self.hide = hide

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return printable(self.hide(super().formatMessage(record)))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return printable_lines(self.hide(super().formatException(ei)))


def _watch(spark: SparkSession, done: threading.Event) -> None:
    tracker = spark.sparkContext.statusTracker()
    bar: tqdm[NoReturn] = tqdm(
        total=0, leave=False, file=sys.stderr, bar_format="{desc} |{bar:30}| {n}/{total} tasks {elapsed}"
    )
    shown: int | None = None
    while not done.wait(_INTERVAL):
        try:
            active = sorted(tracker.getActiveStageIds())
            info = tracker.getStageInfo(active[0]) if active else None
        except Exception:  # the JVM may be what died, and a bar is the last to tell
            break
        if info is None:
            continue
        if info.stageId != shown:
            shown = info.stageId
            bar.reset(total=info.numTasks)
            bar.set_description_str(f"stage {shown}")
        bar.n = info.numCompletedTasks
        bar.refresh()
    bar.close()
