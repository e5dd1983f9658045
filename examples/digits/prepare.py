"""Write handwritten digits to Parquet, a column for each pixel: train, hold-out and all to score.

Usage: python -m examples.digits.prepare [FOLDER], by default data/digits.

The 1,797 images of 8 x 8 pixels come with scikit-learn (the test part of Alpaydin and Kaynak's
optical recognition of handwritten digits, 1998). Column p23 is the pixel of row 2 and column 3, from
0 (white) to 16 (black).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_digits

from examples.tables import folder_asked, numbered, split, write


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    write(folder, split(images(), "image_id", label="digit"), "images")


def images() -> pd.DataFrame:
    """Return the images with a key, one row each."""
    found = load_digits()
    names = [f"p{row}{column}" for row in range(8) for column in range(8)]
    frame = pd.DataFrame(found.data, columns=names)
    frame.insert(0, "image_id", numbered(len(frame), "I"))
    return frame.assign(digit=found.target)


if __name__ == "__main__":
    main(folder_asked("data/digits"))
