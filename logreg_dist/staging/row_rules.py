"""What each row is for the fit: its label, weight and offset, and whether it counts at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logreg_dist.staging.decode import LevelDictionary, numbers, texts
from logreg_dist.staging.plan import LabelPlan, StagePlan
from logreg_dist.staging.survey import LevelCounts

FloatArray = NDArray[np.float64]

# Labels that need no `positive` to be understood.
_SELF_EVIDENT = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0}


@dataclass(frozen=True)
class RowRoles:
    """The roles of m rows, with unusable values counted in `problems` and made harmless.

    Attributes
    ----------
    y : ndarray (m,)
        Label or share of events; NaN where unknown.
    weight : ndarray (m,)
        Importance weight x frequency x trials.
    frequency : ndarray (m,)
        Observations that a row stands for: frequency x trials.
    offset : ndarray (m,) or None
    problems : Counter
        Rows by ``role.problem``.
    """

    y: FloatArray
    weight: FloatArray
    frequency: FloatArray
    offset: FloatArray | None
    problems: Counter[str]


def read_roles(
    columns: Sequence[pa.Array], plan: StagePlan, labels: LevelDictionary, label_counts: LevelCounts
) -> RowRoles:
    """Read label, weights and offset of a batch.

    Importance weights may be 0 or more, frequencies and trials whole numbers from 0, events
    whole numbers up to the trials. What breaks these rules is counted, not raised: the driver
    reports all of it at once.
    """
    problems: Counter[str] = Counter()
    m = len(columns[0])
    frequency = _count(columns, plan.frequency, "frequency", problems, m)
    weight = frequency * _weight(columns, plan.weight, problems, m)
    if plan.label.trials is not None:
        y, trials = _grouped(columns, plan.label, problems, m)
        weight, frequency = weight * trials, frequency * trials
    else:
        y = _label(columns, plan.label, problems, labels, label_counts)
    offset = None
    if plan.offset is not None:
        offset, bad = numbers(columns[plan.offset])
        offset = _usable(offset, np.isfinite(offset), "offset.not_finite", problems)
        problems["offset.not_number"] += bad
    return RowRoles(y, weight, frequency, offset, problems)


def _label(
    columns: Sequence[pa.Array],
    label: LabelPlan,
    problems: Counter[str],
    levels: LevelDictionary,
    counts: LevelCounts,
) -> FloatArray:
    assert label.column is not None
    text, not_whole = texts(columns[label.column])
    codes = levels.encode(text)
    ones = np.ones(len(codes))
    counts.add(codes, ones, ones)
    problems["label.missing"] += int((codes < 0).sum()) - not_whole
    problems["label.not_whole"] += not_whole
    if label.positive is None:
        values = [_SELF_EVIDENT.get(level, np.nan) for level in levels.numbers]
    else:
        values = [float(level == label.positive) for level in levels.numbers]
    return np.array([*values, np.nan]).take(codes)  # the last one is for code -1


def _grouped(
    columns: Sequence[pa.Array], label: LabelPlan, problems: Counter[str], m: int
) -> tuple[FloatArray, FloatArray]:
    assert label.events is not None
    trials = _count(columns, label.trials, "trials", problems, m)
    events = _count(columns, label.events, "events", problems, m)
    problems["events.more_than_trials"] += int((events > trials).sum())
    return np.divide(events, trials, out=np.zeros(m), where=trials > 0), trials


def _weight(columns: Sequence[pa.Array], position: int | None, problems: Counter[str], m: int) -> FloatArray:
    if position is None:
        return np.ones(m)
    weight, bad = numbers(columns[position])
    problems["weight.not_number"] += bad
    problems["weight.negative"] += int((weight < 0).sum())
    problems["weight.infinite"] += int(np.isposinf(weight).sum())
    problems["weight.missing"] += int(np.isnan(weight).sum()) - bad
    return np.where((weight >= 0) & np.isfinite(weight), weight, 0.0)


def _count(
    columns: Sequence[pa.Array], position: int | None, role: str, problems: Counter[str], m: int
) -> FloatArray:
    if position is None:
        return np.ones(m)
    values, bad = numbers(columns[position])
    problems[f"{role}.not_number"] += bad
    problems[f"{role}.missing"] += int(np.isnan(values).sum()) - bad
    problems[f"{role}.negative"] += int((values < 0).sum())
    whole = np.isfinite(values) & (values == np.floor(values))
    problems[f"{role}.not_whole"] += int((~whole & ~np.isnan(values) & ~(values < 0)).sum())
    return np.where(whole & (values >= 0), values, 0.0)


def _usable(
    values: FloatArray, usable: NDArray[np.bool_], problem: str, problems: Counter[str]
) -> FloatArray:
    problems[problem] += int((~usable).sum())
    return np.where(usable, values, 0.0)
