"""The story of a fit, in order."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame
from threadpoolctl import threadpool_limits

from logreg_dist.config import TrainConfig
from logreg_dist.design.check import check_profile, refuse_too_many_terms
from logreg_dist.design.learn import LearnedDesign
from logreg_dist.design.problems import reject
from logreg_dist.errors import EmptyTable
from logreg_dist.fitting.binary import fit_binary
from logreg_dist.fitting.diagnostics.clusters import refuse_one_cluster
from logreg_dist.fitting.diagnostics.refits import refuse_costly_profiles
from logreg_dist.fitting.journal import Journal, table_mark
from logreg_dist.fitting.label import refuse_one_class
from logreg_dist.fitting.label_weights import weights_of_labels
from logreg_dist.fitting.multinomial import fit_classes
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.tasks import FirstLook, first_look_task
from logreg_dist.fitting.terms import learn_table
from logreg_dist.fitting.warm_start import refuse_other_model
from logreg_dist.model.file import identified
from logreg_dist.model.findings import with_findings
from logreg_dist.model.model import LogisticModel
from logreg_dist.reading.listed_files import listed_files, refuse_empty_files, refuse_rewritten_files
from logreg_dist.reading.plain_table import PlainTable
from logreg_dist.reading.resolve import ResolvedTable, resolve
from logreg_dist.reading.sources import RowSource, choose_source
from logreg_dist.staging.pass_timing import PassTiming
from logreg_dist.staging.passes import StagedTable
from logreg_dist.staging.profile import TableProfile, merge_profiles
from logreg_dist.staging.staged_split import record_layout

log = logging.getLogger(__name__)

MAX_WARNINGS = 20


def fit(
    table: DataFrame | PlainTable,
    config: TrainConfig,
    *,
    on_pass: Callable[[PassTiming], None] = lambda timing: None,
    warm_start: LogisticModel | None = None,
    journal: Journal | None = None,
) -> LogisticModel:
    """Fit a logistic regression, binary or multinomial, by maximum or penalised likelihood.

    The table is read once; what follows are passes over encoded splits on the executors' disks.
    Same files, same number of splits, same library versions and CPU family: the same bits.

    Parameters
    ----------
    table : DataFrame
        Or what `open_for_fit` returns. Of it are read the columns that `config` names, or all. Costs one job to read
        it and at most one for each pass.
    config : TrainConfig
        `output` and the source in `input` are the business of the job and ignored here.
    on_pass : callable
        Told, after each pass, where its time went.
    warm_start : LogisticModel or None
        An earlier model to start from; the business of the job where the configuration names a file.
    journal : Journal or None
        What an interrupted run of the same fit left, and what is told how far this one is; the job keeps it in a file.

    Returns
    -------
    LogisticModel
        Look at `status` before using it: a fit that did not converge is returned too, marked.

    Raises
    ------
    InputRejected
        When the table cannot be used; all problems of a kind together.
    FitNotUsable
        When the label has one class only: there is nothing to estimate.
    ConfigError
        When a policy does not go with the type of a column.
    CheckpointMisfit
        When the journal is of another table, or of another encoding of its columns.
    """
    spark, run_id = table.sparkSession, uuid.uuid4().hex[:12]
    if warm_start is not None:
        refuse_other_model(warm_start, config)
    resolved = resolve(table, config)
    files = listed_files(table)
    refuse_empty_files(files)
    kept = None if journal is None else journal.kept
    source = choose_source(table, resolved, config, n_before=None if kept is None else kept.table.n_splits)
    # One thread of BLAS: their number decides the last bits of a solve, and a resumed fit may have other cores.
    with (
        threadpool_limits(1, user_api="blas"),
        StagedTable(
            spark,
            lambda: source.stage(resolved.plan, run_id),
            run_id,
            sample_rows=resolved.sample_rows,
            on_pass=on_pass,
        ) as staged,
    ):
        looks = _read(staged, resolved, source, config)
        refuse_rewritten_files(table, files)
        profile = _profile(looks, resolved)
        reject(check_profile(profile, resolved.asked, config))
        refuse_one_cluster(looks, config)
        if config.family == "binary":
            refuse_one_class(profile, config)
        learned = _learn(staged, resolved, profile, config)
        journal = journal or Journal()
        journal.recognise(table_mark(staged.splits, learned.spec))
        layout = record_layout(resolved.plan)
        if config.family == "multinomial":
            model = fit_classes(
                spark.sparkContext,
                staged,
                looks,
                profile=profile,
                learned=learned,
                layout=layout,
                config=config,
                warm_start=warm_start,
                journal=journal,
            )
        else:
            samples = [look.sample for look in looks if look.sample is not None]
            if (label_weights := weights_of_labels(profile, config)) is not None:
                layout = replace(layout, label_weights=label_weights)
                profile = replace(profile, rows=label_weights.of_counts(profile.rows))
                samples = [sample.weighted_by(label_weights) for sample in samples]
            passes = FitPasses(spark.sparkContext, staged, learned.spec, layout, journal)
            model = fit_binary(passes, learned, profile, samples, config, warm_start)
    model = with_findings(replace(model, fingerprint={"reader": source.reader, **model.fingerprint}))
    model = identified(model)
    _warn(model, n_known=len(learned.notes))
    return model


def _read(
    staged: StagedTable, resolved: ResolvedTable, source: RowSource, config: TrainConfig
) -> list[FirstLook]:
    clock = time.perf_counter()
    staged.stage()
    log.info(
        "pass 1: read %s rows into %d splits with %s, because %s (%.2f s)",
        f"{sum(split.n_rows for split in staged.splits):,}",
        len(staged.splits),
        "pyarrow" if source.reader == "arrow" else "Spark",
        source.why,
        time.perf_counter() - clock,
    )
    clock = time.perf_counter()
    with_sample = config.solver.start == "sample"
    n_clusterings = len(config.inference.cluster or ())
    task = first_look_task(
        record_layout(resolved.plan),
        sample_rows=staged.sample_share if with_sample else 0,
        n_clusterings=n_clusterings,
    )
    looks = staged.glance(task)
    n_sampled = sum(look.sample.n_rows for look in looks if look.sample is not None)
    what = f"profile, and a sample of {n_sampled:,} rows to start from" if with_sample else "profile"
    log.info("pass 2: %s (%.2f s)", what, time.perf_counter() - clock)
    return looks


def _profile(looks: list[FirstLook], resolved: ResolvedTable) -> TableProfile:
    parts = [look.profile for look in looks]
    plan = resolved.plan
    profile = merge_profiles(parts, len(plan.numeric), len(plan.categorical), len(plan.sparse))
    if profile.rows.n_read == 0:
        raise EmptyTable("the table has no rows.\n  Check where it is read from, and its filter.")
    return profile


def _learn(
    staged: StagedTable, resolved: ResolvedTable, profile: TableProfile, config: TrainConfig
) -> LearnedDesign:

    def run_pass(task: Callable[..., Any]) -> list[Any]:
        clock = time.perf_counter()
        found = staged.run_pass(task)
        seconds = time.perf_counter() - clock
        log.info("pass %d: medians, knots and scales (%.2f s)", staged.n_passes, seconds)
        return found

    layout, n_splits = record_layout(resolved.plan), len(staged.splits)
    learned = learn_table(run_pass, layout, resolved.asked, profile, config, n_splits=n_splits)
    refuse_too_many_terms(learned.spec)
    refuse_costly_profiles(learned.spec, config)
    for note in learned.notes:
        log.info("%s", note)
    return learned


def _warn(model: LogisticModel, *, n_known: int) -> None:
    """Log what nobody should find out by reading the model file; `n_known` notes were logged before."""
    for term in model.aliased[:MAX_WARNINGS]:
        log.warning("no estimate for %s: it %s", term.term, term.reason)
    if len(model.aliased) > MAX_WARNINGS:
        log.warning("no estimate for %d more terms: see model.json", len(model.aliased) - MAX_WARNINGS)
    for note in model.notes[n_known:]:
        log.warning("%s", note)
