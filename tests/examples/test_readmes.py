"""What the READMEs print is what a run prints."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.examples.applications import EXAMPLES, MODELS, SMALL, positives

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("name", SMALL)
def test_a_readme_prints_what_a_run_prints(fitted, name):
    text = (EXAMPLES / name / "README.md").read_text()
    quoted = [
        line.split()
        for block in re.findall(r"^```\n(term .*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()[1:]
        if line.strip() not in ("", "...")
    ]
    printed = [
        line.split()
        for one, file in MODELS
        if one == name
        for line in fitted(one, file).model.summary().splitlines()
    ]
    assert quoted or name in ("digits", "parkinson_voice")
    assert [line for line in quoted if line not in printed] == []


@pytest.mark.parametrize("name", SMALL)
def test_the_headlines_are_those_of_a_run(fitted, name):
    found = fitted(name)
    text = (EXAMPLES / name / "README.md").read_text()
    lines = (EXAMPLES / "README.md").read_text().splitlines()
    [row] = [line for line in lines if line.startswith("| [") and f"]({name})" in line]
    if found.config.family == "multinomial":
        classes = np.array(list(found.model.label.classes))
        predicted = classes[found.scores[[f"probability_{k}" for k in classes]].to_numpy().argmax(axis=1)]
        right = predicted == found.judged["digit"].astype(str)
        assert f"{right.mean():.1%}" in row
        assert f"{right.sum()} of {len(right)} are right" in text
    else:
        auc = roc_auc_score(positives(found.judged, found.config), found.scores["probability"])
        assert f"{auc:.3f}" in row
        assert f"{auc:.3f}" in text
    assert f"{found.model.n_rows:,}" in row
    assert f"{found.model.n_rows:,}" in text


@pytest.mark.parametrize("train", ["train.yaml", "train_described.yaml"])
def test_the_best_fifth_holds_as_many_buyers_as_the_readme_says(fitted, train):
    found = fitted("caravan", train)
    scores, bought = found.scores["probability"].to_numpy(), positives(found.judged, found.config)
    best = scores >= np.sort(scores)[::-1][round(len(scores) / 5) - 1]
    assert (
        f"{bought[best].sum():.0f} of {bought.sum():.0f} |"
        in (EXAMPLES / "caravan" / "README.md").read_text()
    )
