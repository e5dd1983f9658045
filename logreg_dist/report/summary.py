"""A model as text, laid out like R's ``summary(glm)``."""

from __future__ import annotations

from logreg_dist.design.problems import first_few
from logreg_dist.model.model import Coefficient, LogisticModel
from logreg_dist.printable import printable, printable_lines
from logreg_dist.report.columns import collinear_columns, column_test_table, r2_measures
from logreg_dist.report.effects import effects_table
from logreg_dist.report.selection import selection_path
from logreg_dist.report.table import number, one_line, p_value, text_table

MAX_CLASSES = 12
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, "."))


def summarise(model: LogisticModel, *, max_terms: int | None = None) -> str:
    """Return the summary of a model.

    Parameters
    ----------
    model : LogisticModel
    max_terms : int or None
        Rows of the coefficient table to show; None shows all.
    """
    parts = [_head(model), coefficient_table(model, max_terms=max_terms), _measures(model)]
    if model.aliased:
        lines = [f"  {one_line(term.term)}: {printable(term.reason)}" for term in model.aliased[:20]]
        if len(model.aliased) > 20:
            lines.append(f"  and {len(model.aliased) - 20} more, in model.json")
        depend = not any(term.is_left_out for term in model.aliased)
        why = ", because they depend on earlier terms" if depend else ""
        parts.append("\n".join([f"Not estimated{why}:", *lines]))
    tests = column_test_table(model.column_tests)
    if tests is not None:
        parts.append(tests)
    collinear = collinear_columns(model)
    if collinear is not None:
        parts.append(collinear)
    if model.marginal_effects:
        parts.append(effects_table(model))
    if model.selection is not None:
        parts.append(selection_path(model.selection))
    if model.notes:
        parts.append("\n".join(["Notes:", *(f"  {printable(note)}" for note in model.notes)]))
    return printable_lines("\n\n".join(parts))


def coefficient_table(model: LogisticModel, *, max_terms: int | None = None) -> str:
    """Return the coefficients as a table: estimates, tests, odds ratios with their intervals."""
    confidence = model.config.get("inference", {}).get("confidence", 0.95)
    header = [
        "term",
        "estimate",
        "std. error",
        "z",
        "p",
        "",
        "odds ratio" if model.label.classes is None else "rel. risk ratio",
        f"{confidence:.0%} {'profile interval' if model.interval_kind == 'profile' else 'interval'}",
    ]
    shown = model.coefficient_rows[:max_terms]
    table = text_table(header, [_row(row) for row in shown])
    hidden = len(model.coefficient_rows) - len(shown)
    if hidden:
        table += f"\n... and {hidden:,} more terms, in model.json"
    if any(row.p_value is not None for row in shown):
        table += "\n---\n*** p < 0.001   ** p < 0.01   * p < 0.05   . p < 0.1"
    return table


def _head(model: LogisticModel) -> str:
    label = model.label
    if label.column is None:
        what = f"{one_line(str(label.events))} of {one_line(str(label.trials))}"
    else:
        what = f"{one_line(label.column)} = {one_line(label.positive or '1')!r}"
    if model.label.classes is not None:
        what = f"{one_line(str(label.column))}, against {one_line(str(model.reference_class))!r}"
    family = "Binary" if model.label.classes is None else "Multinomial"
    lines = [f"{family} logistic regression of {what}"]
    if not model.converged:
        lines.append(f"STATUS {model.status.upper()}: do not use these estimates.")
    lines.append(model.status_text if model.converged else f"  {model.status_text}")
    left_out = [
        f"{n:,} {why}"
        for n, why in ((model.n_dropped, "dropped for missing values"), (model.n_zero_weight, "of weight 0"))
        if n
    ]
    rows = f"{model.n_rows:,} rows used" + (f" ({', '.join(left_out)})" if left_out else "")
    if model.n_obs != model.n_rows:
        rows += f", {model.n_obs:,.0f} observations"
    if model.n_events is not None:
        rows += f", {model.n_events:,.0f} events ({model.n_events / model.n_obs:.2%})"
    if model.weight_sum != model.n_obs:
        rows += f", weights add to {model.weight_sum:,.6g}"
    return "\n".join([*lines, rows, *_classes(model), *_covariance(model)])


