"""The check job: the assumptions of a model looked into, and a report instead of a model."""

from __future__ import annotations

import json

from pyspark.sql import SparkSession

from logreg_dist.commands.job import CHECKS, Request, with_outputs
from logreg_dist.commands.outputs import folder_held, write_together
from logreg_dist.commands.train import earlier_model, fit_configured, open_checked
from logreg_dist.config import load_train_config
from logreg_dist.design.problems import quoted
from logreg_dist.errors import ConfigError, FitNotUsable
from logreg_dist.model.file import model_to_dict
from logreg_dist.model.model import LogisticModel
from logreg_dist.printable import printable_json
from logreg_dist.publishing.filesystem import filesystem_for, join
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.report.checks import check_report
from logreg_dist.report.checks_page import check_page
from logreg_dist.report.influence import influence_parquet
from logreg_dist.report.linearity import draw_linearity
from logreg_dist.report.pass_times import pass_records
from logreg_dist.staging.pass_timing import PassTiming

# Of the model's file what the report rests on: no estimate can be scored from it.
_KEPT = [
    "status",
    "status_text",
    "estimator",
    "n_rows",
    "n_obs",
    "n_events",
    "covariance_record",
    "column_tests",
    "marginal_effects",
    "checks",
    "notes",
    "fingerprint",
    "config",
]


def check(spark: SparkSession, request: Request, recorder: RunRecorder) -> str:
    """Fit what the configuration asks for, look into its assumptions and write a report; return it.

    Raises
    ------
    LogregError
        `FitNotUsable` after the report is written, when there are no estimates to speak of.
    """
    asked = load_train_config(request.config, request.overrides)
    config = asked.for_check()
    assert config.output is not None
    files = filesystem_for(config.output.path, spark)
    if files.exists(config.output.path) and not files.is_dir(config.output.path):
        raise ConfigError(f"output.path {quoted(config.output.path)} is a file. Choose a folder.")
    folder = join(config.output.path, CHECKS)
    timings: list[PassTiming] = []
    with recorder.timed("fit"):
        table = open_checked(spark, config)
        model = fit_configured(table, config, timings.append, earlier=earlier_model(spark, config))
    recorder.details.update(reader=model.fingerprint["reader"], passes=pass_records(timings))
    recorder.fit_status = model.status.value
    recorder.rows.update(used=model.n_rows, dropped=model.n_dropped, zero_weight=model.n_zero_weight)
    report = check_report(model)
    found = printable_json(json.dumps(_found(model), indent=1, ensure_ascii=False, allow_nan=False))
    # It tells of single rows: only where it was asked for, and not because a check looks at influence.
    named = asked.checks.influence
    rows = influence_parquet(model) if named.rows or named.key is not None else b""
    outputs = {
        "report": ("checks.txt", (report + "\n").encode()),
        "page": ("checks.html", check_page(model, (draw_linearity(model),)).encode()),
        "checks": ("checks.json", found.encode()),
        "influence": ("influence.parquet", rows),
    }
    with recorder.timed("write"), folder_held(files, folder, recorder.run_id) as lease:
        write_together(lease, outputs, recorder, main="checks")
    recorder.outputs["run"] = join(folder, "run.json")
    if not model.converged:
        raise FitNotUsable(f"{model.status}: {model.status_text}\n  The report was written to {folder}.")
    return with_outputs([report], recorder)


def _found(model: LogisticModel) -> dict[str, object]:
    content = model_to_dict(model)
    return {name: content[name] for name in _KEPT}
