"""Small tables with something wrong in them, and errors compared word for word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from logreg_dist import TrainConfig

N_ROWS = 400


def good_rows(n: int = N_ROWS) -> pd.DataFrame:
    """``y`` (0/1), ``x`` and ``z``: overlapping, well conditioned, nothing missing."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=n), rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-0.5 * x + 0.3 * z))).astype(int)
    return pd.DataFrame({"y": y, "x": x, "z": z})


def with_bad(values: Any, bad: Any, count: int) -> list[Any]:
    """Return `values` as a list with `bad` in the first `count` places."""
    return [bad] * count + list(values)[count:]


def config(label: Mapping[str, Any] | None = None, **settings: Any) -> TrainConfig:
    return TrainConfig(label=label or {"column": "y"}, **settings)


def exactly(text: str) -> str:
    """Return a pattern for `match=` that takes this text and no other."""
    assert len(text.splitlines()) <= 6, "the contract: six lines at most"
    return rf"\A{re.escape(text)}\Z"
