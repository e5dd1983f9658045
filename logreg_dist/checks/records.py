"""What the checks of the assumptions found, as the model file holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from logreg_dist.inference.records import STRICT


@dataclass(frozen=True)
class Inflation:
    """By how much a column's variance is inflated by its correlation with the others.

    Attributes
    ----------
    column : str
    df : int
    gvif : float or None
        Generalised variance inflation factor (Fox and Monette 1992); with one term the VIF. None beyond the range of
        doubles.
    per_df : float
        ``gvif ** (1 / (2 df))``, comparable between columns: how much wider intervals are.
    """

    __pydantic_config__: ClassVar = STRICT
    column: str
    df: int
    gvif: float | None
    per_df: float


@dataclass(frozen=True)
class Share:
    """A term's share, 0 to 1."""

    __pydantic_config__: ClassVar = STRICT
    term: str
    share: float


@dataclass(frozen=True)
class Condition:
    """A condition index and the terms of which it explains most of the variance.

    Attributes
    ----------
    index : float
        Largest singular value of the scaled weighted columns over this one (Belsley, Kuh and Welsch 1980).
    shares : tuple of Share
        The variance proportions above 0.3, largest first.
    """

    __pydantic_config__: ClassVar = STRICT
    index: float
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Correlation:
    """Two terms whose estimates are correlated."""

    __pydantic_config__: ClassVar = STRICT
    term: str
    other: str
    correlation: float


@dataclass(frozen=True)
class Collinearity:
    """Multicollinearity of the columns, weighted as the fit weights them.

    Attributes
    ----------
    inflations : tuple of Inflation
        Of each column.
    conditions : tuple of Condition
        The largest indices first, at most 10; none with several classes, and beyond 1,000 terms.
    correlations : tuple of Correlation
        Pairs of estimates of different columns, the largest absolute correlation first, at most 10.
    """

    __pydantic_config__: ClassVar = STRICT
    inflations: tuple[Inflation, ...]
    conditions: tuple[Condition, ...]
    correlations: tuple[Correlation, ...]


@dataclass(frozen=True)
class Cell:
    """A level of a category that has few rows of one label, frequent enough to be named.

    Attributes
    ----------
    column, level : str
    n, events : float
        Observations.
    """

    __pydantic_config__: ClassVar = STRICT
    column: str
    level: str
    n: float
    events: float


@dataclass(frozen=True)
class SampleSize:
    """Whether there are enough rows.

    Attributes
    ----------
    n_parameters : int
        Estimated terms without the intercept; with several classes of the class that has the most.
    n_rarer : float
        Observations of the rarer label (of the rarest class).
    events_per_parameter : float or None
        Their ratio; None without parameters.
    empty_cells, tiny_cells : tuple of Cell
        Levels all of whose rows have one label, and those with fewer than 5 of one; the largest first, at most 20 of
        each. Levels with fewer rows than `min_level_count` are counted, but not named.
    n_empty_cells, n_tiny_cells : int or None
        How many there are; None with several classes, where levels are not counted by class.
    """

    __pydantic_config__: ClassVar = STRICT
    n_parameters: int
    n_rarer: float
    events_per_parameter: float | None
    empty_cells: tuple[Cell, ...]
    tiny_cells: tuple[Cell, ...]
    n_empty_cells: int | None
    n_tiny_cells: int | None


@dataclass(frozen=True)
class LogitBin:
    """A bin of a numeric column with its observed and fitted log-odds.

    Attributes
    ----------
    low, high : float or None
        Edges, the values of no row; units of the column. None where the bin is open.
    mean : float
        Weighted, units of the column.
    n, events : float
        Sums of the weights; importance and class weights are scaled to be 1 on average.
    logit : float
        Empirical: ``log((events + 1/2) / (n - events + 1/2))``.
    fitted : float
        The same of the sum of fitted probabilities.
    """

    __pydantic_config__: ClassVar = STRICT
    low: float | None
    high: float | None
    mean: float
    n: float
    events: float
    logit: float
    fitted: float


@dataclass(frozen=True)
class Linearity:
    """Whether the log-odds are linear in a numeric column.

    Attributes
    ----------
    column : str
    test : str
        ``box_tidwell`` (score test of adding ``x log x``) or ``quadratic`` (of adding the square) where some
        values are not above 0.
    statistic, p_value, p_value_bh : float or None
        Chi-squared on 1 degree of freedom; adjusted for the number of columns. P-values are None with weights.
    suggestion : str or None
        A term for `features.terms` that fits the bins better, where the test rejects.
    bins : tuple of LogitBin
    """

    __pydantic_config__: ClassVar = STRICT
    column: str
    test: str
    statistic: float | None
    p_value: float | None
    p_value_bh: float | None
    suggestion: str | None
    bins: tuple[LogitBin, ...]


@dataclass(frozen=True)
class RiskGroup:
    """A group of rows of similar fitted probability; `observed` and `expected` events, weighted as in `LogitBin`."""

    __pydantic_config__: ClassVar = STRICT
    n: float
    mean_probability: float
    observed: float
    expected: float


