"""What every job does around its work: signals, messages, run.json, the exit code."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from pyspark.sql import SparkSession

from logreg_dist.commands.session import open_session
from logreg_dist.config.overrides import apply_overrides
from logreg_dist.config.table_input import overlap
from logreg_dist.config.yaml_file import read_yaml_file
from logreg_dist.errors import LogregError, OutputOnInput
from logreg_dist.publishing.filesystem import join
from logreg_dist.publishing.run_record import RunRecord, RunRecorder
from logreg_dist.reading.failures import explain_spark_error
from logreg_dist.report.progress import configure_logging, progress
from logreg_dist.scoring.score import new_run_id

log = logging.getLogger(__name__)

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


def run_job(request: Request, work: Work) -> int:
    """Run the work of a job and return its exit code; run.json is written last in every case.

    The summary goes to stdout, progress and errors to stderr.
    """
    configure_logging(debug=request.debug)
    recorder = RunRecorder(job=request.job, run_id=new_run_id())
    spark: SparkSession | None = None
    error: BaseException | None = None
    summary = ""
    with _terminated_by_exit():
        try:
            with recorder.timed("session"):
                spark = open_session(request.job)
            with progress(spark):
                summary = work(spark, request, recorder)
        except (Exception, KeyboardInterrupt, SystemExit) as failure:
            error = _explained(failure)
            if request.debug:
                log.exception("what went wrong, in full")
    if summary:
        sys.stdout.write(summary.rstrip() + "\n")
        sys.stdout.flush()
    record = _on_fresh_thread(lambda: _close(request, recorder, error, spark))
    if error is not None:
        sys.stderr.write(_words(error, record) + "\n")
    return record.exit_code


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
    return explain_spark_error(failure) or failure


def _words(error: BaseException, record: RunRecord) -> str:
    if isinstance(error, LogregError):
        return str(error)
    return f"{record.status}: {record.message}"


def _output_folder(request: Request) -> str | None:
    """Return output.path, also of a configuration with mistakes elsewhere.

    None when there is none, or when it lies on top of the input: a run.json among the files of a table
    would make the table unreadable.
    """
    try:
        values: Any = apply_overrides(read_yaml_file(request.config), request.overrides)[0]
        path = values["output"]["path"]
    except (LogregError, KeyError, TypeError):
        return None
    if not isinstance(path, str) or not path.strip() or "${" in path:
        return None
    read = values.get("input", {}).get("path") if isinstance(values.get("input"), dict) else None
    inputs = tuple(str(place) for place in (read if isinstance(read, list | tuple) else [read]) if place)
    return None if overlap(path, inputs, above=False) else path


@contextmanager
def _terminated_by_exit() -> Iterator[None]:
    """Turn SIGTERM into an orderly exit, so that cleaning up and run.json still happen."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def with_outputs(lines: Sequence[str], recorder: RunRecorder) -> str:
    """Return a summary with a closing list of where every output lies."""
    width = max((len(name) for name in recorder.outputs), default=0)
    outputs = [f"  {name.ljust(width)}  {path}" for name, path in recorder.outputs.items()]
    return "\n".join([*lines, "", "Written:", *outputs])
