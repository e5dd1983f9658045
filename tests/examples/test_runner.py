"""The runner of the examples, and that every folder is as it expects; no JVM."""

from __future__ import annotations

import doctest
import sys

import pytest

from examples import __main__ as runner
from examples import tables
from examples.__main__ import Step
from logreg_dist.config import load_evaluate_config, load_score_config, load_train_config
from tests.examples.applications import EXAMPLES, NAMES


def test_the_examples_in_the_docstrings_hold():
    for module in (runner, tables):
        assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", NAMES)
def test_an_application_reads_and_writes_where_the_runner_says(name):
    here = EXAMPLES / name
    models = set()
    for file in here.glob("train*.yaml"):
        config = load_train_config(file)
        assert config.input.path.startswith(f"data/{name}/")
        assert f"{config.output.path}/".startswith(f"artifacts/{name}/")
        models.add(f"{config.output.path}/model.json")
    [score] = [load_score_config(file) for file in here.glob("score*.yaml")]
    assert (score.model, score.output.path) == (f"artifacts/{name}/model.json", f"data/{name}/scored")
    evaluations = [load_evaluate_config(file) for file in here.glob("evaluate*.yaml")]
    assert {one.model for one in evaluations} == models
    assert all(one.output.path.startswith(f"artifacts/{name}/") for one in evaluations)
    assert len({one.output.path for one in evaluations}) == len(models)


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_says_how_to_run_it(name):
    for step in runner.steps(name)[1:]:
        job, _, config = step.arguments[:3]
        assert f"# Run: python {job} --config {config}\n" in (EXAMPLES.parent / config).read_text()


def test_models_are_trained_before_anything_uses_them():
    names = [step.name for step in runner.steps("rare_events")]
    assert names == [
        "prepare", "train.yaml", "train_all.yaml", "train_weighted.yaml", "score.yaml",
        "evaluate.yaml", "evaluate_all.yaml", "evaluate_weighted.yaml",
    ]  # fmt: skip


def test_a_step_that_fails_ends_its_application_and_the_run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    broken = [Step("prepare", ("-c", "print('so far')")), Step("train.yaml", ("-c", "raise SystemExit(4)"))]
    monkeypatch.setattr(runner, "steps", lambda name: [*broken, Step("never", ("-c", "print('never')"))])
    assert runner.main(["spam"]) == 1
    printed = capsys.readouterr()
    assert "FAILED: spam, see artifacts/spam/run.log" in printed.out
    assert "spam: train.yaml, exit code 4" in printed.err
    assert (tmp_path / "artifacts/spam/run.log").read_text() == "so far\n"


def test_an_unknown_application_is_answered_with_those_there_are(capsys):
    assert runner.main(["cluster"]) == 2
    assert "No such application: cluster. There are: birth_weight" in capsys.readouterr().err


def test_a_row_is_on_the_same_side_of_the_split_whatever_else_is_there():
    keys = tables.numbered(500, "C")
    held = dict(zip(keys, tables.in_holdout(keys), strict=True))
    assert tables.in_holdout(keys[::-1]) == [held[key] for key in keys[::-1]]
    assert 0.2 < sum(held.values()) / 500 < 0.4


def test_python_is_the_one_that_runs_the_examples(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        runner, "steps", lambda name: [Step("x", ("-c", "import sys; print(sys.executable)"))]
    )
    assert runner.run("spam")
    assert (tmp_path / "artifacts/spam/run.log").read_text().strip() == sys.executable
