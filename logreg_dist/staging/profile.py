"""The profile of a table: what one reading of it shows, as sums that merge split by split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logreg_dist.staging.sparse_survey import SparseProfile, sparse_from_list, sparse_to_list

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RowCounts:
    """Rows of a table by what became of them; the sums run over the rows that are used.

    Attributes
    ----------
    n_read : int
        Rows read.
    n_zero_weight : int
        Rows left out because their weight, frequency or number of trials is 0.
    n_dropped : int
        Rows left out because a column with the policy ``drop`` has no value.
    n_rows : int
        Rows used.
    n_obs : float
        Sum of frequencies (times trials): the n of BIC.
    weight_sum : float
        Sum of importance weight x frequency (x trials).
    event_sum : float
        Observations with label 1, by frequency.
    label_sum : float
        Weight of label 1.
    """

    n_read: int = 0
    n_zero_weight: int = 0
    n_dropped: int = 0
    n_rows: int = 0
    n_obs: float = 0.0
    weight_sum: float = 0.0
    event_sum: float = 0.0
    label_sum: float = 0.0

    def __add__(self, other: RowCounts) -> RowCounts:
        return RowCounts(*(a + b for a, b in zip(_values(self), _values(other), strict=True)))


@dataclass(frozen=True)
class NumericProfile:
    """What is known of the p numeric columns; every array has shape (p,).

    Attributes
    ----------
    n_missing, n_infinite, n_not_number : ndarray of int
        Rows without a value, with an infinite one, with a text that is no number.
    weight : ndarray
        Sum of the weights of the rows that have a finite value.
    mean : ndarray
        Weighted mean of the finite values, units of the column.
    m2 : ndarray
        Weighted sum of squared deviations from `mean`.
    minimum, maximum : ndarray
        Over the finite values; inf and -inf when there are none.
    """

    n_missing: NDArray[np.int64]
    n_infinite: NDArray[np.int64]
    n_not_number: NDArray[np.int64]
    weight: FloatArray
    mean: FloatArray
    m2: FloatArray
    minimum: FloatArray
    maximum: FloatArray

    def __add__(self, other: NumericProfile) -> NumericProfile:
        """Merge two profiles (Chan, Golub and LeVeque 1979, eq. 2.1)."""
        with np.errstate(over="ignore", invalid="ignore"):  # values too large to be used are told later
            weight = self.weight + other.weight
            share = np.divide(other.weight, weight, out=np.zeros_like(weight), where=weight > 0)
            gap = other.mean - self.mean
            m2 = self.m2 + other.m2 + gap * gap * self.weight * share
            mean = self.mean + gap * share
        return NumericProfile(
            n_missing=self.n_missing + other.n_missing,
            n_infinite=self.n_infinite + other.n_infinite,
            n_not_number=self.n_not_number + other.n_not_number,
            weight=weight,
            mean=mean,
            m2=m2,
            minimum=np.minimum(self.minimum, other.minimum),
            maximum=np.maximum(self.maximum, other.maximum),
        )

    @property
    def deviation(self) -> FloatArray:
        """Weighted standard deviation (divisor: the weights' sum), shape (p,)."""
        return np.sqrt(np.divide(self.m2, self.weight, out=np.zeros_like(self.m2), where=self.weight > 0))


@dataclass(frozen=True)
class CategoricalProfile:
    """What is known of one categorical column.

    Attributes
    ----------
    levels : mapping of str to (float, float)
        Observations with this level and how many of them have label 1, both by frequency.
    missing : (float, float)
        The same two counts for rows without a value.
    n_missing : int
        Rows without a value.
    n_not_whole : int
        Numbers that are not whole and therefore no level.
    overflowed : bool
        Whether a split met more levels than it may keep.
    """

    levels: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    missing: tuple[float, float] = (0.0, 0.0)
    n_missing: int = 0
    n_not_whole: int = 0
    overflowed: bool = False

    def __add__(self, other: CategoricalProfile) -> CategoricalProfile:
        levels = dict(self.levels)
        for level, counts in other.levels.items():
            levels[level] = _add_pairs(levels.get(level, (0.0, 0.0)), counts)
        return CategoricalProfile(
            levels=levels,
            missing=_add_pairs(self.missing, other.missing),
            n_missing=self.n_missing + other.n_missing,
            n_not_whole=self.n_not_whole + other.n_not_whole,
            overflowed=self.overflowed or other.overflowed,
        )


@dataclass(frozen=True)
class TableProfile:
    """Everything that the design is learned from.

    Attributes
    ----------
    rows : RowCounts
    problems : mapping of str to int
        Rows with an unusable role value, by ``role.problem``: ``weight.negative``.
    label_levels : CategoricalProfile
        The label's levels, counted over the rows with a weight above 0.
    numeric : NumericProfile
    categorical : tuple of CategoricalProfile
    sparse : tuple of SparseProfile
    """

    rows: RowCounts
    problems: Mapping[str, int]
    label_levels: CategoricalProfile
    numeric: NumericProfile
    categorical: tuple[CategoricalProfile, ...]
    sparse: tuple[SparseProfile, ...] = ()

    def __add__(self, other: TableProfile) -> TableProfile:
        return TableProfile(
            rows=self.rows + other.rows,
            problems=Counter(self.problems) + Counter(other.problems),
            label_levels=self.label_levels + other.label_levels,
            numeric=self.numeric + other.numeric,
            categorical=tuple(a + b for a, b in zip(self.categorical, other.categorical, strict=True)),
            sparse=tuple(a + b for a, b in zip(self.sparse, other.sparse, strict=True)),
        )


def empty_profile(n_numeric: int, n_categorical: int, n_sparse: int = 0) -> TableProfile:
    """Return the profile of no rows, the neutral element of ``+``."""
    counts, zeros = np.zeros(n_numeric, dtype=np.int64), np.zeros(n_numeric)
    infinite = np.full(n_numeric, np.inf)
    return TableProfile(
        rows=RowCounts(),
        problems={},
        label_levels=CategoricalProfile(),
        numeric=NumericProfile(counts, counts, counts, zeros, zeros, zeros, infinite, -infinite),
        categorical=(CategoricalProfile(),) * n_categorical,
        sparse=(SparseProfile(),) * n_sparse,
    )


def merge_profiles(
    profiles: Iterable[TableProfile], n_numeric: int, n_categorical: int, n_sparse: int = 0
) -> TableProfile:
    """Add profiles in the order given; the order of the splits, for equal bits."""
    total = empty_profile(n_numeric, n_categorical, n_sparse)
    for profile in profiles:
        total = total + profile
    return total


def profile_to_dict(profile: TableProfile) -> dict[str, Any]:
    """Return the profile as what JSON can hold, floats exactly."""
    return {
        "rows": list(_values(profile.rows)),
        "problems": dict(profile.problems),
        "label_levels": _levels_to_list(profile.label_levels),
        "numeric": [array.tolist() for array in _values(profile.numeric)],
        "categorical": [_levels_to_list(column) for column in profile.categorical],
        "sparse": [sparse_to_list(column) for column in profile.sparse],
    }


def profile_from_dict(data: dict[str, Any]) -> TableProfile:
    """Undo `profile_to_dict`."""
    counts = [np.array(values, dtype=np.int64) for values in data["numeric"][:3]]
    floats = [np.array(values, dtype=np.float64) for values in data["numeric"][3:]]
    return TableProfile(
        rows=RowCounts(*data["rows"]),
        problems=data["problems"],
        label_levels=_levels_from_list(data["label_levels"]),
        numeric=NumericProfile(counts[0], counts[1], counts[2], *floats),
        categorical=tuple(_levels_from_list(column) for column in data["categorical"]),
        sparse=tuple(sparse_from_list(column) for column in data["sparse"]),
    )


def _levels_to_list(column: CategoricalProfile) -> list[Any]:
    return [dict(column.levels), column.missing, column.n_missing, column.n_not_whole, column.overflowed]


def _levels_from_list(data: list[Any]) -> CategoricalProfile:
    levels = {level: (float(a), float(b)) for level, (a, b) in data[0].items()}
    return CategoricalProfile(levels, (data[1][0], data[1][1]), *data[2:])


def _values(record: RowCounts | NumericProfile) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in record.__dataclass_fields__)


def _add_pairs(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return (a[0] + b[0], a[1] + b[1])
