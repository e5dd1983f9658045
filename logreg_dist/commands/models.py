"""Fetching a model from wherever Spark can read."""

from __future__ import annotations

from pyspark.sql import SparkSession

from logreg_dist.errors import ArtefactInvalid
from logreg_dist.model.file import model_from_json
from logreg_dist.model.model import LogisticModel
from logreg_dist.publishing.filesystem import filesystem_for, join


def read_model(spark: SparkSession, path: str, *, key: str = "model") -> LogisticModel:
    """Return the model at `path`, which `key` names: a ``model.json``, or the folder that holds one.

    Raises
    ------
    ArtefactInvalid
        When there is none, or it cannot be trusted.
    """
    files = filesystem_for(path, spark)
    try:
        where = join(path, "model.json") if files.is_dir(path) else path
        content = files.read_bytes(where)
    except OSError as error:
        raise ArtefactInvalid(f"{path} cannot be read.\n  Train first, or check the key `{key}`.") from error
    return model_from_json(content, where)
