"""What inference beyond the coefficient table says, as the model file holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

# For pydantic, which reads these records from model.json: nothing unknown, nothing converted.
STRICT = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


@dataclass(frozen=True)
class CovarianceRecord:
    """Where the standard errors come from.

    Attributes
    ----------
    kind : str
        ``model``, ``hc0``, ``hc1``, ``hc2``, ``hc3`` or ``cluster``.
    text : str
        A sentence for people, with the small-sample factors.
    n_clusters : tuple of int
        Of each clustering, the intersection of two last.
    factors : tuple of float
        Small-sample factor of each part, in the same order; one where there are no clusters.
    """

    __pydantic_config__: ClassVar = STRICT
    kind: str
    text: str
    n_clusters: tuple[int, ...] = ()
    factors: tuple[float, ...] = ()


@dataclass(frozen=True)
class ColumnTest:
    """The hypothesis that all coefficients of a column are 0, everything else in the model (type III).

    Attributes
    ----------
    column : str
    df : int
        Its estimated terms.
    wald, wald_p_value : float or None
        Chi-squared statistic of all terms together, by the covariance of the model's table.
    wald_p_holm, wald_p_bh : float or None
        Adjusted for the number of columns (Holm 1979; Benjamini and Hochberg 1995).
    lr, lr_p_value, score, score_p_value : float or None
        Likelihood-ratio and score test, where they were asked for.
    """

    __pydantic_config__: ClassVar = STRICT
    column: str
    df: int
    wald: float | None
    wald_p_value: float | None
    wald_p_holm: float | None
    wald_p_bh: float | None
    lr: float | None = None
    lr_p_value: float | None = None
    score: float | None = None
    score_p_value: float | None = None


@dataclass(frozen=True)
class MarginalEffect:
    """An average marginal effect on the probability.

    Attributes
    ----------
    column : str
    level : str or None
        Of a category the level, against the reference; ``missing`` of a number's indicator; of a text the word, of
        a vector the place.
    kind : str
        ``slope``: mean derivative by the column, per unit; ``difference``: mean change from reference to level.
    effect, std_error, conf_low, conf_high : float
        Probability (per unit); delta method, the rows taken as given.
    z, p_value : float or None
    """

    __pydantic_config__: ClassVar = STRICT
    column: str
    level: str | None
    kind: str
    effect: float
    std_error: float
    z: float | None
    p_value: float | None
    conf_low: float
    conf_high: float
