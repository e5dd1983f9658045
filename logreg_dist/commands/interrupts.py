"""Signals that end a job: the first lets it clean up, and it is gone within 30 seconds whatever happens."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext

from logreg_dist.commands.session import is_submitted
from logreg_dist.spark.words import GONE, all_words

# Schedulers send SIGKILL 30 seconds after SIGTERM (Kubernetes, Airflow); run.json must be written before.
CLEANING_SECONDS = 24.0
LAST_WORDS_SECONDS = 3.0
CANCEL_SECONDS = 0.3  # between two looks for Spark jobs to cancel

PARENT_SECONDS = 10.0  # that spark-submit takes to end after Spark was shut down

_SHUT_DOWN = re.compile("SparkContext (?:was|has been) shut|stopped SparkContext")
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupts:
    """What the signals of a job do, see `interruptible`."""

    def __init__(self, tag: str, give_up: Callable[[BaseException], None]) -> None:
        self._tag, self._give_up = tag, give_up
        self._before: dict[int, object] = {}
        self._received: list[int] = []
        # Set by the handler, which must not do more than that: the main thread may hold any lock.
        self._signalled = threading.Event()
        self._held, self._over = threading.Event(), threading.Event()
        self._held.set()  # until `install`, whose caller is ready for what it raises
        threading.Thread(target=self._attend, daemon=True).start()

    @property
    def interruption(self) -> BaseException | None:
        """What ended the work, None where no signal came before `hold`."""
        return _interruption(self._received[0]) if self._received else None

    def install(self) -> None:
        """Catch the signals, also after PySpark has taken Ctrl-C for itself; raise them, and one that came before."""
        self.catch()
        self._held.clear()
        if self.interruption is not None:
            raise self.interruption

    def catch(self) -> None:
        """Note the signals from now on, and raise nothing."""
        for number in _SIGNALS:
            current = signal.getsignal(number)
            # nohup ignores it, and means it.
            if number == signal.SIGHUP and current == signal.SIG_IGN:
                continue
            self._before.setdefault(number, current)
            signal.signal(number, self._on_signal)

    def hold(self) -> None:
        """Raise no more: the work is over, or its outputs are in place, and what follows must not be broken off."""
        self._held.set()

    def restore(self) -> None:
        """Put the handlers back that were there before."""
        # First: a signal within `set` would make ours wait for a lock that this thread holds.
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._over.set()
        self._signalled.set()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)
        if len(self._received) == 1:
            self._signalled.set()
            if not self._held.is_set() and not _in_java(frame):
                raise _interruption(number)
        elif len(self._received) == 2:
            _say("cleaning up; a third signal ends the job at once and leaves that undone")
        else:
            os._exit(128 + number)

    def _attend(self) -> None:
        """After a signal cancel Spark's jobs, and end the process where cleaning up takes too long."""
        self._signalled.wait()
        if self._over.is_set():
            return
        threading.Thread(target=self._cancel, daemon=True).start()
        if self._over.wait(CLEANING_SECONDS):
            return
        _say(
            f"cleaning up took longer than {CLEANING_SECONDS:.0f} seconds; the next run removes what is left"
        )
        number = self._received[0]
        last = threading.Thread(target=self._give_up, args=(_interruption(number),), daemon=True)
        last.start()
        last.join(LAST_WORDS_SECONDS)
        os._exit(128 + number)

    def _cancel(self) -> None:
        while not self._held.is_set():
            context = SparkContext._active_spark_context
            with suppress(Exception):  # the JVM may be what was killed
                if context is not None:
                    context.cancelJobsWithTag(self._tag)
            self._held.wait(CANCEL_SECONDS)


@contextmanager
def interruptible(tag: str, give_up: Callable[[BaseException], None]) -> Iterator[Interrupts]:
    """Turn SIGTERM, SIGHUP and Ctrl-C into exceptions of the main thread, so that everything is cleaned up.

    The main thread is not broken off in a call of the JVM: the answer would be left unread, and taken for that of the
    next call, which waits for it as long as Spark's job runs. The job is cancelled instead, and the call ends by that.
    The second signal changes nothing, the third ends the process at once. After `CLEANING_SECONDS` the process ends
    as it is, because whoever sent the signal would kill it then. Nothing is raised before `Interrupts.install`.

    Parameters
    ----------
    tag : str
        Of all Spark jobs that the main thread starts.
    give_up : callable
        Told of the interruption on a thread of its own just before the process ends uncleaned.
    """
    interrupts = Interrupts(tag, give_up)
    try:
        interrupts.catch()
        yield interrupts
    finally:
        interrupts.restore()


def stopped_with_parent(failure: BaseException, parent: int) -> BaseException | None:
    """Return the interruption when spark-submit, of which this process is a child, was told to end.

    A signal then reaches the JVM alone or first. It shuts Spark down, tells so, and goes; one that is killed says
    nothing any more, and when Spark is shut down by the cluster the JVM waits for this process.

    Parameters
    ----------
    failure : BaseException
        What the work ended with.
    parent : int
        The id of the parent process while the work began.
    """
    answers = [all_words(error) for error in _causes(failure) if isinstance(error, Py4JJavaError)]
    if not is_submitted() or not any(GONE in words or _SHUT_DOWN.search(words) for words in answers):
        return None
    deadline = time.monotonic() + PARENT_SECONDS
    while os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(0.05)
    return None if os.getppid() == parent else SystemExit(128 + signal.SIGTERM)


def _causes(failure: BaseException | None) -> Iterator[Exception]:
    """Yield a failure and what led to it, each once: what PySpark raises may be its own cause in a circle."""
    seen: list[BaseException] = []
    while failure is not None and not any(failure is one for one in seen):
        seen.append(failure)
        if isinstance(failure, Exception):
            yield failure
        failure = failure.__cause__ or failure.__context__


def _interruption(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)


def _in_java(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("py4j."):
            return True
        frame = frame.f_back
    return False


def _say(words: str) -> None:
    # Not through the log, whose lock the interrupted thread may hold.
    with suppress(OSError):
        os.write(sys.stderr.fileno(), f"{words}\n".encode())
