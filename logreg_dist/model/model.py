"""The fitted model: what was learned, how sure it is, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.records import Checks
from logreg_dist.design.spec import DesignSpec
from logreg_dist.inference.records import ColumnTest, CovarianceRecord, MarginalEffect
from logreg_dist.model.cross_validation import CrossValidation
from logreg_dist.model.selection import SelectionRecord

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

    from logreg_dist.inference.contrasts import Contrast, JointContrast


class Status(StrEnum):
    """Whether the estimates can be used; only `CONVERGED` ones can."""

    CONVERGED = "converged"
    NOT_CONVERGED = "not_converged"
    SEPARATED_COMPLETE = "separated_complete"
    SEPARATED_QUASI = "separated_quasi"
    RANK_DEFICIENT = "rank_deficient"


@dataclass(frozen=True)
class Coefficient:
    """A term with its inference; None where there is none (aliased, penalised, out of range).

    Attributes
    ----------
    term : str
        ``intercept``, ``column``, ``column[level]`` or ``column[missing]``.
    column, level : str or None
    estimate, std_error, conf_low, conf_high : float or None
        Log-odds per unit of the column.
    z, p_value : float or None
        Wald test of the coefficient being 0; with Firth's likelihood its likelihood-ratio test, z the signed root.
    odds_ratio, odds_ratio_low, odds_ratio_high : float or None
        With several classes the relative-risk ratio of the class to the reference class.
    class_name : str or None
        The class, where there are several; its name and a colon then begin `term`.
    at_bound : str or None
        Which of its bounds the estimate lies at: ``lower``, ``upper`` or ``both`` (they are equal).
    """

    term: str
    column: str | None
    level: str | None
    estimate: float | None
    std_error: float | None
    z: float | None
    p_value: float | None
    conf_low: float | None
    conf_high: float | None
    odds_ratio: float | None
    odds_ratio_low: float | None
    odds_ratio_high: float | None
    class_name: str | None = None
    at_bound: str | None = None


# How the reason of such a term begins.
LEFT_OUT = "is left out"


@dataclass(frozen=True)
class AliasedTerm:
    """A term without an estimate, and why: it depends on others, or it separates the label and is left out."""

    term: str
    reason: str

    @property
    def is_left_out(self) -> bool:
        """Whether it was left out because it separates the label, and depends on nothing."""
        return self.reason.startswith(LEFT_OUT)


@dataclass(frozen=True)
class HistoryEntry:
    """One iteration.

    Attributes
    ----------
    iteration : int
        0 is the start.
    deviance : float
    change : float
        Distance to the optimum in standard errors (Newton's decrement).
    halvings : int
    seconds : float
    """

    iteration: int
    deviance: float
    change: float
    halvings: int
    seconds: float


@dataclass(frozen=True)
class LabelRecord:
    """What the label was.

    Attributes
    ----------
    column : str or None
    positive, negative : str or None
        The levels that mean 1 and 0, as text.
    events, trials : str or None
        The columns of a grouped outcome.
    classes : mapping of str to int, or None
        Rows of each class in sorted order, where there are several.
    """

    column: str | None
    positive: str | None
    negative: str | None
    events: str | None
    trials: str | None
    classes: Mapping[str, int] | None = None


@dataclass(frozen=True)
class InfluentialRows:
    """The rows of the largest influence, the largest Cook's distance first; n rows, k terms with an estimate.

    Attributes
    ----------
    keys : tuple of str, or None
        Of each row, where a key column was named.
    columns : mapping of str to ndarray (n,)
        Label, probability, leverage, Pearson residual, Cook's distance.
    dfbetas : ndarray (n, k)
        By how much each estimate changes when the row is left out, in standard errors.
    terms : tuple of str
    """

    keys: tuple[str, ...] | None
    columns: Mapping[str, NDArray[np.float64]]
    dfbetas: NDArray[np.float64]
    terms: tuple[str, ...]


@dataclass(frozen=True)
class LogisticModel:
    """A fitted logistic regression, binary or multinomial.

    Attributes
    ----------
    model_id : str
        The first 16 hexadecimal digits of a hash of everything that scoring depends on.
    family, status, status_text, converged
        ``converged`` is False for every status but ``converged``.
    n_rows, n_dropped, n_zero_weight : int
        Table rows used, left out for missing values, and left out for a weight of 0.
    n_obs, weight_sum, n_events : float
        Sums of frequency, of weight, and of frequency where the label is 1 (None with several classes).
    log_likelihood, null_log_likelihood, deviance, null_deviance, aic, bic, mcfadden_r2 : float
    lr_statistic, lr_p_value : float or None
        Likelihood-ratio test against the model of the intercept (and offset) alone.
    lr_df : int
    n_iterations, n_passes : int
        Steps of the solver, and readings of the staged table in all.
    coefficient_rows : tuple of Coefficient
    covariance : ndarray (k, k) or None
        Of the `k` estimated terms in order; None for penalised fits and for more than
        `MAX_COVARIANCE_TERMS` terms.
    covariance_at_centres : ndarray (k,) or None
        Covariance of each of them with the log-odds of a row at the columns' centres; in the intercept's place the
        variance of that. With it the variance of any row's log-odds has all its digits.
    aliased : tuple of AliasedTerm
    label : LabelRecord
    design : DesignSpec
    history : tuple of HistoryEntry
    notes : tuple of str
        What a reader of the summary should know.
    fingerprint : mapping
        Rows, checksums, splits and library versions.
    config : mapping
        The configuration, secrets redacted.
    reference_class : str or None
        The class that the estimates are against, where there are several.
    kkt_residual : float or None
        Of a penalised fit or one with bounds: by how much the conditions of its optimum are missed at most,
        on the scale of the mean loss and of columns of standard deviation 1.
    cross_validation : CrossValidation or None
        How the penalty was chosen; a model file leaves out the estimates along the path.
    selection : SelectionRecord or None
        How the columns were selected, where they were.
    estimator : str
        ``maximum_likelihood`` or ``penalised``; where the label is separated ``firth``, ``ridge``, or ``dropped``: maximum
        likelihood without the terms that separate.
    cox_snell_r2, nagelkerke_r2 : float or None
    interval_kind : str
        ``wald``, or ``profile`` where the intervals of the table are those of the profile likelihood.
    covariance_record : CovarianceRecord or None
        Where the standard errors come from; None where there are none.
    column_tests : tuple of ColumnTest
    marginal_effects : tuple of MarginalEffect
    checks : Checks or None
    influential : InfluentialRows or None
        The rows of the largest influence, which a model file leaves out.
    """

    model_id: str
    family: str
    status: Status
    status_text: str
    n_rows: int
    n_dropped: int
    n_zero_weight: int
    n_obs: float
    weight_sum: float
    n_events: float | None
    log_likelihood: float
    null_log_likelihood: float
    deviance: float
    null_deviance: float
    aic: float
    bic: float
    mcfadden_r2: float | None
    lr_statistic: float
    lr_df: int
    lr_p_value: float | None
    n_iterations: int
    n_passes: int
    coefficient_rows: tuple[Coefficient, ...]
    covariance: NDArray[np.float64] | None
    aliased: tuple[AliasedTerm, ...]
    label: LabelRecord
    design: DesignSpec
    history: tuple[HistoryEntry, ...]
    notes: tuple[str, ...]
    fingerprint: Mapping[str, Any]
    config: Mapping[str, Any]
    reference_class: str | None = None
    kkt_residual: float | None = None
    cross_validation: CrossValidation | None = None
    selection: SelectionRecord | None = None
    estimator: str = "maximum_likelihood"
    cox_snell_r2: float | None = None
    nagelkerke_r2: float | None = None
    interval_kind: str = "wald"
    covariance_record: CovarianceRecord | None = None
    column_tests: tuple[ColumnTest, ...] = ()
    marginal_effects: tuple[MarginalEffect, ...] = ()
    checks: Checks | None = None
    influential: InfluentialRows | None = None
    covariance_at_centres: NDArray[np.float64] | None = None

    @property
    def free_classes(self) -> tuple[str, ...]:
        """The classes with coefficients of their own, in order; empty for a binary model."""
        return tuple(name for name in self.label.classes or () if name != self.reference_class)

    @property
    def converged(self) -> bool:
        """Whether the estimates are the maximum likelihood estimates."""
        return self.status is Status.CONVERGED

    @property
    def coefficients(self) -> pd.DataFrame:
        """One row per term: estimates with standard errors, tests, intervals and odds ratios."""
        import pandas as pd  # slow to import, and only people need it

        return pd.DataFrame([asdict(row) for row in self.coefficient_rows])

    @property
    def estimates(self) -> dict[str, float]:
        """Estimates by term, log-odds per unit of the column; aliased terms count as 0."""
        return {row.term: 0.0 if row.estimate is None else row.estimate for row in self.coefficient_rows}

    def summary(self) -> str:
        """Return the fit as text, laid out like R's ``summary(glm)``."""
        from logreg_dist.report.summary import summarise  # reports stand above models

        return summarise(self)

    @overload
    def contrast(self, what: Mapping[str, float], *, class_name: str | None = None) -> Contrast: ...

    @overload
    def contrast(
        self, what: Sequence[Mapping[str, float]], *, class_name: str | None = None
    ) -> JointContrast: ...

    @overload
    def contrast(
        self,
        what: str,
        level: str | int,
        other: str | int,
        *,
        class_name: str | None = None,
        at: Mapping[str, float | str] = ...,
    ) -> Contrast: ...

    def contrast(
        self,
        what: str | Mapping[str, float] | Sequence[Mapping[str, float]],
        level: str | int | None = None,
        other: str | int | None = None,
        *,
        class_name: str | None = None,
        at: Mapping[str, float | str] | None = None,
    ) -> Contrast | JointContrast:
        """Return a linear combination of the coefficients with its test and interval, or a joint test of several.

        Standard errors come from `covariance`, so they are robust where those of the table are. Intervals are Wald's.

        Parameters
        ----------
        what : mapping, sequence of mappings, or str
            Terms with their weights, ``{"contract[One year]": 1, "contract[Two year]": -1}``; several such
            combinations that are all 0 under the hypothesis, of which those that follow from others do not count; or the
            name of a category (also ``bins(age, 4)``) two levels of which are compared.
        level, other : str or int
            The log-odds at `level` less those at `other`; either may be the reference level.
        class_name : str or None
            With several classes the one whose coefficients are meant, against the reference class. Levels need it;
            in mappings terms can also be written ``class:term``.
        at : mapping or None
            Where the other columns of the category's interactions are, ``{"tenure": 24}``: levels then differ by
            more or less depending on these, so a comparison without them is refused.

        Raises
        ------
        ConfigError
            When a term, level or class is not there, with the nearest name, or a term has no estimate, with the reason.
        FitNotUsable
            When the model has no covariance, or did not converge.
        """
        from logreg_dist.model.contrasts import joint_terms_contrast, level_contrast, terms_contrast

        if isinstance(what, str):
            if level is None or other is None:
                raise TypeError("two levels are compared: contrast(column, level, other)")
            return level_contrast(self, what, level, other, class_name=class_name, at=at or {})
        if level is not None or other is not None or at is not None:
            raise TypeError("level, other and at are for a category: contrast(column, level, other)")
        if isinstance(what, Mapping):
            return terms_contrast(self, what, class_name=class_name)
        return joint_terms_contrast(self, what, class_name=class_name)

    def score(
        self,
        table: DataFrame,
        *,
        keys: Sequence[str],
        keep: Sequence[str] = (),
        columns: Sequence[str] = ("probability",),
    ) -> DataFrame:
        """Return keys and scores of a table; lazy, see `logreg_dist.scoring.score_table`."""
        from logreg_dist.scoring.score import score_table  # scoring stands above models

        return score_table(table, self, keys=keys, keep=keep, columns=columns)

    def save(self, folder: str | Path) -> Path:
        """Write ``<folder>/model.json`` atomically and return its path; a local folder.

        Raises
        ------
        OSError
            When the folder cannot be written.
        """
        from logreg_dist.model.file import save_model  # the file knows the model

        return save_model(self, folder)
