"""The tables of firth.R: `python -m tests.oracles.firth FOLDER` writes them as CSV."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def separated() -> dict[str, np.ndarray]:
    """Return 60 rows whose level "c" has events only, with frequencies; x has two decimals."""
    rng = np.random.default_rng(11)
    x = np.round(rng.normal(size=60), 2)
    level = rng.integers(0, 3, 60)
    y = (rng.random(60) < 1 / (1 + np.exp(-x))).astype(float)
    y[level == 2] = 1.0
    return {"x": x, "level": level.astype(float), "frequency": rng.integers(1, 4, 60).astype(float), "y": y}


def completely_separated() -> dict[str, np.ndarray]:
    """Return 30 rows that a + 2 b separates."""
    rng = np.random.default_rng(12)
    a, b = np.round(rng.normal(size=(2, 30)), 2)
    return {"a": a, "b": b, "y": (a + 2 * b > 0.1).astype(float)}


def design(table: dict[str, np.ndarray]) -> np.ndarray:
    """Return the columns as R's model.matrix has them, the intercept first."""
    level = table.get("level", np.zeros(0))
    columns = [table["a"], table["b"]] if "a" in table else [table["x"], level == 1, level == 2]
    return np.column_stack([np.ones(len(table["y"])), *columns]).astype(float)


TABLES = {"separated": separated, "completely_separated": completely_separated}

if __name__ == "__main__":
    for name, make in TABLES.items():
        table = make()
        rows = zip(*table.values(), strict=True)
        lines = [",".join(table), *(",".join(repr(float(value)) for value in row) for row in rows)]
        Path(sys.argv[1], f"{name}.csv").write_text("\n".join(lines) + "\n")
