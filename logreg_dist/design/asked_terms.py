"""Transforms and interactions that were asked for, and what about them cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.knots import MAX_TAIL
from logreg_dist.design.problems import Problem, config_key, counted, quoted
from logreg_dist.design.spec import DesignSpec
from logreg_dist.formula import BOUNDS, TermPart
from logreg_dist.staging.plan import Kind
from logreg_dist.staging.profile import TableProfile


@dataclass(frozen=True)
class AskedDerived:
    """What was asked for, beside the columns as they were asked for.

    Attributes
    ----------
    terms : tuple of tuples of TermPart
    columns : mapping of str to AskedColumn
    min_count : int
        `features.defaults.min_level_count`.
    """

    terms: tuple[tuple[TermPart, ...], ...]
    columns: Mapping[str, AskedColumn]
    min_count: int

    @property
    def parts(self) -> tuple[TermPart, ...]:
        """Every different part, in order."""
        return tuple(dict.fromkeys(part for parts in self.terms for part in parts))


def kind_problems(asked: AskedDerived) -> list[Problem]:
    """Report functions of categories, which take numbers, and terms of vectors and texts."""
    long = [
        part
        for part in asked.parts
        if part.column not in asked.columns or asked.columns[part.column].kind is Kind.SPARSE
    ]
    if long:
        return [
            Problem(
                f"features.terms has {part.text}, but column {quoted(part.column)} holds vectors or words",
                "There are no transforms and interactions of these. Remove the term.",
            )
            for part in long
        ]
    found = [
        part for part in asked.parts if part.function and asked.columns[part.column].kind is not Kind.NUMERIC
    ]
    return [
        Problem(
            f"features.terms has {part.text}, but column {quoted(part.column)} is categorical",
            f"{part.function} takes a number. Set features.columns.{config_key(part.column)}.type to numeric, "
            "or remove the term.",
        )
        for part in found
    ]


def size_problems(asked: AskedDerived, n_obs: float) -> list[Problem]:
    """Report splines of a table with too few rows for boundary knots that say nothing about single rows."""
    splines = [part.text for part in asked.parts if part.function in ("ns", "bs")]
    fewest = int(asked.min_count / MAX_TAIL)
    if not splines or n_obs >= fewest:
        return []
    what = f"{splines[0]} needs {fewest} rows, and the table has {n_obs:,.0f}"
    why = f"{asked.min_count} rows (features.defaults.min_level_count) lie beyond each boundary knot. Lower it, or"
    return [Problem(what, f"{why}\nremove the term.")]


def domain_bounds(
    asked: AskedDerived, profile: TableProfile, spec: DesignSpec
) -> tuple[dict[int, float], list[Problem]]:
    """Return the numeric columns (by row in the chunks) with values that have no logarithm, and bad constants."""
    rows = {column.name: k for k, column in enumerate(spec.numeric)}
    outside: dict[int, float] = {}
    problems: list[Problem] = []
    for part in asked.parts:
        if part.function not in BOUNDS:
            continue
        row, bound = rows[part.column], BOUNDS[part.function]
        if profile.numeric.minimum[row] <= bound:
            outside[row] = max(bound, outside.get(row, bound))
        fill = spec.numeric[row].fill
        if fill is not None and fill <= bound and profile.numeric.minimum[row] > bound:
            problems.append(
                Problem(
                    f"{part.text} takes values above {bound:g}, and missing values of column "
                    f"{quoted(part.column)} become {fill:g}",
                    f"Set features.columns.{config_key(part.column)}.missing to drop, mean or a larger constant.",
                )
            )
    return outside, problems


def domain_problems(asked: AskedDerived, spec: DesignSpec, counts: Mapping[int, int]) -> list[Problem]:
    """Report the columns with values that have no logarithm, with their number of rows."""
    names = {column.name: k for k, column in enumerate(spec.numeric)}
    problems = []
    for part in asked.parts:
        n = counts.get(names[part.column], 0) if part.function in BOUNDS else 0
        if n:
            bound = BOUNDS[part.function]
            other = "log1p (for counts), " if part.function == "log" else ""
            problems.append(
                Problem(
                    f"{part.text} takes values above {bound:g}, and column {quoted(part.column)} has "
                    f"{counted(n, 'value')} that {'is' if n == 1 else 'are'} not",
                    f"Use {other}ns or bins instead, or leave such rows out with input.filter.",
                )
            )
    return problems
