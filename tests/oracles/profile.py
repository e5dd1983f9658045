"""Profile-likelihood limits by mpmath: a restricted fit for each value of a coefficient, and the root of the rise.

Usage: python -m tests.oracles.profile, from the root of the repository. It writes the table for profile.R too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.certified.sets import load

HERE = Path(__file__).parent
CONFIDENCE = 0.95
DIGITS = 30


def skewed() -> pd.DataFrame:
    """A table with a skewed column on a large scale, a rare indicator, a category, frequencies and an offset."""
    rng = np.random.default_rng(20)
    n = 60
    x = np.round(1000 * np.exp(rng.normal(size=n)), 3)
    rare = np.isin(np.arange(n), [3, 17, 30, 44]).astype(float)
    plan = np.array(["a", "b", "c"])[rng.integers(0, 3, n)]
    offset = np.round(rng.normal(scale=0.4, size=n), 3)
    eta = 0.4 * (x / 1000 - 1.5) + 2.0 * rare + 0.6 * (plan == "b") + offset
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    y[[3, 17, 30, 44]] = [1, 1, 0, 1]
    frequency = rng.integers(1, 4, n)
    return pd.DataFrame(
        {"x": x, "rare": rare, "plan": plan, "frequency": frequency, "offset": offset, "y": y}
    )


def design(name: str) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return terms, X (n, p), y, weight and offset (n,) of a table, nothing centred."""
    if name == "birthwt":
        frame = load("birthwt")
        numeric, category, reference, label = (
            ["age", "lwt", "smoke", "ptl", "ht", "ui", "ftv"],
            "race",
            "white",
            "low",
        )
    else:
        frame = skewed()
        numeric, category, reference, label = ["x", "rare"], "plan", "a", "y"
    levels = sorted(set(frame[category]) - {reference})
    columns = [np.ones(len(frame)), *(frame[column].to_numpy(dtype=float) for column in numeric)]
    columns += [(frame[category] == level).to_numpy(dtype=float) for level in levels]
    terms = ["intercept", *numeric, *(f"{category}[{level}]" for level in levels)]
    ones = np.ones(len(frame))
    weight = frame["frequency"].to_numpy(dtype=float) if "frequency" in frame else ones
    offset = frame["offset"].to_numpy(dtype=float) if "offset" in frame else 0 * ones
    return terms, np.column_stack(columns), frame[label].to_numpy(dtype=float), weight, offset


def main() -> None:
    """Write skewed.csv and profile.json."""
    skewed().to_csv(HERE / "profile_skewed.csv", index=False)
    found = {name: _limits(*design(name)) for name in ("birthwt", "skewed")}
    (HERE / "profile.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _limits(
    terms: list[str], X: np.ndarray, y: np.ndarray, weight: np.ndarray, offset: np.ndarray
) -> dict[str, Any]:
    import mpmath as mp
    from scipy.optimize import brentq
    from scipy.stats import norm

    mp.mp.dps = DIGITS
    scale = np.abs(X).max(axis=0)  # the solves stay well-posed; undone at the end
    rows = [[mp.mpf(float(v)) / mp.mpf(float(s)) for v, s in zip(row, scale, strict=True)] for row in X]
    ys, ws, offsets = ([mp.mpf(float(v)) for v in array] for array in (y, weight, offset))
    p = len(terms)

    def sums(beta: list[Any]) -> tuple[Any, Any, Any]:
        deviance, score, information = mp.mpf(0), mp.matrix(p, 1), mp.matrix(p, p)
        for row, yi, wi, oi in zip(rows, ys, ws, offsets, strict=True):
            eta = oi + sum(b * v for b, v in zip(beta, row, strict=True))
            e = mp.exp(-abs(eta))
            mu = 1 / (1 + e) if eta > 0 else e / (1 + e)
            deviance += 2 * wi * (max(eta, 0) + mp.log1p(e) - yi * eta)
            for i in range(p):
                score[i] += wi * (yi - mu) * row[i]
                for j in range(i + 1):
                    information[i, j] += wi * mu * (1 - mu) * row[i] * row[j]
        for i in range(p):
            for j in range(i):
                information[j, i] = information[i, j]
        return deviance, score, information

    def fit(beta: list[Any], free: list[int]) -> tuple[list[Any], Any, Any]:
        for _ in range(60):
            deviance, score, information = sums(beta)
            part = mp.matrix([[information[i, j] for j in free] for i in free])
            step = mp.lu_solve(part, mp.matrix([score[i] for i in free]))
            size = mp.sqrt(sum(step[k] * score[i] for k, i in enumerate(free)))
            damp = min(mp.mpf(1), 2 / size) if size else mp.mpf(1)
            beta = list(beta)
            for k, i in enumerate(free):
                beta[i] += damp * step[k]
            if size < mp.mpf(10) ** (10 - DIGITS):
                return beta, deviance, information
        raise ArithmeticError("no convergence")

    best, smallest, information = fit([mp.mpf(0)] * p, list(range(p)))
    spread = information**-1
    rise = mp.mpf(2) * mp.erfinv(mp.mpf(str(CONFIDENCE))) ** 2
    assert abs(float(rise) - norm.isf((1 - CONFIDENCE) / 2) ** 2) < 1e-12
    table = {}
    for j, term in enumerate(terms):
        se, others = mp.sqrt(spread[j, j]), [k for k in range(p) if k != j]
        ends = []
        for side in (-1, 1):
            tangent = [spread[k, j] / se for k in range(p)]

            def root_of_rise(
                t: Any, side: int = side, others: list[int] = others, tangent: list[Any] = tangent
            ) -> Any:
                start = [b + side * t * d for b, d in zip(best, tangent, strict=True)]
                _, deviance, _ = fit(start, others)
                return mp.sqrt(deviance - smallest) - mp.sqrt(rise)

            rough = brentq(lambda t: float(root_of_rise(mp.mpf(t))), 0.3, 8.0, xtol=1e-4)
            t = mp.findroot(root_of_rise, (mp.mpf(rough), mp.mpf(rough) + mp.mpf("1e-5")), tol=1e-40)
            ends.append(mp.nstr((best[j] + side * t * se) / mp.mpf(float(scale[j])), 20))
        values = [best[j] / mp.mpf(float(scale[j])), se / mp.mpf(float(scale[j]))]
        table[term] = [*(mp.nstr(v, 20) for v in values), *ends]
        print(term, table[term], flush=True)  # noqa: T201
    return {"deviance": mp.nstr(smallest, 20), "estimate, std_error, low, high": table}


if __name__ == "__main__":
    main()
