from __future__ import annotations

import logging
import traceback

import pytest
from pydantic import ValidationError

from logreg_dist.config import InputConfig, TrainConfig, load_train_config
from logreg_dist.config.secrets import secrets_of, without_credentials
from logreg_dist.errors import ConfigError
from logreg_dist.report.progress import configure_logging

CANARY = "hunter2-canary"
BASE = """
input: {path: data/train}
label: {column: churn}
output: {path: out}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", CANARY)
    monkeypatch.setenv("COLUMN", "churn")
    monkeypatch.delenv("NOT_SET", raising=False)

    def write_and_load(text, *overrides):
        (tmp_path / "train.yaml").write_text(text)
        return load_train_config(tmp_path / "train.yaml", overrides)

    return write_and_load


def test_a_variable_is_put_in_and_written_out_as_its_name(load):
    config = load(BASE, "input.options.password=${env:SECRET}", "output.path=/x/${env:COLUMN}/${env:COLUMN}")
    assert config.input.options["password"] == CANARY
    assert config.output.path == "/x/churn/churn"
    written = config.as_dict()
    assert written["input"]["options"]["password"] == "${env:SECRET}"
    assert written["output"]["path"] == "/x/${env:COLUMN}/${env:COLUMN}"


def test_variables_in_lists_are_written_out_as_their_names(load):
    config = load(BASE, "features.exclude=[id, '${env:SECRET}']")
    assert config.features.exclude == ("id", CANARY)
    assert config.as_dict()["features"]["exclude"] == ["id", "${env:SECRET}"]


def test_variables_that_are_not_set_are_reported_with_the_other_problems(load):
    with pytest.raises(ConfigError, match="has 4 problems") as caught:
        load(BASE, "weight=${env:NOT_SET}", "offset=${env:}", "frequency='${env:SECRET'", "penalty.l2=x")
    said = str(caught.value)
    assert "weight: environment variable NOT_SET is not set" in said
    assert "offset: expected ${env:NAME}" in said
    assert "frequency: expected ${env:NAME}" in said


def test_a_variable_that_is_not_set_is_one_problem_and_not_two(load):
    with pytest.raises(
        ConfigError, match=r"has 1 problem\.\n  family: environment variable NOT_SET is not set"
    ):
        load(BASE, "family=${env:NOT_SET}")


def test_a_section_made_in_code_does_not_show_its_options_either():
    with pytest.raises(ValidationError, match="options") as caught:
        InputConfig(path="a", options={"password": [CANARY]})
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(InputConfig(path="a", options={"password": CANARY}))


def test_what_comes_from_a_variable_is_text_and_no_yaml(load, monkeypatch):
    monkeypatch.setenv("L2", "0.5")
    with pytest.raises(
        ConfigError, match=r"penalty\.l2: expected a number >= 0, found text from \$\{env:L2\}"
    ):
        load(BASE, "penalty.l2=${env:L2}")


@pytest.mark.parametrize(
    "override",
    [
        "family=${env:SECRET}",
        "solver.method=${env:SECRET}",
        "features.exclude=['${env:SECRET}', '${env:SECRET}']",
        "features={include: ['${env:SECRET}'], exclude: ['${env:SECRET}']}",
        "features.defaults.missing=${env:SECRET}",
        "input={path: a, options: {password: [hunter2-canary]}}",
        "input={path: a, options: hunter2-canary}",
        "input={path: a, options: {pin: .inf, password: [hunter2-canary]}}",
        "input={path: a, pasword: hunter2-canary}",
    ],
)
def test_no_message_and_no_traceback_shows_a_secret(load, override):
    with pytest.raises(ConfigError, match="problem") as caught:
        load(BASE, override)
    shown = "".join(traceback.format_exception(caught.value))
    assert CANARY not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_number_among_the_options_is_not_shown(load):
    with pytest.raises(ConfigError, match=r"found a number \(given"):
        load(BASE, "input={path: a, options: {pin: .inf}}")


def test_two_roles_of_one_secret_column_are_reported_by_the_variable(load):
    with pytest.raises(ConfigError, match=r'offset: column "\$\{env:SECRET\}" is weight too'):
        load(BASE, "weight=${env:SECRET}", "offset=${env:SECRET}")


def test_plain_passwords_are_redacted_too():
    options = {"password": CANARY, "sessionToken": CANARY, "url": f"jdbc:x?pw={CANARY}", "sep": ";"}
    config = TrainConfig(
        label={"column": "y"}, input={"path": f"s3a://key:{CANARY}@bucket/a", "options": options}
    )
    written = config.as_dict()["input"]
    assert written["options"] == {
        "password": "(redacted)",
        "sessionToken": "(redacted)",
        "url": "(redacted)",
        "sep": ";",
    }
    assert written["path"] == "s3a://(redacted)@bucket/a"
    for text in (repr(config), str(config)):
        assert CANARY not in text


def test_the_container_of_an_azure_path_is_no_password():
    path = "abfss://container@account.dfs.core.windows.net/a"
    assert TrainConfig(label={"column": "y"}, output={"path": path}).as_dict()["output"]["path"] == path


def test_secrets_are_taken_out_of_whatever_a_job_says(capsys):
    values = {
        "input": {
            "path": "s3a://key:path-canary@bucket/a",
            "options": {"password": CANARY, "user": "${env:PLAIN}", "fetchsize": 1000, "pin": "1"},
        },
        "output": {"path": "${env:ROOT}/out/${env:API_TOKEN}"},
    }
    environment = {"PLAIN": "somebody", "ROOT": "/data", "API_TOKEN": "token-canary"}
    hide = secrets_of(values, environment).hidden
    said = f"cannot log in as somebody with {CANARY} at s3a://key:path-canary@bucket/a, wrote /data/out/token-canary, 1000"
    assert hide(said) == (
        "cannot log in as ${env:PLAIN} with (redacted) at s3a://(redacted)@bucket/a, wrote /data/out/${env:API_TOKEN}, 1000"
    )
    configure_logging(debug=True, hide=hide)
    log = logging.getLogger("logreg_dist.tests")
    try:
        raise ValueError(said)  # noqa: TRY301
    except ValueError:
        log.exception("it failed with %s", CANARY)
    finally:
        logging.getLogger("logreg_dist").handlers.clear()
        logging.getLogger("logreg_dist").propagate = True
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "canary" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("jdbc:x://h/db?user=u&password=abc", "jdbc:x://h/db?user=u&password=(redacted)"),
        ("wasbs://c@a.net/x?sv=1&sig=a%2Fb", "wasbs://c@a.net/x?sv=1&sig=(redacted)"),
        ("https://u:p@ss:w@host/x", "https://(redacted)@host/x"),
        ("hdfs://name:8020/a@b", "hdfs://name:8020/a@b"),
        ("'s3a://key:endless…'", "'s3a://(redacted)…'"),
    ],
)
def test_credentials_are_known_by_where_they_stand(text, shown):
    assert without_credentials(text) == shown
