"""What the checks of a model come to, in sentences: the worst first, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from logreg_dist.checks.records import Checks, Finding
from logreg_dist.model.column_findings import aliased, collinearity, linearity, usefulness
from logreg_dist.model.model import LogisticModel, Status
from logreg_dist.model.row_findings import goodness_of_fit, independence, influence, sample_size

SEVERITIES = ("problem", "warning", "note", "fine")


def with_findings(model: LogisticModel) -> LogisticModel:
    """Return the model with the findings of its checks."""
    checks = model.checks or Checks()
    return replace(model, checks=replace(checks, findings=findings(model)))


def findings(model: LogisticModel) -> tuple[Finding, ...]:
    """Return what is to be said about the assumptions of a model, the worst first.

    Of the six assumptions each has at least one finding where it was looked into: one that holds is said to be fine.
    """
    found = [
        *_ending(model),
        *_outcome(model),
        *_weights(model),
        *sample_size(model),
        *aliased(model),
        *collinearity(model),
        *linearity(model),
        *independence(model),
        *goodness_of_fit(model),
        *influence(model),
        *usefulness(model),
    ]
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def _ending(model: LogisticModel) -> Iterator[Finding]:
    """Report how the fit ended: what is not an optimum says nothing about anything else."""
    separation = None if model.checks is None else model.checks.separation
    if separation is not None and separation.way_out is not None:
        terms = [one.term for one in separation.terms]
        yield Finding(
            "warning",
            "separation",
            ", ".join(terms[:3]),
            f"the label is separated ({separation.kind}); the fit took the way out `{separation.way_out}`: "
            f"{model.status_text}",
            "Look whether such a column is known only after the outcome, or a level has too few rows.",
        )
    if not model.converged:  # a way out may fail too
        separated = model.status in (Status.SEPARATED_COMPLETE, Status.SEPARATED_QUASI)
        check = "separation" if separated else "convergence"
        yield Finding("problem", check, "", f"{model.status}: {model.status_text}", "")
    elif separation is None and model.estimator == "maximum_likelihood" and _is_unbounded_optimum(model):
        yield Finding("fine", "separation", "", "the maximum likelihood estimates exist and are finite", "")


def _is_unbounded_optimum(model: LogisticModel) -> bool:
    """Whether the search would have seen estimates that are infinite: no bound was in the way, and it had the matrix."""
    rows = model.coefficient_rows
    at_bound = any(row.at_bound is not None for row in rows)
    return not at_bound and any(row.std_error is not None for row in rows)


def _outcome(model: LogisticModel) -> Iterator[Finding]:
    label = model.label
    if label.classes is not None:
        rows = ", ".join(f"{name} {n:,}" for name, n in label.classes.items())
        text = f"{len(label.classes)} classes, against {model.reference_class!r}: {rows[:300]}"
        yield Finding("fine", "outcome", label.column or "", text, "")
    elif model.n_events is not None:
        share = (
            f"{model.n_events:,.0f} of {model.n_obs:,.0f} observations ({model.n_events / model.n_obs:.2%})"
        )
        if label.column is None:
            text = f"binary: {label.events} out of {label.trials}, {share}"
        else:
            text = f"binary: {label.positive or '1'!r} of {label.column!r} means 1 and {label.negative or '0'!r} 0: {share}"
        yield Finding("fine", "outcome", label.column or "", text, "")


def _weights(model: LogisticModel) -> Iterator[Finding]:
    """Report weights that are no counts, beside standard errors that take them for counts."""
    record = model.covariance_record
    if record is None or record.kind != "model":
        return
    column = model.config.get("weight")
    by_class = model.config.get("label", {}).get("class_weights")
    if column is None and by_class is None:
        return
    what = "label.class_weights are" if column is None else f"the weights of {column} are"
    yield Finding(
        "warning",
        "weights",
        column or "",
        f"{what} taken for so many rows by standard errors, tests and intervals, which are right only if they are that",
        "Set inference.covariance to hc1 or cluster, right for weights of any kind; counts belong in frequency."
        if model.family == "binary"
        else "Counts belong in frequency; for other weights there are no right standard errors of several classes yet.",
    )
