"""A fit without a JVM: the library's own steps on Arrow tables, with the splits as local files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from logreg_dist.config import ColumnPolicy, MissingPolicy, TrainConfig
from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.learn import LearnedDesign
from logreg_dist.design.spec import CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.design.term_moments import term_scales
from logreg_dist.fitting.mixtures import in_mixtures, of_columns, on_mixtures
from logreg_dist.fitting.sums import in_kernel_order, in_term_order
from logreg_dist.fitting.tasks import split_blocks
from logreg_dist.fitting.terms import learn_table
from logreg_dist.inference.covariance import covariance
from logreg_dist.inference.proof import RowPasses, prove_separation
from logreg_dist.inference.separation import DirectionCounts, count_along, neutral_rows
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.mixed_rows import mixed_blocks
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, SolverResult
from logreg_dist.solver.ridge import scaled_ridge
from logreg_dist.staging.plan import Kind, LabelPlan, RawColumn, StagePlan
from logreg_dist.staging.profile import TableProfile, merge_profiles, profile_from_dict
from logreg_dist.staging.split_tasks import add_in_groups
from logreg_dist.staging.stage_split import stage_split
from logreg_dist.staging.staged_split import StagedSplit, read_sidecar, record_layout

ROLES = ("label", "weight", "frequency", "offset")


def policy(
    missing: str = "error", *, value: str | float | None = None, reference: str = "first", min_count: int = 1
) -> ColumnPolicy:
    return ColumnPolicy(None, MissingPolicy(missing, value), "error", reference, min_count)


def plan_of(
    table: pa.Table,
    *,
    chunk_rows: int = 64,
    positive: str | None = None,
    drop: Sequence[str] = (),
    max_levels: int = 10_000,
) -> StagePlan:
    """Texts are categorical, everything else is numeric; the columns of `ROLES` have that role."""
    names = table.column_names
    position = {role: names.index(role) for role in ROLES if role in names}
    features = [
        RawColumn(name, k, drop_if_missing=name in drop) for k, name in enumerate(names) if name not in ROLES
    ]
    is_text = {column.name: pa.types.is_string(table.schema.field(column.name).type) for column in features}
    return StagePlan(
        numeric=tuple(column for column in features if not is_text[column.name]),
        categorical=tuple(column for column in features if is_text[column.name]),
        label=LabelPlan(column=position["label"], positive=positive),
        weight=position.get("weight"),
        frequency=position.get("frequency"),
        offset=position.get("offset"),
        chunk_rows=chunk_rows,
        max_levels=max_levels,
    )


@dataclass(frozen=True)
class Staged:
    """A table staged in local files."""

    splits: list[StagedSplit]
    plan: StagePlan
    profile: TableProfile


def stage(table: pa.Table, folder: Path, *, n_splits: int = 1, plan: StagePlan | None = None) -> Staged:
    """Stage the rows in equal parts."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = plan or plan_of(table)
    edges = np.linspace(0, table.num_rows, n_splits + 1).astype(int)
    splits = [
        stage_split(
            table.slice(start, stop - start).to_batches(max_chunksize=37), plan, folder / f"{k}.rows", k
        )
        for k, (start, stop) in enumerate(pairwise(edges))
    ]
    parts = [profile_from_dict(read_sidecar(split.path)["profile"]) for split in splits]
    sizes = (len(plan.numeric), len(plan.categorical), len(plan.sparse))
    return Staged(splits, plan, merge_profiles(parts, *sizes))


@dataclass(frozen=True)
class Fitted:
    """A fit in units of the columns, terms as keys and axes."""

    terms: list[str]
    estimate: np.ndarray
    covariance: np.ndarray
    result: SolverResult
    spec: DesignSpec
    staged: Staged
    counts: list[DirectionCounts]

    def __getitem__(self, term: str) -> float:
        return float(self.estimate[self.terms.index(term)])

    @property
    def std_error(self) -> np.ndarray:
        return np.sqrt(np.diag(self.covariance))


