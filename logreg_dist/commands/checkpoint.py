"""The checkpoint of the train job: the journal of its fit, written after every iteration beside the model to come."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from logreg_dist.config import TrainConfig
from logreg_dist.design.problems import first_few, quoted
from logreg_dist.errors import ConfigError
from logreg_dist.fitting.checkpoint_file import (
    MAX_BYTES,
    Origin,
    journal_bytes,
    journal_to_json,
    kept_from_json,
)
from logreg_dist.fitting.journal import MAX_NAMED, Journal, Kept, damaged, misfit
from logreg_dist.model.model import LogisticModel
from logreg_dist.model.strict_json import content_hash
from logreg_dist.publishing.filesystem import Filesystem, join, names_in
from logreg_dist.spark.preflight import report_task
from logreg_dist.versions import OWN_PACKAGE, package_version, versions_of_libraries

log = logging.getLogger(__name__)

NAME = "_checkpoint.json"
# A larger one is written only as often as takes a tenth of the time at most.
SMALL_BYTES = 1_000_000
MAX_SHARE = 0.1


class Checkpoint:
    """The file of a fit's journal, in the folder of the model to come.

    Parameters
    ----------
    files : Filesystem
    folder : str
    config : TrainConfig
    earlier : LogisticModel or None
        That the fit starts from.
    """

    def __init__(
        self, files: Filesystem, folder: str, config: TrainConfig, earlier: LogisticModel | None
    ) -> None:
        self.path, self._files, self._folder = join(folder, NAME), files, folder
        self._origin = origin_of(config, earlier)
        self._written_at, self._seconds, self._is_warned = -1e9, 0.0, False

    def open(self, resume: str) -> Journal:
        """Return the journal to fit with: of an interrupted run, or an empty one.

        Parameters
        ----------
        resume : str
            ``auto`` to go on from a checkpoint if there is one, ``require`` to fail without one, ``never`` to leave it.

        Raises
        ------
        ConfigError
            When one is required and there is none.
        CheckpointMisfit
            When it is of another configuration or other versions; of another table is found out by `Journal`.
        CheckpointDamaged
            When it cannot be read.
        """
        if resume == "never":
            return Journal(write=self._write)
        if self._files.exists(self.path):
            return Journal(self._kept(), self._write)
        if resume == "require":
            raise ConfigError(
                f"--resume require: there is no checkpoint in {quoted(self._folder)} to go on from.\n"
                "  Run without it to start anew."
            )
        return Journal(write=self._write)

    def has_led_to(self, target: str) -> bool:
        """Whether the run that left the checkpoint was killed after it had written its model, the file `target`."""
        if not self._files.exists(self.path) or not self._files.exists(target):
            return False
        # The model of an earlier run, which the killed one was to replace, is older than the checkpoint.
        return self._files.modified(target) >= self._files.modified(self.path)

    def remove(self) -> None:
        """Remove the file, and what a killed run left of its next one."""
        self._files.delete_tree(self.path)
        for name in names_in(self._files, self._folder):
            if name.startswith(f".{NAME}.") and name.endswith(".tmp"):
                self._files.delete_tree(join(self._folder, name))

    def _kept(self) -> Kept:
        try:
            content = self._files.read_bytes(self.path)
        except OSError as error:
            raise damaged(
                self.path, f"it cannot be read ({error.strerror or type(error).__name__})"
            ) from None
        kept, origin = kept_from_json(content, self.path)
        differences = list(_differences(origin, self._origin))
        if differences:
            raise misfit(self.path, kept.written, differences)
        return kept

    def _write(self, journal: Journal) -> None:
        """Write the journal, atomically; a failure is told once and ends no fit."""
        size, clock = journal_bytes(journal), time.perf_counter()
        if size > MAX_BYTES:
            self._warn(f"no checkpoint from here on: it would have {size / 1e6:,.0f} MB")
            return
        if size > SMALL_BYTES and clock - self._written_at < self._seconds / MAX_SHARE:
            return
        try:
            text = journal_to_json(journal, self._origin, datetime.now(UTC).isoformat(timespec="seconds"))
            self._files.write_atomic(self.path, text.encode())
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._warn(f"the checkpoint {self.path} could not be written ({reason}); the fit goes on without")
        self._written_at = time.perf_counter()
        self._seconds = self._written_at - clock

    def _warn(self, sentence: str) -> None:
        if not self._is_warned:
            log.warning("%s", sentence)
        self._is_warned = True


def origin_of(config: TrainConfig, earlier: LogisticModel | None) -> Origin:
    """Return what is known of a fit before the table is read.

    Secrets are redacted before they are hashed, and where the model goes counts for nothing.
    """
    values = {key: value for key, value in config.as_dict().items() if key != "output"}
    marks = {key: _mark(value) for key, value in _flat(values, "")}
    if earlier is not None:
        marks["the model that solver.warm_start names"] = _mark(earlier.model_id)
    # The same arithmetic in another order of additions gives other last bits.
    versions = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        **versions_of_libraries(),
        "logreg_dist": package_version(OWN_PACKAGE) or _code_mark(),
    }
    return Origin(marks, versions)


def _code_mark() -> str:
    """Return a digest of the code, for where it has no version: in a zip."""
    [here] = report_task()(())
    return f"code {here['logreg_dist']}"


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the keys, dotted, with what is no mapping."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _mark(value: Any) -> str:
    return content_hash({"value": value})[:32]


def _differences(then: Origin, now: Origin) -> Iterator[str]:
    keys = dict.fromkeys([*then.config, *now.config])
    other = [key for key in keys if then.config.get(key) != now.config.get(key)]
    if other:
        yield f"configuration: {first_few([quoted(key) for key in other], MAX_NAMED)}"
    names = dict.fromkeys([*then.versions, *now.versions])
    changed = [name for name in names if then.versions.get(name) != now.versions.get(name)]
    if changed:
        told = [f"{name} {then.versions.get(name, 'none')[:40]}" for name in changed]
        yield f"versions: it was written with {first_few(told, MAX_NAMED)}"