def _classes(model: LogisticModel) -> list[str]:
    """Return a line with the classes and their rows, the largest first."""
    classes = model.label.classes
    if classes is None:
        return []
    largest = sorted(classes, key=lambda name: -classes[name])
    shown = first_few([f"{one_line(name)} {classes[name]:,}" for name in largest], MAX_CLASSES)
    return [f"{len(classes):,} classes by rows: {shown}"]


def _covariance(model: LogisticModel) -> list[str]:
    """Return a line that says where the standard errors come from, where there are any."""
    record = model.covariance_record
    if record is None:
        return []
    return [f"Standard errors: {one_line(record.text, limit=1_000)}"]


def _row(row: Coefficient) -> list[str]:
    interval = "-"
    if row.odds_ratio_low is not None or row.odds_ratio_high is not None:
        interval = f"{_end(row.conf_low, row.odds_ratio_low)} to {_end(row.conf_high, row.odds_ratio_high)}"
    stars = ""
    if row.p_value is not None:
        stars = next((mark for limit, mark in _STARS if row.p_value < limit), "")
    if row.at_bound is not None:
        stars = "fixed" if row.at_bound == "both" else f"at {row.at_bound} bound"
    return [
        one_line(row.term),
        number(row.estimate),
        number(row.std_error),
        "-" if row.z is None else f"{row.z:.3f}",
        p_value(row.p_value),
        stars,
        _ratio(row.odds_ratio) if row.estimate is not None else "-",
        interval,
    ]


def _end(limit: float | None, ratio: float | None) -> str:
    """Write an end of an interval; a profile may have none, which a note of the model explains."""
    return "none" if limit is None and ratio is None else _ratio(ratio)


def _ratio(value: float | None) -> str:
    """Write an odds ratio; the model holds None where it left the range of doubles."""
    if value is None:
        return "inf"
    return f"{value:.4f}" if 0.001 <= value < 1000 else number(value, 4)


def _measures(model: LogisticModel) -> str:
    n_free = len(model.free_classes) or 1
    n_estimated = model.lr_df + n_free * model.design.intercept
    null_df = model.n_obs * n_free - model.design.intercept * n_free
    test = ""
    if model.lr_p_value is not None:
        test = (
            f"Likelihood-ratio test against the null model: {model.lr_statistic:,.2f} on {model.lr_df} "
            f"degrees of freedom, p {_with_sign(p_value(model.lr_p_value))}"
        )
    lines = [
        f"Null deviance      {model.null_deviance:,.3f} on {null_df:,.0f} degrees of freedom",
        f"Residual deviance  {model.deviance:,.3f} on {model.n_obs * n_free - n_estimated:,.0f} degrees of freedom",
        f"AIC {model.aic:,.3f}   BIC {model.bic:,.3f}",
        r2_measures(model) or "",
        test,
        *_penalty(model),
        f"Iterations {model.n_iterations}, passes {model.n_passes}   model {model.model_id}",
    ]
    return "\n".join(line for line in lines if line)


def _penalty(model: LogisticModel) -> list[str]:
    """Return a line on what penalty and bounds left, and how well their optimum was met."""
    if model.kkt_residual is None:
        return []
    rows = [row for row in model.coefficient_rows if row.column is not None]
    penalty = model.config.get("penalty", {})
    left = []
    if penalty.get("l1", 0.0) > 0 or penalty.get("l2", 0.0) > 0 or penalty.get("path") is not None:
        kept = sum(bool(row.estimate) for row in rows)
        left.append(f"Penalised: {kept:,} of {len(rows):,} terms are not 0")
    columns = model.config.get("features", {}).get("columns", {}).values()
    if any(end is not None for column in columns for end in column.get("bounds", {}).values()):
        ends = sum(row.at_bound is not None for row in rows)
        left.append(f"{'with bounds' if left else 'Bounded'}: {ends:,} of {len(rows):,} terms are at a bound")
    return [f"{', '.join(left)}; the optimum is met to {model.kkt_residual:.1e} of the mean loss"]


def _with_sign(text: str) -> str:
    return text if text.startswith("<") else f"= {text}"
