"""The evaluate job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyspark.sql import SparkSession

from logreg_dist.assessment.assess import assess
from logreg_dist.assessment.assess_classes import assess_classes
from logreg_dist.assessment.charts import draw
from logreg_dist.assessment.class_result import ClassAssessment
from logreg_dist.assessment.confusion_chart import draw_confusion
from logreg_dist.assessment.labelled import labelled_scores
from logreg_dist.assessment.result import Assessment
from logreg_dist.commands.job import Request, with_outputs
from logreg_dist.commands.models import read_model
from logreg_dist.commands.outputs import folder_held, write_together
from logreg_dist.config import load_evaluate_config
from logreg_dist.publishing.filesystem import filesystem_for, join
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.reading.listed_files import listed_files, refuse_rewritten_files
from logreg_dist.reading.locations import refuse_output_on_input
from logreg_dist.reading.open_table import open_table
from logreg_dist.report.class_metrics import summarise_classes
from logreg_dist.report.metrics import summarise_assessment
from logreg_dist.scoring.columns import score_columns
from logreg_dist.spark.preflight import check_executors


def evaluate(spark: SparkSession, request: Request, recorder: RunRecorder) -> str:
    """Assess a model on the labelled table of the configuration; return the summary.

    Raises
    ------
    LogregError
        When the table or the model cannot be used.
    """
    config = load_evaluate_config(request.config, request.overrides)
    model = read_model(spark, config.model)
    check_executors(spark)
    table = open_table(spark, config.input)
    refuse_output_on_input(table, config.output.path, key="output.path", above=False)
    files = listed_files(table)
    with recorder.timed("assess"):
        labelled = labelled_scores(table, model, config)
        assessment: Assessment | ClassAssessment
        if model.label.classes is None:
            assessment = assess(labelled.rows)
        else:
            assessment = assess_classes(labelled.rows, score_columns(model, ()))
        refuse_rewritten_files(table, files)
    recorder.rows.update(read=labelled.n_read, unscored=labelled.n_unscored, used=assessment.n_rows)
    if isinstance(assessment, Assessment):
        recorder.rows["events"] = round(assessment.n_events)
        lines, chart = [summarise_assessment(assessment)], draw(assessment)
    else:
        lines, chart = [summarise_classes(assessment)], draw_confusion(assessment)
    _write(spark, config.output.path, assessment.as_dict(), chart, recorder)
    if labelled.n_unscored:
        lines.append(f"{labelled.n_unscored:,} of {labelled.n_read:,} rows have no score and were left out.")
    return with_outputs(lines, recorder)


def _write(
    spark: SparkSession, folder: str, metrics: Mapping[str, Any], chart: str, recorder: RunRecorder
) -> None:
    files = filesystem_for(folder, spark)
    outputs = {
        "metrics": ("metrics.json", (json.dumps(metrics, indent=1, allow_nan=False) + "\n").encode()),
        "charts": ("assessment.svg", chart.encode()),
    }
    with folder_held(files, folder, recorder.run_id) as lease:
        write_together(lease, outputs, recorder, main="metrics")
    recorder.outputs["run"] = join(folder, "run.json")
