"""A cost model of a fit: seconds from rows, columns, levels and cores, checked against RESULTS.md."""

from __future__ import annotations

from dataclasses import dataclass

# Measured on one core of the faster machine in RESULTS.md; other machines scale all of them alike. The driver's own
# work is not in it: with more than a thousand terms it shows.
FIXED = 2.2  # seconds in which Spark starts Python workers, and the sample is fitted
STAGED_NUMBER, STAGED_LEVEL = 13.0, 25.0  # nanoseconds a value: read, surveyed and written once
PER_JOB = 0.085  # seconds of an empty Spark job
ROW, NUMBER, PRODUCT, LEVEL = 10.0, 1.3, 0.0125, 11.0  # nanoseconds a row and pass


@dataclass(frozen=True)
class Size:
    """What a fit is asked to do.

    Attributes
    ----------
    rows : int
    numbers, categories : int
        Columns of each kind.
    passes : int
        Over the rows; four are usual.
    """

    rows: int
    numbers: int
    categories: int = 0
    passes: int = 4


def seconds(size: Size, cores: int) -> float:
    """Return the wall time of a fit of plain Parquet files, session start excluded.

    Examples
    --------
    Five million rows of 30 numbers on two cores:

    >>> round(seconds(Size(5_000_000, 30), cores=2), 1)
    4.2

    Ten billion on a thousand, without what a driver needs to start a thousand tasks in each pass:

    >>> round(seconds(Size(10_000_000_000, 30), cores=1_000), 1)
    9.1
    """
    return FIXED + staging_seconds(size, cores) + size.passes * pass_seconds(size, cores)


def staging_seconds(size: Size, cores: int) -> float:
    """Return the wall time of reading the table once."""
    per_row = STAGED_NUMBER * (size.numbers + 1) + STAGED_LEVEL * size.categories
    return 1e-9 * size.rows * per_row / cores


def pass_seconds(size: Size, cores: int) -> float:
    """Return the wall time of a pass.

    Examples
    --------
    >>> round(pass_seconds(Size(5_000_000, 30), cores=2), 2)
    0.24
    """
    d = size.numbers + 1
    per_row = ROW + NUMBER * d + PRODUCT * d * d + LEVEL * size.categories
    return PER_JOB + 1e-9 * size.rows * per_row / cores


def result_bytes(terms: int, n_splits: int) -> tuple[int, int]:
    """Return what a split sends to the driver in a pass, and what arrives there in all.

    Above 256 MB Spark adds the results of neighbouring splits before they are sent.

    Examples
    --------
    >>> [round(n / 1e6) for n in result_bytes(1_000, 1_000)]
    [8, 256]
    """
    each = 8 * terms * terms
    groups = max(8, int((n_splits - 1) ** 0.5) + 1)
    n_sent = n_splits if n_splits * each <= 256_000_000 else -(-n_splits // groups)
    return each, n_sent * each
