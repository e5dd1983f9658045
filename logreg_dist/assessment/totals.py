"""The first reading of the sorted score groups: sums that need no other split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from logreg_dist.assessment.groups import FloatArray, ScoreGroups
from logreg_dist.kernel.rows import row_terms


@dataclass(frozen=True)
class Totals:
    """Sums over score groups in descending order; those of neighbouring ranges of score add.

    Attributes
    ----------
    n_rows, n_obs, events, positive, negative : float
        Sums of the columns of `ScoreGroups`.
    log_loss, squared_error : float
        Weighted sums of ``-log-likelihood`` and of ``y (1 - mu)^2 + (1 - y) mu^2``.
    concordance : float
        Weight of the pairs (positive, negative) in which the positive scores higher, ties half.
    true_positive, false_positive : float
        Weights of those with ``probability >= 0.5``.
    score_sum, probability_sum : float
        Weighted sums of the linear predictor and of the probability.
    lowest_probability : float
        Of any row; inf when there are no rows.
    lowest_positive, highest_positive, lowest_negative, highest_negative : float
        Range of the linear predictor of either class; inf and -inf when it is empty.
    """

    n_rows: float = 0.0
    n_obs: float = 0.0
    events: float = 0.0
    positive: float = 0.0
    negative: float = 0.0
    log_loss: float = 0.0
    squared_error: float = 0.0
    concordance: float = 0.0
    true_positive: float = 0.0
    false_positive: float = 0.0
    score_sum: float = 0.0
    probability_sum: float = 0.0
    lowest_probability: float = np.inf
    lowest_positive: float = np.inf
    highest_positive: float = -np.inf
    lowest_negative: float = np.inf
    highest_negative: float = -np.inf

    @property
    def weight_sum(self) -> float:
        """Sum of the weights."""
        return self.positive + self.negative

    def followed_by(self, lower: Totals) -> Totals:
        """Add the totals of the scores below: all sums, and the pairs across the two ranges."""
        names = list(self.__dataclass_fields__)
        added = {name: getattr(self, name) + getattr(lower, name) for name in names}
        added["concordance"] += self.positive * lower.negative
        for name in names:
            if name.startswith(("lowest", "highest")):
                choose = min if name.startswith("lowest") else max
                added[name] = choose(getattr(self, name), getattr(lower, name))
        return Totals(**added)


def add_up(chunks: Iterable[ScoreGroups]) -> Totals:
    """Compute the totals of chunks of groups in descending score, none included.

    The area under the ROC curve is ``concordance / (positive * negative)``: Hanley and McNeil
    (1982), Radiology 143, with weights for counts.

    Examples
    --------
    One positive above a tie of one positive and one negative: one and a half of two pairs.

    >>> from logreg_dist.assessment.groups import group_rows
    >>> one = np.ones(3)
    >>> groups = group_rows(np.array([1.0, 1.0, 0.0]), np.array([2.0, 0.0, 0.0]), one / 2, one, one)
    >>> totals = add_up([groups])
    >>> totals.concordance, totals.positive, totals.negative
    (1.5, 2.0, 1.0)
    """
    totals = Totals()
    for chunk in chunks:
        if len(chunk):
            totals = totals.followed_by(_totals_of(chunk))
    return totals


def _totals_of(groups: ScoreGroups) -> Totals:
    eta, mu, positive, negative = (
        groups.linear_predictor,
        groups.probability,
        groups.positive,
        groups.negative,
    )
    weight = groups.weight
    positive_above = np.concatenate(([0.0], np.cumsum(positive)[:-1]))
    chosen = mu >= 0.5
    return Totals(
        n_rows=float(groups.n_rows.sum()),
        n_obs=float(groups.n_obs.sum()),
        events=float(groups.events.sum()),
        positive=float(positive.sum()),
        negative=float(negative.sum()),
        log_loss=row_terms(eta, positive / weight, weight).deviance / 2.0,
        squared_error=float(positive @ (1.0 - mu) ** 2 + negative @ mu**2),
        concordance=float(negative @ (positive_above + positive / 2.0)),
        true_positive=float(positive[chosen].sum()),
        false_positive=float(negative[chosen].sum()),
        score_sum=float(weight @ eta),
        probability_sum=float(weight @ mu),
        lowest_probability=float(mu.min()),
        **_range("positive", eta[positive > 0.0]),
        **_range("negative", eta[negative > 0.0]),
    )


def _range(name: str, eta: FloatArray) -> dict[str, float]:
    if len(eta) == 0:
        return {}
    return {f"lowest_{name}": float(eta[-1]), f"highest_{name}": float(eta[0])}
