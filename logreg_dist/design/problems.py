"""Why a table is rejected: problems with their way out, gathered and told together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from logreg_dist.errors import InputRejected
from logreg_dist.printable import printable

MAX_LINES = 6
MAX_NAME = 80  # characters of a column or a level
MAX_COMPARED = 255  # characters of a name that is looked for: comparing two names of a megabyte takes seconds


@dataclass(frozen=True)
class Problem:
    """One kind of problem: what is wrong, where and how much, and what to do about it."""

    what: str
    way_out: str


def reject(problems: Sequence[Problem]) -> None:
    """Raise all problems at once.

    Raises
    ------
    InputRejected
        When there is a problem. Its message is at most `MAX_LINES` lines; what does not fit is
        counted.

    Examples
    --------
    >>> try:
    ...     reject([Problem("column 'x' is empty", "Exclude it.")])
    ... except InputRejected as error:
    ...     print(error)
    input rejected: column 'x' is empty.
      Exclude it.
    """
    if not problems:
        return
    lines: list[str] = []
    shown = 0
    for problem in problems:
        paragraph = [f"{printable(problem.what)}.", *(f"  {line}" for line in problem.way_out.split("\n"))]
        rest = 0 if problem is problems[-1] else 1
        if shown and len(lines) + len(paragraph) + rest > MAX_LINES:
            break
        lines += paragraph if not shown else [f"Also: {paragraph[0]}", *paragraph[1:]]
        shown += 1
    if shown < len(problems):
        more = "1 more problem" if len(problems) - shown == 1 else f"{len(problems) - shown} more problems"
        lines.append(f"And {more}, told once the above is mended.")
    raise InputRejected("\n".join(lines))


def quoted(name: str) -> str:
    r"""Return a column's name as messages show it: in quotes, on one line, never endless.

    Examples
    --------
    >>> quoted("a b"), quoted("two\nlines")
    ("'a b'", "'two\\nlines'")
    """
    return f"'{_short(name)}'"


def config_key(name: str) -> str:
    """Return a column's name as a segment of a dotted key, quoted where it has to be.

    Examples
    --------
    >>> config_key("income"), config_key("a.b")
    ('income', '"a.b"')
    """
    plain = name.replace("_", "").replace("-", "").isalnum()
    return _short(name) if plain else '"' + _short(name).replace('"', '\\"') + '"'


def _short(name: str) -> str:
    # Cut first: what is a megabyte long is not worth escaping.
    text = printable(name[: MAX_NAME + 1])
    return f"{text[:MAX_NAME]}…" if len(text) > MAX_NAME else text


def counted(n: float, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one.

    Examples
    --------
    >>> counted(1, "missing value"), counted(1204, "row")
    ('1 missing value', '1,204 rows')
    """
    return f"{n:,.0f} {noun}" if n == 1 else f"{n:,.0f} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def first_few(names: Sequence[str], limit: int) -> str:
    """Join the first names of a list, and count the others.

    Examples
    --------
    >>> first_few(["a", "b"], 2), first_few(["a", "b", "c"], 2)
    ('a, b', 'a, b and 1 more')
    """
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def counted_columns(counts: Mapping[str, int], *, limit: int = 6) -> str:
    """Return ``'a' 3, 'b' 1``: columns with their counts, the worst first.

    Examples
    --------
    >>> counted_columns({"b": 1, "a": 3000})
    "'a' 3,000, 'b' 1"
    """
    worst = sorted(counts.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{quoted(name)} {count:,}" for name, count in worst[:limit])
    return shown if len(worst) <= limit else f"{shown} and {counted(len(worst) - limit, 'more column')}"


def level_counts(levels: Mapping[str, float | None], *, min_count: int = 0, limit: int = 8) -> str:
    """Return levels with their counts, without those rarer than `min_count`: they may be personal.

    Examples
    --------
    >>> level_counts({"No": 70.0, "Yes": 30.0, "Yes ": 2.0}, min_count=20)
    "'No' (70 rows), 'Yes' (30 rows) and 1 level with fewer than 20 rows"
    """
    frequent = {level: n for level, n in levels.items() if n is None or n >= min_count}
    shown = [
        quoted(level) if n is None else f"{quoted(level)} ({counted(n, 'row')})"
        for level, n in list(frequent.items())[:limit]
    ]
    if len(frequent) > limit:
        shown.append(f"{len(frequent) - limit} more")
    text = ", ".join(shown)
    n_rare = len(levels) - len(frequent)
    if not n_rare:
        return text
    rare = f"{counted(n_rare, 'level')} with fewer than {min_count} rows"
    return f"{text} and {rare}" if text else rare


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?``, or nothing when nothing is near.

    Examples
    --------
    >>> nearest("tenuer", ["age", "tenure"]), nearest("zzz", ["age"])
    (" Did you mean 'tenure'?", '')
    """
    found = nearest_name(name, known)
    return "" if found is None else f" Did you mean {quoted(found)}?"


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name of at most `MAX_COMPARED` characters that is most like `name`, whatever the case, or None."""
    by_lower_case = {
        known_as.lower().strip(): known_as for known_as in known if len(known_as) <= MAX_COMPARED
    }
    close = difflib.get_close_matches(name[:MAX_COMPARED].lower().strip(), by_lower_case, n=1)
    return by_lower_case[close[0]] if close else None
