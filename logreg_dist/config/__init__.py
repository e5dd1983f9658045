"""Configuration: a YAML file and overrides -> validated, frozen values."""

from __future__ import annotations

from logreg_dist.config.evaluate import EvaluateConfig
from logreg_dist.config.features import FeaturesConfig
from logreg_dist.config.label import LabelConfig
from logreg_dist.config.load import load_evaluate_config, load_score_config, load_train_config
from logreg_dist.config.policies import ColumnPolicy, MissingPolicy, level_text
from logreg_dist.config.score import ScoreConfig
from logreg_dist.config.table_input import InputConfig
from logreg_dist.config.train import TrainConfig

__all__ = [
    "ColumnPolicy",
    "EvaluateConfig",
    "FeaturesConfig",
    "InputConfig",
    "LabelConfig",
    "MissingPolicy",
    "ScoreConfig",
    "TrainConfig",
    "level_text",
    "load_evaluate_config",
    "load_score_config",
    "load_train_config",
]
