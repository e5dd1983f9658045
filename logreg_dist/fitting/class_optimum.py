"""Finding the optimum of a fit of several classes, by the method that suits the model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from logreg_dist.config import TrainConfig
from logreg_dist.design.problems import Problem, reject
from logreg_dist.design.term_moments import term_scales
from logreg_dist.fitting.class_passes import ClassPasses
from logreg_dist.fitting.class_sums import class_sums, in_kernel_classes, joint_in_term_order
from logreg_dist.fitting.class_tasks import in_classes
from logreg_dist.fitting.method import MethodChoice, matrix_obstacle, sparse_obstacle
from logreg_dist.fitting.penalty import Penalty, has_column, penalty_of
from logreg_dist.fitting.search import Likelihood, Optimum, Start, choose_proximal, search
from logreg_dist.fitting.selection import search_selected, terms_by_column
from logreg_dist.fitting.start import (
    is_whole,
    near_optimum_of_sample,
    optimum_of_sample,
    sample_blocks,
    says_enough,
)
from logreg_dist.fitting.tasks import SampleRows
from logreg_dist.kernel.block import FloatArray
from logreg_dist.kernel.multinomial import evaluate_multinomial, information_at_zero, multinomial_bytes
from logreg_dist.solver.information import dependences_in
from logreg_dist.solver.linear_system import Dependence
from logreg_dist.solver.result import Ending, Method, Point, SolverResult, Sums
from logreg_dist.staging.profile import TableProfile

log = logging.getLogger(__name__)

# Coefficients of all classes together beyond which forming their matrix in every step takes too long; it is
# formed once, at the end, as long as it fits.
MAX_NEWTON_TERMS = 2_000
# From here on a pass for the score alone costs a small part of one for the matrix.
CHORD_TERMS = 100


def choose_class_method(asked: str, n_terms: int, obstacle: str | None = None) -> MethodChoice:
    """Return the solver of a model with `n_terms` coefficients in all classes together.

    Parameters
    ----------
    asked : str
        ``auto``, or a method that is taken at its word.
    n_terms : int
    obstacle : str or None
        Why the information matrix does not fit.

    Raises
    ------
    InputRejected
        When Newton's method was asked for and the matrix does not fit.

    Examples
    --------
    >>> choose_class_method("auto", 969).method.value, choose_class_method("auto", 5_000).method.value
    ('newton', 'lbfgs')
    """
    if asked == Method.LBFGS:
        return MethodChoice(Method.LBFGS, "solver.method says so")
    if asked == Method.NEWTON and obstacle is not None:
        reject(
            [
                Problem(
                    f"solver.method is newton, but {obstacle}",
                    "Set solver.method to auto, merge classes, or let rare levels merge: raise min_level_count.",
                )
            ]
        )
    if obstacle is not None:
        return MethodChoice(Method.LBFGS, obstacle)
    if asked == Method.NEWTON or n_terms <= MAX_NEWTON_TERMS:
        return MethodChoice(Method.NEWTON, "the information matrix fits")
    return MethodChoice(
        Method.LBFGS, f"{n_terms:,} coefficients in all classes are more than {MAX_NEWTON_TERMS:,}"
    )


def find_class_optimum(
    passes: ClassPasses,
    profile: TableProfile,
    samples: list[SampleRows],
    config: TrainConfig,
    *,
    near: FloatArray | None = None,
) -> Optimum:
    """Maximise the likelihood of a staged table whose label has several classes.

    Parameters
    ----------
    passes : ClassPasses
    profile : TableProfile
    samples : list of SampleRows
        To start from, by split; without any the start is 0.
    config : TrainConfig
    near : ndarray (k p,) or None
        Where to start instead.
    """
    n_free, n_terms = passes.n_free, passes.n_free * passes.shape.p
    one = penalty_of(passes.spec, profile.rows.weight_sum, config)
    penalty = None if one is None else one.repeated(n_free)
    obstacle = _obstacle(passes, n_terms)
    if penalty is not None and penalty.has_corners:
        choice = choose_proximal(obstacle, penalty)
    else:
        # Columns are selected on the matrix, however many terms it has.
        asked = "newton" if config.selection.is_active else config.solver.method
        choice = choose_class_method(asked, n_terms, obstacle)
    scale = np.tile(term_scales(passes.spec), n_free)
    of_column = np.tile(has_column(passes.spec), n_free)
    weak_ridge = np.where(of_column, scale**2, 0.0)
    several_steps = n_terms >= CHORD_TERMS

    def start() -> Start:
        if near is not None:
            return Start(near)
        return _sample_start(
            passes, samples, penalty, weak_ridge, several_steps=several_steps, n_rows=profile.rows.n_rows
        )

    likelihood = Likelihood(
        evaluate=passes.evaluate,
        evaluate_score=passes.evaluate_score,
        several_steps=several_steps,
        information_diagonal=passes.information_diagonal,
        prove=passes.prove_separation,
        scale=scale,
        of_column=of_column,
        sample_start=start,
        flat_start=np.zeros(n_terms) if near is None else near,
    )
    if config.selection.is_active:
        terms = terms_by_column(passes.spec, n_free)
        return search_selected(
            likelihood, choice, config, terms, n_obs=profile.rows.n_obs, journal=passes.journal
        )
    optimum = search(likelihood, penalty, choice, config.solver, passes.journal)
    result = optimum.result
    if result.method is Method.LBFGS and result.ending is Ending.CONVERGED and penalty is None:
        if obstacle is None:
            return replace(optimum, result=_with_information(passes, result))
        log.info("no information matrix at the end: %s", obstacle)
    return optimum


def _obstacle(passes: ClassPasses, n_terms: int) -> str | None:
    if passes.shape.sparse:
        return sparse_obstacle(sum(passes.shape.sparse))
    return matrix_obstacle(
        8 * n_terms**2,
        multinomial_bytes(passes.shape, passes.n_free),
        n_splits=len(passes.staged.splits),
        max_result_bytes=passes.max_result_bytes,
    )


def _with_information(passes: ClassPasses, result: SolverResult) -> SolverResult:
    """Form the matrix at the optimum, and give terms that depend on earlier ones no estimate; a pass or two."""
    beta = result.point.beta
    point = Point(beta, passes.evaluate(beta))
    assert point.sums.information is not None
    dependences = dependences_in(point.sums.information)
    if dependences:
        # Only at 0 do all rows count alike: there terms that merely seem dependent are told apart.
        at_zero = passes.evaluate(np.zeros_like(beta)).information
        assert at_zero is not None
        dependences = dependences_in(at_zero)
        point = Point(_carried_over(beta, dependences), point.sums)
    return replace(result, point=point, dependences=dependences)


def _carried_over(beta: FloatArray, dependences: Sequence[Dependence]) -> FloatArray:
    """Return the coefficients that give every row what `beta` gives it, with 0 for the dependent terms.

    Examples
    --------
    The last column is twice the first:

    >>> _carried_over(np.array([1.0, 5.0, 3.0]), [Dependence(2, {0: 2.0})]).tolist()
    [7.0, 5.0, 0.0]
    """
    carried = beta.copy()
    for dependence in dependences:
        for position, weight in dependence.weights.items():
            carried[position] += weight * beta[dependence.position]
        carried[dependence.position] = 0.0
    return carried


def _sample_start(
    passes: ClassPasses,
    samples: list[SampleRows],
    penalty: Penalty | None,
    weak_ridge: FloatArray,
    *,
    several_steps: bool,
    n_rows: int,
) -> Start:
    """Return the optimum of the sample; zeros when it is no help."""
    n_free, shape, positions = passes.n_free, passes.shape, passes.positions
    if passes.spec.sparse or not says_enough(samples, shape.p * n_free):  # a sample holds no sparse columns
        return Start(np.zeros(n_free * shape.p))
    blocks = [
        block
        for sample in samples
        for block in in_classes(sample_blocks(sample, passes.spec), sample.classes, passes.classes)
    ]

    def evaluate_sample(beta: FloatArray, *, information: bool = True) -> Sums:
        kernel = in_kernel_classes(beta, n_free, positions)
        return class_sums(
            evaluate_multinomial(kernel, blocks, shape, information=information), shape, positions
        )

    if several_steps and (penalty is None or not penalty.has_corners):
        evaluate_score = partial(evaluate_sample, information=False)
        joint = joint_in_term_order(information_at_zero(blocks, shape, n_free), positions)
        at_zero = replace(evaluate_score(np.zeros(n_free * shape.p)), information=joint)
        return near_optimum_of_sample(
            evaluate_sample, evaluate_score, at_zero, penalty, weak_ridge=weak_ridge
        )
    rows_for_one = sum(
        float(block.n_rows if block.weight is None else block.weight.sum()) for block in blocks
    )
    rows_for_one /= sum(block.n_rows for block in blocks)
    whole = is_whole(samples, n_rows)
    result = optimum_of_sample(
        evaluate_sample, penalty, weak_ridge=weak_ridge, rows_for_one=rows_for_one, whole=whole
    )
    return Start(np.zeros(n_free * shape.p) if result is None else result.point.beta)
