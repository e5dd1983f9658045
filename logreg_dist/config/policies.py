"""What to do with a missing value and an unknown level, as one column has it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

_SIMPLE = ("error", "drop", "mean", "median", "indicator", "level")
# No blanks in the pattern: matching them lazily takes quadratic time on a long text.
_CONSTANT = re.compile(r"constant\((.*)\)", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

MISSING_GRAMMAR = 'error, drop, mean, median, indicator, level, constant(0) or constant("text")'


@dataclass(frozen=True)
class MissingPolicy:
    """What stands in for a missing value.

    Attributes
    ----------
    kind : str
        ``error``, ``drop`` (the row), ``mean``, ``median``, ``constant``, ``indicator`` (the mean
        and a 0/1 column) or ``level`` (a level of its own).
    value : str or float or None
        Of ``constant`` only: a number in the units of the column, or the text of a level.
    """

    kind: str
    value: str | float | None = None

    @property
    def text(self) -> str:
        """The policy as a configuration writes it; `parse_missing` reads it back unchanged."""
        if self.kind != "constant":
            return self.kind
        return (
            f"constant({json.dumps(self.value) if isinstance(self.value, str) else level_text(self.value)})"
        )


@dataclass(frozen=True)
class Bounds:
    """Where the estimates of a column may lie, ends included; None: no bound on that side.

    Attributes
    ----------
    lower, upper : float or None
        Log-odds per unit of the column.
    """

    lower: float | None = None
    upper: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """The bounds as numbers.

        Examples
        --------
        >>> Bounds(lower=0.0).ends
        (0.0, inf)
        """
        lower = -math.inf if self.lower is None else self.lower
        return lower, math.inf if self.upper is None else self.upper


@dataclass(frozen=True)
class ColumnPolicy:
    """The settings of one column with the defaults filled in.

    Attributes
    ----------
    type : str or None
        ``numeric``, ``categorical``, ``text``, ``vector``, or None: inferred from the schema.
    missing : MissingPolicy
        What stands in for a missing value.
    unseen : str
        What a level not seen in the fit becomes: ``error``, ``reference``, ``other`` or ``null``.
    reference : str
        A level, or ``most_frequent``, ``first``, ``last``.
    min_level_count : int
        Rows; levels with fewer merge into ``__other__``.
    penalty_factor : float
        What the penalties of the column's terms are multiplied by.
    vocabulary, buckets : int or None
        Of a text: the most words that have a term, or the buckets that its words are hashed into.
    values : str
        Of a text: what the value of a word is, ``counts``, ``binary`` or ``log``.
    bounds : Bounds
        Of the column's estimates.
    """

    type: str | None
    missing: MissingPolicy
    unseen: str
    reference: str
    min_level_count: int
    penalty_factor: float = 1.0
    vocabulary: int | None = None
    buckets: int | None = None
    values: str = "counts"
    bounds: Bounds = Bounds()


def parse_missing(text: str) -> MissingPolicy:
    """Read a missing-value policy.

    The grammar is closed: a constant is a decimal number or text in quotes, never an expression.

    Raises
    ------
    ValueError
        If `text` is none of `MISSING_GRAMMAR`.

    Examples
    --------
    >>> parse_missing("mean")
    MissingPolicy(kind='mean', value=None)
    >>> parse_missing("constant(-1.5e3)"), parse_missing("constant('a b')")
    (MissingPolicy(kind='constant', value=-1500.0), MissingPolicy(kind='constant', value='a b'))
    """
    if text in _SIMPLE:
        return MissingPolicy(text)
    match = _CONSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"expected {MISSING_GRAMMAR}")
    return MissingPolicy("constant", _constant(match[1].strip()))


def level_text(value: str | float | None) -> str:
    """Write a level as text, the same for 1, 1.0 and (as Spark casts it) true.

    Examples
    --------
    >>> level_text(True), level_text(1), level_text(1.0), level_text(0.5), level_text("Yes")
    ('true', '1', '1', '0.5', 'Yes')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def _constant(text: str) -> str | float:
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    if len(text) >= 2 and text[0] == text[-1] == "'" and "'" not in text[1:-1]:
        return text[1:-1]
    value = json.loads(text) if text.startswith('"') else None  # JSONDecodeError is a ValueError
    if not isinstance(value, str):
        raise ValueError(f"expected {MISSING_GRAMMAR}")  # noqa: TRY004 - the grammar, not the type
    return value
