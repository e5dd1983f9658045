"""The label as the model remembers it."""

from __future__ import annotations

from logreg_dist.config import TrainConfig
from logreg_dist.config.label import LabelConfig
from logreg_dist.config.policies import level_text
from logreg_dist.design.problems import counted, quoted
from logreg_dist.errors import FitNotUsable
from logreg_dist.model.model import LabelRecord
from logreg_dist.staging.profile import CategoricalProfile, TableProfile


def label_record(label: LabelConfig, levels: CategoricalProfile) -> LabelRecord:
    """Return the label's columns and its two levels as text.

    Parameters
    ----------
    label : LabelConfig
    levels : CategoricalProfile
        The label's, which holds at most two levels by now.
    """
    if label.column is None:
        return LabelRecord(None, None, None, label.events, label.trials)
    if label.positive is not None:
        positive = level_text(label.positive)
    else:
        positive = "true" if set(levels.levels) <= {"false", "true"} else "1"
    others = [level for level in levels.levels if level != positive]
    return LabelRecord(label.column, positive, others[0] if others else None, None, None)


def refuse_one_class(profile: TableProfile, config: TrainConfig) -> None:
    """Raise when all rows that count have the same label: every estimate would be infinite or arbitrary.

    Raises
    ------
    FitNotUsable
        With the class, unless it is too rare to be shown.
    """
    rows, label = profile.rows, config.label
    if 0 < rows.label_sum < rows.weight_sum:
        return
    n_rows = f"all {counted(rows.n_rows, 'row')}" if rows.n_rows > 1 else "the only row"
    if label.column is None:
        happened = "every trial is an event" if rows.label_sum > 0 else "no trial is an event"
        raise FitNotUsable(
            f"events {quoted(str(label.events))} of trials {quoted(str(label.trials))} have one class only: "
            f"{happened} in {n_rows}.\n  A model needs both. Check input.filter."
        )
    levels = [level for level, (n, _) in profile.label_levels.levels.items() if n > 0]
    held = "the label 1" if rows.label_sum > 0 else "the label 0"
    if len(levels) == 1 and rows.n_rows >= config.features.defaults.min_level_count:
        held = f"the label {quoted(levels[0])}"
    have = "have" if rows.n_rows > 1 else "has"
    raise FitNotUsable(
        f"label column {quoted(label.column)} has one class only: {n_rows} {have} {held}.\n"
        "  A model needs rows of two classes. Check label.positive and input.filter."
    )
