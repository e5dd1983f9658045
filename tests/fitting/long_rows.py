"""Fits of texts and long vectors without a JVM: the library's own steps on Arrow tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pyarrow as pa

from logreg_dist.config import ColumnPolicy, MissingPolicy
from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.learn import learn_design
from logreg_dist.design.spec import DesignSpec
from logreg_dist.fitting.sums import in_kernel_order, sum_scores
from logreg_dist.fitting.tasks import split_blocks
from logreg_dist.kernel.evaluate import evaluate, information_diagonal
from logreg_dist.solver.lbfgs import LbfgsOptions, by_diagonal, lbfgs
from logreg_dist.solver.result import SolverResult
from logreg_dist.staging.plan import Kind, LabelPlan, RawColumn, SparsePlan, StagePlan
from logreg_dist.staging.staged_split import record_layout
from tests.in_process import Staged, stage


def policy(**more) -> ColumnPolicy:
    return ColumnPolicy(None, MissingPolicy("error"), "error", "first", more.pop("min_count", 1), **more)


def plan_of(table: pa.Table, sparse: Sequence[SparsePlan], *, chunk_rows: int = 64, **more) -> StagePlan:
    """Columns of the table that are neither sparse nor the label are numeric."""
    names = table.column_names
    taken = {names[column.position] for column in sparse} | {"label"}
    return StagePlan(
        numeric=tuple(RawColumn(name, k) for k, name in enumerate(names) if name not in taken),
        categorical=(),
        label=LabelPlan(column=names.index("label")),
        weight=None,
        frequency=None,
        offset=None,
        chunk_rows=chunk_rows,
        max_levels=more.pop("max_levels", 100_000),
        sparse=tuple(sparse),
        **more,
    )


def learned(staged: Staged, **more) -> DesignSpec:
    asked = [AskedColumn(c.name, "double", Kind.NUMERIC, policy()) for c in staged.plan.numeric]
    asked += [
        AskedColumn(c.name, "string", Kind.SPARSE, policy(values=c.values, **more), sparse=c)
        for c in staged.plan.sparse
    ]
    found = learn_design(asked, staged.profile, intercept=True, medians={})
    assert not found.problems, found.problems
    return found.spec


@dataclass(frozen=True)
class LongFit:
    """A fit by L-BFGS, estimates by term in the units of the columns."""

    estimates: dict[str, float]
    result: SolverResult
    spec: DesignSpec


def fit_long(
    table: pa.Table, sparse: Sequence[SparsePlan], folder: Path, *, n_splits: int = 2, l2: float, **more
) -> LongFit:
    staged = stage(table, folder, n_splits=n_splits, plan=plan_of(table, sparse))
    spec = learned(staged, **more)
    layout, shape, positions = record_layout(staged.plan), spec.shape(), spec.kernel_positions()

    def blocks(split):
        return split_blocks(split, spec, layout)

    def sums(beta):
        at = in_kernel_order(beta, positions)
        states = [evaluate(at, blocks(split), shape, information=False) for split in staged.splits]
        return sum_scores(states, positions)

    start = np.zeros(shape.p)
    diagonal = reduce(add, [information_diagonal(start, blocks(split), shape) for split in staged.splits])
    ridge = np.array([0.0 if term.column is None else l2 for term in spec.terms()]) * table.num_rows
    precondition = by_diagonal(diagonal[positions], ridge)
    result = lbfgs(sums, start, precondition, LbfgsOptions(1e-10, 2000, ridge))
    names, beta = [term.name for term in spec.terms()], result.point.beta.copy()
    centres = dict(zip((c.name for c in spec.numeric), spec.centres, strict=True))
    beta[0] -= sum(centres.get(name, 0.0) * b for name, b in zip(names, beta, strict=True))
    return LongFit(dict(zip(names, beta.tolist(), strict=True)), result, spec)
