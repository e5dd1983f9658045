"""Two models of the same rows, of which one is a special case of the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scipy import stats

from logreg_dist.errors import NotComparable
from logreg_dist.model.model import LogisticModel
from logreg_dist.model.nesting import not_nested

# Relative: sums over the same rows in other splits.
SAME_SUM = 1e-9
_REASONS = 6  # an error names at most


@dataclass(frozen=True)
class ModelComparison:
    """The likelihood-ratio test of a smaller model against a larger one.

    Attributes
    ----------
    lr_statistic : float
        By how much the deviance falls.
    df : int
        Estimated terms that the larger model has more.
    p_value : float
        Chi-squared test of these being 0.
    delta_aic, delta_bic : float
        Of the larger model minus of the smaller: below 0 speaks for the larger.
    same_rows : bool or None
        True where label, weight and offset are the same row by row; None where that cannot be told.
    notes : tuple of str
        What a reader should know.
    """

    lr_statistic: float
    df: int
    p_value: float
    delta_aic: float
    delta_bic: float
    same_rows: bool | None
    notes: tuple[str, ...] = ()


def compare_models(smaller: LogisticModel, larger: LogisticModel) -> ModelComparison:
    """Test a model against a larger one of the same rows that it is a special case of.

    Nothing is read but the two models: their likelihoods, their designs, and what they recorded of their rows.

    Parameters
    ----------
    smaller, larger : LogisticModel
        Binary or multinomial, converged, fitted by maximum likelihood.

    Raises
    ------
    NotComparable
        With all that stands against it: other rows, another label or offset, a model that is not nested by its
        design, a penalty, bounds, a fit that did not converge, columns that were selected, terms that were left out
        because they separate the label.

    Notes
    -----
    Wilks (1938), The large-sample distribution of the likelihood ratio for testing composite hypotheses, Annals of
    Mathematical Statistics 9(1). Of columns that were selected by the same rows the test would be too optimistic.
    """
    reasons = [*_unusable(smaller, "smaller"), *_unusable(larger, "larger")]
    reasons += [*_other_outcome(smaller, larger), *_other_rows(smaller, larger)]
    reasons += not_nested(smaller.design, larger.design)
    df = _n_estimated(larger) - _n_estimated(smaller)
    fall = smaller.deviance - larger.deviance
    if not reasons and df <= 0:
        reasons.append("both have the same number of estimated terms: there is nothing to test")
    if not reasons and fall < -SAME_SUM * abs(larger.deviance):
        reasons.append(
            "the smaller model fits better, which no special case does: their rows are not the same"
        )
    if reasons:
        more = f"; and {len(reasons) - _REASONS} more" if len(reasons) > _REASONS else ""
        raise NotComparable("; ".join(reasons[:_REASONS]) + more)
    same_rows, sentence = _same_rows(smaller, larger)
    notes = [sentence] if sentence else []
    if any(
        model.covariance_record is not None and model.covariance_record.kind != "model"
        for model in (smaller, larger)
    ):
        notes.append(
            "the test takes the likelihood to be right, unlike the robust standard errors of these models"
        )
    if larger.config.get("weight") is not None or _setting(larger, "label", "class_weights") is not None:
        notes.append("the test takes weights for so many rows, and is right only where they are that")
    statistic = max(fall, 0.0)
    return ModelComparison(
        lr_statistic=statistic,
        df=df,
        p_value=float(stats.chi2.sf(statistic, df)),
        delta_aic=larger.aic - smaller.aic,
        delta_bic=larger.bic - smaller.bic,
        same_rows=same_rows,
        notes=tuple(notes),
    )


def _unusable(model: LogisticModel, which: str) -> Iterator[str]:
    """Yield why the likelihood of a model is not the largest one of its design, or not a fixed design's."""
    if not model.converged:
        yield f"the {which} model is {model.status}"
    if model.estimator == "dropped":
        yield (
            f"the {which} model has left out terms because they separate the label: a choice by the same rows, which the "
            "test does not know"
        )
    elif model.estimator != "maximum_likelihood":
        yield f"the {which} model is {model.estimator.replace('_', ' ')}, not fitted by maximum likelihood"
    if any(row.at_bound is not None for row in model.coefficient_rows):
        yield f"estimates of the {which} model lie at their bounds"
    elif (
        model.converged
        and all(row.std_error is None for row in model.coefficient_rows)
        and model.coefficient_rows
    ):
        yield (
            f"the {which} model has no standard errors: whether terms depend on each other, and so how many there are, "
            "is not known"
        )
    if model.selection is not None:
        yield f"the columns of the {which} model were selected by the same rows, which the test does not know"


def _other_outcome(smaller: LogisticModel, larger: LogisticModel) -> Iterator[str]:
    """Yield what differs in what is modelled."""
    if smaller.family != larger.family:
        yield f"the family differs: {smaller.family}, {larger.family}"
    for name in ("column", "positive", "negative", "events", "trials"):
        if getattr(smaller.label, name) != getattr(larger.label, name):
            yield f"label.{name} differs"
    if smaller.label.classes != larger.label.classes:
        yield "the classes of the label, or their rows, differ"
    for key in ("offset", "weight", "frequency"):
        if smaller.config.get(key) != larger.config.get(key):
            yield f"{key} differs"
    for section, key in (("label", "class_weights"), ("solver", "precision")):
        if _setting(smaller, section, key) != _setting(larger, section, key):
            yield f"{section}.{key} differs"


def _other_rows(smaller: LogisticModel, larger: LogisticModel) -> Iterator[str]:
    """Yield what proves that the rows differ."""
    for name in ("n_rows", "n_dropped", "n_zero_weight"):
        pair = getattr(smaller, name), getattr(larger, name)
        if pair[0] != pair[1]:
            yield f"{name} differs: {pair[0]:,}, {pair[1]:,}"
    names = ["n_obs", "weight_sum", "n_events"]
    if smaller.design.intercept == larger.design.intercept:
        names.append("null_deviance")
    for name in names:
        one, other = getattr(smaller, name), getattr(larger, name)
        if (one is None) != (other is None) or (one is not None and not _is_close(one, other)):
            yield f"{name} differs: {one}, {other}"
    one, other = _outcomes(smaller), _outcomes(larger)
    if one is not None and other is not None and one.get("in_any_order") != other.get("in_any_order"):
        yield "the checksums of label, weight and offset differ: these are other rows"


def _same_rows(smaller: LogisticModel, larger: LogisticModel) -> tuple[bool | None, str | None]:
    """Return whether the outcomes are the same row by row, None where that cannot be told, and why."""
    one, other = _outcomes(smaller), _outcomes(larger)
    if one is None or other is None:
        return None, "whether the rows are the same cannot be told: a model has no checksum of its outcomes"
    if one.get("in_order") != other.get("in_order"):
        return None, ("whether the rows are the same cannot be told: the outcomes are, but in another order")
    return True, None


def _outcomes(model: LogisticModel) -> dict[str, str] | None:
    found = model.fingerprint.get("outcomes")
    return found if isinstance(found, dict) else None


def _n_estimated(model: LogisticModel) -> int:
    return sum(row.estimate is not None for row in model.coefficient_rows)


def _setting(model: LogisticModel, section: str, key: str) -> object:
    return (model.config.get(section) or {}).get(key)


def _is_close(one: float, other: float) -> bool:
    return abs(one - other) <= SAME_SUM * max(abs(one), abs(other))
