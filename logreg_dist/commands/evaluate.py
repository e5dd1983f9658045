"""The evaluate job."""

from __future__ import annotations

import json

from pyspark.sql import SparkSession

from logreg_dist.assessment.assess import assess
from logreg_dist.assessment.charts import draw
from logreg_dist.assessment.labelled import labelled_scores
from logreg_dist.assessment.result import Assessment
from logreg_dist.commands.job import Request, with_outputs
from logreg_dist.commands.models import read_model
from logreg_dist.config import load_evaluate_config
from logreg_dist.publishing.filesystem import filesystem_for, join
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.reading.open_table import open_table
from logreg_dist.report.metrics import summarise_assessment


def evaluate(spark: SparkSession, request: Request, recorder: RunRecorder) -> str:
    """Assess a model on the labelled table of the configuration; return the summary.

    Raises
    ------
    LogregError
        When the table or the model cannot be used.
    """
    config = load_evaluate_config(request.config, request.overrides)
    model = read_model(spark, config.model)
    table = open_table(spark, config.input)
    with recorder.timed("assess"):
        labelled = labelled_scores(table, model, config)
        assessment = assess(labelled.rows)
    recorder.rows.update(
        read=labelled.n_read,
        unscored=labelled.n_unscored,
        used=assessment.n_rows,
        events=round(assessment.n_events),
    )
    _write(spark, config.output.path, assessment, recorder)
    lines = [summarise_assessment(assessment)]
    if labelled.n_unscored:
        lines.append(f"{labelled.n_unscored:,} of {labelled.n_read:,} rows have no score and were left out.")
    return with_outputs(lines, recorder)


def _write(spark: SparkSession, folder: str, assessment: Assessment, recorder: RunRecorder) -> None:
    files = filesystem_for(folder, spark)
    files.make_dirs(folder)
    outputs = {
        "metrics": ("metrics.json", json.dumps(assessment.as_dict(), indent=1, allow_nan=False) + "\n"),
        "charts": ("assessment.svg", draw(assessment)),
    }
    for name, (file, text) in outputs.items():
        files.write_atomic(join(folder, file), text.encode())
        recorder.outputs[name] = join(folder, file)
    recorder.outputs["run"] = join(folder, "run.json")
