"""The table that the R oracle of marginal effects and intervals reads; python -m tests.oracles.effects FILE writes it."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

N = 400


def effects_table() -> pd.DataFrame:
    """Numbers x and z, categories g and h, a number m with missing values, importance weights w, a date far from 0."""
    rng = np.random.default_rng(20261121)
    x, z = rng.normal(1.0, 2.0, N), np.exp(rng.normal(0.0, 0.5, N))
    g, h = rng.choice(["a", "b", "c"], N, p=[0.5, 0.3, 0.2]), rng.choice(["u", "v"], N)
    m = np.where(rng.random(N) < 0.2, np.nan, rng.normal(0.0, 1.0, N))
    day = 20261120.0 + np.round(rng.uniform(-30, 30, N))
    eta = 0.4 * x - 0.3 * x * (g == "b") + 0.8 * np.log(z) + 0.7 * (g == "c") * (h == "v")
    eta += 0.3 * np.nan_to_num(m) - 0.5 * np.isnan(m) + 0.02 * (day - 20261120.0)
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "g": g,
            "h": h,
            "m": m,
            "day": day,
            "weight": np.round(rng.uniform(0.5, 3.0, N), 3),
            "label": (rng.random(N) < 1 / (1 + np.exp(-eta))).astype(float),
        }
    )


if __name__ == "__main__":
    effects_table().to_csv(sys.argv[1], index=False, float_format="%.17g")