@dataclass(frozen=True)
class GoodnessOfFit:
    """How well the model fits the rows it was fitted to.

    Attributes
    ----------
    pearson : float or None
        Pearson's chi-squared over the rows; None where a row is so unlikely that it overflows.
    residual_df : float or None
        Rows (groups of trials), by frequency, less the estimated terms. None where groups of trials have
        frequencies, which are staged multiplied.
    dispersion : float or None
        Their ratio; far above 1 with grouped outcomes means overdispersion. None for single trials, where it says
        nothing, and with weights, which would multiply it.
    tjur_r2 : float or None
        Mean probability of events less that of the others (Tjur 2009).
    hosmer_lemeshow, hosmer_lemeshow_p_value : float or None
        None with fewer than three groups, and for texts, whose linear predictor no sample knows. The p-value is None
        with weights too.
    hosmer_lemeshow_df : int
        Groups less two.
    groups : tuple of RiskGroup
        Neighbours merged until each has 5 fitted events and others, and `min_level_count` observations.
    link, link_p_value : float or None
        Score test of adding the square of the linear predictor (Pregibon 1980), on 1 degree of freedom. The p-value is
        None with weights.
    calibration_intercept, calibration_slope : float or None
        Of the recalibration on the same rows, the offset left as it is: 0 and 1 where the likelihood was maximised with
        an intercept.
    """

    __pydantic_config__: ClassVar = STRICT
    pearson: float | None
    residual_df: float | None
    dispersion: float | None
    tjur_r2: float | None
    hosmer_lemeshow: float | None
    hosmer_lemeshow_df: int
    hosmer_lemeshow_p_value: float | None
    groups: tuple[RiskGroup, ...]
    link: float | None
    link_p_value: float | None
    calibration_intercept: float | None
    calibration_slope: float | None


@dataclass(frozen=True)
class ClusterDependence:
    """How alike the rows of a cluster are.

    Attributes
    ----------
    column : str
    n_clusters : int
    mean_size, largest : float
        Rows.
    icc : float or None
        Intra-cluster correlation of the Pearson residuals (analysis of variance).
    design_effect : float or None
        ``1 + (m - 1) icc`` with the size m that the analysis of variance takes.
    largest_ratio : float or None
        Largest ratio of a cluster-robust variance to the model's over the terms, and `ratio_term` its term.
    ratio_term : str or None
    """

    __pydantic_config__: ClassVar = STRICT
    column: str
    n_clusters: int
    mean_size: float
    largest: float
    icc: float | None
    design_effect: float | None
    largest_ratio: float | None
    ratio_term: str | None


@dataclass(frozen=True)
class SerialDependence:
    """How alike rows are that follow each other.

    Attributes
    ----------
    column : str
    within : str or None
        The cluster column that pairs were formed within.
    n_pairs : int
    autocorrelation : float or None
        Of the Pearson residuals at lag 1; `z` and `p_value` of its being 0.
    z, p_value : float or None
    """

    __pydantic_config__: ClassVar = STRICT
    column: str
    within: str | None
    n_pairs: int
    autocorrelation: float | None
    z: float | None
    p_value: float | None


@dataclass(frozen=True)
class InfluenceSummary:
    """How much single rows decide; a row of frequency k is left out as a whole.

    Attributes
    ----------
    n_kept : int
        Rows of the largest Cook's distance, in influence.parquet.
    largest_cook, largest_leverage, mean_leverage : float
    n_high_leverage : int
        Rows with more than three times the mean leverage.
    n_high_cook : int
        Rows with a Cook's distance above 4 / n.
    largest_dfbeta : float
        Largest change of an estimate by leaving out one of the kept rows, in standard errors; `dfbeta_term` its term.
    dfbeta_term : str or None
    """

    __pydantic_config__: ClassVar = STRICT
    n_kept: int
    largest_cook: float
    largest_leverage: float
    mean_leverage: float
    n_high_leverage: int
    n_high_cook: int
    largest_dfbeta: float
    dfbeta_term: str | None


@dataclass(frozen=True)
class SeparatingTerm:
    """A term whose estimate runs to infinity.

    Attributes
    ----------
    term : str
    sign : str
        ``+`` or ``-``.
    text : str or None
        What of its rows is of one label, with counts, where it separates on its own.
    """

    __pydantic_config__: ClassVar = STRICT
    term: str
    sign: str
    text: str | None


@dataclass(frozen=True)
class SeparationFinding:
    """That the label is separated, and by what.

    Attributes
    ----------
    kind : str
        ``complete`` or ``quasi``.
    terms : tuple of SeparatingTerm
        At most 50.
    n_separated, n_neutral : int
        Rows on the right side of the direction, and on its boundary.
    proof : str
        ``direction`` (row by row) or ``linear_programme``.
    way_out : str or None
        ``firth``, ``ridge`` or ``drop``, where one was taken.
    """

    __pydantic_config__: ClassVar = STRICT
    kind: str
    terms: tuple[SeparatingTerm, ...]
    n_separated: int
    n_neutral: int
    proof: str
    way_out: str | None


@dataclass(frozen=True)
class Finding:
    """A sentence of the report.

    Attributes
    ----------
    severity : str
        ``problem``, ``warning``, ``note`` or ``fine``.
    check, subject : str
        Which check, and what it is about: a column, a term, or empty.
    text, advice : str
        What was found, with its numbers; what to do, or empty.
    """

    __pydantic_config__: ClassVar = STRICT
    severity: str
    check: str
    subject: str
    text: str
    advice: str


@dataclass(frozen=True)
class Checks:
    """All checks of a fit; None for what was not looked into."""

    __pydantic_config__: ClassVar = STRICT
    collinearity: Collinearity | None = None
    sample_size: SampleSize | None = None
    linearity: tuple[Linearity, ...] | None = None
    fit: GoodnessOfFit | None = None
    clusters: tuple[ClusterDependence, ...] = ()
    serial: SerialDependence | None = None
    influence: InfluenceSummary | None = None
    separation: SeparationFinding | None = None
    findings: tuple[Finding, ...] = ()
