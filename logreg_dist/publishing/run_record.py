"""``run.json``: what a run did, written last in every case."""

from __future__ import annotations

import json
import logging
import math
import platform
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from logreg_dist.errors import LogregError
from logreg_dist.printable import printable_json
from logreg_dist.publishing.filesystem import Filesystem, filesystem_for, local_filesystem
from logreg_dist.versions import OWN_PACKAGE, package_version, versions_of_libraries

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

INTERRUPTED = {
    128 + signal.SIGINT: "Ctrl-C",
    128 + signal.SIGTERM: "SIGTERM",
    128 + signal.SIGHUP: "SIGHUP, the end of its terminal",
}


@dataclass(frozen=True)
class RunRecord:
    """What ``run.json`` holds.

    `status` is ``done``, ``failed`` or ``interrupted``; `fit_status` is the status of the model when
    the job fitted one. `started` and `finished` are ISO 8601 in UTC, `timings` in seconds, `rows` in
    rows; `outputs` are paths; `details` holds the tables that belong to one job, such as missing
    and unseen counts per column. What is unknown is null.
    """

    job: str
    run_id: str
    status: str
    exit_code: int
    retryable: bool
    message: str
    started: str
    finished: str
    timings: Mapping[str, float]
    rows: Mapping[str, int]
    outputs: Mapping[str, str]
    versions: Mapping[str, str | None]
    fit_status: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class RunRecorder:
    """Collects what a job did while it runs; the jobs make one and fill it in.

    `folder` is that of the outputs, where only the job finds out which one it is: that of a catalog's table.
    `hide` takes the secrets of the configuration out of the message and the paths. `committed` is what a job calls when
    its outputs are in place: no signal ends it any more.

    Examples
    --------
    >>> recorder = RunRecorder(job="train", run_id="r1")
    >>> with recorder.timed("stage"):
    ...     recorder.rows["read"] = 10
    >>> recorder.record(error=None).status, list(recorder.timings)
    ('done', ['stage'])
    """

    job: str
    run_id: str
    timings: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    fit_status: str | None = None
    folder: str | None = None
    hide: Callable[[str], str] = str
    committed: Callable[[], None] = lambda: None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds that the body takes, failed or not, to ``timings[name]``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - start

    def record(self, error: BaseException | None, spark: SparkSession | None = None) -> RunRecord:
        """Return the record of the run as it stands, ended by `error` or, with None, well."""
        ending = _ending(error)
        return RunRecord(
            job=self.job,
            run_id=self.run_id,
            status=ending.status,
            exit_code=ending.exit_code,
            retryable=ending.retryable,
            message=self.hide(ending.message),
            started=self.started.isoformat(timespec="milliseconds"),
            finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
            timings={name: round(seconds, 3) for name, seconds in self.timings.items()},
            rows=dict(self.rows),
            outputs={name: self.hide(path) for name, path in self.outputs.items()},
            versions=_versions(spark),
            fit_status=self.fit_status,
            details=dict(self.details),
        )

    def finish(self, path: str, error: BaseException | None, spark: SparkSession | None = None) -> RunRecord:
        """Write the record to the file `path`, atomically, and return it.

        Never raises for a record that cannot be written: that is logged, so that the error which
        ended the run stays the one that is reported.

        Parameters
        ----------
        path : str
            The file to write, such as ``artifacts/churn/run.json``; its folders are made.
        error : BaseException or None
            What ended the run. An unknown exception is recorded by its type only, because its
            words may hold cell values.
        spark : SparkSession, optional
            Needed for paths that are not local, and for the version of Java.
        """
        # A signal may have left this thread's connection to the JVM with an unread answer, which the
        # next call would take for its own; another thread has a connection of its own.
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(self._finish, path, error, spark).result()

    def _finish(self, path: str, error: BaseException | None, spark: SparkSession | None) -> RunRecord:
        record = self.record(error, spark)
        try:
            _reachable_filesystem(path, spark).write_atomic(path, record_as_json(record))
        except Exception as failure:
            log.warning("run.json could not be written to '%s': %s", path, failure)
            log.debug("why run.json could not be written", exc_info=True)
        return record


def record_as_json(record: RunRecord) -> bytes:
    """Return the record as indented UTF-8 JSON; NaN and infinities become null."""
    plain = _plain(asdict(record))
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    return (printable_json(text) + "\n").encode()


@dataclass(frozen=True)
class _Ending:
    status: str
    exit_code: int
    message: str
    retryable: bool = False


def _ending(error: BaseException | None) -> _Ending:
    if isinstance(error, LogregError):
        return _Ending("failed", error.exit_code, str(error), error.retryable)
    if isinstance(error, KeyboardInterrupt):
        return _interrupted(128 + signal.SIGINT)
    code = _exit_code(error)
    if code in INTERRUPTED:
        return _interrupted(code)
    if code == 0:
        return _Ending("done", 0, "")
    if isinstance(error, SystemExit):
        return _Ending("failed", code, f"the job exited with code {code}")
    return _Ending("failed", code, f"{type(error).__name__}; see the log with --debug")


def _interrupted(code: int) -> _Ending:
    """Describe a run that was stopped from outside: nothing is wrong with it, so it may run again."""
    return _Ending("interrupted", code, f"interrupted by {INTERRUPTED[code]}", retryable=True)


def _exit_code(error: BaseException | None) -> int:
    if error is None:
        return 0
    if not isinstance(error, SystemExit):
        return 1
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1


def _versions(spark: SparkSession | None) -> dict[str, str | None]:
    own = {"python": platform.python_version(), "logreg_dist": package_version(OWN_PACKAGE)}
    return own | versions_of_libraries() | _session_versions(spark)


def _session_versions(spark: SparkSession | None) -> dict[str, str | None]:
    if spark is None:
        return {}
    try:
        jvm: Any = spark._jvm
        return {"pyspark": str(spark.version), "java": str(jvm.System.getProperty("java.version"))}
    except Exception:  # the JVM may be what died
        log.debug("the session does not tell its versions", exc_info=True)
        return {}


def _reachable_filesystem(path: str, spark: SparkSession | None) -> Filesystem:
    """Fall back to local files when the JVM that would know the default filesystem is gone."""
    try:
        return filesystem_for(path, spark)
    except LogregError:
        raise
    except Exception:
        log.warning("Spark's JVM does not answer; '%s' is written on this machine", path)
        return local_filesystem()


def _plain(value: Any) -> Any:
    """Turn keys into text and numbers of any library into JSON's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, date | Decimal):
        return str(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return _plain(value.tolist())
    return f"<{type(value).__name__}>"
