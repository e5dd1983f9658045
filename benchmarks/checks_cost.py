"""What each check and each kind of inference costs beside the fit: one warm session, the fit again with each alone."""

from __future__ import annotations

import logging
import re
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data import Table
from benchmarks.generate import SEED
from benchmarks.peers.ours import train_settings
from benchmarks.table import spread

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HEADER = ("option", "s", "beside the fit, s", "vs fit", "passes", "its passes, s", "which", "note")

ALONE = "fit-alone"
OFF: dict[str, Any] = {"checks": {"collinearity": False, "sample_size": False}}
# Rows of a cluster on average, and rows of the largest influence that are asked for.
CLUSTER_ROWS = 50
INFLUENCE_ROWS = 100
# Each is asked for alone, beside `OFF`.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    ALONE: {},
    "collinearity-sample-size": {"checks": {"collinearity": True, "sample_size": True}},
    "linearity-fit": {"checks": {"linearity": True, "fit": True}},
    "influence": {"checks": {"influence": {"rows": INFLUENCE_ROWS, "key": "row"}}},
    "serial-order": {"checks": {"order": "row"}},
    "marginal-effects": {"inference": {"marginal_effects": True}},
    "hc0": {"inference": {"covariance": "hc0"}},
    "hc3": {"inference": {"covariance": "hc3"}},
    "cluster": {"inference": {"covariance": "cluster", "cluster": "cluster"}},
    "profile-intervals": {"inference": {"intervals": "profile"}},
    "likelihood-ratio-tests": {"inference": {"tests": "likelihood_ratio"}},
}
# These are told from the sums of the fit.
FREE = (ALONE, "collinearity-sample-size")


@dataclass(frozen=True)
class OptionCost:
    """What the fit with one option took.

    Attributes
    ----------
    name : str
    seconds : tuple of float
        Of whole fits, staging included, one for each round.
    passes : int
    lines : tuple of str
        What the log said of the passes of the last round.
    refused : str
        Why there is nothing, in the library's words.
    """

    name: str
    seconds: tuple[float, ...] = ()
    passes: int = 0
    lines: tuple[str, ...] = ()
    refused: str = ""


def keyed_table(table: Table) -> Table:
    """Return a copy of a table with the columns ``row``, its number, and ``cluster``; made once and kept."""
    keyed = replace(table, folder=table.folder.with_name(table.folder.name + "-keyed"))
    if (keyed.folder / "case.json").is_file():
        return keyed
    shutil.rmtree(keyed.folder, ignore_errors=True)
    Path(keyed.path).mkdir(parents=True)
    rng, first = np.random.default_rng([SEED, 5]), 0
    n_clusters = max(table.case.rows // CLUSTER_ROWS, 2)
    for file in table.files:
        with pq.ParquetFile(file) as source:
            schema = source.schema_arrow.append(pa.field("row", pa.int64()))
            schema = schema.append(pa.field("cluster", pa.int64()))
            with pq.ParquetWriter(Path(keyed.path) / file.name, schema) as writer:
                for group in range(source.num_row_groups):
                    rows = source.read_row_group(group)
                    n = rows.num_rows
                    rows = rows.append_column("row", pa.array(np.arange(first, first + n)))
                    rows = rows.append_column("cluster", pa.array(rng.integers(0, n_clusters, n)))
                    writer.write_table(rows.cast(schema))
                    first += n
    # Last, so that an interrupted copy is not taken for a whole one.
    shutil.copy(table.folder / "case.json", keyed.folder / "case.json")
    return keyed


def measure_options(
    spark: SparkSession, table: Table, *, names: Sequence[str], repeat: int
) -> list[OptionCost]:
    """Fit with each option in turn, round after round; the first round is dropped, as Spark gets faster by it.

    Parameters
    ----------
    spark : SparkSession
    table : Table
        A keyed one.
    names : sequence of str
        Of `OPTIONS`.
    repeat : int
        Counted rounds.
    """
    found: dict[str, OptionCost] = {}
    for number in range(repeat + 1):
        for name in names:
            known = found.get(name)
            if known is not None and known.refused:
                continue
            once = _fit_once(spark, table, name)
            kept = known.seconds if known is not None and number > 1 else ()
            found[name] = replace(once, seconds=(*kept, *once.seconds))
    return list(found.values())


def option_rows(options: Sequence[OptionCost]) -> list[list[str]]:
    """Return a row of text for each option, in the order of `HEADER`."""
    alone = next(option for option in options if option.name == ALONE)
    base, known = statistics.median(alone.seconds), {_what(line) for line in alone.lines}
    rows = []
    for option in options:
        if option.refused:
            rows.append([option.name, *[""] * (len(HEADER) - 2), f"refused: {option.refused}"])
            continue
        more = statistics.median(option.seconds) - base
        own = [line for line in option.lines if _what(line) not in known]
        idle = option.name not in FREE and option.passes <= alone.passes
        is_base = option is alone
        rows.append(
            [
                option.name,
                spread(option.seconds),
                "" if is_base else f"{more:+.2f}",
                "" if is_base else f"{more / base:+.0%}",
                str(option.passes),
                f"{sum(map(_seconds, own)):.2f}" if own else "",
                "; ".join(own),
                "no pass of its own: not in this version" if idle else "",
            ]
        )
    return rows


def _fit_once(spark: SparkSession, table: Table, name: str) -> OptionCost:
    from logreg_dist import TrainConfig, fit
    from logreg_dist.errors import LogregError
    from logreg_dist.reading.open_table import open_for_fit

    lines = _Lines()
    logger = logging.getLogger("logreg_dist")
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        config = TrainConfig(**_merged(_merged(train_settings(table), OFF), OPTIONS[name]))
        assert config.input is not None
        source = open_for_fit(spark, config.input)
        start = time.perf_counter()
        model = fit(source, config)
        seconds = time.perf_counter() - start
    except (LogregError, NotImplementedError) as error:
        return OptionCost(name, refused=" ".join(str(error).split())[:200])
    finally:
        logger.removeHandler(lines)
        logger.setLevel(level)
    if not model.converged:
        return OptionCost(name, refused=f"{model.status}: {model.status_text}")
    return OptionCost(name, (seconds,), model.n_passes, tuple(lines.found))


class _Lines(logging.Handler):
    """Collects what the log says of passes."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("pass "):
            self.found.append(text.split(": ", 1)[1])


def _seconds(line: str) -> float:
    """Return the seconds at the end of a line about a pass."""
    found = re.search(r"\(([\d.]+) s\)$", line)
    return float(found[1]) if found else 0.0


def _what(line: str) -> str:
    """Return a line about a pass without its numbers."""
    return re.sub(r"[\d.,e+-]+", "#", line)


def _merged(settings: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(settings)
    for key, value in more.items():
        merged[key] = _merged(merged.get(key, {}), value) if isinstance(value, Mapping) else value
    return merged
