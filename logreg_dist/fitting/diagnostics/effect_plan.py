"""Which average marginal effects a design has, and what a pass sums for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.derived_slopes import stepped_columns
from logreg_dist.design.problems import quoted
from logreg_dist.design.sparse_column import SparseColumn
from logreg_dist.design.spec import CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.fitting.diagnostics.effect_tasks import Chain, EffectPlan, EffectSums, LevelChange

FloatArray = NDArray[np.float64]

# Levels of a category up to which the effect of each is worked out. Measured, a level takes a tenth to a fiftieth of the
# work of a pass of the fit, and they add up.
MAX_LEVELS = 50


@dataclass(frozen=True)
class Wanted:
    """An effect by name, and where its sums are.

    Attributes
    ----------
    column, level, kind
        As in `MarginalEffect`.
    source : str
        ``own`` (the slope of a column with its own term alone), or the part of the plan: ``levels``,
        ``indicators`` or ``chains``.
    place : int
        The number within that part; of ``own`` the term's place in the kernel's order.
    """

    column: str
    level: str | None
    kind: str
    source: str
    place: int


class EffectPlanner:
    """Goes through the columns of a design.

    Parameters
    ----------
    spec : DesignSpec
    has_estimate : ndarray (p,) of bool
        Terms of the model: columns without any have no effect.

    Attributes
    ----------
    wanted : list of Wanted
        In the order of the columns.
    notes : list of str
        Sentences on columns that are left out.
    """

    def __init__(self, spec: DesignSpec, has_estimate: NDArray[np.bool_]) -> None:
        names, rows = [term.name for term in spec.terms()], spec.kernel_positions().tolist()
        self._spec, self._row = spec, dict(zip(names, rows, strict=True))
        self._estimated = {name for name, known in zip(names, has_estimate.tolist(), strict=True) if known}
        self._derived_from = {
            name
            for derived in spec.derived
            if not self._estimated.isdisjoint(derived.labels())
            for name in derived.columns
        }
        self._levels: list[LevelChange] = []
        self._indicators: list[int] = []
        self._chains: list[Chain] = []
        self.wanted: list[Wanted] = []
        self.notes: list[str] = []
        stepped = stepped_columns(spec)
        for column in spec.columns:
            if isinstance(column, SparseColumn):
                for label in column.labels():
                    self._add_own(column.name, label, f"{column.name}[{label}]")
            elif isinstance(column, CategoricalColumn):
                self._add_levels(column)
            elif column.name in stepped:
                self.notes.append(
                    f"no marginal effect of {quoted(column.name)}: it is cut into bins, where the probability jumps"
                )
            else:
                self._add_number(column)

    def plan(self) -> EffectPlan:
        """Return what a pass sums."""
        return EffectPlan(tuple(self._levels), tuple(self._indicators), tuple(self._chains))

    def _add_own(self, column: str, level: str | None, term: str) -> None:
        if term in self._estimated:
            self.wanted.append(Wanted(column, level, "slope", "own", self._row[term]))

    def _add_number(self, column: NumericColumn) -> None:
        if column.name in self._derived_from:
            self.wanted.append(Wanted(column.name, None, "slope", "chains", len(self._chains)))
            self._chains.append(Chain(column.name, self._row[column.name] if column.plain else None))
        elif column.vector is not None:
            self._add_own(column.vector, str(column.element), column.name)
        else:
            self._add_own(column.name, None, column.name)
        missing = f"{column.name}[missing]"
        if column.indicator and missing in self._estimated:
            self.wanted.append(
                Wanted(column.name, "missing", "difference", "indicators", len(self._indicators))
            )
            self._indicators.append(self._row[missing])

    def _add_levels(self, column: CategoricalColumn) -> None:
        own = {f"{column.name}[{level}]" for level in column.coefficient_levels} if column.plain else set()
        if self._estimated.isdisjoint(own) and column.name not in self._derived_from:
            return
        if len(column.levels) > MAX_LEVELS:
            self.notes.append(
                f"no marginal effects of {quoted(column.name)}: it has more than {MAX_LEVELS} levels"
            )
            return
        base = column.levels[0] if column.reference is None else column.reference
        if column.reference is None:
            self.notes.append(
                f"marginal effects of {quoted(column.name)} are against its level {quoted(base)}"
            )
        # The codes of `level_lookup`: the reference is behind the last coefficient.
        code = {level: k for k, level in enumerate((*column.coefficient_levels, column.reference))}
        first = sum(len(change.codes) for change in self._levels)
        others = [level for level in column.levels if level != base]
        self._levels.append(
            LevelChange(
                column=[other.name for other in self._spec.categorical].index(column.name),
                base=code[base],
                codes=tuple(code[level] for level in others),
            )
        )
        for k, level in enumerate(others):
            self.wanted.append(Wanted(column.name, level, "difference", "levels", first + k))


def mean_effects(
    wanted: list[Wanted], plan: EffectPlan, sums: EffectSums, beta: FloatArray
) -> Iterator[tuple[Wanted, float, FloatArray]]:
    """Yield each effect with its derivatives by the coefficients (p,), all in the kernel's order as `beta` is."""
    n_levels = sum(len(change.codes) for change in plan.levels)
    first = {"levels": 0, "indicators": n_levels, "chains": n_levels + len(plan.indicators)}
    for one in wanted:
        if one.source == "own":
            gradient = beta[one.place] * sums.bend
            gradient[one.place] += sums.slope
            yield one, beta[one.place] * sums.slope / sums.weight, gradient / sums.weight
        else:
            k = first[one.source] + one.place
            yield one, float(sums.effects[k]) / sums.weight, sums.gradients[k] / sums.weight
