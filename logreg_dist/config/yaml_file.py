"""Text in the YAML 1.2 core schema -> plain Python values, for files nobody has vetted.

PyYAML supplies the grammar; the values are built here from its event stream, because its own
constructor reads YAML 1.1 (``NO`` is false, ``1e-8`` is text, ``2026-11-21`` is a date), expands
aliases and keeps the last of two equal keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from logreg_dist.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
# Measured: 10 microseconds a value, so a hostile file costs about a second.
MAX_VALUES = 50_000
MAX_NUMBER_LENGTH = 100

Value = str | bool | int | float | None | list["Value"] | dict[str, "Value"]

_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def read_yaml_file(path: str | Path) -> dict[str, Value]:
    """Read a configuration file: UTF-8, at most 1 MB, one mapping of keys.

    Parameters
    ----------
    path : str or Path
        A local file. An empty file is an empty mapping.

    Raises
    ------
    ConfigError
        If the file cannot be read or is refused, see `parse_yaml`.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise ConfigError(f"{path} cannot be read: {reason}.") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES:,} bytes; a configuration is a few thousand.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8.") from None
    values = parse_yaml(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}, line 1: expected keys, such as 'label: ...', at the top of the file.")
    return values


def parse_yaml(text: str, name: str) -> Value:
    """Parse one YAML document with the scalars of the YAML 1.2 core schema.

    Keys are always text, so columns may be called ``2020``, ``NO`` or ``null``. Messages name the
    line and never quote the file, which may hold a password.

    Parameters
    ----------
    text : str
        The document.
    name : str
        What messages call it: the path of the file.

    Raises
    ------
    ConfigError
        On a syntax error, a tag, an anchor or alias, a key given twice, a second document, nesting
        deeper than 20 levels, or more than 50,000 values.

    Examples
    --------
    >>> parse_yaml("{tolerance: 1e-8, positive: NO, day: 2026-11-21, 2020: ~}", "example")
    {'tolerance': 1e-08, 'positive': 'NO', 'day': '2026-11-21', '2020': None}
    """
    try:
        events = _allowed_events(yaml.parse(text, Loader=yaml.SafeLoader), name)
        event = next(events)
        value = None if isinstance(event, yaml.StreamEndEvent) else _build(event, events, name, 0)
        if not isinstance(event, yaml.StreamEndEvent) and not isinstance(next(events), yaml.StreamEndEvent):
            raise ConfigError(f"{name}: holds a second document ('---'); expected one.")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}, line {mark.line + 1}" if mark else name
        raise ConfigError(f"{place}: not YAML: {_without_content(error.problem)}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{name}, line {line}: holds a control character; remove it.") from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML lets chr() and int() fail on "\UFFFFFFFF" and on endless version numbers.
        raise ConfigError(f"{name}: not YAML: an escape or a number is out of range.") from None
    return value


def _allowed_events(events: Iterator[yaml.Event], name: str) -> Iterator[yaml.Event]:
    """Yield the events that carry values; refuse what could run code, explode or last for ever."""
    n_values = 0
    for event in events:
        place = _place(event, name)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigError(
                f"{place}: anchors and aliases (&, *) are refused; quote the text or repeat it."
            )
        if getattr(event, "tag", None) or getattr(event, "tags", None):
            raise ConfigError(f"{place}: tags (!) are refused; quote the text.")
        if isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)):
            continue
        n_values += 1
        if n_values > MAX_VALUES:
            raise ConfigError(f"{place}: more than {MAX_VALUES:,} values; a configuration has a few hundred.")
        yield event


def _build(event: yaml.Event, events: Iterator[yaml.Event], name: str, depth: int) -> Value:
    """Build the value that `event` opens, taking its parts from `events`."""
    place = _place(event, name)
    if depth > MAX_DEPTH:
        raise ConfigError(f"{place}: nested more than {MAX_DEPTH} levels deep.")
    if isinstance(event, yaml.ScalarEvent):
        _refuse_no_text(event.value, place)
        return event.value if event.style else _plain_scalar(event.value, place)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Value] = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(_build(item, events, name, depth + 1))
        return items
    values: dict[str, Value] = {}
    places: dict[str, str] = {}
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        if not isinstance(key, yaml.ScalarEvent):
            raise ConfigError(f"{_place(key, name)}: a key must be a single text.")
        _refuse_no_text(key.value, _place(key, name))
        if key.value in values:
            again = f"key {_short(key.value)} is given twice, first in {places[key.value]}"
            raise ConfigError(f"{_place(key, name)}: {again}.")
        places[key.value] = _place(key, name).removeprefix(f"{name}, ")
        values[key.value] = _build(next(events), events, name, depth + 1)
    return values


def _plain_scalar(text: str, place: str) -> Value:
    """Resolve an unquoted scalar by the YAML 1.2 core schema (spec 1.2.2, section 10.3.2)."""
    if text in _WORDS:
        return _WORDS[text]
    is_integer = _INTEGER.fullmatch(text)
    if not is_integer and not _FLOAT.fullmatch(text):
        return text
    if len(text) > MAX_NUMBER_LENGTH:
        raise ConfigError(f"{place}: a number of {len(text):,} characters; quote it if it is text.")
    if is_integer:
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    return float(text)


def is_text(text: str) -> bool:
    """Whether a text can be written to a file and given to other programs.

    Examples
    --------
    >>> is_text("é"), is_text(chr(0)), is_text(chr(0xD800))
    (True, False, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _refuse_no_text(text: str, place: str) -> None:
    # Only escapes write these: the reader refuses them as characters.
    if not is_text(text):
        raise ConfigError(f"{place}: holds \\0 or half of a surrogate pair; remove it.")


def _place(event: yaml.Event, name: str) -> str:
    return f"{name}, line {event.start_mark.line + 1}" if event.start_mark else name


def _short(key: str) -> str:
    return repr(key if len(key) <= 40 else key[:37] + "...")


def _without_content(problem: str | None) -> str:
    """Drop what PyYAML quotes from the file, unless it is a single character or a token's name."""
    return re.sub(r"""'(?!\\?.'|<)[^']*'|"(?!\\?.")[^"]*\"""", "some text", problem or "unreadable")
