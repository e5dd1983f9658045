"""What every job does around its work: signals, messages, run.json, the exit code."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from logreg_dist.commands.interrupts import interruptible, stopped_with_parent
from logreg_dist.commands.session import open_session, will_be_local
from logreg_dist.config.environment import substitute
from logreg_dist.config.overrides import apply_overrides
from logreg_dist.config.secrets import secrets_of
from logreg_dist.config.table_input import overlap
from logreg_dist.config.yaml_file import read_yaml_file
from logreg_dist.errors import LogregError, OutputOnInput
from logreg_dist.printable import printable, printable_lines
from logreg_dist.publishing.filesystem import is_local, join
from logreg_dist.publishing.run_record import RunRecord, RunRecorder
from logreg_dist.reading.failures import explain_spark_error
from logreg_dist.report.progress import configure_logging, progress
from logreg_dist.scoring.score import new_run_id
from logreg_dist.spark.job_tags import cancelled_on_error

log = logging.getLogger(__name__)

JVM_SECONDS = 1.5  # for a last answer, within the seconds of `interrupts.LAST_WORDS_SECONDS`
CHECKS = "checks"  # the folder of a check's report, in the one that a model of the same configuration has


@dataclass(frozen=True)
class Request:
    """What the command line asked for.

    Attributes
    ----------
    job : str
        ``train``, ``score``, ``evaluate`` or ``check``.
    config : str
        Path of the configuration file.
    overrides : tuple of str
        ``key=value``.
    debug : bool
        Whether to show stack traces.
    resume : str
        ``auto``, ``never`` or ``require``; of the train job.
    profile : bool
        Whether to print where the time of each pass went; of the train job.
    """

    job: str
    config: str
    overrides: tuple[str, ...] = ()
    debug: bool = False
    resume: str = "auto"
    profile: bool = False


# The work of a job: it returns what to print on stdout.
Work = Callable[[SparkSession, Request, RunRecorder], str]
# Reads the configuration at a path, with overrides; raises `ConfigError`.
Load = Callable[[str, Sequence[str]], object]


def run_job(request: Request, load: Load, work: Work) -> int:
    """Run the work of a job and return its exit code; run.json is written last in every case.

    The summary goes to stdout, progress and errors to stderr. Mistakes in the configuration are told before a
    session of our own is started, which takes seconds.
    """
    hide = secrets_of(_written(request), os.environ).hidden
    configure_logging(debug=request.debug, hide=hide)
    recorder = RunRecorder(job=request.job, run_id=new_run_id(), hide=hide)
    spark: SparkSession | None = None
    error: BaseException | None = None
    summary = ""

    def give_up(interruption: BaseException) -> None:
        asking = threading.Thread(target=_close, args=(request, recorder, interruption, spark), daemon=True)
        asking.start()
        asking.join(JVM_SECONDS)
        if asking.is_alive():  # Spark does not answer, and may be what hangs
            _close(request, recorder, interruption, None)

    tag, parent = f"logreg_dist-{recorder.run_id}", os.getppid()
    with interruptible(tag, give_up) as interrupts:
        recorder.committed = interrupts.hold
        try:
            interrupts.install()
            if _can_end_without_session(request):
                load(request.config, request.overrides)
            with recorder.timed("session"):
                spark = open_session(request.job)
            interrupts.install()  # PySpark has just taken Ctrl-C for itself
            with cancelled_on_error(spark, tag), progress(spark):
                summary = work(spark, request, recorder)
            interrupts.hold()
        except (Exception, KeyboardInterrupt, SystemExit) as failure:
            interrupts.hold()
            # Spark's error of a cancelled job is the interruption that cancelled it.
            error = interrupts.interruption or stopped_with_parent(failure, parent) or _explained(failure)
            if request.debug:
                log.exception("what went wrong, in full")
        if summary:
            _print(printable_lines(hide(summary.rstrip())))
        record = _on_fresh_thread(lambda: _close(request, recorder, error, spark))
    if error is not None:
        with suppress(OSError):  # the terminal may be what is gone
            sys.stderr.write(printable_lines(hide(_words(error, record))) + "\n")
    return record.exit_code


def _can_end_without_session(request: Request) -> bool:
    """Whether it is clear before there is a session that run.json belongs on this machine, or nowhere."""
    folder = _output_folder(request)
    return will_be_local() and (folder is None or is_local(folder))


def _print(summary: str) -> None:
    """Write the summary to stdout; a reader that has gone away is no reason to lose run.json."""
    try:
        sys.stdout.write(summary + "\n")
        sys.stdout.flush()
    except OSError as error:
        log.warning("the summary could not be printed: %s", error)
        # Python would flush it again at its end, and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _close(
    request: Request, recorder: RunRecorder, error: BaseException | None, spark: SparkSession | None
) -> RunRecord:
    """Write run.json and stop the session."""
    folder = recorder.folder or _output_folder(request)
    if folder is None or isinstance(error, OutputOnInput):
        record = recorder.record(error, spark)
    else:
        record = recorder.finish(
            join(_place_of_record(folder, request.job, recorder.run_id), "run.json"), error, spark
        )
    if spark is not None:
        with suppress(Exception):  # a JVM that is gone needs no stopping
            spark.stop()
    return record


def _place_of_record(folder: str, job: str, run_id: str) -> str:
    """Return where the run.json of a job lies: beside its outputs, and never on that of another job."""
    if job == "score":
        return join(folder, "_runs", run_id)
    return join(folder, CHECKS) if job == "check" else folder


def _on_fresh_thread(work: Callable[[], RunRecord]) -> RunRecord:
    """Run `work` on a thread of its own, with a connection to the JVM of its own.

    A signal may have left the main thread's connection in the middle of an answer, and the next
    call would read the rest of that.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(work).result()


def _explained(failure: BaseException) -> BaseException:
    if isinstance(failure, LogregError) or not isinstance(failure, Exception):
        return failure
    try:
        return explain_spark_error(failure) or failure
    except Exception:
        log.debug("why it failed could not be told in words", exc_info=True)
        return failure  # run.json comes before words


def _words(error: BaseException, record: RunRecord) -> str:
    if isinstance(error, LogregError):
        return str(error)
    if record.status == "interrupted":
        return record.message
    return f"{record.status}: {record.message}"


def _output_folder(request: Request) -> str | None:
    """Return output.path, also of a configuration with mistakes elsewhere.

    None when there is none, or when it lies on top of the input: a run.json among the files of a table
    would make the table unreadable.
    """
    values: Any = substitute(_written(request), os.environ).values
    try:
        path = values["output"]["path"]
    except (KeyError, TypeError):
        return None
    if not isinstance(path, str) or not path.strip() or "${" in path or printable(path) != path:
        return None
    read = values.get("input", {}).get("path") if isinstance(values.get("input"), dict) else None
    inputs = tuple(str(place) for place in (read if isinstance(read, list | tuple) else [read]) if place)
    return None if overlap(path, inputs, above=False) else path


def _written(request: Request) -> dict[str, Any]:
    """Return what the configuration says, mistakes and all; empty when it cannot be read."""
    try:
        return apply_overrides(read_yaml_file(request.config), request.overrides)[0]
    except LogregError:
        return {}


def with_outputs(lines: Sequence[str], recorder: RunRecorder) -> str:
    """Return a summary with a closing list of where every output lies."""
    width = max((len(name) for name in recorder.outputs), default=0)
    outputs = [f"  {name.ljust(width)}  {path}" for name, path in recorder.outputs.items()]
    return "\n".join([*lines, "", "Written:", *outputs])
