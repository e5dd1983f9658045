"""Which columns of an output are probabilities, whose sums are compared when it is read back. Runs on executors."""

from __future__ import annotations

_INTERVALS = ("conf_low", "conf_high")


def is_added_up(name: str) -> bool:
    """Whether a column of numbers counts as probabilities by its name.

    Examples
    --------
    >>> [is_added_up(name) for name in ("probability", "probability_yes", "conf_low", "probable")]
    [True, True, True, False]
    """
    return name == "probability" or name.startswith("probability_") or name in _INTERVALS
