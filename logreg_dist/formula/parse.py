"""``features.terms``: interactions and transforms, read in a closed grammar and never evaluated as code.

term      = part | part ":" part | part "*" part
part      = column | function "(" column { "," [ name "=" ] whole number } ")"
column    = identifier | "`" any text, "``" for a backtick "`"
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from logreg_dist.formula.parts import FUNCTIONS, Argument, AskedTerms, TermPart

MAX_TEXT = 300
MAX_TERMS = 100
# No two alternatives begin alike, so that reading takes time in proportion to the text.
_TOKEN = re.compile(
    r"(?P<blank>\s+)|(?P<name>[^\W\d]\w*)|(?P<quoted>`(?:[^`]|``)+`)|(?P<number>[0-9]+)|(?P<sign>[:*(),=])"
)


class TermError(ValueError):
    """A text that is no term; the message says where and what was expected."""


def asked_terms(texts: Sequence[str]) -> AskedTerms:
    """Read terms and write ``*`` out; what is there twice counts once.

    Raises
    ------
    TermError
        For the first text that is no term.

    Examples
    --------
    >>> found = asked_terms(["ns(age, 4)", "age*plan"])
    >>> found.plain, [":".join(part.text for part in parts) for parts in found.derived]
    (('age', 'plan'), ['ns(age, 4)', 'age:plan'])
    """
    plain: dict[str, None] = {}
    derived: dict[frozenset[TermPart], tuple[TermPart, ...]] = {}
    for text in texts:
        for parts in parse_term(text):
            if len(parts) == 1 and not parts[0].function:
                plain.setdefault(parts[0].column)
            else:
                derived.setdefault(frozenset(parts), parts)
    return AskedTerms(tuple(plain), tuple(derived.values()))


def parse_term(text: str) -> list[tuple[TermPart, ...]]:
    """Read one term: ``a*b`` is three, everything else one.

    Raises
    ------
    TermError
        Naming the place in the text, what was expected there, and the nearest known function.

    Examples
    --------
    >>> [[part.text for part in parts] for parts in parse_term("log(income):plan")]
    [['log(income)', 'plan']]
    >>> parse_term("lgo(income)")
    Traceback (most recent call last):
    logreg_dist.formula.parse.TermError: unknown function lgo at character 1; did you mean log?
    """
    if len(text) > MAX_TEXT:
        raise TermError(f"has {len(text):,} characters, more than {MAX_TEXT}")
    reader = _Reader(list(_tokens(text)), len(text) + 1)
    first = _part(reader)
    if reader.is_at_end:
        return [(first,)]
    sign = reader.take(":", "*", expected="':', '*' or the end")
    at = reader.position
    second = _part(reader)
    if not reader.is_at_end:
        more = " (an interaction has two parts)" if reader.text in (":", "*") else ""
        raise reader.error(f"expected the end{more}")
    if first == second:
        raise TermError(f"both parts are {_shown(first.text, quote=False)} (the second at character {at})")
    product = (first, second)
    return [product] if sign == ":" else [(first,), (second,), product]


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


class _Reader:
    """The tokens of a text and the place that was reached."""

    def __init__(self, tokens: Sequence[_Token], end: int) -> None:
        self.tokens, self.place, self.end = tokens, 0, end

    @property
    def is_at_end(self) -> bool:
        return self.place == len(self.tokens)

    @property
    def position(self) -> int:
        return self.end if self.is_at_end else self.tokens[self.place].position

    @property
    def kind(self) -> str:
        return "" if self.is_at_end else self.tokens[self.place].kind

    @property
    def text(self) -> str:
        return "" if self.is_at_end else self.tokens[self.place].text

    def advance(self) -> _Token:
        self.place += 1
        return self.tokens[self.place - 1]

    def take(self, *signs: str, expected: str) -> str:
        if self.kind != "sign" or self.text not in signs:
            raise self.error(f"expected {expected}")
        return self.advance().text

    def error(self, what: str) -> TermError:
        found = "the end" if self.is_at_end else _shown(self.text)
        return TermError(f"{what} at character {self.position}, found {found}")


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            what = (
                "a backtick is not closed" if text[place] == "`" else f"{_shown(text[place])} has no meaning"
            )
            hint = "" if text[place] == "`" else "; other names than identifiers go in backticks"
            raise TermError(f"{what} at character {place + 1}{hint}")
        if match.lastgroup != "blank":
            yield _Token(str(match.lastgroup), match[0], place + 1)
        place = match.end()


def _part(reader: _Reader) -> TermPart:
    if reader.kind not in ("name", "quoted"):
        raise reader.error("expected a column or a function")
    token = reader.advance()
    if reader.text != "(" or token.kind == "quoted":
        return TermPart("", _name(token), position=token.position)
    if token.text not in FUNCTIONS:
        raise TermError(f"unknown function {_unknown(token, FUNCTIONS)}")
    reader.advance()
    if reader.kind not in ("name", "quoted"):
        raise reader.error("expected a column")
    column = reader.advance()
    if reader.text == "(":
        raise reader.error("a function takes a column, not another function; expected ',' or ')'")
    numbers = _numbers(reader, token)
    return TermPart(token.text, _name(column), numbers, column.position)


def _numbers(reader: _Reader, function: _Token) -> tuple[int, ...]:
    arguments = FUNCTIONS[function.text]
    given: dict[str, int] = {}
    # In YAML a comma ends a text of a list in brackets.
    closing = "',' or ')'" + " (a term with a comma goes in quotes)" * reader.is_at_end
    while reader.take(",", ")", expected=closing) == ",":
        if len(given) == len(arguments):
            takes = f"takes {len(arguments)} number{'s' * (len(arguments) != 1)}"
            raise TermError(f"{function.text} {takes}, another one is at character {reader.position}")
        argument = _argument(reader, function, [one for one in arguments if one.name not in given])
        given[argument.name] = _number(reader, argument)
    for argument in arguments:
        if argument.name not in given and argument.default is None:
            example = f"{function.text}(column, {argument.low + 2})"
            raise TermError(
                f"{function.text} at character {function.position} needs {argument.name}: {example}"
            )
    numbers = tuple(given.get(one.name, one.default or 0) for one in arguments)
    if function.text == "bs" and numbers[0] < numbers[1]:
        raise TermError(
            f"bs at character {function.position} has df {numbers[0]}, less than its degree {numbers[1]}"
        )
    return numbers


def _argument(reader: _Reader, function: _Token, left: Sequence[Argument]) -> Argument:
    if reader.kind != "name":
        return left[0]
    token, names = reader.advance(), {argument.name: argument for argument in left}
    if token.text not in names:
        raise TermError(f"{function.text} has no argument {_unknown(token, names)}")
    reader.take("=", expected="'='")
    return names[token.text]


def _number(reader: _Reader, argument: Argument) -> int:
    wanted = f"expected {argument.name}, a whole number from {argument.low} to {argument.high},"
    # Text first: a number of thousands of digits is not worth converting.
    if (
        reader.kind != "number"
        or len(reader.text) > 6
        or not argument.low <= int(reader.text) <= argument.high
    ):
        raise reader.error(wanted)
    return int(reader.advance().text)


def _name(token: _Token) -> str:
    return token.text[1:-1].replace("``", "`") if token.kind == "quoted" else token.text


def _unknown(token: _Token, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(token.text[:40].lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return f"{_shown(token.text, quote=False)} at character {token.position}; {hint}"


def _shown(text: str, *, quote: bool = True) -> str:
    short = text if len(text) <= 40 else text[:37] + "..."
    short = short if short.isprintable() else ascii(short)[1:-1]
    return f"'{short}'" if quote else short
