"""The jobs in the session of the tests: their configurations as values, their ends as exit code and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pyspark.sql import SparkSession

from logreg_dist.commands.evaluate import evaluate
from logreg_dist.commands.job import Request
from logreg_dist.commands.score import score
from logreg_dist.commands.train import train
from logreg_dist.errors import LogregError
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.reading.failures import explain_spark_error

JOBS = {"train": train, "score": score, "evaluate": evaluate}


@dataclass(frozen=True)
class Ended:
    """How a job ended: exit code, the message that a user reads or the summary, and what run.json will hold."""

    exit_code: int
    words: str
    recorder: RunRecorder


class Jobs:
    """Runs jobs in a folder; what is common to their configurations is given once."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder, self.runs = spark, folder, 0

    def run(self, job: str, **settings: Any) -> Ended:
        """Run a job as `run_job` would, but in a session that goes on."""
        self.runs += 1
        values = self._defaults(job)
        for key, value in settings.items():
            both = isinstance(value, Mapping) and isinstance(values.get(key), Mapping)
            values[key] = {**values[key], **value} if both else value
        config = self.folder / f"{job}-{self.runs}.yaml"
        config.write_text(yaml.safe_dump(values))
        recorder = RunRecorder(job=job, run_id=f"run{self.runs}")
        try:
            return Ended(0, JOBS[job](self.spark, Request(job, str(config)), recorder), recorder)
        except LogregError as error:
            return Ended(error.exit_code, str(error), recorder)
        except Exception as error:
            explained = explain_spark_error(error)
            if explained is None:
                raise
            return Ended(explained.exit_code, str(explained), recorder)

    def _defaults(self, job: str) -> dict[str, Any]:
        if job == "train":
            output = {"path": str(self.folder / "model"), "overwrite": True}
            return {"label": {"column": "y"}, "features": {"exclude": ["id"]}, "output": output}
        model = str(self.folder / "model" / "model.json")
        if job == "evaluate":
            return {"model": model, "output": {"path": str(self.folder / "assessed")}}
        output = {"path": str(self.folder / "scored"), "run_date": "2026-11-21"}
        return {"model": model, "keys": ["id"], "output": output}
