"""The columns that scoring adds: which ones a request stands for, and how they follow from linear predictors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logreg_dist.model.model import LogisticModel

# The ends of the interval of ``probability``.
INTERVALS = ("conf_low", "conf_high")


@dataclass(frozen=True)
class ScoreColumns:
    """The scores of a model's output, plain values for tasks.

    Attributes
    ----------
    names : tuple of str
        Of ``probability``, ``conf_low``, ``conf_high``, ``linear_predictor`` and ``predicted_class``; with several
        classes of ``predicted_class``, ``probability_<class>`` and ``linear_predictor_<class>``.
    classes : tuple of str
        All classes in sorted order; of a binary model the levels that mean 0 and 1.
    free : tuple of str
        The classes of the linear predictors, in their order.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    free: tuple[str, ...]

    @property
    def is_binary(self) -> bool:
        """Whether there is one probability, that of label 1."""
        return not self.free

    @property
    def has_intervals(self) -> bool:
        """Whether rows have an interval."""
        return not set(INTERVALS).isdisjoint(self.names)

    @property
    def places(self) -> tuple[int | None, ...]:
        """For each of `classes` the number of its linear predictor; None for the reference, which has 0."""
        return tuple(self.free.index(name) if name in self.free else None for name in self.classes)


def score_columns(model: LogisticModel, columns: Sequence[str]) -> ScoreColumns:
    """Return what `columns` stand for.

    With several classes ``probability`` stands for the predicted class and a probability for each class,
    ``linear_predictor`` for one of each class but the reference.
    """
    label = model.label
    if label.classes is None:
        return ScoreColumns(tuple(columns), (label.negative or "0", label.positive or "1"), ())
    classes, free = tuple(label.classes), model.free_classes
    stands_for = {
        "probability": ["predicted_class", *(f"probability_{name}" for name in classes)],
        "linear_predictor": [f"linear_predictor_{name}" for name in free],
        "predicted_class": ["predicted_class"],
    }
    names = dict.fromkeys(name for column in columns for name in stands_for[column])
    return ScoreColumns(tuple(names), classes, free)
