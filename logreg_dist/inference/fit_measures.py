"""Likelihood-based measures of a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True)
class FitMeasures:
    """Measures of one fit against the model without columns.

    Attributes
    ----------
    log_likelihood, null_log_likelihood : float
        Sums over the observations, weighted.
    deviance, null_deviance : float
        -2 times these.
    aic, bic : float
        ``deviance + 2 p`` and ``deviance + p log(n_obs)``, p the estimated terms.
    mcfadden_r2 : float
        ``1 - log_likelihood / null_log_likelihood``; NaN when the null likelihood is 1.
    lr_statistic : float
        Likelihood-ratio statistic against the null model.
    lr_df : int
    lr_p_value : float
    cox_snell_r2, nagelkerke_r2 : float
        ``1 - exp(-lr / weight_sum)``, and its share of the largest value that it can have, NaN where that is 0.
    """

    log_likelihood: float
    null_log_likelihood: float
    deviance: float
    null_deviance: float
    aic: float
    bic: float
    mcfadden_r2: float
    lr_statistic: float
    lr_df: int
    lr_p_value: float
    cox_snell_r2: float
    nagelkerke_r2: float


def fit_measures(
    *,
    deviance: float,
    null_deviance: float,
    n_parameters: int,
    n_null: int,
    n_obs: float,
    weight_sum: float,
) -> FitMeasures:
    """Compute the measures from two deviances.

    Parameters
    ----------
    deviance, null_deviance : float
    n_parameters, n_null : int
        Estimated terms of the model and of the null model (1 with an intercept, else 0).
    n_obs : float
        Sum of the frequencies.
    weight_sum : float
        Of all weights: the deviances are multiples of it, so that no R2 depends on the unit of the weights.

    Notes
    -----
    McFadden (1974), Conditional logit analysis of qualitative choice behavior; the test is that
    of Wilks (1938). Cox and Snell (1989), The Analysis of Binary Data, pp. 208-209; Nagelkerke (1991),
    Biometrika 78(3), 691-692.

    Examples
    --------
    >>> measures = fit_measures(deviance=10.0, null_deviance=20.0, n_parameters=3, n_null=1, n_obs=50, weight_sum=50)
    >>> measures.aic, measures.mcfadden_r2, measures.lr_df, round(measures.lr_p_value, 6)
    (16.0, 0.5, 2, 0.006738)
    """
    df = n_parameters - n_null
    # Rounding may leave a fit that explains nothing a hair above the null deviance.
    statistic = max(null_deviance - deviance, 0.0)
    cox_snell, largest = -math.expm1(-statistic / weight_sum), -math.expm1(-null_deviance / weight_sum)
    return FitMeasures(
        log_likelihood=-deviance / 2,
        null_log_likelihood=-null_deviance / 2,
        deviance=deviance,
        null_deviance=null_deviance,
        aic=deviance + 2 * n_parameters,
        bic=deviance + n_parameters * math.log(n_obs),
        mcfadden_r2=1 - deviance / null_deviance if null_deviance > 0 else math.nan,
        lr_statistic=statistic,
        lr_df=df,
        lr_p_value=float(stats.chi2.sf(statistic, df)) if df > 0 else math.nan,
        cox_snell_r2=cox_snell,
        nagelkerke_r2=cox_snell / largest if largest > 0 else math.nan,
    )


def bernoulli_deviance(event_weight: float, weight_sum: float) -> float:
    """Return the deviance when every row has the overall share of events as its probability.

    Parameters
    ----------
    event_weight, weight_sum : float
        Weight of label 1 and of all rows.

    Examples
    --------
    >>> round(bernoulli_deviance(1.0, 2.0), 6)  # 4 log 2
    2.772589
    """
    rest = weight_sum - event_weight
    parts = (weight for weight in (event_weight, rest) if weight > 0)
    return -2.0 * sum(weight * math.log(weight / weight_sum) for weight in parts)
