"""What each column adds to the linear predictor, as plain values: every way of scoring is made from these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.curves import Curves, combined, curve_values
from logreg_dist.design.derived import LevelPart, Part
from logreg_dist.design.sparse_column import SparseColumn
from logreg_dist.design.spec import OTHER, CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.scoring.products import (
    JointTerm,
    ProductTerm,
    largest_value,
    lower_bound,
    own_curves,
    pair_terms,
)
from logreg_dist.scoring.vector_terms import SparseTerm, VectorTerm
from logreg_dist.staging.row_rules import MAX_MAGNITUDE


@dataclass(frozen=True)
class NumericTerm:
    """A column that adds ``slope * value``, and curves of the value.

    Attributes
    ----------
    name : str
    slope : float
        Log-odds per unit of the column.
    missing_value : float or None
        Log-odds of a row without a value; None: it gets no score.
    missing_is_error : bool
        Whether such rows must not be scored.
    curves : tuple of Curves
        Functions of the value that are added, one each.
    above : float or None
        Values up to it have no logarithm and cannot be scored.
    limit : float
        Larger values, either sign, cannot be scored: powers of them would overflow.
    """

    name: str
    slope: float
    missing_value: float | None
    missing_is_error: bool
    curves: tuple[Curves, ...] = ()
    above: float | None = None
    limit: float = MAX_MAGNITUDE

    @property
    def domain(self) -> str:
        """What values must be beside finite, as the end of a sentence."""
        return "" if self.above is None else f" above {self.above:g}"

    @property
    def unseen_is_error(self) -> bool:
        """Numbers have no levels."""
        return False

    @property
    def unseen_policy(self) -> str:
        """Numbers have no levels."""
        return "error"


@dataclass(frozen=True)
class LevelTerm:
    """A column that adds the estimate of its level.

    Attributes
    ----------
    name : str
    estimates : mapping of str to float
        Log-odds of every level, 0 for the reference.
    missing_value, unseen_value : float or None
        Log-odds of a row without a value, and of a level that is not listed; None: no score.
    missing_is_unseen : bool
        A level of its own was asked for missing values, but none was met in training.
    missing_is_error, unseen_is_error : bool
        Whether such rows must not be scored.
    unseen_policy : str
        The policy for unseen levels, in words where it cannot be followed.
    """

    name: str
    estimates: Mapping[str, float]
    missing_value: float | None
    unseen_value: float | None
    missing_is_unseen: bool
    missing_is_error: bool
    unseen_is_error: bool
    unseen_policy: str

    @property
    def domain(self) -> str:
        """Levels may be any."""
        return ""


ColumnTerm = NumericTerm | LevelTerm | VectorTerm | SparseTerm


@dataclass(frozen=True)
class ScoreTerms:
    """A model as scoring needs it.

    Attributes
    ----------
    intercept : float or None
    columns : tuple of NumericTerm, LevelTerm, VectorTerm and SparseTerm
        In the order of the sum; the offset is the last one.
    offset : str or None
        The one column that is no feature.
    products : tuple of ProductTerm and JointTerm
        What pairs of columns add.
    """

    intercept: float | None
    columns: tuple[ColumnTerm, ...]
    offset: str | None
    products: tuple[ProductTerm | JointTerm, ...] = ()


def score_terms(design: DesignSpec, estimates: Mapping[str, float], offset: str | None) -> ScoreTerms:
    """Return what each column adds, with its policies worked out.

    Parameters
    ----------
    design : DesignSpec
    estimates : mapping of str to float
        By term, log-odds per unit of the column.
    offset : str or None
        A column of known log-odds, added as it is; a row without one cannot be scored.

    Examples
    --------
    >>> age = NumericColumn("age", "int", "mean", "error", 40.0, False, 40.0, 9.0)
    >>> terms = score_terms(DesignSpec((age,), intercept=True), {"intercept": -1.0, "age": 0.5}, None)
    >>> terms.intercept, terms.columns[0].slope, terms.columns[0].missing_value
    (-1.0, 0.5, 20.0)
    """
    curves, by_name = own_curves(design, estimates), design.scalars
    columns: list[ColumnTerm] = []
    for column in design.columns:
        if isinstance(column, SparseColumn):
            columns.append(_sparse_term(column, estimates))
        elif isinstance(column, CategoricalColumn):
            columns.append(level_term(column, level_estimates(column, estimates)))
        elif column.vector is None:
            columns.append(
                replace(
                    _numeric_term(column, estimates, curves.get(column.name, ())),
                    above=lower_bound(design, column.name),
                    limit=largest_value(design, column.name),
                )
            )
        elif column.element == 0:  # its others follow
            columns.append(_vector_term(column, estimates))

    def combine(part: Part, weights: NDArray[np.float64]) -> NumericTerm | LevelTerm:
        column = by_name[part.column]
        if isinstance(part, LevelPart):
            assert isinstance(column, CategoricalColumn)
            return level_term(column, dict(zip(part.levels, weights.tolist(), strict=True)))
        assert isinstance(column, NumericColumn)
        return _curve_term(column, combined(part.curves(), weights))

    products = pair_terms(design, estimates, combine)
    if offset:
        columns.append(NumericTerm(offset, 1.0, missing_value=None, missing_is_error=True))
    intercept = estimates["intercept"] if design.intercept else None
    return ScoreTerms(intercept, tuple(columns), offset, products)


def count_names(columns: Sequence[ColumnTerm], n_keys: int) -> list[str]:
    """Return the names of what is counted about scored rows, in the order of every way of scoring.

    Examples
    --------
    >>> count_names([NumericTerm("age", 0.5, None, True)], 1)
    ['unscored', 'missing_0', 'unseen_0', 'unusable_0', 'missing_key_0']
    """
    kinds = ("missing", "unseen", "unusable")
    of_columns = [f"{kind}_{i}" for i in range(len(columns)) for kind in kinds]
    return ["unscored", *of_columns, *(f"missing_key_{i}" for i in range(n_keys))]


def level_estimates(column: CategoricalColumn, estimates: Mapping[str, float]) -> dict[str, float]:
    """Return the log-odds of every level, 0 for the reference, and for all of a column without terms.

    Examples
    --------
    >>> column = CategoricalColumn("c", "string", "error", "error", ("a", "b"), "a", None)
    >>> level_estimates(column, {"c[b]": 0.5})
    {'a': 0.0, 'b': 0.5}
    """
    return {
        level: 0.0 if level == column.reference or not column.plain else estimates[f"{column.name}[{level}]"]
        for level in column.levels
    }


def _numeric_term(
    column: NumericColumn, estimates: Mapping[str, float], curves: tuple[Curves, ...]
) -> NumericTerm:
    slope, filled = estimates[column.name] if column.plain else 0.0, None
    if column.fill is not None:
        filled = slope * column.fill + _at(column.fill, curves)
        if column.indicator:
            filled += estimates[f"{column.name}[missing]"]
    return NumericTerm(column.name, slope, filled, column.missing == "error", curves)


def _vector_term(first: NumericColumn, estimates: Mapping[str, float]) -> VectorTerm:
    names = (f"{first.vector}[{k}]" for k in range(first.size))
    slopes = np.array([estimates[name] for name in names])
    return VectorTerm(str(first.vector), slopes, missing_is_error=first.missing == "error")


def _sparse_term(column: SparseColumn, estimates: Mapping[str, float]) -> SparseTerm:
    return SparseTerm(
        name=column.name,
        rule=column.rule,
        values=column.values,
        effects=np.array([*(estimates[f"{column.name}[{label}]"] for label in column.labels()), 0.0]),
        codes={word: k for k, word in enumerate(column.words)},
        fill=column.fill,
        missing_is_error=column.missing == "error",
    )


def _curve_term(column: NumericColumn, curve: Curves) -> NumericTerm:
    """Return what reads one function of a column, and nothing else of it."""
    filled = None if column.fill is None else _at(column.fill, (curve,))
    return NumericTerm(column.name, 0.0, filled, column.missing == "error", (curve,))


def _at(value: float, curves: tuple[Curves, ...]) -> float:
    return sum(float(curve_values(curve, np.array([value]))[0, 0]) for curve in curves)


def level_term(column: CategoricalColumn, by_level: Mapping[str, float]) -> LevelTerm:
    """Return what is read of a category, `by_level` in place of each level, with the policies worked out."""
    missing_is_unseen = column.missing not in ("error", "drop") and column.missing_level is None
    unseen_value, unseen_is_error = None, True
    if column.has_other and column.unseen in ("error", "other"):
        # A level too rare for training was merged; it is not listed and must score as it was fitted.
        unseen_value, unseen_is_error = by_level[OTHER], False
    elif column.unseen == "reference" and column.reference is not None:
        unseen_value, unseen_is_error = by_level[column.reference], False
    elif column.unseen == "null":
        unseen_is_error = False
    missing_value = unseen_value if missing_is_unseen else None
    if column.missing_level is not None:
        missing_value = by_level[column.missing_level]
    unfollowed = {
        "other": f"other, but training made no level {OTHER}" if not column.has_other else "other",
        "reference": "reference, but the model has none" if column.reference is None else "reference",
    }
    return LevelTerm(
        name=column.name,
        estimates=by_level,
        missing_value=missing_value,
        unseen_value=unseen_value,
        missing_is_unseen=missing_is_unseen,
        missing_is_error=column.missing == "error",
        unseen_is_error=unseen_is_error,
        unseen_policy=unfollowed.get(column.unseen, column.unseen),
    )
