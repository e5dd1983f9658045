"""Right digits: every tool on every certified set, beside values of 50 digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.accuracy_tools import TOOLS, Answer, CannotDo, Tool, quietly
from benchmarks.certified_sets import SETS, Problem, problem_of, right_digits
from benchmarks.options import Say

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Where a tool's estimates have no digit right, what it says of itself does not matter.
NO_DIGIT = 0.05


@dataclass(frozen=True)
class Digits:
    """What a tool got right of a set, the least over its terms.

    Attributes
    ----------
    tool : str
    estimate, std_error : float or None
        None where there are none.
    said : str
        Why there are none, or what the tool said.
    cannot : bool
        The tool has no way to fit the set.
    """

    tool: str
    estimate: float | None
    std_error: float | None
    said: str = ""
    cannot: bool = False

    def text(self) -> str:
        """Return the cell of the table.

        Examples
        --------
        >>> Digits("t", 12.34, 9.96).text(), Digits("t", 12.34, None).text()
        ('12.3 / 10.0', '12.3')
        >>> Digits("t", None, None, "no offset", cannot=True).text(), Digits("t", None, None, "singular").text()
        ('-', 'fails')
        """
        if self.estimate is None:
            return "-" if self.cannot else "fails"
        return _number(self.estimate) + ("" if self.std_error is None else f" / {_number(self.std_error)}")


@dataclass(frozen=True)
class SetResult:
    """All tools on one set."""

    name: str
    condition: float
    n_rows: int
    digits: tuple[Digits, ...]


def measure(names: Sequence[str], tools: Sequence[str], spark: SparkSession, say: Say) -> Iterator[SetResult]:
    """Yield the digits of the tools on each of the sets."""
    for name in names:
        problem = problem_of(name)
        found = []
        for tool in tools:
            found.append(_digits(TOOLS[tool], problem, spark))
            say(f"{name} {tool}: {found[-1].text()} {found[-1].said}".rstrip())
        yield SetResult(name, problem.values["condition"], problem.values["n_rows"], tuple(found))


def header(tools: Sequence[str]) -> list[str]:
    """Return the header of the table."""
    return ["set", "rows", "condition", *tools]


def table_rows(results: Sequence[SetResult]) -> list[list[str]]:
    """Return a row of text for each set."""
    return [
        [result.name, f"{result.n_rows:,}", f"{result.condition:.1e}", *(d.text() for d in result.digits)]
        for result in results
    ]


def about(results: Sequence[SetResult], tools: Sequence[str]) -> str:
    """Return what must be said beside the table: how to read it, the settings, and why cells are empty."""
    settings = "; ".join(f"{tool}: {TOOLS[tool].setting}" for tool in tools)
    why = "; ".join(
        f"{digits.tool} on {result.name}: {digits.said}"
        for result in results
        for digits in result.digits
        if digits.said and (digits.estimate is None or digits.tool == "ours")
    )
    return (
        "right digits (log relative error), the least over the terms: of estimates / of standard errors, against the "
        "certified values of tests/certified. A grouped outcome is two weighted rows for tools without groups. "
        f"Each tool at its tightest: {settings}. A dash: the tool has no way to ask for the model; no second number: no "
        f"standard errors{'. ' + why if why else ''}"
    )


def values(results: Sequence[SetResult]) -> list[dict[str, Any]]:
    """Return everything that was measured, for JSON."""
    return [
        {
            "set": result.name,
            "condition": result.condition,
            "tools": {
                d.tool: {"estimate": d.estimate, "std_error": d.std_error, "said": d.said}
                for d in result.digits
            },
        }
        for result in results
    ]


def _digits(tool: Tool, problem: Problem, spark: SparkSession) -> Digits:
    try:
        answer = quietly(tool, problem, spark)
    except CannotDo as refusal:
        return Digits(tool.name, None, None, str(refusal), cannot=True)
    except Exception as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return Digits(tool.name, None, None, said)
    return _counted(tool.name, answer, problem)


def _counted(name: str, answer: Answer, problem: Problem) -> Digits:
    if not np.isfinite(answer.estimate).all():
        return Digits(name, None, None, answer.said or "estimates that are not finite")
    std_error = None
    if answer.std_error is not None and np.isfinite(answer.std_error).all():
        std_error = right_digits(answer.std_error, problem, "std_error")
    return Digits(name, right_digits(answer.estimate, problem, "estimate"), std_error, answer.said)


def _number(digits: float) -> str:
    return f"{digits:.1f}" if digits > NO_DIGIT else "0"


ALL_SETS = list(SETS)
