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

# Beyond this the sums of squares and their products could overflow.
MAX_MAGNITUDE = 1e100

# Labels that need no `positive` to be understood.
_SELF_EVIDENT = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0}


@dataclass(frozen=True)
class RowRoles:
    """The roles of the m rows that count, with unusable values counted in `problems` and made harmless.

    Attributes
    ----------
    counts : ndarray (n,) of bool
        Which of the batch's rows have a weight above 0: the m rows of the other arrays.
    y : ndarray (m,)
        Label, share of events or code of the class; NaN where unknown.
    weight : ndarray (m,)
        Importance weight x frequency x trials.
    frequency : ndarray (m,)
        Observations that a row stands for: frequency x trials.
    offset : ndarray (m,) or None
    problems : Counter
        Rows by ``role.problem``.
    """

    counts: NDArray[np.bool_]
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
    reports all of it at once. Of a row of weight 0 nothing but the weight is looked at: its label
    may be unknown.
    """
    problems: Counter[str] = Counter()
    m = len(columns[0])
    frequency = _count(columns, plan.frequency, "frequency", problems, m)
    weight = frequency * _weight(columns, plan.weight, problems, m)
    shares: FloatArray | None = None
    if plan.label.trials is not None:
        shares, trials = _grouped(columns, plan.label, problems, m)
        weight, frequency = weight * trials, frequency * trials
    counts = weight > 0
    kept = None if counts.all() else pa.array(counts)
    if kept is not None:
        weight, frequency = weight[counts], frequency[counts]

    def of_kept(position: int) -> pa.Array:
        return columns[position] if kept is None else columns[position].filter(kept)

    if shares is not None:
        y = shares[counts]
    else:
        assert plan.label.column is not None
        y = _label(of_kept(plan.label.column), plan.label, problems, labels, label_counts, frequency)
    offset = None if plan.offset is None else _offset(of_kept(plan.offset), problems)
    return RowRoles(counts, y, weight, frequency, offset, problems)


def _label(
    column: pa.Array,
    plan: LabelPlan,
    problems: Counter[str],
    levels: LevelDictionary,
    counts: LevelCounts,
    frequency: FloatArray,
) -> FloatArray:
    text, not_whole = texts(column)
    codes = levels.encode(text)
    counts.add(codes, np.ones(len(codes)), frequency)
    # Not the codes below 0: levels beyond what the dictionary takes have those too.
    problems["label.missing"] += text.null_count - not_whole
    problems["label.not_whole"] += not_whole
    if plan.by_class:
        values = [float(code) for code in range(len(levels.numbers))]
    elif plan.positive is None:
        values = [_SELF_EVIDENT.get(level, np.nan) for level in levels.numbers]
    else:
        values = [float(level == plan.positive) for level in levels.numbers]
    return np.array([*values, np.nan]).take(codes)  # the last one is for code -1


def _offset(column: pa.Array, problems: Counter[str]) -> FloatArray:
    offset, bad = numbers(column)
    problems["offset.not_number"] += bad
    problems["offset.missing"] += int(np.isnan(offset).sum()) - bad
    problems["offset.infinite"] += int(np.isinf(offset).sum())
    problems["offset.too_large"] += int((np.isfinite(offset) & (np.abs(offset) > MAX_MAGNITUDE)).sum())
    return np.where(np.abs(offset) <= MAX_MAGNITUDE, offset, 0.0)


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
    problems["weight.too_large"] += int((np.isfinite(weight) & (weight > MAX_MAGNITUDE)).sum())
    # A row whose weight is unusable still counts here, so that its other problems are told as well.
    return np.where((weight >= 0) & (weight <= MAX_MAGNITUDE), weight, 1.0)


def _count(
    columns: Sequence[pa.Array], position: int | None, role: str, problems: Counter[str], m: int
) -> FloatArray:
    if position is None:
        return np.ones(m)
    values, bad = numbers(columns[position])
    problems[f"{role}.not_number"] += bad
    problems[f"{role}.missing"] += int(np.isnan(values).sum()) - bad
    problems[f"{role}.negative"] += int((values < 0).sum())
    problems[f"{role}.infinite"] += int(np.isposinf(values).sum())
    whole = np.isfinite(values) & (values == np.floor(values))
    problems[f"{role}.not_whole"] += int((~whole & np.isfinite(values) & (values > 0)).sum())
    problems[f"{role}.too_large"] += int((whole & (values > MAX_MAGNITUDE)).sum())
    return np.where(whole & (values >= 0) & (values <= MAX_MAGNITUDE), values, 1.0)
