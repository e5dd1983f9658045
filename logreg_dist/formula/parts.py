"""What a term can be: functions with their arguments, parts, and everything that was asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_IDENTIFIER = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Argument:
    """A whole number that a function takes, from `low` to `high`; `default` None: it must be given."""

    name: str
    low: int
    high: int
    default: int | None = None


FUNCTIONS: Mapping[str, tuple[Argument, ...]] = {
    "log": (),
    "log1p": (),
    "poly": (Argument("degree", 1, 5),),
    "ns": (Argument("df", 1, 20),),
    "bs": (Argument("df", 1, 20), Argument("degree", 1, 3, 3)),
    "bins": (Argument("k", 2, 50),),
}

# What the argument of a logarithm lies above.
BOUNDS = {"log": 0.0, "log1p": -1.0}


@dataclass(frozen=True)
class TermPart:
    """A column, or a function of one.

    Attributes
    ----------
    function : str
        One of `FUNCTIONS`; empty for the column itself.
    column : str
    numbers : tuple of int
        The function's arguments, defaults filled in.
    position : int
        Where the column stands in the text, from 1.
    """

    function: str
    column: str
    numbers: tuple[int, ...] = ()
    position: int = field(default=1, compare=False)

    @property
    def text(self) -> str:
        """The part as people write it; defaults at the end are left out."""
        column = column_text(self.column)
        if not self.function:
            return column
        numbers = list(self.numbers)
        for argument in reversed(FUNCTIONS[self.function]):
            if not numbers or numbers[-1] != argument.default:
                break
            numbers.pop()
        return f"{self.function}({', '.join([column, *map(str, numbers)])})"


@dataclass(frozen=True)
class AskedTerms:
    """What `features.terms` asks for, ``*`` written out and nothing twice.

    Attributes
    ----------
    plain : tuple of str
        Columns named as they are.
    derived : tuple of tuples of TermPart
        Transforms (one part) and interactions (two), in order.
    """

    plain: tuple[str, ...] = ()
    derived: tuple[tuple[TermPart, ...], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is named, once."""
        in_parts = (part.column for parts in self.derived for part in parts)
        return tuple(dict.fromkeys((*self.plain, *in_parts)))

    @property
    def replaced(self) -> dict[str, str]:
        """The columns that a transform stands for, with its text: they have no term of their own."""
        parts = (part for parts in self.derived for part in parts if part.function)
        found: dict[str, str] = {}
        for part in parts:
            if part.column not in self.plain:
                found.setdefault(part.column, part.text)
        return found


def column_text(name: str) -> str:
    """Write a column's name as a term does: in backticks unless it is an identifier.

    Examples
    --------
    >>> column_text("age"), column_text("a.b"), column_text("tick`s")
    ('age', '`a.b`', '`tick``s`')
    """
    return name if _IDENTIFIER.fullmatch(name) else "`" + name.replace("`", "``") + "`"
