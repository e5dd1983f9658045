"""What is wrong with a configuration, as one sentence per key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from logreg_dist.errors import bullet_list

Path = tuple[str | int, ...]

MAX_LINES = 5  # below the heading: six lines at most
MAX_SHOWN = 40  # characters of a value or a key
_BARE = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Problem:
    """A key and what is wrong there: ``label.column``, ``required, but not given``."""

    path: Path
    sentence: str


@dataclass(frozen=True)
class Source:
    """Where values came from, so that messages can say so and keep secrets.

    Attributes
    ----------
    name : str
        The file, as typed.
    templates, resolved, problems
        As in `environment.Substitution`.
    overridden : tuple of paths
        The keys that ``--set`` gave.
    required : tuple of str
        Sections that a job needs although the model has a default for them.
    """

    name: str
    templates: Mapping[Path, str] = field(default_factory=dict)
    resolved: Mapping[str, str] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()
    overridden: tuple[Path, ...] = ()
    required: tuple[str, ...] = ()


def message(problems: Sequence[Problem], source: Source) -> str:
    """Return the heading and one line per problem, at most six lines in all.

    Examples
    --------
    >>> print(message([Problem(("penalty", "l2"), "required, but not given")], Source("a.yaml")))
    a.yaml has 1 problem.
      penalty.l2: required, but not given
    """
    lines = [_line(problem, source) for problem in problems[:MAX_LINES]]
    if len(problems) > MAX_LINES:
        rest = problems[MAX_LINES - 1 :]
        keys = ", ".join(dict.fromkeys(dotted(problem.path) for problem in rest[:3]))
        dots = ", ..." if len(rest) > 3 else ""
        lines[MAX_LINES - 1] = f"and {len(rest):,} more problems: {keys}{dots}"
    plural = "s" if len(problems) != 1 else ""
    return f"{source.name} has {len(problems):,} problem{plural}.\n{bullet_list(lines, limit=MAX_LINES)}"


def dotted(path: Path) -> str:
    """Write a path as ``--set`` takes it.

    Examples
    --------
    >>> dotted(("features", "columns", "a.b", "type")), dotted(("keys", 1))
    ('features.columns."a.b".type', 'keys[1]')
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = part if len(part) <= MAX_SHOWN else part[: MAX_SHOWN - 3] + "..."
        text += ("." if text else "") + (name if _BARE.fullmatch(name) else quoted(name))
    return text or "(the whole)"


def describe(value: object, *, show: bool = True) -> str:
    """Name the type of a value, and the value when it is short and may be shown.

    Examples
    --------
    >>> describe("abc"), describe(0.5), describe(None), describe([1, 2]), describe("abc", show=False)
    ('text "abc"', 'number 0.5', 'nothing (null)', 'a list of 2', 'text')
    """
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a boolean)"
    if isinstance(value, (int, float)):
        is_short = isinstance(value, float) or abs(value) < 10**MAX_SHOWN
        return f"number {value}" if show and is_short else "a number"
    if isinstance(value, str):
        if not show:
            return "text"
        return f"text {quoted(value)}" if len(value) <= MAX_SHOWN else f"text of {len(value):,} characters"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value):,}"
    if isinstance(value, Mapping):
        return f"a section of {len(value):,} keys"
    return f"a Python {type(value).__name__}"


def quoted(text: str) -> str:
    """Put text in double quotes, on one line whatever it holds.

    Examples
    --------
    >>> print(quoted("a b"), quoted(chr(10)) == '"' + chr(92) + 'n"')
    "a b" True
    """
    plain = text.isprintable() and '"' not in text and "\\" not in text
    return f'"{text}"' if plain else json.dumps(text)


def _line(problem: Problem, source: Source) -> str:
    sentence = problem.sentence
    # Checks across keys quote names without knowing where they came from.
    for text, template in source.resolved.items():
        sentence = sentence.replace(quoted(text), quoted(template))
    from_set = any(problem.path[: len(path)] == path for path in source.overridden)
    return f"{dotted(problem.path)}: {sentence}" + (" (given by --set)" if from_set else "")
