"""The models of both families as a cross-validation sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.design.problems import Problem, reject
from logreg_dist.design.term_moments import term_centres
from logreg_dist.fitting.class_passes import ClassPasses
from logreg_dist.fitting.cross_validate import Chosen, PathModel, cross_validate
from logreg_dist.fitting.estimates import ModelTerm
from logreg_dist.fitting.fold_passes import FoldPasses
from logreg_dist.fitting.method import matrix_bytes, matrix_obstacle, sparse_obstacle
from logreg_dist.fitting.optimum import flat_start
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.penalty import Penalty, has_column, penalty_at
from logreg_dist.inference.class_covariance import uncentred_classes
from logreg_dist.inference.covariance import uncentred
from logreg_dist.kernel.block import BlockShape
from logreg_dist.kernel.multinomial import multinomial_bytes
from logreg_dist.kernel.state import state_bytes
from logreg_dist.staging.profile import TableProfile

FloatArray = NDArray[np.float64]


def choose_penalty(passes: FitPasses, profile: TableProfile, config: TrainConfig) -> Chosen | None:
    """Cross-validate a binary model, None when the configuration does not ask for it."""
    if config.cross_validation is None:
        return None
    n_folds = config.cross_validation.folds
    if passes.shape.sparse:
        _refuse_without_matrix(sparse_obstacle(sum(passes.shape.sparse)))
    whole = BlockShape(passes.shape.p)
    obstacle = matrix_obstacle(
        matrix_bytes(whole) * (n_folds + 1),  # of all fits at the same time
        state_bytes(passes.shape),
        n_splits=len(passes.staged.splits),
        max_result_bytes=passes.max_result_bytes // (n_folds + 1),
    )
    _refuse_without_matrix(obstacle)
    spec, centres = passes.spec, term_centres(passes.spec)
    intercept = 0 if spec.intercept else None
    names = [term.name for term in spec.terms()]

    def penalty(weight_sum: float, l1: float, l2: float) -> Penalty:
        return penalty_at(spec, weight_sum, config, l1, l2)

    def estimates(beta: FloatArray) -> Mapping[str, float]:
        return dict(zip(names, uncentred(beta, centres, intercept).tolist(), strict=True))

    start, of_column = flat_start(passes, profile), has_column(spec)
    model = PathModel(penalty, start, of_column, estimates, ("label 0", "label 1"))
    return cross_validate(FoldPasses(passes, n_folds), model, config)


def choose_class_penalty(
    passes: ClassPasses, weights: Mapping[str, float], terms: Sequence[ModelTerm], config: TrainConfig
) -> Chosen | None:
    """Cross-validate a model of several classes, None when the configuration does not ask for it.

    Parameters
    ----------
    passes : ClassPasses
    weights : mapping of str to float
        Weight of each class.
    terms : sequence of ModelTerm
        Of all classes.
    config : TrainConfig
    """
    if config.cross_validation is None:
        return None
    n_folds, n_free, classes = config.cross_validation.folds, passes.n_free, passes.classes
    obstacle = matrix_obstacle(
        8 * (n_free * passes.shape.p) ** 2 * (n_folds + 1),
        multinomial_bytes(passes.shape, n_free),
        n_splits=len(passes.staged.splits),
        max_result_bytes=passes.max_result_bytes // (n_folds + 1),
    )
    if passes.shape.sparse:
        obstacle = sparse_obstacle(sum(passes.shape.sparse))
    _refuse_without_matrix(obstacle)
    spec, centres = passes.spec, term_centres(passes.spec)
    intercept = 0 if spec.intercept else None
    names = [term.name for term in terms]

    def penalty(weight_sum: float, l1: float, l2: float) -> Penalty:
        return penalty_at(spec, weight_sum, config, l1, l2).repeated(n_free)

    def estimates(beta: FloatArray) -> Mapping[str, float]:
        found = uncentred_classes(beta.reshape(n_free, -1), centres, intercept)
        return dict(zip(names, found.ravel().tolist(), strict=True))

    start = np.zeros((n_free, passes.shape.p))
    if spec.intercept:
        start[:, 0] = [np.log(weights[name] / weights[classes.reference]) for name in classes.free]
    model = PathModel(
        penalty,
        start.ravel(),
        np.tile(has_column(spec), n_free),
        estimates,
        tuple(f"class {name!r}" for name in (*classes.free, classes.reference)),
    )
    return cross_validate(FoldPasses(passes, n_folds), model, config)


def _refuse_without_matrix(obstacle: str | None) -> None:
    if obstacle is None:
        return
    reject(
        [
            Problem(
                f"cross_validation needs an information matrix for each fold, but {obstacle}",
                "Let rare levels merge: raise min_level_count; of texts lower vocabulary or buckets; or take fewer\n"
                "folds or input.splits.",
            )
        ]
    )
