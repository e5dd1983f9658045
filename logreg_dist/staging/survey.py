"""Surveying rows while they are staged: from raw arrays to their profile."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from logreg_dist.staging.profile import CategoricalProfile, NumericProfile

FloatArray = NDArray[np.float64]


def survey_numbers(values: FloatArray, weight: FloatArray) -> NumericProfile:
    """Profile the numeric columns of a chunk.

    Parameters
    ----------
    values : ndarray (p, m)
        NaN where missing, read as it came.
    weight : ndarray (m,)
        Prior weight > 0 of each row.

    Examples
    --------
    >>> profile = survey_numbers(np.array([[1.0, 3.0, np.nan, np.inf]]), np.ones(4))
    >>> profile.mean.tolist(), profile.m2.tolist(), profile.n_missing.tolist(), profile.n_infinite.tolist()
    ([2.0], [2.0], [1], [1])
    """
    with np.errstate(all="ignore"):  # 1e308 and infinities are what is being looked for
        everything_finite = np.isfinite(values @ weight).all()
    if everything_finite:
        return _survey_finite(values, weight)
    finite = np.isfinite(values)
    missing = np.isnan(values)
    safe = np.where(finite, values, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        column_weight = finite @ weight
        total = safe @ weight
        mean = np.divide(total, column_weight, out=np.zeros_like(total), where=column_weight > 0)
        deviation = np.where(finite, values - mean[:, None], 0.0)
        m2 = (deviation * deviation) @ weight
    return NumericProfile(
        n_missing=missing.sum(axis=1),
        n_infinite=(~finite & ~missing).sum(axis=1),
        n_not_number=np.zeros(len(values), dtype=np.int64),
        weight=column_weight,
        mean=mean,
        m2=m2,
        minimum=np.where(finite, values, np.inf).min(axis=1, initial=np.inf),
        maximum=np.where(finite, values, -np.inf).max(axis=1, initial=-np.inf),
    )


class LevelCounts:
    """Running counts of the levels of one column; a builder that grows with its dictionary."""

    def __init__(self) -> None:
        self.observations, self.events = np.zeros(1), np.zeros(1)
        self.n_missing = 0

    def add(self, codes: NDArray[np.int32], y: FloatArray, frequency: FloatArray) -> None:
        """Count m rows: `codes` (m,) with -1 for missing, `y` (m,), `frequency` (m,)."""
        self.n_missing += int((codes < 0).sum())
        shifted = codes + 1
        self.observations = _add_longer(self.observations, _weighted_counts(shifted, frequency))
        self.events = _add_longer(self.events, _weighted_counts(shifted, frequency * y))

    def add_ones(self, codes: NDArray[np.int32], is_event: NDArray[np.int32]) -> None:
        """Count m rows of frequency 1 whose label is 0 or 1, in half the time."""
        self.n_missing += int((codes < 0).sum())
        counts = np.bincount(2 * (codes + 1) + is_event)
        by_label = np.append(counts, np.zeros(len(counts) % 2, dtype=counts.dtype)).reshape(-1, 2)
        self.observations = _add_longer(self.observations, by_label.sum(axis=1).astype(np.float64))
        self.events = _add_longer(self.events, by_label[:, 1].astype(np.float64))

    def profile(self, levels: Iterable[str], *, n_not_whole: int, overflowed: bool) -> CategoricalProfile:
        """Return the counts by level; `levels` in the order of the codes.

        Examples
        --------
        >>> counts = LevelCounts()
        >>> codes = np.array([0, 1, 0, -1], dtype=np.int32)
        >>> counts.add(codes, np.array([1.0, 0, 0, 1]), np.ones(4))
        >>> profile = counts.profile(["a", "b"], n_not_whole=0, overflowed=False)
        >>> profile.levels, profile.missing
        ({'a': (2.0, 1.0), 'b': (1.0, 0.0)}, (1.0, 1.0))
        """
        names = list(levels)
        size = np.zeros(len(names) + 1)
        observations = _add_longer(size, self.observations).tolist()
        pairs = list(zip(observations, _add_longer(size, self.events).tolist(), strict=True))
        return CategoricalProfile(
            levels=dict(zip(names, pairs[1:], strict=True)),
            missing=pairs[0],
            n_missing=self.n_missing - n_not_whole,
            n_not_whole=n_not_whole,
            overflowed=overflowed,
        )


def _weighted_counts(codes: NDArray[np.int32], weight: FloatArray) -> FloatArray:
    return np.bincount(codes, weights=weight).astype(np.float64, copy=False)


def _add_longer(a: FloatArray, b: FloatArray) -> FloatArray:
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    total = longer.copy()
    total[: len(shorter)] += shorter
    return total


def _survey_finite(values: FloatArray, weight: FloatArray) -> NumericProfile:
    none = np.zeros(len(values), dtype=np.int64)
    total = np.full(len(values), weight.sum())
    mean = (values @ weight) / total if total.all() else np.zeros(len(values))
    with np.errstate(over="ignore"):
        deviation = values - mean[:, None]
        deviation *= deviation
        m2 = deviation @ weight
    return NumericProfile(
        n_missing=none,
        n_infinite=none,
        n_not_number=none,
        weight=total,
        mean=mean,
        m2=m2,
        minimum=values.min(axis=1, initial=np.inf),
        maximum=values.max(axis=1, initial=-np.inf),
    )
