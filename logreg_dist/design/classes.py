"""The classes of a multinomial label: which one is the reference, and in which order the others come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Classes:
    """The classes of a label.

    Attributes
    ----------
    free : tuple of str
        The classes with coefficients, in sorted order: numbers by size, other texts by code point.
    reference : str
        The class that estimates are against.
    weights : tuple of float or None
        What the rows of each free class and, last, of the reference are multiplied by; None for 1.

    Examples
    --------
    >>> classes = Classes(("a", "c"), "b")
    >>> classes.names, classes.lookup(["b", "a", "c"]).tolist()
    (('a', 'b', 'c'), [2.0, 0.0, 1.0])
    """

    free: tuple[str, ...]
    reference: str
    weights: tuple[float, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All classes in sorted order."""
        return tuple(sorted((*self.free, self.reference), key=class_order))

    def lookup(self, levels: Sequence[str]) -> NDArray[np.float64]:
        """Return the kernel's number of each of a split's `levels`: its place in `free`, behind it the reference.

        NaN for a level that is no class: no row that counts has it.
        """
        numbers = {name: float(k) for k, name in enumerate((*self.free, self.reference))}
        return np.array([numbers.get(level, np.nan) for level in levels])


def class_order(name: str) -> tuple[bool, float, str]:
    """Return what classes are sorted by.

    Examples
    --------
    >>> sorted(["10", "9", "-1", "a"], key=class_order)
    ['-1', '9', '10', 'a']
    """
    is_number = name.removeprefix("-").isdecimal()
    return (not is_number, float(name) if is_number else 0.0, name)


def learn_classes(counts: Mapping[str, float], reference: str | None) -> Classes:
    """Choose the reference class: as asked for, or the most frequent one, of equal ones the first.

    Parameters
    ----------
    counts : mapping of str to float
        Rows of each class, by frequency: whole numbers, so that no rounding decides. Those of none are left out.
    reference : str or None
        One of them.

    Examples
    --------
    >>> learn_classes({"b": 2.0, "a": 3.0, "c": 3.0, "gone": 0.0}, None)
    Classes(free=('b', 'c'), reference='a', weights=None)
    """
    present = sorted((name for name, n in counts.items() if n > 0), key=class_order)
    chosen = max(present, key=lambda name: counts[name]) if reference is None else reference
    return Classes(tuple(name for name in present if name != chosen), chosen)
