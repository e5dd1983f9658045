"""The kinds of value that a configuration holds, each with the words for what was expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from logreg_dist.config.problems import Path, Problem, quoted


def expected(what: str) -> WrapValidator:
    """Say `what` when the validation inside fails, instead of one error for each type of a union."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            deepest = max(error.errors(include_url=False), key=lambda detail: len(detail["loc"]))
        at = tuple(part for part in deepest["loc"] if isinstance(part, int))
        found = deepest["input"] if at else value
        raise PydanticCustomError("expected", "expected {what}", {"what": what, "found": found, "at": at})

    return WrapValidator(check)


def choice(*available: str, later: Sequence[str] = ()) -> WrapValidator:
    """Take one of `available`; names in `later` are known and not available in this version."""
    names = " or ".join(available) if len(available) < 3 else "one of " + ", ".join(available)

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, str) and value in later:
            raise refusal(f"{value} is not available in this version; expected {names}")
        if not isinstance(value, str) or value not in available:
            raise PydanticCustomError("expected", "expected {what}", {"what": names, "found": value})
        return handler(value)

    return WrapValidator(check)


def refusal(sentence: str) -> PydanticCustomError:
    """Build the error for a value that is understood and not taken."""
    return PydanticCustomError("refused", "{sentence}", {"sentence": sentence})


def reject(problems: Iterable[Problem]) -> None:
    """Raise all problems of a section together; do nothing when there are none."""
    found = [(problem.path, problem.sentence) for problem in problems]
    if found:
        raise PydanticCustomError("problems", "several problems", {"problems": found})


def repeated(names: Sequence[str], path: Path) -> list[Problem]:
    """Report the names that a list holds more than once."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    return [Problem(path, f"lists {', '.join(map(quoted, twice[:3]))} more than once")] if twice else []


def _tuple_if_list(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError
    return value


def _plain(value: Any) -> Any:
    for path in value if isinstance(value, tuple) else (value,):
        if isinstance(path, str) and not path.isprintable():
            raise refusal("holds a character that cannot be printed; rename the path")
    return value


AS_TUPLE = BeforeValidator(_tuple_if_list)
NOT_BLANK = AfterValidator(_not_blank)

Name = Annotated[str, NOT_BLANK, expected("a column name (text)")]
Names = Annotated[tuple[Name, ...], AS_TUPLE, expected("a list of column names (text)")]
# A name that steers a terminal could not be shown where outputs are listed, and few filesystems take it.
PLAIN = AfterValidator(_plain)

Location = Annotated[str, NOT_BLANK, expected("a path (text)"), PLAIN]
Flag = Annotated[bool, expected("true or false")]
