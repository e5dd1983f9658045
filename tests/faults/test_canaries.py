"""No value of a single row and no password comes out of a job, however it ends."""

from __future__ import annotations

import json
import signal
import time

import pytest

from tests.faults.canaries import (
    KEY,
    SECRETS,
    VALUES,
    command,
    exit_codes,
    leaks,
    start,
    write_configs,
    write_tables,
    written,
)

pytestmark = [pytest.mark.spark]

INPUTS = ("good", "label", "amount", "unseen", "separated", "missing", "broken")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("canaries")
    write_tables(folder)
    write_configs(folder)
    return folder


def run(folder, *commands):
    process = start(folder, commands)
    stdout, stderr = process.communicate(timeout=900)
    return stdout, stderr


def assert_silent(folder, stdout, stderr):
    texts = [("stdout", stdout), ("stderr", stderr), *written(folder, inputs=INPUTS)]
    assert leaks(iter(texts)) == []
    return dict(texts)


def test_what_a_good_run_leaves_holds_no_value_of_a_single_row_and_no_password(folder):
    stdout, stderr = run(folder, command("train"), command("score"))
    assert exit_codes(stderr) == [0, 0], stderr
    texts = assert_silent(folder, stdout, stderr)
    model = json.loads(texts["out/model.json"])
    assert model["config"]["input"]["options"] == {
        "fetchsize": "${env:CANARY}",
        "password": "(redacted)",
        "url": "(redacted)",
    }
    levels = next(column["levels"] for column in model["design"]["columns"] if column["name"] == "contact")
    assert "web" in levels
    scored = [text for name, text in texts.items() if name.startswith("scored/run_date")]
    assert any(KEY in text for text in scored)  # the search finds what is there


@pytest.mark.faults
def test_no_other_job_and_no_failure_shows_one_either(folder):
    credentials = f"s3a://user:{SECRETS['a path']}@bucket/x"
    jdbc = f"jdbc:postgresql://host/db?user=u&password={SECRETS['a parameter']}"
    failing = {
        "a rare label": (3, command("train", "input.path=label", output="o1")),
        "a text among numbers": (3, command("train", "input.path=amount", output="o2", debug=True)),
        "missing values": (3, command("train", "input.path=missing", output="o3")),
        "separation": (4, command("train", "input.path=separated", output="o4")),
        "a broken file": (3, command("train", "input.path=broken", output="o5")),
        "a broken file in debug": (3, command("train", "input.path=broken", output="o6", debug=True)),
        "an unseen level": (3, command("score", "input.path=unseen", output="o7", debug=True)),
        "a password in a path": (3, command("train", f"input.path={credentials}", output="o8")),
        "the same in debug": (3, command("train", f"input.path={credentials}", output="o9", debug=True)),
        "a password in a url": (
            3,
            command(
                "train",
                "input.format=jdbc",
                f"input.options.url={jdbc}",
                "input.options.dbtable=t",
                output="o10",
                debug=True,
            ),
        ),
        "an option of the wrong type": (
            2,
            command("train", "input.options.password=[hunter2-option]", output="o11"),
        ),
        "a filter that fails": (
            3,
            command(
                "train", "input.filter=if(contact like '%canary%', cast(contact as int), 1) > 0", output="o12"
            ),
        ),
        "a wrong filter": (
            2,
            command("train", f"input.filter=nothing = '{SECRETS['an option']}'", output="o13"),
        ),
    }
    good = {
        "a check": (0, command("check", "checks.influence.rows=5", output="o20")),
        "influence": (0, command("train", "checks.influence.key=customer", output="rows")),
        "an evaluation": (0, command("evaluate")),
        "cross-validation": (
            0,
            command(
                "train",
                "penalty.path={l1_share: 0.5, points: 4, smallest: 0.01}",
                "cross_validation={folds: 3, by: customer}",
                "inference={}",
                output="o21",
            ),
        ),
        "words as entries": (0, command("train", "features.terms=[income*contact]", output="o22")),
        "debug": (0, command("train", output="o23", debug=True)),
    }
    cases = {"the first": (0, command("train")), **failing, **good}
    stdout, stderr = run(folder, *(arguments for _, arguments in cases.values()))
    assert_silent(folder, stdout, stderr)
    found = dict(zip(cases, exit_codes(stderr), strict=True))
    assert found == {name: code for name, (code, _) in cases.items()}, stderr[-20_000:]
    for name in ("o1", "o5", "o8"):
        assert json.loads((folder / name / "run.json").read_text())["exit_code"] == 3


def test_the_checkpoint_that_a_failing_run_leaves_shows_none(folder):
    (folder / "o40" / "model.json").mkdir(parents=True)  # nothing can be put in its place
    stdout, stderr = run(folder, command("train", output="o40"))
    assert exit_codes(stderr) == [5], stderr
    texts = assert_silent(folder, stdout, stderr)
    assert json.loads(texts["o40/_checkpoint.json"])["searches"]


@pytest.mark.faults
def test_a_run_that_is_ended_by_sigterm_shows_none(folder):
    process = start(folder, [command("train", output="o30", debug=True)])
    seen = []
    for line in process.stderr:
        seen.append(line)
        if "pass 1" in line:
            process.send_signal(signal.SIGTERM)
            break
    stdout, stderr = process.communicate(timeout=300)
    time.sleep(0.1)
    assert exit_codes(stderr) == [143], stderr
    assert_silent(folder, stdout, "".join(seen) + stderr)
    assert json.loads((folder / "o30" / "run.json").read_text())["status"] == "interrupted"


def test_the_search_finds_a_canary_in_a_table_and_in_a_text():
    texts = [("a.json", f"x {VALUES['a rare word']}"), ("scored/run_date=1/a", KEY), ("b", KEY)]
    assert leaks(iter(texts)) == ["a rare word in a.json", "a key in b"]
