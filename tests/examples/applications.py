"""The applications of `examples/` as the tests fit them: tables in pandas, configurations as they ship."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from logreg_dist import LogisticModel, TrainConfig, fit
from logreg_dist.config import load_evaluate_config, load_score_config, load_train_config

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/train.yaml"))
# military, the large one, is fitted on a sample of its own, tweets have words for columns; train_weighted.yaml has
# the rows of train_all.yaml.
SMALL = [name for name in NAMES if name not in ("military", "tweets")]
MODELS = [
    (name, path.name)
    for name in SMALL
    for path in sorted((EXAMPLES / name).glob("train*.yaml"))
    if path.name != "train_all.yaml"
]


@dataclass(frozen=True)
class Fitted:
    """A model of an application with the rows that it learned from and those that it is judged on.

    Attributes
    ----------
    config : TrainConfig
    model : LogisticModel
    train, judged : DataFrame of pandas
    scores : DataFrame of pandas
        Of `judged`, in its order: ``probability``, or one for each class.
    """

    config: TrainConfig
    model: LogisticModel
    train: pd.DataFrame
    judged: pd.DataFrame
    scores: pd.DataFrame


def prepare(name: str, folder: Path) -> None:
    """Write the tables of an application as ``prepare.py`` does."""
    importlib.import_module(f"examples.{name}.prepare").main(folder)


def fit_application(
    spark: SparkSession, name: str, folder: Path, train: str = "train.yaml", overrides: Sequence[str] = ()
) -> Fitted:
    """Fit one of the models of an application on its prepared tables, and score what it is judged on."""
    here = EXAMPLES / name
    evaluate = here / train.replace("train", "evaluate")
    config = load_train_config(here / train, list(overrides))
    asked = Path(config.input.path).name, Path(load_evaluate_config(evaluate).input.path).name
    model = fit(_table(spark, folder / asked[0]), config)
    [key] = load_score_config(here / "score.yaml").keys
    judged = pq.read_table(folder / asked[1]).to_pandas()
    columns = ("probability",)
    scores = model.score(_table(spark, folder / asked[1]), keys=[key], columns=columns).toPandas()
    scores = scores.set_index(key).loc[judged[key]].reset_index()
    return Fitted(config, model, pq.read_table(folder / asked[0]).to_pandas(), judged, scores)


def positives(frame: pd.DataFrame, config: TrainConfig) -> np.ndarray:
    """Return the labels as 0 and 1."""
    label = frame[config.label.column]
    return (label if config.label.positive is None else label == config.label.positive).to_numpy(dtype=float)


def _table(spark: SparkSession, folder: Path) -> DataFrame:
    return spark.read.parquet(str(folder))
