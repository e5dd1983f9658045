"""The rows of the robust covariances' oracle: the test makes them, and R reads them as CSV."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

N_ROWS = 360


def robust_rows() -> pd.DataFrame:
    """Return rows in clusters `site` and `month` with numbers, a category, weight, frequency, trials and an offset."""
    rng = np.random.default_rng(20_260)
    site, month = rng.integers(0, 40, N_ROWS), rng.integers(0, 12, N_ROWS)
    # Of few decimals: the file holds every bit.
    x1 = np.round(rng.normal(size=N_ROWS) + 0.5 * rng.normal(size=40)[site] + 3, 3)
    x2 = np.round(rng.normal(size=N_ROWS) * 100 + 1000, 1)
    plan = np.array(["basic", "plus", "pro"], dtype=object)[rng.integers(0, 3, N_ROWS)]
    shift = rng.normal(size=40)[site] + 0.5 * rng.normal(size=12)[month]
    eta = 0.6 * (x1 - 3) + 0.004 * (x2 - 1000) + 0.5 * (plan == "pro") - 0.4 + shift
    trials = rng.integers(1, 9, N_ROWS)
    return pd.DataFrame(
        {
            "y": (rng.random(N_ROWS) < 1 / (1 + np.exp(-eta))).astype("int64"),
            "x1": x1,
            "x2": x2,
            "plan": plan,
            "site": [f"s{k}" for k in site],
            "month": month,
            "weight": rng.choice([0.5, 0.75, 1.0, 1.5, 2.25], N_ROWS),
            "frequency": rng.integers(1, 5, N_ROWS),
            "offset": np.round(rng.normal(size=N_ROWS) / 4, 2),
            "events": rng.binomial(trials, 1 / (1 + np.exp(-eta))),
            "trials": trials,
            "time": rng.permutation(N_ROWS) // 3,
        }
    )


if __name__ == "__main__":
    robust_rows().to_csv(Path(sys.argv[1]), index=False)
