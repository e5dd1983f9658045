"""Whole columns as text: their tests, and which of them are collinear."""

from __future__ import annotations

from collections.abc import Sequence

from logreg_dist.checks.records import Inflation
from logreg_dist.design.problems import first_few
from logreg_dist.inference.records import ColumnTest
from logreg_dist.model.column_findings import HIGH_INFLATION
from logreg_dist.model.model import LogisticModel
from logreg_dist.report.table import number, one_line, p_value, text_table

# With more columns than these only those of several terms are shown: of the others the coefficient table says it all
# but the adjusted p-value.
MAX_ROWS = 14
# Refits were asked for, so they are shown.
MAX_REFITTED = 40
MAX_NAMED = 4


def column_test_table(tests: Sequence[ColumnTest]) -> str | None:
    """Return the tests of columns as a table; None where each has one term and Wald's test, which the terms' table has.

    Examples
    --------
    >>> test = ColumnTest("plan", 2, 9.21034037, 0.01, 0.02, 0.015)
    >>> print(column_test_table([test]))
    Tests of columns (all terms of a column are 0; Holm: adjusted for 1 column):
          df   Wald       p  p (Holm)
    plan   2  9.210  0.0100    0.0200
    """
    has_wald, *refitted = _kinds(tests)
    has_refits = any(refitted)
    if not has_refits and (not has_wald or all(test.df == 1 for test in tests)):
        return None
    only_several = len(tests) > MAX_ROWS and not has_refits
    wanted = [test for test in tests if test.df > 1] if only_several else list(tests)
    shown = wanted[: MAX_REFITTED if has_refits else MAX_ROWS]
    header = ["", "df", *header_of_tests(tests, ("Wald", "LR", "score"))]
    rows = [[one_line(test.column), f"{test.df:,}", *cells_of_test(test, tests)] for test in shown]
    n = sum(test.wald_p_holm is not None for test in tests)
    adjusted = f"; Holm: adjusted for {n:,} {'column' if n == 1 else 'columns'}" if n else ""
    head = f"Tests of columns (all terms of a column are 0{adjusted}):"
    lines = [head, text_table(header, rows)]
    hidden = [test for test in tests if test not in shown]
    if hidden:
        is_above = not has_refits and all(test.df == 1 for test in hidden)
        where = " of one term, tested by z above" if is_above else ", in model.json"
        lines.append(f"... and {len(hidden):,} more {'column' if len(hidden) == 1 else 'columns'}{where}")
    return "\n".join(lines)


def header_of_tests(tests: Sequence[ColumnTest], names: tuple[str, str, str]) -> list[str]:
    """Return the heads of the cells of `cells_of_test`; `names` are those of Wald's, likelihood-ratio and score test.

    Examples
    --------
    >>> header_of_tests([ColumnTest("x", 1, None, None, None, None, 4.0, 0.0455)], ("Wald", "LR", "score"))
    ['LR', 'p']
    """
    heads = ([names[0], "p", "p (Holm)"], [names[1], "p"], [names[2], "p"])
    return [head for kind, has in zip(heads, _kinds(tests), strict=True) if has for head in kind]


def cells_of_test(test: ColumnTest, tests: Sequence[ColumnTest]) -> list[str]:
    """Return the statistics and p-values of a column, of those kinds of tests that some of `tests` has."""
    cells = (
        [_statistic(test.wald), p_value(test.wald_p_value), p_value(test.wald_p_holm)],
        [_statistic(test.lr), p_value(test.lr_p_value)],
        [_statistic(test.score), p_value(test.score_p_value)],
    )
    return [cell for kind, has in zip(cells, _kinds(tests), strict=True) if has for cell in kind]


def collinear_columns(model: LogisticModel) -> str | None:
    """Return a line on the columns whose variances are inflated tenfold or more by the others; None without any."""
    found = None if model.checks is None else model.checks.collinearity
    high = [] if found is None else [one for one in found.inflations if one.per_df**2 >= HIGH_INFLATION]
    if not high:
        return None
    high.sort(key=lambda one: -one.per_df)
    named = first_few([_inflated(one) for one in high], MAX_NAMED)
    return f"Collinearity: variances are inflated by other columns: {named}"


def r2_measures(model: LogisticModel) -> str | None:
    """Return a line of the coefficients of determination that are known."""
    fit = None if model.checks is None else model.checks.fit
    values = {
        "McFadden": model.mcfadden_r2,
        "Cox-Snell": model.cox_snell_r2,
        "Nagelkerke": model.nagelkerke_r2,
        "Tjur": None if fit is None else fit.tjur_r2,
    }
    known = [f"{name} {value:.4f}" for name, value in values.items() if value is not None]
    return f"R2: {'   '.join(known)}" if known else None


def _inflated(one: Inflation) -> str:
    size = f"{one.per_df**2:,.1f} times" if one.per_df < 1e3 else f"{one.per_df**2:.1e} times"
    return f"{one_line(one.column)} {size}" + (" a term" if one.df > 1 else "")


def _kinds(tests: Sequence[ColumnTest]) -> tuple[bool, bool, bool]:
    """Return whether some column has Wald's, the likelihood-ratio and the score test."""
    return (
        any(test.wald is not None for test in tests),
        any(test.lr is not None for test in tests),
        any(test.score is not None for test in tests),
    )


def _statistic(value: float | None) -> str:
    if value is None or abs(value) >= 1e6:
        return number(value, 4)
    return f"{value:,.1f}" if value >= 100 else f"{value:.3f}"
