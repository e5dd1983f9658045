"""Term names that are not unique: a column may be called like a level of another."""

from __future__ import annotations

from collections import Counter

from logreg_dist.design.problems import Problem, listed, quoted
from logreg_dist.design.spec import DesignSpec, NumericColumn, Term


def equal_names(spec: DesignSpec) -> list[Problem]:
    """Report terms of one name: nobody could tell their estimates apart.

    Examples
    --------
    >>> column = NumericColumn("intercept", "int", "error", "error", None, False, 0.0, 1.0)
    >>> [problem] = equal_names(DesignSpec((column,), intercept=True))
    >>> problem.what
    "a term name would stand for two things: 'intercept' for the intercept and column 'intercept'"
    """
    counts = Counter(term.name for term in spec.terms())
    if len(counts) == len(spec.terms()):
        return []
    owners: dict[str, list[str]] = {}
    for term in spec.terms():
        if counts[term.name] > 1:
            owners.setdefault(term.name, []).append(_meaning(term, spec))
    shown = "; ".join(f"{quoted(name)} for {listed(who)}" for name, who in list(owners.items())[:3])
    more = f"; and {len(owners) - 3:,} more" if len(owners) > 3 else ""
    return [
        Problem(
            f"{'a term name' if len(owners) == 1 else 'term names'} would stand for two things: {shown}{more}",
            "Terms are named after columns and levels. Rename one of these columns through a view,\n"
            "or exclude it with features.exclude.",
        )
    ]


def _meaning(term: Term, spec: DesignSpec) -> str:
    if term.column is None:
        return "the intercept"
    if term.column not in {column.name for column in spec.columns}:
        return f"the term {quoted(term.column)}"
    if term.level is None:
        return f"column {quoted(term.column)}"
    if any(isinstance(column, NumericColumn) and column.name == term.column for column in spec.columns):
        return f"the missing values of column {quoted(term.column)}"
    return f"level {quoted(term.level)} of column {quoted(term.column)}"
