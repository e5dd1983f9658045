"""A fit that ended separated, or creeping: what is proved, and which terms have no finite estimate."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.records import SeparatingTerm
from logreg_dist.config import TrainConfig
from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_moments import term_scales
from logreg_dist.fitting.outcome import Separation
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.search import Optimum
from logreg_dist.fitting.separating_terms import look_for_alone
from logreg_dist.fitting.start import sample_blocks
from logreg_dist.fitting.tasks import SampleRows
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.inference.separation_programme import (
    MAX_ENTRIES,
    Programme,
    design_rows,
    separation_programme,
)
from logreg_dist.model.file import MAX_COVARIANCE_TERMS
from logreg_dist.model.model import LabelRecord
from logreg_dist.solver.information import embedded
from logreg_dist.solver.linear_system import find_dependences
from logreg_dist.solver.result import Ending
from logreg_dist.staging.profile import TableProfile

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

WAYS_OUT = "set solver.on_separation to {}; exclude the column; or merge the level into another"
# Of the largest entry of a direction, in columns of size 1: what is smaller may be on its way to a finite estimate.
SHARE_OF_DIRECTION = 0.01


@dataclass(frozen=True)
class SeparatedRows:
    """What a separated label is looked at with.

    Attributes
    ----------
    passes : FitPasses
    profile : TableProfile
    samples : sequence of SampleRows
    label : LabelRecord
    config : TrainConfig
    """

    passes: FitPasses
    profile: TableProfile
    samples: Sequence[SampleRows]
    label: LabelRecord
    config: TrainConfig

    @cached_property
    def whole(self) -> tuple[FloatArray, FloatArray] | None:
        """All rows (n, p) and their label (n,), where the driver holds them and they are few enough for a programme."""
        passes = self.passes
        n_rows = sum(split.n_rows for split in passes.staged.splits)
        all_here = sum(sample.n_rows for sample in self.samples) == n_rows
        if passes.spec.sparse or not all_here or n_rows * passes.shape.p > MAX_ENTRIES:
            return None
        blocks = [block for sample in self.samples for block in sample_blocks(sample, passes.spec)]
        X, y = design_rows(blocks, passes.shape)
        return X[:, passes.positions], y

    @property
    def min_count(self) -> int:
        """Rows that a level has at least for its count to be shown."""
        return self.config.features.defaults.min_level_count


@dataclass(frozen=True)
class Look:
    """What was found.

    Attributes
    ----------
    optimum : Optimum
        The search's, or the same ending as separated where that was proved only now.
    separation : Separation or None
    remark : str
        What a programme says about a search that ended without an optimum and without a proof.
    """

    optimum: Optimum
    separation: Separation | None
    remark: str = ""


def look_into_separation(rows: SeparatedRows, optimum: Optimum, kept: BoolArray) -> Look:
    """Decide whether the label is separated, by a programme where the search could not, and name the terms.

    Parameters
    ----------
    rows : SeparatedRows
    optimum : Optimum
        Of the terms kept, in their order.
    kept : ndarray (p,) of bool
        Of all terms: those in the model.
    """
    ending = optimum.result.ending
    if ending is Ending.CONVERGED:
        return Look(optimum, None)
    known = None if optimum.result.direction is None else embedded(optimum.result.direction, kept)
    programme, proof, remark = None, "direction", ""
    if rows.whole is not None and not (rows.config.penalty.is_active or rows.config.features.has_bounds):
        programme = _programme(*rows.whole, kept, known, term_scales(rows.passes.spec))
        optimum, proved = _confirmed(rows, optimum, programme, kept)
        if proved:
            proof = "linear_programme"
        elif optimum.counts is None:
            remark = "A linear programme over all rows finds no separation."
    if optimum.counts is None or optimum.result.direction is None:
        return Look(optimum, None, remark)
    direction = embedded(optimum.result.direction, kept)
    alone = look_for_alone(rows.passes, rows.profile, rows.label, min_count=rows.min_count)
    terms = _terms(rows, direction, programme, alone.terms, kept)
    sentences = (*(term.text for term in terms if term.text is not None), *alone.references)
    separation = Separation(optimum.counts, terms, sentences, proof)
    can_leave = not rows.config.penalty.is_active and not rows.config.features.has_bounds
    if can_leave and not rows.config.selection.is_active:
        ways = "firth, ridge or drop" if firth_fits(rows.passes) else "ridge or drop"
        separation = replace(separation, ways_out=WAYS_OUT.format(ways))
    return Look(optimum, separation)


def firth_fits(passes: FitPasses) -> bool:
    """Whether Firth's likelihood, which needs the covariance for every row, has room for it."""
    return not passes.shape.sparse and passes.shape.p <= MAX_COVARIANCE_TERMS


def terms_of(spec: DesignSpec, whole: DesignSpec) -> BoolArray:
    """Return which terms of a whole design one of some of its columns has, (p,)."""
    names = {term.name for term in spec.terms()}
    return np.array([term.name in names for term in whole.terms()], dtype=bool)


def _programme(
    X: FloatArray, y: FloatArray, kept: BoolArray, known: FloatArray | None, scale: FloatArray
) -> Programme:
    """Solve the programme of the terms kept; its direction and signs are of all p terms."""
    clock = time.perf_counter()
    free = kept.copy()
    own = X[:, kept]
    free[np.flatnonzero(kept)[[d.position for d in find_dependences(own.T @ own)]]] = False
    lead = None
    if known is not None:
        size = np.abs(known) * scale
        lead = np.where(size > SHARE_OF_DIRECTION * size.max(), known, 0.0)[free]
    found = separation_programme(X[:, free], y, known=lead if lead is not None and lead.any() else None)
    log.info(
        "linear programme over all %s rows: %s of them separated (%.2f s)",
        f"{len(y):,}",
        f"{int(found.separated.sum()):,}",
        time.perf_counter() - clock,
    )
    return Programme(embedded(found.direction, free), embedded(found.signs, free), found.separated)


def _confirmed(
    rows: SeparatedRows, optimum: Optimum, programme: Programme, kept: BoolArray
) -> tuple[Optimum, bool]:
    """Return the optimum as separated along the programme's direction, where that separates more, and if it does."""
    n_known = 0 if optimum.counts is None else optimum.counts.separated
    if int(programme.separated.sum()) <= n_known:
        return optimum, False
    counts: DirectionCounts = rows.passes.prove_separation(programme.direction)
    if not counts.proves_separation or counts.separated <= n_known:
        return optimum, False
    result = replace(optimum.result, ending=Ending.SEPARATED, direction=programme.direction[kept])
    return replace(optimum, result=result, counts=counts), n_known == 0


def _terms(
    rows: SeparatedRows,
    direction: FloatArray,
    programme: Programme | None,
    alone: Sequence[SeparatingTerm],
    kept: BoolArray,
) -> tuple[SeparatingTerm, ...]:
    """Return the terms without finite estimates, those that separate on their own first."""
    names = [term.name for term in rows.passes.spec.terms()]
    held = {name for name, is_kept in zip(names, kept, strict=True) if not is_kept}
    found = {term.term: term for term in alone if term.term not in held}
    size = np.abs(direction) * term_scales(rows.passes.spec)
    signs, order = np.sign(direction), np.argsort(-size, kind="stable")
    if programme is not None and programme.is_separated:
        signs = programme.signs
        order = order[signs[order] != 0]
    else:
        order = order[size[order] > SHARE_OF_DIRECTION * size.max()]
    for k in order.tolist():
        found.setdefault(names[k], SeparatingTerm(names[k], "+" if signs[k] > 0 else "-", None))
    return tuple(found.values())
