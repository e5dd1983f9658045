"""``conf/score.yaml`` as a type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from logreg_dist.config.document import Document, Section
from logreg_dist.config.fields import AS_TUPLE, Flag, Location, Names, choice, expected, reject, repeated
from logreg_dist.config.problems import Problem, quoted
from logreg_dist.config.table_input import InputConfig, overlap
from logreg_dist.config.table_name import TableName, same_table

_LATER = ("reasons",)
# Columns that scoring adds by itself; a carried column must not have the same name.
_ADDED = ("run_date", "model_id", "run_id")


def _iso_date(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError
    date.fromisoformat(text)
    return text


_ScoreColumn = Annotated[
    Literal["probability", "conf_low", "conf_high", "linear_predictor", "predicted_class"],
    choice("probability", "conf_low", "conf_high", "linear_predictor", "predicted_class", later=_LATER),
]


class ScoreOutputConfig(Section):
    """Where scores go. `run_date` is the logical date of the run and has no default.

    That is a folder (`path`) or a table of the session's catalog (`table`), never both. `columns` may hold
    ``conf_low`` and ``conf_high``, the ends of the probability's interval. `mode` says what happens to data that
    is there: ``replace_partition`` (the partition of `run_date`), ``error_if_exists`` or ``replace_all``.
    """

    path: Location | None = None
    table: TableName | None = None
    format: Annotated[
        Literal["parquet", "orc", "json", "csv"],
        choice("parquet", "orc", "json", "csv", later=("delta", "iceberg", "hudi", "avro")),
    ] = "parquet"
    run_date: Annotated[str, AfterValidator(_iso_date), expected("a date such as 2026-11-21 (text)")]
    partition_by: Names = ("run_date",)
    mode: Annotated[
        Literal["replace_partition", "error_if_exists", "replace_all"],
        choice("replace_partition", "error_if_exists", "replace_all"),
    ] = "replace_partition"
    columns: Annotated[tuple[_ScoreColumn, ...], Field(min_length=1), AS_TUPLE] = ("probability",)
    allow_empty: Flag = False

    @model_validator(mode="after")
    def _partitions_agree(self) -> Self:
        problems = [*repeated(self.partition_by, ("partition_by",)), *repeated(self.columns, ("columns",))]
        if self.mode == "replace_partition" and self.partition_by[:1] != ("run_date",):
            problems.append(Problem(("partition_by",), "mode replace_partition needs run_date as the first"))
        if (self.path is None) == (self.table is None):
            state = "both are given; set one of them to null" if self.path else "neither is given"
            problems.append(Problem(("path",), f"expected either path or table, {state}"))
        if self.table is not None and self.partition_by not in ((), ("run_date",)):
            problems.append(
                Problem(("partition_by",), "a table is partitioned by [run_date] or not at all: []")
            )
        reject(problems)
        return self


class ScoreConfig(Document):
    """What to score; `keys` identify a row and are carried to the output, as `keep` is.

    `engine` is how scores are worked out, with the same numbers: ``arrow`` reads plain Parquet files
    inside the tasks, ``array`` hands the rows of any table to NumPy, ``sql`` is an expression of
    Spark. ``auto`` takes the fastest for the table. `key_check` says what becomes of keys that more
    than one row has: ``error`` publishes nothing, ``warn`` all rows, ``off`` does not look.
    """

    model: Location
    input: InputConfig
    engine: Annotated[Literal["auto", "sql", "array", "arrow"], choice("auto", "sql", "array", "arrow")] = (
        "auto"
    )
    keys: Annotated[Names, Field(min_length=1), expected("a list of one column name or more (text)")]
    keep: Names = ()
    key_check: Annotated[Literal["error", "warn", "off"], choice("error", "warn", "off")] = "error"
    output: ScoreOutputConfig

    def disagreements(self) -> list[Problem]:
        """Report columns of one name, partitions that are not written, and output on top of input."""
        return [*_column_problems(self), *_place_problems(self)]


def _column_problems(config: ScoreConfig) -> Iterator[Problem]:
    yield from repeated(config.keys, ("keys",))
    yield from repeated(config.keep, ("keep",))
    keys = set(config.keys)
    for name in dict.fromkeys(config.keep):
        if name in keys:
            yield Problem(("keep",), f"lists {quoted(name)}, which keys lists too")
    added = (*_ADDED, *config.output.columns)
    for place, names in (("keys", config.keys), ("keep", config.keep)):
        for name in dict.fromkeys(names):
            if name in added:
                yield Problem((place,), f"lists {quoted(name)}, a column that scoring adds")
    written = {"run_date", *config.keys, *config.keep, *config.output.columns}
    if "probability" in config.output.columns:
        written.add("predicted_class")  # with several classes it comes along
    for name in dict.fromkeys(config.output.partition_by):
        if name not in written:
            yield Problem(
                ("output", "partition_by"), f"{quoted(name)} is no column of the output; add it to keep"
            )


def _place_problems(config: ScoreConfig) -> list[Problem]:
    path, table, read = config.output.path, config.output.table, config.input.table
    if table is not None and read is not None and same_table(table, read):
        return [Problem(("output", "table"), "is the table that is read; choose another one")]
    if path is None:
        return []
    problems = overlap(path, config.input.paths, above=True)
    return problems or overlap(path, (config.model,), above=True)
