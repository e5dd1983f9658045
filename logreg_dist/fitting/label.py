"""The label as the model remembers it."""

from __future__ import annotations

from logreg_dist.config.label import LabelConfig
from logreg_dist.config.policies import level_text
from logreg_dist.model.model import LabelRecord
from logreg_dist.staging.profile import CategoricalProfile


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
