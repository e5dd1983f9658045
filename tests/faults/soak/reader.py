"""A reader of the output that never stops: what it sees of each date must be one whole run."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PAUSE_SECONDS = 0.05  # between dates: more would take the runs' processors
SAME_SUM = 1e-12


@dataclass(frozen=True)
class Expected:
    """The rows that every run of every date must publish."""

    keys: tuple[str, ...]
    probability_sum: float


@dataclass
class Reader:
    """Reads all dates again and again in a thread of its own.

    Attributes
    ----------
    reads : int
        Dates that were read whole.
    moved : int
        Reads that ended in an error because the files were replaced meanwhile: the reader knows, and reads again.
    bad : list of str
        Reads that gave something else than the rows of one run.
    """

    output: Path
    expected: Expected
    reads: int = 0
    moved: int = 0
    bad: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def read_on(self) -> None:
        """Read until `stop` is called."""
        while not self._stop.is_set():
            self._seen.update(folder.name for folder in self.output.glob("run_date=*"))
            for name in sorted(self._seen):
                self._read(name)
                self._stop.wait(PAUSE_SECONDS)

    def stop(self) -> None:
        """End `read_on`."""
        self._stop.set()

    def _read(self, name: str) -> None:
        folder = self.output / name
        try:
            files = [path for path in folder.iterdir() if not path.name.startswith(("_", "."))]
        except FileNotFoundError:
            self.bad.append(f"{name} is not there")
            return
        try:
            rows = pa.concat_tables([pq.read_table(path, partitioning=None) for path in files])
        except FileNotFoundError:
            self.moved += 1
            return
        except (OSError, pa.ArrowException, ValueError) as error:
            self.bad.append(f"{name}: {error}")
            return
        self.reads += 1
        self.bad += [f"{name}: {problem}" for problem in problems(rows, self.expected)]


def problems(rows: pa.Table, expected: Expected) -> list[str]:
    """Return what is wrong with the rows of a date: lost, doubled, of several runs, of another sum."""
    keys = rows["id"].to_pylist()
    found = []
    if lost := len(set(expected.keys) - set(keys)):
        found.append(f"{lost} rows lost")
    if doubled := len(keys) - len(set(keys)):
        found.append(f"{doubled} rows doubled")
    if len(runs := set(rows["run_id"].to_pylist())) != 1:
        found.append(f"rows of {len(runs)} runs")
    total = float(np.sort(rows["probability"].to_numpy()).sum())
    if abs(total - expected.probability_sum) > SAME_SUM * expected.probability_sum:
        found.append(f"probabilities add up to {total!r}")
    return found


def run_of(output: Path, name: str) -> str | None:
    """Return the run that published a date, as its rows say."""
    with suppress(OSError, pa.ArrowException, StopIteration):
        file = next(path for path in (output / name).iterdir() if path.suffix == ".parquet")
        return str(pq.read_table(file, columns=["run_id"], partitioning=None)["run_id"][0])
    return None
