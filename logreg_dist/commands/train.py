"""The train job."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession

from logreg_dist.commands.checkpoint import Checkpoint
from logreg_dist.commands.job import Request, with_outputs
from logreg_dist.commands.models import read_model
from logreg_dist.commands.outputs import folder_held, write_together
from logreg_dist.config import TrainConfig, load_train_config
from logreg_dist.design.problems import counted, quoted
from logreg_dist.errors import ConfigError, EmptyTable, FitNotUsable
from logreg_dist.fitting.fit import fit
from logreg_dist.fitting.journal import Journal
from logreg_dist.model.file import model_to_json
from logreg_dist.model.model import LogisticModel
from logreg_dist.publishing.filesystem import Filesystem, filesystem_for, join
from logreg_dist.publishing.lease import Lease
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.reading.locations import refuse_output_on_input
from logreg_dist.reading.open_table import open_for_fit, open_table
from logreg_dist.reading.plain_table import PlainTable
from logreg_dist.report.cross_validation import cross_validation_json, draw_cross_validation
from logreg_dist.report.forest import draw_effects
from logreg_dist.report.influence import influence_parquet
from logreg_dist.report.linearity import draw_linearity
from logreg_dist.report.pass_times import pass_records, pass_table
from logreg_dist.report.summary import summarise
from logreg_dist.spark.preflight import check_executors
from logreg_dist.staging.pass_timing import PassTiming

MAX_PRINTED_TERMS = 100


def train(spark: SparkSession, request: Request, recorder: RunRecorder) -> str:
    """Fit the model that the configuration asks for and write it; return the summary.

    Raises
    ------
    LogregError
        `FitNotUsable` after the model is written, marked, when it did not converge.
    """
    config = load_train_config(request.config, request.overrides)
    assert config.input is not None
    assert config.output is not None
    files = filesystem_for(config.output.path, spark)
    target = join(config.output.path, "model.json")
    earlier = earlier_model(spark, config)
    checkpoint = Checkpoint(files, config.output.path, config, earlier)
    is_own = request.resume != "never" and checkpoint.has_led_to(target)
    overwrite = config.output.overwrite or is_own
    _check_output(files, target, overwrite=overwrite)
    journal = checkpoint.open(request.resume)
    if journal.kept is not None:
        recorder.details["resumed"] = journal.kept.summary()
    table = open_checked(spark, config)
    timings: list[PassTiming] = []
    # Not before it is known that the folder is not the table's own.
    with folder_held(files, config.output.path, recorder.run_id) as lease:
        if request.resume == "never":
            checkpoint.remove()
        with recorder.timed("fit"):
            try:
                model = fit_configured(table, config, timings.append, earlier=earlier, journal=journal)
            except FitNotUsable:
                checkpoint.remove()  # going on from it would only end there again
                raise
        recorder.details.update(reader=model.fingerprint["reader"], passes=pass_records(timings))
        recorder.fit_status = model.status.value
        recorder.rows.update(used=model.n_rows, dropped=model.n_dropped, zero_weight=model.n_zero_weight)
        if model.n_events is not None:
            recorder.rows["events"] = round(model.n_events)
        with recorder.timed("write"):
            _check_output(files, target, overwrite=overwrite)  # a model may have come meanwhile
            write_outputs(lease, model, recorder)
            checkpoint.remove()
    if not model.converged:
        raise FitNotUsable(
            f"{model.status}: {model.status_text}\n  The model was written to {target}, marked."
        )
    lines = [summarise(model, max_terms=MAX_PRINTED_TERMS)]
    if request.profile:
        lines += ["", pass_table(timings)]
    return with_outputs(lines, recorder)


def earlier_model(spark: SparkSession, config: TrainConfig) -> LogisticModel | None:
    """Return the model that the fit starts from, where the configuration names one.

    Raises
    ------
    ArtefactInvalid
        When it cannot be read.
    """
    warm = config.solver.warm_start
    return None if warm is None else read_model(spark, warm, key="solver.warm_start")


def open_checked(spark: SparkSession, config: TrainConfig) -> DataFrame | PlainTable:
    """Open the table that a configuration names, once executors and the place of the outputs are fit for use.

    Raises
    ------
    LogregError
        As `open_for_fit`, `check_executors` and `refuse_output_on_input`.
    """
    assert config.input is not None
    check_executors(spark)
    table = open_for_fit(spark, config.input)
    if config.output is not None:
        refuse_output_on_input(table, config.output.path, key="output.path", above=False)
    return table


def fit_configured(
    table: DataFrame | PlainTable,
    config: TrainConfig,
    on_pass: Callable[[PassTiming], None],
    *,
    earlier: LogisticModel | None,
    journal: Journal | None = None,
) -> LogisticModel:
    """Fit the model of a configuration to the table it names, from the `earlier_model` if it names one.

    Raises
    ------
    LogregError
        As `fit`; for a filter that leaves no rows with the count before it.
    """
    assert config.input is not None
    try:
        return fit(table, config, on_pass=on_pass, warm_start=earlier, journal=journal)
    except EmptyTable:
        if config.input.filter is None:
            raise
        before = open_table(table.sparkSession, config.input.model_copy(update={"filter": None})).count()
        raise EmptyTable(
            f"no rows are left by input.filter: {counted(before, 'row')} before it, 0 after.\n  Check the filter."
        ) from None


def _check_output(files: Filesystem, target: str, *, overwrite: bool) -> None:
    folder = target.rpartition("/")[0]
    if files.exists(folder) and not files.is_dir(folder):
        raise ConfigError(f"output.path {quoted(folder)} is a file. Choose a folder.")
    if files.exists(target) and not overwrite:
        raise ConfigError(
            f"there is a model in {quoted(folder)} already.\n"
            "  Set output.overwrite to true to replace it, or choose another output.path."
        )


def write_outputs(lease: Lease, model: LogisticModel, recorder: RunRecorder) -> None:
    """Write the files of a model, and remove those of an earlier one that it has none of.

    The model comes last: where it is, everything is, and a run that is killed on the way goes on from its checkpoint.

    Raises
    ------
    OutputNotVerified
        As `write_together`; the earlier model's files are kept.
    """
    record = model.cross_validation
    drawing, points = "", ""
    if record is not None:
        deviations = {c.name: c.scale or 1.0 for c in model.design.numeric}
        drawing, points = draw_cross_validation(record, deviations=deviations), cross_validation_json(record)
    outputs = {
        "model": ("model.json", model_to_json(model).encode()),  # named first
        "summary": ("summary.txt", (summarise(model) + "\n").encode()),
        "chart": ("effects.svg", draw_effects(model).encode()),
        "linearity": ("linearity.svg", draw_linearity(model).encode()),
        "cross_validation": ("cv.json", points.encode()),
        "path": ("cv.svg", drawing.encode()),
        "influence": ("influence.parquet", influence_parquet(model)),
    }
    write_together(lease, outputs, recorder, main="model")
    recorder.outputs["run"] = join(lease.path, "run.json")
