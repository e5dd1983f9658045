"""Keys that more than one row has: nobody could tell their scores apart, and a join would multiply rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from logreg_dist.design.problems import counted, listed, quoted
from logreg_dist.errors import InputRejected
from logreg_dist.reading.names import quote


@dataclass(frozen=True)
class RepeatedKeys:
    """How many keys occur more than once, and in how many rows."""

    keys: int = 0
    rows: int = 0

    @property
    def text(self) -> str:
        """The finding, without any key."""
        occur = "occurs" if self.keys == 1 else "occur"
        return f"{counted(self.keys, 'key')} {occur} more than once ({self.rows:,} rows)"


def find_repeated_keys(rows: DataFrame, keys: Sequence[str]) -> RepeatedKeys:
    """Count the keys that occur more than once, exactly; one job with a shuffle of 8 bytes a row.

    Rows of different hashes have different keys, so where no hash repeats no key does. Only where
    one does, another job compares the keys themselves.

    Parameters
    ----------
    rows : DataFrame
    keys : sequence of str
        Columns that identify a row together.
    """
    columns = [F.col(quote(name)) for name in keys]
    hashes = rows.select(F.xxhash64(*columns).alias("hash")).groupBy("hash")
    if not _repeated(hashes.count()).keys:
        return RepeatedKeys()
    return _repeated(rows.select(*columns).groupBy(*columns).agg(F.count(F.lit(1)).alias("count")))


def refuse_repeated_keys(found: RepeatedKeys, keys: Sequence[str], n_rows: int) -> None:
    """Raise when keys occur more than once.

    Raises
    ------
    InputRejected
        With the counts; never with a key.
    """
    if found.keys:
        several = "s" if len(keys) > 1 else ""
        raise InputRejected(
            f"{found.text} in {counted(n_rows, 'row')}, by key column{several} {listed([quoted(k) for k in keys])}.\n"
            "  Remove the repetitions from the table or name further columns in keys. key_check: warn publishes all rows,\n"
            "  key_check: off does not look."
        )


def _repeated(counts: DataFrame) -> RepeatedKeys:
    n_keys, n_rows = F.count(F.lit(1)), F.coalesce(F.sum("count"), F.lit(0))
    found = counts.filter(F.col("count") > 1).agg(n_keys, n_rows).first()
    assert found is not None
    return RepeatedKeys(int(found[0]), int(found[1]))
