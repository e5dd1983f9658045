"""Every kind of fit is killed at many bookmarks, and once for real: whatever was running, the bits are the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logreg_dist import TrainConfig, fit, load_model
from logreg_dist.commands.checkpoint import NAME
from logreg_dist.fitting.checkpoint_file import Origin, journal_to_json, kept_from_json
from logreg_dist.fitting.journal import Journal
from logreg_dist.model.file import model_to_json
from tests.faults.killed_job import bits_of, kill_after, run_job, write_config

pytestmark = [pytest.mark.spark, pytest.mark.faults]

N_ROWS = 3_000
N_KILLS = 6  # the first and the last bookmark among them
NOWHERE = Origin({}, {})


def rows() -> pd.DataFrame:
    """Return rows with labels of two and three classes, one that separates, an offset and ill-conditioned columns."""
    rng = np.random.default_rng(12)
    X = rng.normal(size=(N_ROWS, 4))
    level = rng.integers(0, 4, N_ROWS)
    eta = X @ np.array([1.2, -0.8, 0.0, 0.3]) + 0.4 * level - 1.0
    noise = rng.gumbel(size=(N_ROWS, 3))
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    table["e"] = table.a + 1e-4 * rng.normal(size=N_ROWS)
    table["level"] = np.array(["red", "green", "blue", "rare"])[level]
    table["y"] = (rng.random(N_ROWS) < 1 / (1 + np.exp(-eta))).astype(int)
    table["z"] = np.where(level == 3, 1, table.y)  # no row of the last level has label 0
    table["k"] = np.array(["x", "y", "w"])[
        (np.column_stack([np.zeros(N_ROWS), eta, 0.5 * X[:, 1]]) + noise).argmax(axis=1)
    ]
    table["key"] = rng.integers(0, 500, N_ROWS)
    table["offset"] = 0.3 * X[:, 2]
    return table


FEATURES = ["a", "b", "c", "d", "level"]
KINDS: dict[str, dict[str, Any]] = {
    "newton from 0": {"solver": {"start": "zero"}},
    "mixtures": {"features": {"include": ["a", "b", "e"]}, "solver": {"start": "zero"}},
    "float32": {"solver": {"precision": "float32", "start": "zero"}},
    "class weights": {
        "label": {"column": "y", "class_weights": "balanced"},
        "solver": {"start": "zero"},
    },
    "warm start": {"solver": {"warm_start": "earlier/model.json"}},
    "offset": {"offset": "offset", "solver": {"start": "zero"}},
    "lbfgs": {"solver": {"method": "lbfgs"}},
    "lasso": {"penalty": {"l1": 0.01}, "solver": {"start": "zero"}},
    "bounds": {
        "features": {"include": FEATURES, "columns": {"a": {"bounds": {"lower": -1.0, "upper": 0.5}}}},
        "solver": {"start": "zero"},
    },
    "several classes": {"label": {"column": "k"}, "family": "multinomial", "solver": {"start": "zero"}},
    "several classes by lbfgs": {
        "label": {"column": "k"},
        "family": "multinomial",
        "solver": {"method": "lbfgs"},
    },
    "cross-validation": {
        "cross_validation": {"folds": 3, "by": "key"},
        "features": {"include": ["a", "b", "c", "level"]},
        "penalty": {"path": {"points": 5, "l1_share": 1.0}},
    },
    "separated": {"label": {"column": "z"}},
    "firth": {"label": {"column": "z"}, "solver": {"on_separation": "firth"}},
    "ridge": {"label": {"column": "z"}, "solver": {"on_separation": "ridge"}},
    "drop": {"label": {"column": "z"}, "solver": {"on_separation": "drop"}},
    "selection": {"selection": {"method": "forward", "criterion": "bic"}, "solver": {"start": "zero"}},
    "tests and profiles": {
        "inference": {"intervals": "profile", "tests": "likelihood_ratio"},
        "solver": {"start": "zero"},
    },
}
# In a process of its own, killed for real.
REAL = ("mixtures", "lbfgs", "lasso", "several classes", "cross-validation", "firth", "selection")


class Killed(BaseException):
    """Stands for SIGKILL where hundreds of processes would take hours."""


@pytest.fixture(scope="module")
def folder(spark, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "table").mkdir()
    for number, part in enumerate(np.array_split(np.arange(N_ROWS), 3)):
        table = pa.Table.from_pandas(rows().iloc[part], preserve_index=False)
        pq.write_table(table, folder / "table" / f"part-{number}.parquet")
    earlier = TrainConfig(label={"column": "y"}, features={"include": ["c", "d"]})
    fit(spark.read.parquet(str(folder / "table")), earlier).save(folder / "earlier")
    return folder


def values_of(kind: str) -> dict[str, Any]:
    return {"label": {"column": "y"}, "weight": None, "features": {"include": FEATURES}} | KINDS[kind]


def fitted(spark, folder: Path, kind: str, tmp_path: Path, journal: Journal | None = None) -> dict[str, Any]:
    config = TrainConfig(input={"path": str(folder / "table"), "splits": 3}, **values_of(kind))
    warm = config.solver.warm_start
    earlier = None if warm is None else load_model(folder / warm)
    table = spark.read.parquet(str(folder / "table"))
    model = fit(table, config, journal=journal, warm_start=earlier)
    (tmp_path / "model.json").write_text(model_to_json(model))
    content = json.loads(model_to_json(model))
    (tmp_path / "model.json").write_text(json.dumps(content | {"config": {"output": None}}))
    return bits_of(tmp_path / "model.json") | {"passes": content["n_passes"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_killed_at_whatever_bookmark_ends_in_the_same_bits(spark, folder, tmp_path, kind):
    n_written = 0

    def count(journal: Journal) -> None:
        nonlocal n_written
        n_written += 1

    undisturbed = fitted(spark, folder, kind, tmp_path, Journal(write=count))
    n_passes = undisturbed.pop("passes")
    assert n_written > 3
    most = n_passes
    for last in sorted({round(k) for k in np.linspace(1, n_written, N_KILLS)}):
        left = killed_after(spark, folder, kind, tmp_path, last)
        kept, _ = kept_from_json(left.encode(), "left")
        found = fitted(spark, folder, kind, tmp_path, Journal(kept))
        most = found.pop("passes")
        assert found == undisturbed, f"killed after {last} of {n_written}"
        assert most <= n_passes + 1
    assert most < n_passes or "tests" in kind


def killed_after(spark, folder: Path, kind: str, tmp_path: Path, last: int) -> str:
    """Return the file that a run leaves which is killed when it has written so many."""
    texts: list[str] = []

    def write(journal: Journal) -> None:
        texts.append(journal_to_json(journal, NOWHERE, "then"))
        if len(texts) == last:
            raise Killed

    with pytest.raises(Killed):
        fitted(spark, folder, kind, tmp_path, Journal(write=write))
    return texts[-1]


@pytest.mark.parametrize("kind", REAL)
def test_a_job_killed_for_real_ends_in_the_same_bits(folder, tmp_path, kind):
    outputs = {name: {"path": str(tmp_path / name)} for name in ("whole", "killed")}
    config = write_config(folder, **values_of(kind), output=outputs["whole"])
    whole = run_job(config)
    assert whole.returncode == 0, whole.stderr
    config = write_config(folder, **values_of(kind), output=outputs["killed"])
    iteration = kill_after(config, 3)
    assert iteration >= 3
    resumed = run_job(config)
    assert resumed.returncode == 0, resumed.stderr
    assert "going on from iteration " in resumed.stderr
    assert bits_of(tmp_path / "killed" / "model.json") == bits_of(tmp_path / "whole" / "model.json")
    assert not (tmp_path / "killed" / NAME).exists()
