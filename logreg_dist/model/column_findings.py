"""What the checks say about the columns of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logreg_dist.checks.records import Finding, Inflation, Linearity
from logreg_dist.design.problems import first_few
from logreg_dist.inference.records import ColumnTest
from logreg_dist.model.model import LogisticModel

# Variance inflation above which intervals are more than three times, or twice, as wide as they could be.
# Of several terms the factor of one: Fox and Monette (1992), J. Am. Stat. Assoc. 87, 178-183.
HIGH_INFLATION, SOME_INFLATION = 10.0, 5.0
# Belsley, Kuh and Welsch (1980), Regression Diagnostics, section 3.3.
HIGH_CONDITION, HIGH_SHARE = 30.0, 0.5
REJECTED = 0.05
MAX_NAMED = 5


def aliased(model: LogisticModel) -> Iterator[Finding]:
    """Report terms without an estimate, each with its dependence; of those left out separation is what is said."""
    dependent = [one for one in model.aliased if not one.is_left_out]
    if not dependent:
        return
    n = len(dependent)
    shown = "; ".join(f"{one.term} {one.reason}" for one in dependent[:MAX_NAMED])
    more = f"; and {n - MAX_NAMED:,} more" if n > MAX_NAMED else ""
    yield Finding(
        "warning",
        "collinearity",
        ", ".join(one.term for one in dependent[:MAX_NAMED]),
        f"{n:,} term{'s have' if n > 1 else ' has'} no estimate: {shown}{more}",
        "Leave out what is said twice: the other estimates then keep their meaning without a footnote.",
    )


def collinearity(model: LogisticModel) -> Iterator[Finding]:
    """Report columns whose variances are inflated, and near-dependences among terms."""
    found = None if model.checks is None else model.checks.collinearity
    if found is None:
        return
    high = [one for one in found.inflations if one.per_df**2 >= HIGH_INFLATION]
    some = [one for one in found.inflations if SOME_INFLATION <= one.per_df**2 < HIGH_INFLATION]
    if high:
        yield Finding("warning", "collinearity", _names(high), _inflated(high), _LESS)
    if some:
        yield Finding("note", "collinearity", _names(some), _inflated(some), "")
    near = False
    for condition in found.conditions:
        together = [share for share in condition.shares if share.share > HIGH_SHARE]
        if condition.index > HIGH_CONDITION and len(together) > 1:
            near = True
            terms = ", ".join(f"{share.term} ({share.share:.0%})" for share in together[:MAX_NAMED])
            yield Finding(
                "note",
                "collinearity",
                ", ".join(share.term for share in together[:MAX_NAMED]),
                f"a near-dependence with condition index {condition.index:,.0f} holds most of the variance of {terms}",
                "With the intercept among them it is a matter of units: centre the column. Else as for inflated variances.",
            )
    is_whole = all(one.is_left_out for one in model.aliased)
    if is_whole and not (high or some or near) and found.inflations:
        worst = max(found.inflations, key=lambda one: one.per_df)
        text = f"no column's variance is inflated {SOME_INFLATION:.0f} times; most is {worst.column}: {worst.per_df**2:.2f}"
        yield Finding("fine", "collinearity", "", text, "")


_LESS = "Leave one of such columns out, combine them, or set penalty.l2; predictions do not suffer, single estimates do."


def linearity(model: LogisticModel) -> Iterator[Finding]:
    """Report numbers whose log-odds are bent."""
    found = None if model.checks is None else model.checks.linearity
    if found is None:
        return
    bent = sorted((one for one in found if one.suggestion is not None), key=_by_statistic)
    for one in bent[:MAX_NAMED]:
        yield Finding(
            "warning",
            "linearity",
            one.column,
            f"the log-odds are not linear in {one.column}: {_named(one.test)} chi-squared {one.statistic:,.1f} on 1 degree "
            f"of freedom, p {_p(one.p_value_bh)} adjusted for {len(found)} columns",
            f'Add "{one.suggestion}" to features.terms, and look at the drawing of its bins.',
        )
    if len(bent) > MAX_NAMED:
        rest = bent[MAX_NAMED:]
        text = f"{len(rest):,} more columns bend: {first_few([one.column for one in rest], 3 * MAX_NAMED)}"
        yield Finding("warning", "linearity", "", text, "See checks.linearity for each.")
    tested = [(one, one.p_value_bh) for one in found if one.p_value_bh is not None]
    others = [one for one, p in tested if one.suggestion is None and p < REJECTED]
    if others:
        names = first_few([one.column for one in others], 2 * MAX_NAMED)
        yield Finding(
            "note",
            "linearity",
            "",
            f"significant, and no term to suggest: the log-odds bend in {names}",
            "In many rows every bend is significant: look at the drawing of the bins whether these matter.",
        )
    if found and not tested:
        names = first_few([one.column for one in found], 2 * MAX_NAMED)
        advice = "Look at the drawing of the bins: observed and fitted log-odds."
        yield Finding("note", "linearity", "", f"no test of linearity, only bins: {names}", advice)
    elif found and not bent and not others:
        yield Finding("fine", "linearity", "", f"no sign of a bend in {len(tested)} numeric columns", "")


def usefulness(model: LogisticModel) -> Iterator[Finding]:
    """Report columns without a detectable effect."""
    p_values, kind, adjusted = _p_values(model.column_tests)
    n = len(p_values)
    idle = [column for column, p in p_values.items() if p > REJECTED]
    if idle:
        yield Finding(
            "note",
            "usefulness",
            ", ".join(idle[: 2 * MAX_NAMED]),
            f"{len(idle)} of {n} columns show no effect beyond chance ({kind}, p > {REJECTED:g}{adjusted}): "
            f"{first_few(idle, 2 * MAX_NAMED)}",
            "Keep what is known to matter beforehand; a column that no one would miss can go (selection, penalty.l1).",
        )
    elif p_values:
        text = f"each of {n} columns has an effect beyond chance ({kind}, p < {REJECTED:g}{adjusted})"
        yield Finding("fine", "usefulness", "", text, "")


def _p_values(tests: Sequence[ColumnTest]) -> tuple[dict[str, float], str, str]:
    """Return by column a p-value, of which test it is, and how it is adjusted: Wald's where the model has some."""
    wald = {test.column: test.wald_p_holm for test in tests if test.wald_p_holm is not None}
    if wald:
        return wald, "Wald tests", " by Holm"
    ratios = {test.column: test.lr_p_value for test in tests if test.lr_p_value is not None}
    return ratios, "likelihood-ratio tests", ", not adjusted for their number"


def _names(inflations: Sequence[Inflation]) -> str:
    return ", ".join(one.column for one in inflations[:MAX_NAMED])


def _inflated(inflations: Sequence[Inflation]) -> str:
    ranked = sorted(inflations, key=lambda one: -one.per_df)
    shown = first_few([f"{one.column} {one.per_df**2:,.1f} times" for one in ranked], MAX_NAMED)
    return f"variances are inflated by correlation with other columns: {shown}"


def _by_statistic(one: Linearity) -> float:
    return -(one.statistic or 0.0)


def _named(test: str) -> str:
    return "Box-Tidwell" if test == "box_tidwell" else "square,"


def _p(value: float | None) -> str:
    if value is None:
        return "unknown"
    return "< 1e-300" if value < 1e-300 else f"= {value:.2g}"
