"""A file and ``--set`` overrides -> a configuration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from logreg_dist.config.document import Document
from logreg_dist.config.environment import substitute
from logreg_dist.config.evaluate import EvaluateConfig
from logreg_dist.config.overrides import apply_overrides
from logreg_dist.config.problems import Source
from logreg_dist.config.score import ScoreConfig
from logreg_dist.config.train import TrainConfig
from logreg_dist.config.yaml_file import read_yaml_file

_Config = TypeVar("_Config", bound=Document)


def load_train_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Load the configuration of the train job; `input` and `output` are never None.

    Parameters
    ----------
    path : str or Path
        A YAML file, see ``conf/train.yaml``.
    overrides : sequence of str
        ``key=value`` texts, applied over the file in order.

    Raises
    ------
    ConfigError
        If the file cannot be read, an override cannot be applied, an environment variable is not
        set, or keys or values are wrong; all of the last two together.
    """
    return _load(TrainConfig, path, overrides, required=("input", "output"))


def load_score_config(path: str | Path, overrides: Sequence[str] = ()) -> ScoreConfig:
    """Load the configuration of the score job; see `load_train_config`."""
    return _load(ScoreConfig, path, overrides)


def load_evaluate_config(path: str | Path, overrides: Sequence[str] = ()) -> EvaluateConfig:
    """Load the configuration of the evaluate job; see `load_train_config`."""
    return _load(EvaluateConfig, path, overrides)


def _load(
    model: type[_Config], path: str | Path, overrides: Sequence[str], required: tuple[str, ...] = ()
) -> _Config:
    values, overridden = apply_overrides(read_yaml_file(path), overrides)
    done = substitute(values, os.environ)
    source = Source(str(path), done.templates, done.resolved, done.problems, overridden, required)
    return model.model_validate(done.values, context=source)
