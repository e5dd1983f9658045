"""Logistic regression for warehouse tables, fitted exactly, on Spark.

Names are loaded when they are first used: the tasks on the executors import parts of this package
and must not need more than NumPy and pyarrow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logreg_dist.config import EvaluateConfig, ScoreConfig, TrainConfig
    from logreg_dist.fitting.fit import fit
    from logreg_dist.model.compare import compare_models
    from logreg_dist.model.file import load_model
    from logreg_dist.model.model import LogisticModel

__all__ = [
    "EvaluateConfig",
    "LogisticModel",
    "ScoreConfig",
    "TrainConfig",
    "compare_models",
    "fit",
    "load_model",
]

_HOMES = {
    "EvaluateConfig": "logreg_dist.config",
    "LogisticModel": "logreg_dist.model.model",
    "ScoreConfig": "logreg_dist.config",
    "TrainConfig": "logreg_dist.config",
    "compare_models": "logreg_dist.model.compare",
    "fit": "logreg_dist.fitting.fit",
    "load_model": "logreg_dist.model.file",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
