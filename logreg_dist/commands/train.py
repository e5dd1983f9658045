"""The train job."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import SparkSession

from logreg_dist.commands.checkpoint import Checkpoint
from logreg_dist.commands.job import Request, with_outputs
from logreg_dist.commands.models import read_model
from logreg_dist.config import TrainConfig, load_train_config
from logreg_dist.design.problems import counted, quoted
from logreg_dist.errors import ConfigError, EmptyTable, FitNotUsable
from logreg_dist.fitting.fit import fit
from logreg_dist.fitting.journal import Journal
from logreg_dist.model.file import model_to_json
from logreg_dist.model.model import LogisticModel
from logreg_dist.publishing.filesystem import Filesystem, filesystem_for, join
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.reading.locations import refuse_output_on_input
from logreg_dist.reading.open_table import open_table
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
    _check_output(files, target, config)
    earlier = earlier_model(spark, config)
    checkpoint = Checkpoint(files, config.output.path, config, earlier)
    journal = checkpoint.open(request.resume)
    if journal.kept is not None:
        recorder.details["resumed"] = journal.kept.summary()
    timings: list[PassTiming] = []
    with recorder.timed("fit"):
        model = fit_configured(spark, config, timings.append, earlier=earlier, journal=journal)
    recorder.details.update(reader=model.fingerprint["reader"], passes=pass_records(timings))
    recorder.fit_status = model.status.value
    recorder.rows.update(used=model.n_rows, dropped=model.n_dropped, zero_weight=model.n_zero_weight)
    if model.n_events is not None:
        recorder.rows["events"] = round(model.n_events)
    with recorder.timed("write"):
        write_outputs(files, config.output.path, model, recorder)
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


def fit_configured(
    spark: SparkSession,
    config: TrainConfig,
    on_pass: Callable[[PassTiming], None],
    *,
    earlier: LogisticModel | None,
    journal: Journal | None = None,
) -> LogisticModel:
    """Fit the model of a configuration that names its table, from the `earlier_model` if it names one.

    Raises
    ------
    LogregError
        As `fit`; for a filter that leaves no rows with the count before it.
    """
    assert config.input is not None
    check_executors(spark)
    table = open_table(spark, config.input)
    if config.output is not None:
        refuse_output_on_input(table, config.output.path, key="output.path", above=False)
    try:
        return fit(table, config, on_pass=on_pass, warm_start=earlier, journal=journal)
    except EmptyTable:
        if config.input.filter is None:
            raise
        before = open_table(spark, config.input.model_copy(update={"filter": None})).count()
        raise EmptyTable(
            f"no rows are left by input.filter: {counted(before, 'row')} before it, 0 after.\n  Check the filter."
        ) from None


def _check_output(files: Filesystem, target: str, config: TrainConfig) -> None:
    assert config.output is not None
    folder = config.output.path
    if files.exists(folder) and not files.is_dir(folder):
        raise ConfigError(f"output.path {quoted(folder)} is a file. Choose a folder.")
    if files.exists(target) and not config.output.overwrite:
        raise ConfigError(
            f"there is a model in {quoted(folder)} already.\n"
            "  Set output.overwrite to true to replace it, or choose another output.path."
        )


def write_outputs(files: Filesystem, folder: str, model: LogisticModel, recorder: RunRecorder) -> None:
    """Write the files of a model, and remove those of an earlier one that it has none of.

    The model comes last: where it is, everything is, and a run that is killed on the way goes on from its checkpoint.
    """
    files.make_dirs(folder)
    recorder.outputs["model"] = join(folder, "model.json")  # named first
    outputs = {
        "summary": ("summary.txt", summarise(model) + "\n"),
        "chart": ("effects.svg", draw_effects(model)),
        "linearity": ("linearity.svg", draw_linearity(model)),
    }
    outputs |= {"cross_validation": ("cv.json", ""), "path": ("cv.svg", "")}
    if model.cross_validation is not None:
        record = model.cross_validation
        drawing = draw_cross_validation(
            record, deviations={c.name: c.scale or 1.0 for c in model.design.numeric}
        )
        outputs |= {
            "cross_validation": ("cv.json", cross_validation_json(record)),
            "path": ("cv.svg", drawing),
        }
    for name, (file, text) in outputs.items():
        write_or_remove(files, join(folder, file), text.encode(), recorder, name=name)
    rows = influence_parquet(model)
    write_or_remove(files, join(folder, "influence.parquet"), rows, recorder, name="influence")
    write_or_remove(files, join(folder, "model.json"), model_to_json(model).encode(), recorder, name="model")
    recorder.outputs["run"] = join(folder, "run.json")


def write_or_remove(
    files: Filesystem, path: str, content: bytes, recorder: RunRecorder, *, name: str
) -> None:
    """Write an output under its name in the record of the run; without content remove that of an earlier run."""
    if not content:
        files.delete_tree(path)
        return
    files.write_atomic(path, content)
    recorder.outputs[name] = path
