"""Finding the optimum of a fit, by the method that suits the model."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.design.spec import INTERCEPT, DesignSpec
from logreg_dist.design.term_moments import term_scales
from logreg_dist.fitting.cells import collapsing_pays
from logreg_dist.fitting.journal import Journal
from logreg_dist.fitting.method import CHORD_COST, MethodChoice, choose_method, score_cost, shape_obstacle
from logreg_dist.fitting.mixtures import MixingBookmark, on_mixtures
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.penalty import Penalty, has_column, penalty_of
from logreg_dist.fitting.restricted import restricted
from logreg_dist.fitting.search import Likelihood, Optimum, Start, choose_proximal, search
from logreg_dist.fitting.selection import search_selected, terms_by_column
from logreg_dist.fitting.start import sample_start
from logreg_dist.fitting.tasks import SampleRows
from logreg_dist.kernel.block import BlockShape
from logreg_dist.solver.linear_system import Dependence
from logreg_dist.solver.result import Method
from logreg_dist.staging.profile import TableProfile

FloatArray = NDArray[np.float64]


def find_optimum(
    passes: FitPasses,
    profile: TableProfile,
    samples: list[SampleRows],
    config: TrainConfig,
    *,
    near: FloatArray | None = None,
    kept: NDArray[np.bool_] | None = None,
    journal: Journal | None = None,
) -> Optimum:
    """Maximise the likelihood of a staged table.

    Parameters
    ----------
    passes : FitPasses
    profile : TableProfile
    samples : list of SampleRows
        To start from, by split; without any the start is 0.
    config : TrainConfig
    near : ndarray (p,) or None
        Where to start instead.
    kept : ndarray (p,) of bool or None
        The terms to fit, the others held at 0; the optimum is then of these alone. None for all.
    journal : Journal or None
        Of the search; None for that of the passes, as it is.

    Raises
    ------
    InputRejected
        When the method asked for does not fit the size of the model.
    """
    spec, shape = passes.spec, passes.spec.shape()
    journal = journal or passes.journal
    penalty = penalty_of(spec, profile.rows.weight_sum, config)
    choice = _choose(passes, penalty, config)
    by_lbfgs = choice.method is Method.LBFGS
    by_cell = not by_lbfgs and collapsing_pays(spec, passes.layout, profile.rows.n_rows)
    evaluate = passes.evaluate_by_cell() if by_cell else passes.evaluate
    # A penalty and a selection work on the matrix itself.
    if choice.method is Method.NEWTON and penalty is None and not by_cell and not config.selection.is_active:
        page = journal.page("mixing", MixingBookmark, shape.p, at_once=False)
        evaluate = on_mixtures(evaluate, passes.evaluate_mixed, passes.positions < shape.n_dense, page)
    scale, of_column = term_scales(spec), has_column(spec)

    def start() -> Start:
        if near is not None:
            return Start(near)
        if by_cell or spec.sparse:  # a sample holds no sparse columns
            return Start(np.zeros(shape.p))
        return sample_start(
            samples,
            spec,
            penalty,
            weak_ridge=np.where(of_column, scale**2, 0.0),
            n_rows=profile.rows.n_rows,
            # Of rare levels a sample's matrix knows little.
            score_cost=1.0 if shape.widths else score_cost(shape),
        )

    suspects = one_label_directions(spec, profile)
    is_empty = np.zeros(shape.p, dtype=bool)
    if by_lbfgs and shape.sparse and (penalty is None or penalty.free.any()):
        signs, is_empty = passes.entries_by_label()
        suspects += [signs] if signs.any() else []
        if penalty is not None:
            is_empty &= penalty.free
    likelihood = Likelihood(
        evaluate=evaluate,
        evaluate_score=evaluate if by_cell else passes.evaluate_score,
        several_steps=score_cost(shape) <= CHORD_COST and not by_cell,
        information_diagonal=passes.information_diagonal,
        prove=passes.prove_separation,
        scale=scale,
        of_column=of_column,
        sample_start=start,
        flat_start=flat_start(passes, profile) if near is None else near,
        suspects=suspects if by_lbfgs else (),
    )
    if kept is not None:
        part = restricted(likelihood, kept, likelihood.sample_start().beta)
        return search(part, None, choice, config.solver, journal)
    if config.selection.is_active:
        terms = terms_by_column(spec)
        return search_selected(likelihood, choice, config, terms, n_obs=profile.rows.n_obs, journal=journal)
    return _without_empty(search(likelihood, penalty, choice, config.solver, journal), is_empty)


def _choose(passes: FitPasses, penalty: Penalty | None, config: TrainConfig) -> MethodChoice:
    shape = passes.spec.shape()
    room = {"n_splits": len(passes.staged.splits), "max_result_bytes": passes.max_result_bytes}
    if penalty is not None and penalty.has_corners:
        # On all terms as one array, an arrow where a column is huge or not.
        whole = shape if shape.sparse else BlockShape(shape.p)
        return choose_proximal(shape_obstacle(whole, **room), penalty)
    # Columns are selected on all terms as one array, too.
    stored = BlockShape(shape.p) if config.selection.is_active and not shape.sparse else shape
    return choose_method(config.solver.method, stored, **room)


def _without_empty(optimum: Optimum, is_empty: NDArray[np.bool_]) -> Optimum:
    """Leave out the terms that are 0 in every row: the search never moved them from 0."""
    if not is_empty.any():
        return optimum
    dependences = [Dependence(int(k), {}) for k in np.flatnonzero(is_empty)]
    return replace(optimum, result=replace(optimum.result, dependences=dependences))


def one_label_directions(spec: DesignSpec, profile: TableProfile) -> list[FloatArray]:
    """Return the direction that separates the levels whose rows all have one label: none or one.

    The likelihood rises for ever along it, since it is 0 for all other rows. A reference level
    is told from the others by the intercept.
    """
    direction = np.zeros(spec.shape().p)
    positions = {term.name: k for k, term in enumerate(spec.terms())}
    for column, found in zip(spec.categorical, profile.categorical, strict=True):
        for level in column.levels if column.plain else ():
            n, events = found.levels.get(level, (0.0, 0.0))
            if n <= 0 or 0 < events < n:
                continue
            sign = 1.0 if events else -1.0
            if level != column.reference:
                direction[positions[f"{column.name}[{level}]"]] += sign
            elif spec.intercept:
                direction[positions[INTERCEPT]] += sign
                for other in column.coefficient_levels:
                    direction[positions[f"{column.name}[{other}]"]] -= sign
    return [direction] if direction.any() else []


def flat_start(passes: FitPasses, profile: TableProfile) -> FloatArray:
    """Return the model of the intercept alone: a sample says too little about so many terms."""
    start = np.zeros(passes.spec.shape().p)
    rows = profile.rows
    if passes.spec.intercept and not passes.layout.has_offset:
        start[0] = math.log(rows.label_sum / (rows.weight_sum - rows.label_sum))
    return start
