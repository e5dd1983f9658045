"""The report of a check as text: findings first, the worst first, then the figures they rest on."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator

from logreg_dist.checks.records import Checks, Finding
from logreg_dist.model.findings import SEVERITIES
from logreg_dist.model.model import LogisticModel
from logreg_dist.printable import printable, printable_lines
from logreg_dist.report.columns import cells_of_test, header_of_tests
from logreg_dist.report.table import number, one_line, p_value, text_table

WIDTH = 110
MAX_ROWS = 30
TITLES = {
    "separation": "Separation",
    "convergence": "Convergence",
    "outcome": "1. A binary outcome, coded as meant",
    "weights": "Weights",
    "usefulness": "2. Meaningful columns",
    "collinearity": "3. Little multicollinearity",
    "linearity": "4. Linear in the log-odds",
    "sample_size": "5. A sample that is large enough",
    "independence": "6. Independent observations",
    "fit": "Fit",
    "influence": "Influence of single rows",
}
_MARKS = {"problem": "PROBLEM", "warning": "WARNING", "note": "note", "fine": "fine"}


def check_report(model: LogisticModel) -> str:
    """Return the report: a headline, the findings, the figures."""
    checks = model.checks or Checks()
    parts = [headline(model), *standard_errors(model), *(_finding(finding) for finding in checks.findings)]
    return printable_lines("\n\n".join([*parts, *figures_of(model)]))


def headline(model: LogisticModel) -> str:
    """Return what was checked, and how many findings of each kind there are."""
    checks = model.checks or Checks()
    counts = Counter(finding.severity for finding in checks.findings)
    words = [f"{counts[kind]} {kind}{'s' * (counts[kind] != 1 and kind != 'fine')}" for kind in SEVERITIES]
    n_terms = len(model.coefficient_rows)
    return f"Checks of {n_terms:,} terms on {model.n_rows:,} rows: {', '.join(words)}"


def standard_errors(model: LogisticModel) -> list[str]:
    """Return what the standard errors of all tables are, where there are any."""
    record = model.covariance_record
    return (
        []
        if record is None
        else ["\n".join(textwrap.wrap(f"Standard errors: {printable(record.text)}", WIDTH))]
    )


def _finding(finding: Finding) -> str:
    title = f"{_MARKS[finding.severity]}  {TITLES.get(finding.check, finding.check)}"
    lines = textwrap.wrap(one_line(finding.text, 2000), WIDTH - 4)
    if finding.advice:
        lines += textwrap.wrap(
            one_line(finding.advice, 2000), WIDTH - 7, initial_indent="-> ", subsequent_indent="   "
        )
    return "\n".join([title, *(f"    {line}" for line in lines)])


def figures_of(model: LogisticModel) -> Iterator[str]:
    """Yield the tables that the findings rest on, one for each check that has figures."""
    checks = model.checks or Checks()
    if header_of_tests(model.column_tests, ("Wald", "LR", "score")):
        yield _titled("Tests of columns, everything else in the model", _tests(model))
    if checks.collinearity is not None and checks.collinearity.inflations:
        header = ["column", "df", "GVIF", "GVIF^(1/(2 df))"]
        ranked = sorted(checks.collinearity.inflations, key=lambda one: -one.per_df)
        rows = [[one_line(o.column), str(o.df), number(o.gvif), number(o.per_df)] for o in ranked[:MAX_ROWS]]
        yield _titled("Inflation of variances", text_table(header, rows))
    if checks.linearity:
        header = ["column", "test", "chi-squared", "p (BH)", "suggestion"]
        bent = sorted(checks.linearity, key=lambda one: -(one.statistic or 0.0))
        rows = [
            [one_line(o.column), o.test, number(o.statistic, 4), p_value(o.p_value_bh), o.suggestion or ""]
            for o in bent[:MAX_ROWS]
        ]
        yield _titled("Linearity of the log-odds", text_table(header, rows))
    if checks.fit is not None and checks.fit.groups:
        header = ["group", "n", "mean probability", "expected events", "events"]
        rows = [
            [str(k), number(g.n), f"{g.mean_probability:.4f}", number(g.expected), number(g.observed)]
            for k, g in enumerate(checks.fit.groups, start=1)
        ]
        yield _titled("Groups of rising risk", text_table(header, rows))
    if model.marginal_effects:
        yield _titled("Average marginal effects on the probability", _effects(model))


def _titled(title: str, body: str) -> str:
    return f"{title}\n{body}"


def _tests(model: LogisticModel) -> str:
    tests = model.column_tests
    header = ["column", "df", *header_of_tests(tests, ("Wald", "likelihood ratio", "score"))]
    ranked = sorted(tests, key=lambda test: -(test.wald or test.lr or 0.0) / max(test.df, 1))
    rows = [[one_line(test.column), str(test.df), *cells_of_test(test, tests)] for test in ranked[:MAX_ROWS]]
    return text_table(header, rows)


def _effects(model: LogisticModel) -> str:
    header = ["column", "effect", "std. error", "p", "low", "high"]
    rows = [
        [
            one_line(e.column if e.level is None else f"{e.column}[{e.level}]"),
            number(e.effect),
            number(e.std_error),
            p_value(e.p_value),
            number(e.conf_low),
            number(e.conf_high),
        ]
        for e in model.marginal_effects[:MAX_ROWS]
    ]
    return text_table(header, rows)
