from __future__ import annotations

import math
import time

import pytest

from logreg_dist.config.yaml_file import MAX_BYTES, MAX_DEPTH, MAX_VALUES, parse_yaml, read_yaml_file
from logreg_dist.errors import ConfigError

# A hostile file of the largest size takes about one second on a laptop core; ten leaves room for a busy one.
SECONDS_FOR_A_HOSTILE_FILE = 10


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("NO", "NO"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("y", "y"),
        ("1e-8", 1e-8),
        ("-.5E+2", -50.0),
        ("1.", 1.0),
        ("12", 12),
        ("-3", -3),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-11-21", "2026-11-21"),
        ("~", None),
        ("", None),
        ("Null", None),
        ("-.inf", -math.inf),
        ("'1'", "1"),
        ('"true"', "true"),
        ("|\n  12\n", "12\n"),
        ("==", "=="),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text, value):
    parsed = parse_yaml(f"key: {text}", "f")["key"]
    assert parsed == value
    assert type(parsed) is type(value)


def test_nan_is_a_number():
    assert math.isnan(parse_yaml(".nan", "f"))


def test_keys_are_text_whatever_they_look_like():
    assert parse_yaml("{2020: 1, NO: 2, null: 3, 1.5: 4, <<: 5}", "f") == {
        "2020": 1,
        "NO": 2,
        "null": 3,
        "1.5": 4,
        "<<": 5,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: !!python/object:os.system {}", "line 2: tags"),
        ("a: !hunter2 x", "line 1: tags"),
        ("%TAG ! tag:example,2000:\n---\na: 1", "line 1: tags"),
        ("a: &x 1\nb: 2", "line 1: anchors and aliases"),
        ("a: 1\nb: *hunter2", "line 2: anchors and aliases"),
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' is given twice, first in line 1"),
        ("b: {1: x, '1': y}", "line 1: key '1' is given twice"),
        ("a: 1\n---\nb: 2", "second document"),
        ("? [a, b]\n: 1", "line 1: a key must be a single text"),
        ("a: [1, 2", "line 1: not YAML"),
        ("a: 1\n\tb: 2", r"line 2: not YAML: found character '\\t'"),
        ("a: 1\nb: \x07", "line 2: holds a control character"),
        ('a: "\\UFFFFFFFF"', "out of range"),
        ("%YAML 1." + "9" * 5000 + "\n--- a", "out of range"),
        ("a: " + "9" * 101, "line 1: a number of 101 characters"),
    ],
)
def test_what_could_run_code_explode_or_mislead_is_refused_with_its_line(text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        parse_yaml(text, "conf.yaml")
    assert "conf.yaml" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_syntax_error_does_not_quote_the_file():
    for text in (
        "password: %hunter2",
        "a: [hunter2",
        "a: hunter2: x",
        'a: "hunter2',
        "a: !hunter2!x 1",
    ):
        with pytest.raises(ConfigError, match="not YAML") as caught:
            parse_yaml(text, "f")
        assert "hunter2" not in str(caught.value)


def test_values_are_counted_and_allowed_to_the_limit_and_no_further():
    # The list itself, its end and the end of the stream are counted too.
    parse_yaml("[" + "a," * (MAX_VALUES - 3) + "]", "f")
    with pytest.raises(ConfigError, match="line 2: more than 50,000 values"):
        parse_yaml("[" + "a," * (MAX_VALUES - 2) + "\n]", "f")


def test_nesting_is_allowed_to_the_limit_and_no_deeper():
    parse_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH, "f")
    with pytest.raises(ConfigError, match="nested more than"):
        parse_yaml("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "f")


@pytest.mark.parametrize(
    "text",
    [
        "[" * MAX_BYTES,
        '{"a":' * (MAX_BYTES // 5),
        "- " * (MAX_BYTES // 2),
        "[" + "a," * (MAX_BYTES // 2 - 1) + "]",
        "\n".join(f"k{i}: 1" for i in range(MAX_VALUES)),
        "a\n" * (MAX_BYTES // 2),
        'a: "' + "x\n\n" * (MAX_BYTES // 3) + '"',
        "a: >\n" + " x\n" * (MAX_BYTES // 3),
    ],
    ids=["brackets", "braces", "dashes", "long list", "many keys", "plain lines", "quoted lines", "folded"],
)
def test_a_hostile_document_of_the_largest_size_takes_bounded_time(text):
    start = time.process_time()
    try:
        parse_yaml(text, "f")
    except ConfigError as error:
        assert len(str(error)) < 500  # noqa: PT017 - refusing is allowed, not required
    assert time.process_time() - start < SECONDS_FOR_A_HOSTILE_FILE


def test_an_empty_file_is_an_empty_mapping(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("# nothing yet\n")
    assert read_yaml_file(path) == {}


def test_a_byte_order_mark_is_skipped(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_yaml_file(path) == {"a": 1}


def test_files_that_are_no_configuration_are_refused_by_name(tmp_path):
    path = tmp_path / "c.yaml"
    cases = {
        b"a: 1\nb: \xff": "line 2: not UTF-8",
        b"- 1\n": "expected keys",
        b"#" * (MAX_BYTES + 1): "larger than 1,000,000 bytes",
    }
    for content, said in cases.items():
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=said) as caught:
            read_yaml_file(path)
        assert str(path) in str(caught.value)


def test_a_path_that_cannot_be_opened_says_why(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_yaml_file(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_yaml_file(tmp_path)
    with pytest.raises(ConfigError, match="not a file name"):
        read_yaml_file("a\0b")
