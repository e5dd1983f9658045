"""Influence: a pass that measures every row, and one that reads the few of the largest Cook's distance again."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.leverage import InfluencePlan, InfluenceSums
from logreg_dist.checks.records import Checks, InfluenceSummary
from logreg_dist.design.term_moments import term_centres
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.diagnostics.row_tasks import Changes, changes_task, influence_task
from logreg_dist.inference.covariance import uncentred_covariance
from logreg_dist.model.model import InfluentialRows, LogisticModel

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

_NO_COVARIANCE = "influence was not looked into: the model has no covariance of its estimates"
COLUMNS = ("label", "probability", "leverage", "pearson_residual", "cooks_distance")


def with_influence(model: LogisticModel, rows: FittedRows) -> LogisticModel:
    """Return the model with the rows of the largest influence; two passes, the second reads few rows.

    `checks.influence` says how many are kept: those of the largest Cook's distance over all splits, of equal ones
    the first. A row of frequency k, or of k trials, is left out as a whole. Without a covariance there is a note.
    """
    if rows.covariance is None:
        return replace(model, notes=(*model.notes, _NO_COVARIANCE))
    passes, asked = rows.passes, rows.config.checks.influence
    n_asked = asked.n_kept
    estimates = rows.estimates()
    beta, covariance = estimates.beta, estimates.covariance
    assert covariance is not None
    n_parameters, n_rows = int(rows.estimable.sum()), rows.profile.rows.n_rows
    plan = InfluencePlan(covariance, n_parameters, n_rows, n_asked, estimates.mixing)
    clock = time.perf_counter()
    found: list[InfluenceSums] = passes.staged.run_pass(
        influence_task(passes.design, passes.layout, beta, plan)
    )
    seconds = time.perf_counter() - clock
    log.info("pass %d: influence of %s rows (%.2f s)", passes.staged.n_passes, f"{n_rows:,}", seconds)
    kept = _largest(found, n_asked)
    splits = [staged.split for staged in passes.staged.splits]
    wanted = {splits[k]: kept.row[kept.split == k] for k in np.unique(kept.split).tolist()}
    with_keys = asked.key is not None
    task = changes_task(passes.design, passes.layout, beta, plan, wanted, with_keys=with_keys)
    parts: list[Changes] = passes.staged.run_pass(task) if wanted else []
    changes, keys = _in_order(parts, kept.split)
    dfbetas, terms = _dfbetas(changes, rows)
    influential = InfluentialRows(
        keys=keys if with_keys else None,
        columns=dict(zip(COLUMNS, kept.values, strict=True)),
        dfbetas=dfbetas,
        terms=terms,
    )
    summary = _summary(found, influential, n_parameters / n_rows)
    checks = replace(model.checks or Checks(), influence=summary)
    return replace(model, checks=checks, influential=influential)


@dataclass(frozen=True)
class _Kept:
    """The rows kept of all splits: the place of the split, the row in it, the five values of `KeptRows`."""

    split: NDArray[np.intp]
    row: NDArray[np.int64]
    values: FloatArray


def _largest(found: Sequence[InfluenceSums], n_kept: int) -> _Kept:
    split = np.concatenate([np.full(len(sums.kept.row), k, dtype=np.intp) for k, sums in enumerate(found)])
    row = np.concatenate([sums.kept.row for sums in found])
    values = np.hstack([sums.kept.values for sums in found])
    order = np.lexsort((row, split, -values[-1]))[:n_kept]
    return _Kept(split[order], row[order], values[:, order])


def _in_order(parts: Sequence[Changes], split: NDArray[np.intp]) -> tuple[FloatArray, tuple[str, ...]]:
    """Return what the splits told of their rows in the order of the rows kept."""
    if not parts:
        return np.zeros((0, 0)), ()
    # Each split told of its rows in the order in which they are among all.
    order = np.argsort(np.argsort(split, kind="stable"), kind="stable")
    changes = np.vstack([part.changes for part in parts])[order]
    keys = [key for part in parts for key in part.keys or ()]
    return changes, tuple(keys[k] for k in order.tolist()) if keys else ()


def _dfbetas(changes: FloatArray, rows: FittedRows) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the changes of the estimates in units of the columns, in standard errors, of the terms with an estimate."""
    assert rows.covariance is not None
    spec, estimable = rows.passes.spec, rows.estimable
    names = [name for name, is_own in zip(rows.names, estimable, strict=True) if is_own]
    if not len(changes):
        return np.zeros((0, len(names))), tuple(names)
    changes = changes[:, rows.passes.positions]
    if rows.mixtures is not None:
        changes = changes @ rows.mixtures.mixing.T
    centres = term_centres(spec)
    spread = rows.covariance
    if spec.intercept:
        changes = changes.copy()
        changes[:, 0] -= changes @ centres  # the centre of the intercept is 0
        spread = uncentred_covariance(spread, centres, 0)
    found: FloatArray = changes[:, estimable] / np.sqrt(np.diag(spread)[estimable])
    return found, tuple(names)


def _summary(
    found: Sequence[InfluenceSums], influential: InfluentialRows, mean_leverage: float
) -> InfluenceSummary:
    size = np.abs(influential.dfbetas)
    largest = divmod(int(size.argmax()), size.shape[1]) if size.size else None
    return InfluenceSummary(
        n_kept=len(size),
        largest_cook=max((sums.largest_cook for sums in found), default=0.0),
        largest_leverage=max((sums.largest_leverage for sums in found), default=0.0),
        mean_leverage=mean_leverage,
        n_high_leverage=sum(sums.n_high_leverage for sums in found),
        n_high_cook=sum(sums.n_high_cook for sums in found),
        largest_dfbeta=0.0 if largest is None else float(size[largest]),
        dfbeta_term=None if largest is None else influential.terms[largest[1]],
    )
