"""Text of others on a terminal, a page or a log: what steers instead of being read is shown by its number.

Column names, levels and paths come from tables and files that nobody has vetted. An escape sequence clears a screen, a
carriage return overwrites a line, a newline adds one, a right-to-left override turns one around: this is the one place
where they become characters that can be read.
"""

from __future__ import annotations

import re

# Of what JSON leaves as it is: DEL, C1 controls, marks of direction, what is invisible or no character, halves of pairs.
_STEERING = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""Return text on one line, every character that cannot be printed as its escape.

    Examples
    --------
    >>> printable("a\nb"), printable("\x1b[2J"), printable("café")
    ('a\\nb', '\\x1b[2J', 'café')
    """
    if text.isprintable():
        return text
    return text.translate({ord(c): _escaped(c) for c in set(text) if not c.isprintable()})


def printable_lines(text: str) -> str:
    r"""Do the same for text of several lines, whose newlines stay.

    For what is laid out already: names inside must have gone through `printable`.

    Examples
    --------
    >>> printable_lines("one\ntwo\r\x1b[1A")
    'one\ntwo\\r\\x1b[1A'
    """
    return "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    r"""Return JSON that means the same and can be shown: what steers a terminal is written as ``\uXXXX``.

    Letters of any language stay as they are, unlike with ``ensure_ascii``.

    Examples
    --------
    >>> printable_json('{"é\u202e": 1}')
    '{"é\\u202e": 1}'
    """
    return _STEERING.sub(lambda match: _json_escaped(match[0]), text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _json_escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[k]:02x}{units[k + 1]:02x}" for k in range(0, len(units), 2))
