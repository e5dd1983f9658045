"""A fit of `tests.in_process` as what follows fits start from, with passes that run here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from logreg_dist import TrainConfig
from logreg_dist.fitting.diagnostics.fitted import FittedRows, fitted_rows
from logreg_dist.model.model import LabelRecord
from logreg_dist.staging.plan import LabelPlan
from logreg_dist.staging.split_tasks import add_in_groups
from logreg_dist.staging.staged_split import StagedSplit, record_layout
from tests.in_process import Fitted, fit_rows, plan_of


def as_trials(table: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
    """Return a table of events and trials under the names of `tests.in_process`, and how to fit it."""
    renamed = table.rename_columns(
        [{"events": "label", "trials": "weight"}.get(name, name) for name in table.column_names]
    )
    plan = plan_of(renamed)
    plan = replace(plan, label=LabelPlan(events=plan.label.column, trials=plan.weight), weight=None)
    return renamed, {"plan": plan, "config": {"label": {"events": "events", "trials": "trials"}}}


def fitted_locally(
    table: pa.Table,
    folder: Path,
    *,
    config: dict[str, Any] | None = None,
    inference: bool = True,
    **asked: Any,
) -> tuple[Fitted, FittedRows]:
    """Fit rows as `fit_rows` does; `config` is of the keys that follow the fit."""
    found = fit_rows(table, folder, **asked)
    rows = fitted_rows(
        LocalPasses(found),
        found.result,
        found.spec,
        profile=found.staged.profile,
        samples=(),
        label=LabelRecord("label", "1", "0", None, None),
        config=TrainConfig(**{"label": {"column": "label"}, **(config or {})}),
        inference=inference,
    )
    return found, rows


class LocalPasses:
    """What `FitPasses` knows, over splits in local files."""

    def __init__(self, found: Fitted) -> None:
        self.spec, self.layout = found.spec, record_layout(found.staged.plan)
        self.shape, self.positions = found.spec.shape(), found.spec.kernel_positions()
        self.design = SimpleNamespace(value=found.spec)
        self.staged, self.n_passes, self.splits = self, 0, found.staged.splits
        self.sample_share = 1_000

    def run_pass(self, task: Callable[[StagedSplit], Any]) -> list[Any]:
        self.n_passes += 1
        found = [task(split) for split in self.splits]
        return [getattr(one, "result", one) for one in found]

    glance = run_pass

    def sum_pass(self, task: Callable[[StagedSplit], Any], *, result_bytes: int) -> Any:
        assert result_bytes > 0
        return add_in_groups(self.run_pass(task), len(self.splits))


def relative(found: float, expected: float) -> float:
    return abs(found - expected) / np.abs(expected)
