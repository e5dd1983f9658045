"""The score job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as F

from logreg_dist.commands.job import Request, with_outputs
from logreg_dist.commands.models import read_model
from logreg_dist.config import load_score_config
from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing.filesystem import join
from logreg_dist.publishing.publish import publish
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.reading.open_table import open_table
from logreg_dist.report.table import text_table
from logreg_dist.scoring.counts import count_columns, read_counts, refuse_forbidden
from logreg_dist.scoring.score import plan_scores, select_scores


def score(spark: SparkSession, request: Request, recorder: RunRecorder) -> str:
    """Score the table of the configuration and publish the scores; return the summary.

    Raises
    ------
    LogregError
        The old output is kept then.
    """
    config = load_score_config(request.config, request.overrides)
    model = read_model(spark, config.model)
    table = open_table(spark, config.input)
    carried = [*config.keys, *config.keep]
    plan = plan_scores(table, model, keys=config.keys, others=config.keep)
    observation = Observation()
    observed_plan = replace(plan, table=plan.table.observe(observation, *count_columns(plan)))
    scored = select_scores(
        observed_plan,
        model,
        plan.linear_predictor,
        carried=carried,
        columns=config.output.columns,
        run_id=recorder.run_id,
    ).withColumn("run_date", F.lit(config.output.run_date).cast("date"))

    def inspect(written: Mapping[str, Any]) -> None:
        counts = read_counts(observation.get, plan)
        recorder.details.update(asdict(counts))
        recorder.rows["read"] = int(written["n_rows"])
        refuse_forbidden(counts, plan, int(written["n_rows"]))

    with recorder.timed("score"):
        published = publish(
            scored,
            Destination(
                path=config.output.path,
                format=config.output.format,
                run_date=config.output.run_date,
                partition_by=config.output.partition_by,
                mode=config.output.mode,
                allow_empty=config.output.allow_empty,
            ),
            run_id=recorder.run_id,
            sums={},
            inspect=inspect,
        )
    recorder.rows["published"] = published.n_rows
    recorder.outputs["scores"] = (
        join(published.path, published.partition) if published.partition else published.path
    )
    recorder.outputs["run"] = join(config.output.path, "_runs", recorder.run_id, "run.json")
    lines = [
        f"{published.n_rows:,} rows scored with model {model.model_id} for {config.output.run_date}, "
        f"in {published.files} files"
    ]
    return with_outputs([*lines, *_odd_rows(recorder)], recorder)


def _odd_rows(recorder: RunRecorder) -> list[str]:
    """Return a table of missing and unseen values by column, when there were any."""
    missing, unseen = recorder.details.get("missing", {}), recorder.details.get("unseen", {})
    names = sorted({*missing, *unseen})
    if not names:
        return ["No missing and no unseen values."]
    rows = [[name, f"{missing.get(name, 0):,}", f"{unseen.get(name, 0):,}"] for name in names]
    return [text_table(["column", "missing", "unseen"], rows)]
