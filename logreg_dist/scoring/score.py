"""Scoring a table: lazy, whatever the table and the way."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from logreg_dist.design.problems import quoted
from logreg_dist.errors import ConfigError
from logreg_dist.model.model import LogisticModel
from logreg_dist.scoring.match import ScoreInput, match_table
from logreg_dist.scoring.refused import refused_scores, refused_scores_in_batches
from logreg_dist.scoring.ways import lazy_way


def score_table(
    table: DataFrame,
    model: LogisticModel,
    *,
    keys: Sequence[str],
    keep: Sequence[str] = (),
    columns: Sequence[str] = ("probability",),
    run_id: str | None = None,
) -> DataFrame:
    """Return keys and scores of a table; lazy.

    Reads the model's columns, `keys` and `keep`; returns these two, `columns`, ``model_id`` and
    ``run_id``. Extra columns and their order do not matter.

    Parameters
    ----------
    table : DataFrame
    model : LogisticModel
        Must have converged.
    keys, keep : sequence of str
        Columns to carry.
    columns : sequence of str
        Of ``probability`` (of the positive level), ``linear_predictor`` (log-odds) and
        ``predicted_class`` (at 0.5).
    run_id : str or None
        A new one when None.

    Raises
    ------
    InputRejected
        When a column is missing or of another type. A row that its policies do not allow to be
        scored (missing or unseen under ``error``, infinite) or has no key fails the query when it
        runs.
    ArtefactInvalid
        When the model did not converge.
    ConfigError
        When two columns of the output would have one name.
    """
    _refuse_repeated_names([*keys, *keep, *columns, "model_id", "run_id"])
    source = match_table(table, model, keys=keys, others=keep)
    refused = refused_scores if lazy_way(source).name == "sql" else refused_scores_in_batches
    rows = refused(source, model.model_id)
    return select_scores(rows, source, model, columns=columns, run_id=run_id or new_run_id())


def select_scores(
    rows: DataFrame, source: ScoreInput, model: LogisticModel, *, columns: Sequence[str], run_id: str
) -> DataFrame:
    """Return the carried columns under their names, the scores and the ids; lazy.

    Parameters
    ----------
    rows : DataFrame
        ``carried_0, carried_1, ..., linear_predictor``.
    source : ScoreInput
    model : LogisticModel
    columns : sequence of str
        See `score_table`.
    run_id : str
    """
    eta = F.col("linear_predictor")
    positive, negative = model.label.positive or "1", model.label.negative or "0"
    available = {
        "probability": F.lit(1.0) / (F.lit(1.0) + F.exp(-eta)),
        "linear_predictor": eta,
        "predicted_class": F.when(eta >= 0, F.lit(positive)).when(eta < 0, F.lit(negative)),
    }
    return rows.select(
        *(F.col(f"carried_{i}").alias(name) for i, name in enumerate((*source.keys, *source.others))),
        *(available[name].alias(name) for name in columns),
        F.lit(model.model_id).alias("model_id"),
        F.lit(run_id).alias("run_id"),
    )


def new_run_id() -> str:
    """Return an id for a run, unique without coordination."""
    return uuid.uuid4().hex[:16]


def _refuse_repeated_names(names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(
            f"the output would have {', '.join(quoted(name) for name in repeated)} more than once.\n"
            "  Name each column once among keys, keep and columns; scoring adds model_id and run_id."
        )
