"""Several coefficient vectors in one pass: the bits of each alone, in groups where there is no room for all."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.fitting import passes as passes_module
from logreg_dist.solver.information import whole_matrix
from tests.faults.rows import frame, write_files

pytestmark = pytest.mark.spark


def bits_of(sums) -> bytes:
    information = whole_matrix(sums.information)
    return np.concatenate([[sums.n_rows, sums.deviance], sums.score, information.ravel()]).tobytes()


def test_one_pass_answers_what_several_passes_answer_one_by_one(spark, tmp_path, monkeypatch):
    table = write_files(frame(900), tmp_path / "table", 3)
    found = {}

    def ask(model, rows, outcome):
        passes = rows.passes
        betas = {k: rows.beta * factor for k, factor in enumerate((1.0, 0.5, -2.0, 0.0, 3.0))}
        before = passes.staged.n_passes
        together = passes.evaluate_many(betas)
        found["one pass"] = passes.staged.n_passes - before
        monkeypatch.setattr(passes_module, "vectors_at_once", lambda shape, **_: 2)
        in_groups = passes.evaluate_many(betas)
        found["in groups"] = passes.staged.n_passes - before - 1
        found["alone"] = [bits_of(passes.evaluate(beta)) for beta in betas.values()]
        found["together"] = [bits_of(together[k]) for k in betas]
        found["grouped"] = [bits_of(in_groups[k]) for k in betas]
        return model

    monkeypatch.setattr(importlib.import_module("logreg_dist.fitting.binary"), "diagnosed", ask)
    source = {"path": table, "splits": 3}
    fit(spark.read.parquet(table), TrainConfig(input=source, label={"column": "y"}, weight="weight"))

    assert (found["one pass"], found["in groups"]) == (1, 3)
    assert found["together"] == found["alone"] == found["grouped"]
    assert len(set(found["alone"])) == 5
