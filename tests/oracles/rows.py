"""The tables that the checks of single rows are held against R on; `python -m tests.oracles.rows FOLDER` writes them.

``Rscript tests/oracles/rows.R FOLDER > tests/oracles/rows.json`` makes the values.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

FEATURES = ("income", "score", "year", "visits", "plan")
PLANS = np.array(["basic", "plus", "top"], dtype=object)


def single(n_rows: int = 400, seed: int = 5) -> pa.Table:
    """Return rows of one trial: skewed, signed, far from 0, few whole numbers, a category; a curve in income."""
    rng = np.random.default_rng(seed)
    columns, eta = _features(rng, n_rows)
    label = (rng.random(n_rows) < 1 / (1 + np.exp(-eta))).astype(float)
    return pa.table({**columns, "label": label})


def weighted(seed: int = 6) -> pa.Table:
    """Return rows with an importance weight and an offset."""
    rng = np.random.default_rng(seed)
    table = single(300, seed + 1)
    offset = np.round(rng.normal(scale=0.4, size=300), 3)
    weight = np.round(rng.uniform(0.2, 3.0, size=300), 3)
    return table.append_column("weight", pa.array(weight)).append_column("offset", pa.array(offset))


def grouped(n_rows: int = 90, seed: int = 8) -> pa.Table:
    """Return rows of several trials, with more spread than the binomial has."""
    rng = np.random.default_rng(seed)
    columns, eta = _features(rng, n_rows)
    trials = rng.integers(1, 30, n_rows)
    mu = 1 / (1 + np.exp(-eta - rng.normal(scale=0.7, size=n_rows)))
    events = rng.binomial(trials, mu)
    return pa.table({**columns, "events": events.astype(float), "trials": trials.astype(float)})


def _features(rng: np.random.Generator, n_rows: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    income = np.round(np.exp(rng.normal(3.0, 0.8, n_rows)), 2)
    score = np.round(rng.normal(size=n_rows), 3)
    year = rng.integers(1990, 2021, n_rows).astype(float)
    visits = rng.poisson(2.0, n_rows).astype(float)
    code = rng.integers(0, 3, n_rows)
    eta = 1.2 * np.log(income / 20) + 0.5 * score - 0.02 * (year - 2005) + 0.2 * visits - 0.4 * code - 0.3
    columns = {"income": income, "score": score, "year": year, "visits": visits, "plan": PLANS[code]}
    return columns, eta


if __name__ == "__main__":
    for name, table in (("single", single()), ("weighted", weighted()), ("grouped", grouped())):
        pyarrow.csv.write_csv(table, Path(sys.argv[1]) / f"{name}.csv")
