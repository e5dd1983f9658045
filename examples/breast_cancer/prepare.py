"""Write the Wisconsin diagnostic breast cancer table to Parquet: train, hold-out and all to score.

Usage: python -m examples.breast_cancer.prepare [FOLDER], by default data/breast_cancer.

The 569 lumps come with scikit-learn: 30 measurements of the cell nuclei in a digitized image of a
fine needle aspirate (Street, Wolberg and Mangasarian 1993). There, 0 means malignant; here
`malignant` is true or false.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer

from examples.tables import folder_asked, numbered, split, write


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    write(folder, split(lumps(), "lump_id", label="malignant"), "lumps")


def lumps() -> pd.DataFrame:
    """Return the lumps with a key, one row each."""
    found = load_breast_cancer(as_frame=True)
    frame = found.data.rename(columns=lambda name: name.replace(" ", "_"))
    frame.insert(0, "lump_id", numbered(len(frame), "T"))
    return frame.assign(malignant=found.target == 0)


if __name__ == "__main__":
    main(folder_asked("data/breast_cancer"))
