"""The score job."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from logreg_dist.commands.job import Request, with_outputs
from logreg_dist.commands.models import read_model
from logreg_dist.config import ScoreConfig, load_score_config
from logreg_dist.config.table_input import overlap
from logreg_dist.errors import OutputOnInput
from logreg_dist.model.model import LogisticModel
from logreg_dist.publishing.catalog import find_table
from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing.filesystem import join
from logreg_dist.publishing.probability_columns import is_added_up
from logreg_dist.publishing.publish import publish
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.reading.listed_files import listed_files, refuse_rewritten_files
from logreg_dist.reading.locations import refuse_output_on_input
from logreg_dist.reading.open_table import open_table
from logreg_dist.report.table import text_table
from logreg_dist.scoring.columns import score_columns
from logreg_dist.scoring.counts import read_counts, refuse_forbidden
from logreg_dist.scoring.direct import DirectScores, can_be_direct, direct_scores
from logreg_dist.scoring.intervals import asked_intervals
from logreg_dist.scoring.match import ScoreInput, match_table
from logreg_dist.scoring.repeated_keys import RepeatedKeys, find_repeated_keys, refuse_repeated_keys
from logreg_dist.scoring.score import refuse_repeated_names, select_scores
from logreg_dist.scoring.ways import Way, choose_way, named_counts, observed_scores, short_methods
from logreg_dist.spark.preflight import check_executors

log = logging.getLogger(__name__)


def score(spark: SparkSession, request: Request, recorder: RunRecorder) -> str:
    """Score the table of the configuration and publish the scores; return the summary.

    Raises
    ------
    LogregError
        The old output is kept then.
    """
    config = load_score_config(request.config, request.overrides)
    folder = recorder.folder = _output_folder(spark, config)
    model = read_model(spark, config.model)
    intervals = asked_intervals(model, config.output.columns)
    check_executors(spark)
    table = open_table(spark, config.input)
    refuse_output_on_input(
        table, folder, key="output.table" if config.output.table else "output.path", above=True
    )
    files = listed_files(table)
    columns = score_columns(model, config.output.columns).names
    refuse_repeated_names([*config.keys, *config.keep, *columns, "model_id", "run_id", "run_date"])
    source = match_table(table, model, keys=config.keys, others=config.keep, intervals=intervals)
    way = choose_way(source, config.engine)
    destination = _destination(config, folder)
    direct = _direct_writer(source, way, model, config, destination, recorder.run_id)
    writer = "spark" if direct is None else "arrow"
    recorder.details["engine"] = {"name": way.name, "why": way.why, "writer": writer}
    log.info("scoring with engine %s (%s), files written by %s", way.name, way.why, writer)
    observed = observed_scores(source, way)
    scored = select_scores(
        observed.rows, source, model, columns=config.output.columns, run_id=recorder.run_id
    ).withColumn("run_date", F.lit(config.output.run_date).cast("date"))

    def inspect(written: Mapping[str, Any]) -> None:
        refuse_rewritten_files(table, files)
        found = observed.counts() if direct is None else named_counts(source, direct.counts())
        counts = read_counts(found, source.terms, source.keys)
        recorder.details.update(asdict(counts))
        recorder.rows["read"] = int(written["n_rows"])
        refuse_forbidden(counts, source.terms, int(written["n_rows"]))

    with recorder.timed("score"), short_methods(spark):
        published = publish(
            scored,
            destination,
            run_id=recorder.run_id,
            sums={},
            inspect=inspect,
            inspect_rows=lambda rows: _check_keys(rows, config, recorder),
            by=None if direct is None else direct.by,
            committed=recorder.committed,
        )
    recorder.rows["published"] = published.n_rows
    place = config.output.table or published.path
    recorder.outputs["scores"] = f"{place}/{published.partition}" if published.partition else place
    recorder.outputs["run"] = join(folder, "_runs", recorder.run_id, "run.json")
    scored_rows = f"{published.n_rows:,} rows scored with model {model.model_id} for {config.output.run_date}"
    lines = [f"{scored_rows}, in {published.files} files", f"Engine: {way.name} ({way.why})."]
    return with_outputs([*lines, *_repeated_keys(recorder), *_odd_rows(recorder)], recorder)


def _output_folder(spark: SparkSession, config: ScoreConfig) -> str:
    """Return the folder of the output, and of its records: that of the table where one is written."""
    if config.output.table is None:
        assert config.output.path is not None
        return config.output.path
    base = find_table(spark, config.output.table).base
    if problems := overlap(base, config.input.paths, above=True):
        raise OutputOnInput(
            f"output.table '{config.output.table}' lies in '{base}', which {problems[0].sentence}."
        )
    return base


def _destination(config: ScoreConfig, folder: str) -> Destination:
    output = config.output
    return Destination(
        path=folder,
        table=output.table,
        format=output.format,
        run_date=output.run_date,
        partition_by=output.partition_by,
        mode=output.mode,
        allow_empty=output.allow_empty,
    )


def _direct_writer(
    source: ScoreInput,
    way: Way,
    model: LogisticModel,
    config: ScoreConfig,
    destination: Destination,
    run_id: str,
) -> DirectScores | None:
    """Return the tasks that write the files themselves, where they may; None where Spark writes them."""
    # Carried columns of such names are added up too when the output is verified, and the tasks do not.
    plain_names = not any(is_added_up(name) for name in (*config.keys, *config.keep))
    if way.files is None or not plain_names or not can_be_direct(destination, source.table.sparkSession):
        return None
    return direct_scores(
        source, way.files, model, columns=config.output.columns, run_id=run_id, destination=destination
    )


def _check_keys(rows: DataFrame, config: ScoreConfig, recorder: RunRecorder) -> None:
    """Look for repeated keys in the rows that were written, as `key_check` says."""
    if config.key_check == "off":
        return
    with recorder.timed("key_check"):
        found = find_repeated_keys(rows, config.keys, recorder.rows["read"])
    if found.keys:
        recorder.details["repeated_keys"] = asdict(found)
    if config.key_check == "error":
        refuse_repeated_keys(found, config.keys, recorder.rows["read"])
    elif found.keys:
        log.warning("%s; published all the same, as key_check says", found.text)


def _repeated_keys(recorder: RunRecorder) -> list[str]:
    found = RepeatedKeys(**recorder.details.get("repeated_keys", {}))
    return [f"Warning: {found.text}."] if found.keys else []


def _odd_rows(recorder: RunRecorder) -> list[str]:
    """Return a table of missing and unseen values by column, when there were any."""
    missing, unseen = recorder.details.get("missing", {}), recorder.details.get("unseen", {})
    names = sorted({*missing, *unseen})
    if not names:
        return ["No missing and no unseen values."]
    rows = [[name, f"{missing.get(name, 0):,}", f"{unseen.get(name, 0):,}"] for name in names]
    return [text_table(["column", "missing", "unseen"], rows)]