def fit_rows(
    table: pa.Table,
    folder: Path,
    *,
    n_splits: int = 1,
    intercept: bool = True,
    centred: bool = True,
    l2: float = 0.0,
    policies: Mapping[str, ColumnPolicy] = {},
    options: NewtonOptions | None = None,
    plan: StagePlan | None = None,
    features: Mapping[str, object] | None = None,
) -> Fitted:
    """Stage, learn, iterate from zero and undo the centring: `fit` without Spark; `features` has terms."""
    staged = stage(table, folder, n_splits=n_splits, plan=plan)
    spec = learned_spec(staged, policies, intercept=intercept, features=features)
    if not centred:
        spec = replace(spec, columns=tuple(_uncentred(column) for column in spec.columns))
        derived = (replace(column, centres=tuple(0.0 for _ in column.centres)) for column in spec.derived)
        spec = replace(spec, derived=tuple(derived))
    layout, shape, positions = record_layout(staged.plan), spec.shape(), spec.kernel_positions()

    def blocks(split: StagedSplit):
        return split_blocks(split, spec, layout)

    def sums(beta: np.ndarray):
        kernel_beta = in_kernel_order(beta, positions)
        states = [evaluate(kernel_beta, blocks(split), shape) for split in staged.splits]
        return in_term_order(add_in_groups(states, len(states)), shape, positions)

    def mixed_sums(beta: np.ndarray, mixing: np.ndarray):
        of_mixtures, by_kernel = in_mixtures(beta, mixing, positions, shape.n_dense)
        states = [
            evaluate(of_mixtures, mixed_blocks(blocks(split), by_kernel), shape) for split in staged.splits
        ]
        return of_columns(in_term_order(add_in_groups(states, len(states)), shape, positions), mixing)

    def count(direction: np.ndarray, blur: np.ndarray) -> DirectionCounts:
        along = in_kernel_order(direction, positions)
        parts = (
            count_along(along, blocks(split), shape, blur=in_kernel_order(blur, positions))
            for split in staged.splits
        )
        return sum(parts, DirectionCounts())

    def neutral_information(direction: np.ndarray, blur: np.ndarray) -> np.ndarray:
        along, cold = in_kernel_order(direction, positions), np.zeros(shape.p)
        rows = (
            neutral_rows(along, blocks(split), shape, blur=in_kernel_order(blur, positions))
            for split in staged.splits
        )
        state = add_in_groups([evaluate(cold, part, shape) for part in rows], len(staged.splits))
        return in_term_order(state, shape, positions).information

    counts: list[DirectionCounts] = []

    def rises_for_ever(direction: np.ndarray) -> bool:
        passes = RowPasses(count, neutral_information, term_scales(spec))
        counts.append(prove_separation(direction / np.abs(direction).max(), passes))
        return counts[-1].proves_separation

    is_penalised = np.array([term.column is not None for term in spec.terms()])
    ridge = scaled_ridge(l2, staged.profile.rows.weight_sum, is_penalised) if l2 else None
    options = replace(options or NewtonOptions(), ridge=ridge, alias=ridge is None)
    evaluate_all = on_mixtures(sums, mixed_sums, positions < shape.n_dense) if not l2 else sums
    result = newton(evaluate_all, np.zeros(shape.p), options, rises_for_ever=rises_for_ever)
    return _in_column_units(result, spec, staged, counts, penalised=l2 > 0)


def learned_spec(
    staged: Staged,
    policies: Mapping[str, ColumnPolicy] = {},
    *,
    intercept: bool = True,
    features: Mapping[str, object] | None = None,
) -> DesignSpec:
    return learned_design(staged, policies, intercept=intercept, features=features).spec


def learned_design(
    staged: Staged,
    policies: Mapping[str, ColumnPolicy] = {},
    *,
    intercept: bool = True,
    features: Mapping[str, object] | None = None,
) -> LearnedDesign:
    config = TrainConfig(label={"column": "label"}, intercept=intercept, features=features or {})
    replaced = config.features.asked_terms.replaced
    numeric = {column.name for column in staged.plan.numeric}
    raw = sorted((*staged.plan.numeric, *staged.plan.categorical), key=lambda column: column.position)
    asked = [
        AskedColumn(
            column.name,
            "double" if column.name in numeric else "string",
            Kind.NUMERIC if column.name in numeric else Kind.CATEGORICAL,
            policies.get(column.name, policy()),
            plain=column.name not in replaced,
        )
        for column in raw
    ]

    def run_pass(task: Callable[[StagedSplit], Any]) -> list[Any]:
        return [task(split) for split in staged.splits]

    learned = learn_table(run_pass, record_layout(staged.plan), asked, staged.profile, config)
    assert not learned.problems, learned.problems
    return learned


def _uncentred(column: NumericColumn | CategoricalColumn) -> NumericColumn | CategoricalColumn:
    return replace(column, centre=0.0) if isinstance(column, NumericColumn) else column


def _in_column_units(
    result: SolverResult, spec: DesignSpec, staged: Staged, counts: list[DirectionCounts], *, penalised: bool
) -> Fitted:
    """Undo the centring here rather than with the library's `assemble`, which needs pyspark."""
    terms = [term.name for term in spec.terms()]
    estimable = np.ones(len(terms), dtype=bool)
    estimable[[dependence.position for dependence in result.dependences]] = False
    centres = {name: centre for name, (centre, _) in spec.moments().items()}
    undo = np.eye(len(terms))
    if spec.intercept:
        undo[0] -= [centres.get(name, 0.0) for name in terms]
    spread = np.full_like(undo, np.nan)
    if result.ending is Ending.CONVERGED and not penalised:
        block = np.ix_(estimable, estimable)
        found = covariance(result.point.sums.information, estimable)[block]
        spread[block] = undo[block] @ found @ undo[block].T
    estimate = np.where(estimable, undo @ result.point.beta, np.nan)
    return Fitted(terms, estimate, spread, result, spec, staged, counts)


def logistic_table(n_rows: int = 400, seed: int = 0, *, p: int = 2, levels: Sequence[str] = ()) -> pa.Table:
    """Return overlapping rows of a known kind: columns x1 .. xp, perhaps `plan`, and `label`."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, p)) + np.arange(p)
    eta = X @ np.linspace(1.0, -0.5, p) - 0.3
    columns: dict[str, object] = {f"x{k + 1}": X[:, k] for k in range(p)}
    if levels:
        codes = rng.integers(0, len(levels), n_rows)
        eta = eta + np.linspace(-0.5, 0.7, len(levels))[codes]
        columns["plan"] = np.array(levels, dtype=object)[codes]
    columns["label"] = (rng.random(n_rows) < 1 / (1 + np.exp(-eta))).astype(float)
    return pa.table(columns)
