"""The penalties and bounds of a configuration as numbers for each term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.config.problems import dotted
from logreg_dist.design.problems import Problem, quoted, reject
from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_moments import term_scales
from logreg_dist.solver.box import Box
from logreg_dist.solver.proximal import ProximalOptions
from logreg_dist.solver.ridge import scaled_ridge

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Penalty:
    """What is added to the deviance: ``sum(ridge * beta**2) + 2 sum(lasso * |beta|)``, and what bounds the estimates.

    Where there are groups, ``||lasso * beta||`` of each takes the place of its part of the sum.

    Attributes
    ----------
    ridge, lasso : ndarray (p,)
        At least 0; 0 for the intercept.
    of_column : ndarray (p,) of bool
        False for the intercept.
    box : Box or None
        None where no estimate has bounds.
    columns : tuple of ndarray of int
        The terms of each column, where they are 0 together; empty where each is on its own.
    """

    ridge: FloatArray
    lasso: FloatArray
    of_column: NDArray[np.bool_]
    box: Box | None = None
    columns: tuple[NDArray[np.intp], ...] = ()

    @property
    def groups(self) -> tuple[NDArray[np.intp], ...]:
        """The columns of several terms that are 0 together or not at all."""
        return tuple(places for places in self.columns if len(places) > 1 and self.lasso[places].all())

    @property
    def free(self) -> NDArray[np.bool_]:
        """Terms along which the likelihood may rise for ever: those without a penalty, if any is of a column."""
        none: NDArray[np.bool_] = (self.ridge == 0) & (self.lasso == 0)
        return none if (none & self.of_column).any() else np.zeros_like(none)

    @property
    def has_corners(self) -> bool:
        """Whether the optimum may lie where nothing is differentiable: at 0 with a lasso, or at a bound."""
        return bool(self.lasso.any()) or self.box is not None

    def repeated(self, n_classes: int) -> Penalty:
        """Return the same penalty for each of several classes, one after the other.

        A column's group holds its terms in all classes.
        """
        box, firsts = self.box, len(self.lasso) * np.arange(n_classes)[:, None]
        larger = np.sqrt(n_classes) if self.columns else 1.0
        return Penalty(
            np.tile(self.ridge, n_classes),
            np.tile(self.lasso, n_classes) * larger,
            np.tile(self.of_column, n_classes),
            None if box is None else Box(np.tile(box.lower, n_classes), np.tile(box.upper, n_classes)),
            tuple((firsts + places).ravel() for places in self.columns),
        )


def penalty_of(spec: DesignSpec, weight_sum: float, config: TrainConfig) -> Penalty | None:
    """Return the penalty and bounds of each term in order, None when there are none.

    The objective is ``(1/W) sum(weight * loss) + l2/2 sum(f beta**2) + l1 sum(f |beta|)`` with the columns'
    penalty factors f, of an interaction the larger one: times ``2 W`` the loss becomes the deviance. With
    ``penalty.standardize`` numbers count per standard deviation; levels and indicators are 0/1 and stay as
    they are, and so do sparse columns.

    With ``penalty.groups: columns`` a column of m terms adds ``l1 f sqrt(m) ||beta||`` of its terms instead, so
    that it is kept or dropped whole (Yuan and Lin 2006, J. R. Statist. Soc. B 68(1); Meier, van de Geer and
    Buehlmann 2008, 70(1), for logistic models). With several classes m counts its terms in all of them.

    Parameters
    ----------
    spec : DesignSpec
    weight_sum : float
        W.
    config : TrainConfig

    Raises
    ------
    InputRejected
        When a column of several terms has bounds and is penalised as a group.
    """
    asked = config.penalty
    if not asked.is_active and box_of(spec, config) is None:
        return None
    return penalty_at(spec, weight_sum, config, asked.l1, asked.l2)


def penalty_at(spec: DesignSpec, weight_sum: float, config: TrainConfig, l1: float, l2: float) -> Penalty:
    """Return the penalty of each term for given strengths; as `penalty_of` otherwise."""
    asked, box = config.penalty, box_of(spec, config)
    made_of = spec.term_columns()
    of_columns = {
        columns: max((config.features.policy(name).penalty_factor for name in columns), default=0.0)
        for columns in set(made_of)
    }
    factors = np.array([of_columns[columns] for columns in made_of])
    scale = _deviations(spec) if asked.standardize else np.ones(len(factors))
    ridge = scaled_ridge(l2, weight_sum, factors * scale**2)
    lasso = l1 * weight_sum * factors * scale
    columns = _columns(spec) if asked.groups == "columns" and l1 > 0 else ()
    for places in columns:
        lasso[places] *= np.sqrt(len(places))
    penalty = Penalty(ridge, lasso, has_column(spec), box, columns)
    _refuse_bounded_groups(penalty, spec)
    return penalty


def box_of(spec: DesignSpec, config: TrainConfig) -> Box | None:
    """Return the bounds of each term in order, None when there are none.

    They are on the estimates as the model holds them, per unit of the column: the design is centred and not
    scaled, and centring moves the intercept alone, which has no bounds. Of a category they hold for every level
    (against its reference); of a number for its slope, and not for the indicator of its missing values, which
    says something else.
    """
    box = Box.unlimited(len(spec.terms()))
    numbers = {column.name for column in spec.numeric}
    if not config.features.has_bounds:
        return None
    _refuse_bounds_without_terms(spec, config)
    for k, term in enumerate(spec.terms()):
        if term.column is None or (term.column in numbers and term.level is not None):
            continue
        bounds = config.features.policy(term.column).bounds
        box.lower[k], box.upper[k] = bounds.ends
    return box if box.is_bounded.any() else None


def _refuse_bounds_without_terms(spec: DesignSpec, config: TrainConfig) -> None:
    """Refuse bounds of columns that enter the model in other forms only: they would hold for nothing."""
    hidden = [column.name for column in spec.numeric if not column.plain]
    hidden += [column.name for column in spec.categorical if not column.plain]
    names = [name for name in hidden if name in config.features.bounded]
    if names:
        reject(
            [
                Problem(
                    f"column {quoted(name)} has bounds and no term of its own: it enters through features.terms alone",
                    "Remove its bounds, or name the plain column in features.terms too.",
                )
                for name in names
            ]
        )


def _columns(spec: DesignSpec) -> tuple[NDArray[np.intp], ...]:
    """Return the positions of the terms of each column."""
    places: dict[str, list[int]] = {}
    for k, term in enumerate(spec.terms()):
        if term.column is not None:
            places.setdefault(term.column, []).append(k)
    return tuple(np.array(found, dtype=np.intp) for found in places.values())


def _refuse_bounded_groups(penalty: Penalty, spec: DesignSpec) -> None:
    if penalty.box is None:
        return
    terms, bounded = spec.terms(), penalty.box.is_bounded
    names = [str(terms[group[0]].column) for group in penalty.groups if bounded[group].any()]
    reject(
        [
            Problem(
                f"column {quoted(name)} has bounds and several terms, which penalty.groups keeps or drops together",
                f"Remove its bounds, set penalty.groups to none, or set "
                f"{dotted(('features', 'columns', name, 'penalty_factor'))} to 0.",
            )
            for name in names
        ]
    )


def proximal_options(penalty: Penalty, tolerance: float = 1e-8, max_iterations: int = 50) -> ProximalOptions:
    """Return a penalty and its bounds as the solver takes them."""
    return ProximalOptions(
        penalty.lasso,
        penalty.ridge,
        tolerance,
        max_iterations,
        penalty.free,
        penalty.box,
        penalty.groups,
    )


def _deviations(spec: DesignSpec) -> FloatArray:
    sparse = {column.name for column in spec.sparse}
    scales = term_scales(spec)
    if sparse:
        scales[[term.column in sparse for term in spec.terms()]] = 1.0
    return scales


def has_column(spec: DesignSpec) -> NDArray[np.bool_]:
    """Return which terms are of a column, (p,): all but the intercept."""
    return np.array([term.column is not None for term in spec.terms()], dtype=bool)
