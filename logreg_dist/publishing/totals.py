"""What of a staged table is counted while it is written, and again when it is read back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf

from logreg_dist.errors import OutputNotVerified
from logreg_dist.publishing.destination import RUN_DATE, Destination
from logreg_dist.publishing.probability_columns import is_added_up

N_ROWS = "n_rows"
# Totals that only the verification needs: the rows of this date, the sums of the probabilities.
INTERNAL = "_check_"
ROWS_OF_DATE = f"{INTERNAL}{RUN_DATE}"
SUM_OF = f"{INTERNAL}sum_of_"
# Two sums of the same numbers in another order: 1e-16 times the square root of any number of rows.
SUM_TOLERANCE = 1e-9
# A row: numbers of both signs that somebody calls probability_... may cancel, and Spark adds in another order each time.
SUM_SLACK = 1e-11


@dataclass(frozen=True)
class StagedTotals:
    """What somebody else than Spark wrote to a staging folder, or found there.

    Attributes
    ----------
    n_rows : int
    n_of_date : int
        Of them those of the run's date.
    sums : mapping of str to float or None
        Of the columns that `is_added_up` names; None where no row has a value.
    """

    n_rows: int
    n_of_date: int
    sums: Mapping[str, float | None]


@dataclass(frozen=True)
class StagedBy:
    """Somebody else than Spark, who writes rows to a folder and reads them back.

    Attributes
    ----------
    write : callable
        Gets the name of a folder that is empty or not there yet; returns what it wrote.
    read : callable
        Gets the name of that folder; returns what its files hold, having read the columns that are added up.
    count : callable
        Gets the name of a folder of such files, with folders of partitions or without; returns how many rows a reader
        finds in it.
    """

    write: Callable[[str], StagedTotals]
    read: Callable[[str], StagedTotals]
    count: Callable[[str], int]


def totals_of(table: DataFrame, destination: Destination) -> dict[str, Column]:
    """Return what the verification compares: rows, rows of the run's date, sums of the probabilities."""
    numbers = [name for name, kind in table.dtypes if kind in ("double", "float")]
    probabilities = [name for name in numbers if is_added_up(name)]
    sums = {f"{SUM_OF}{name}": sf.sum(sf.col(f"`{name.replace('`', '``')}`")) for name in probabilities}
    # count() ignores null, so a row without a date is not counted either.
    of_date = sf.count(sf.when(sf.col(RUN_DATE).cast("string") == destination.run_date, 1))
    return {N_ROWS: sf.count(sf.lit(1)), ROWS_OF_DATE: of_date, **sums}


def named_totals(totals: StagedTotals) -> dict[str, Any]:
    """Return totals under the names that `totals_of` gives them.

    Examples
    --------
    >>> named_totals(StagedTotals(2, 2, {"probability": 0.5}))
    {'n_rows': 2, '_check_run_date': 2, '_check_sum_of_probability': 0.5}
    """
    sums = {f"{SUM_OF}{name}": value for name, value in totals.sums.items()}
    return {N_ROWS: totals.n_rows, ROWS_OF_DATE: totals.n_of_date, **sums}


def is_taken(name: str) -> bool:
    """Whether a total that somebody else asks for may not have this name."""
    return name == N_ROWS or name.startswith(INTERNAL)


def without_internal_totals(observed: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the totals that only the verification needs.

    Examples
    --------
    >>> without_internal_totals({"n_rows": 2, "_check_run_date": 2})
    {'n_rows': 2}
    """
    return {name: value for name, value in observed.items() if not name.startswith(INTERNAL)}


def check_totals(found: Mapping[str, Any], observed: Mapping[str, Any], destination: Destination) -> None:
    """Hold what was read back against what was counted while writing.

    Raises
    ------
    OutputNotVerified
        They differ.
    """
    check_run_date(found, destination)
    slack = SUM_SLACK * observed[N_ROWS]
    different = [name for name in observed if not _same_sum(found[name], observed[name], slack)]
    if found[N_ROWS] != observed[N_ROWS]:
        problem = f"{observed[N_ROWS]:,} rows were written and {found[N_ROWS]:,} read back"
    elif different:
        names = ", ".join(name.removeprefix(SUM_OF) for name in different)
        problem = f"other sums are read back: {names}"
    else:
        return
    raise OutputNotVerified(f"'{destination.place}': {problem}.\n  The old output is kept.")


def check_run_date(observed: Mapping[str, Any], destination: Destination) -> None:
    """Refuse rows of another date than the run's.

    Raises
    ------
    OutputNotVerified
        With their number.
    """
    n_rows, other = observed[N_ROWS], observed[N_ROWS] - observed[ROWS_OF_DATE]
    if other:
        raise OutputNotVerified(
            f"'{destination.place}': {other:,} of {n_rows:,} rows have another run_date than "
            f"{destination.run_date}.\n  The old output is kept."
        )


def _same_sum(found: float | None, observed: float | None, slack: float) -> bool:
    if found is None or observed is None:
        return found is observed
    if math.isnan(observed):
        return math.isnan(found)
    return math.isclose(found, observed, rel_tol=SUM_TOLERANCE, abs_tol=slack)
