"""Passes after a fit without a JVM: the library's own tasks on splits that lie in local files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from logreg_dist import TrainConfig
from logreg_dist.fitting.diagnostics.fitted import FittedRows, fitted_rows
from logreg_dist.fitting.estimates import Outcome, binary_outcome
from logreg_dist.model.model import LabelRecord
from logreg_dist.staging.buckets import Ended, gathered_pieces, scattered_pieces
from logreg_dist.staging.carried import CarriedColumn, CarriedRule
from logreg_dist.staging.pass_timing import Measured
from logreg_dist.staging.plan import LabelPlan
from logreg_dist.staging.split_tasks import add_in_groups
from logreg_dist.staging.staged_split import StagedSplit, record_layout
from tests.in_process import fit_rows, plan_of

LABEL = LabelRecord("label", "1", "0", None, None)


class LocalTable:
    """The passes of a `StagedTable`, one split after the other in this process."""

    def __init__(self, splits: Sequence[StagedSplit]) -> None:
        self.splits, self.n_passes = list(splits), 2

    def run_pass(self, task):
        self.n_passes += 1
        found = [task(split) for split in self.splits]
        return [one.result if isinstance(one, Measured) else one for one in found]

    def sum_pass(self, task, *, result_bytes: int):
        return add_in_groups(self.run_pass(task), len(self.splits))

    def bucket_pass(self, task, merge, *, n_buckets: int, group: int = 1):
        self.n_passes += 1
        buckets: dict[int, list[Any]] = defaultdict(list)
        for split in reversed(self.splits):  # as pieces come through a shuffle: in any order
            for key, piece in scattered_pieces(task, n_buckets)([split]):
                assert 0 <= key < n_buckets
                buckets[key].append((key, piece))
        found = [
            one for key, pieces in sorted(buckets.items()) for one in gathered_pieces(merge)(key, pieces)
        ]
        return [one.result for one in found if not isinstance(one, Ended)]


def fitted(
    table: pa.Table,
    folder: Path,
    *,
    watched: Mapping[str, str] = {},
    n_splits: int = 1,
    features: Mapping[str, object] | None = None,
    grouped: bool = False,
    **settings: Any,
) -> tuple[FittedRows, Outcome]:
    """Fit the rows and return them with their outcome.

    `table` has the columns of `in_process.plan_of`, or `events` and `trials` where it is `grouped`. `watched` says
    for which columns at its end what they are carried for; they are no features.
    """
    names = [name for name in table.column_names if name not in watched]
    own = table.select([*names, *watched])
    plan = plan_of(own.select(names).append_column("label", own["events"]) if grouped else own.select(names))
    if grouped:
        label = LabelPlan(None, events=names.index("events"), trials=names.index("trials"))
        numeric = tuple(column for column in plan.numeric if column.name not in ("events", "trials"))
        plan = replace(plan, label=label, numeric=numeric)
    rules = {"cluster": CarriedRule.HASH, "order": CarriedRule.NUMBER, "key": CarriedRule.TEXT}
    carried = [
        CarriedColumn(use, rules[use.split("[")[0]], len(names) + k) for k, use in enumerate(watched.values())
    ]
    config = TrainConfig(
        label={"events": "events", "trials": "trials"} if grouped else {"column": "label"},
        **{role: role for role in ("weight", "frequency", "offset") if role in names},
        **settings,
    )
    if config.needs_single_trials:
        carried.append(CarriedColumn("frequency", CarriedRule.FREQUENCY, None))
    plan = replace(plan, carried=tuple(carried))
    found = fit_rows(own, folder, n_splits=n_splits, features=features, plan=plan)
    passes = SimpleNamespace(
        staged=LocalTable(found.staged.splits),
        spec=found.spec,
        layout=record_layout(plan),
        shape=found.spec.shape(),
        positions=found.spec.kernel_positions(),
        design=SimpleNamespace(value=found.spec),
    )
    profile = found.staged.profile
    outcome = binary_outcome(
        found.result,
        null_deviance=0.0,
        spec=found.spec,
        profile=profile,
        label=LABEL,
        penalised=False,
        population_rate=None,
    )
    rows = fitted_rows(
        passes,
        found.result,
        found.spec,
        profile=profile,
        samples=(),
        label=LABEL,
        config=config,
        inference=True,
    )
    return rows, outcome
