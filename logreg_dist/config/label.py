"""``label``: the outcome, and the columns that have a role beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from logreg_dist.config.document import Section
from logreg_dist.config.fields import Name, expected, reject
from logreg_dist.config.problems import Problem, quoted

_ClassWeight = Annotated[float, Field(gt=0, allow_inf_nan=False), expected("a number above 0")]
_Level = Annotated[str | bool | int | float, expected("a level: text, a number, true or false")]


class LabelConfig(Section):
    """The outcome: a `column` with its `positive` level, or counts of `events` out of `trials`.

    `positive` is not needed for a boolean or 0/1 column. `reference` is the class that multinomial
    estimates are against. `class_weights` multiply the weights of the rows of a class.
    """

    column: Name | None = None
    positive: _Level | None = None
    events: Name | None = None
    trials: Name | None = None
    reference: _Level | None = None
    class_weights: (
        Annotated[
            Literal["balanced"] | Mapping[str | bool | int | float, _ClassWeight],
            expected("balanced, or a weight above 0 for each class, such as {yes: 10}"),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _one_kind_of_outcome(self) -> Self:
        problems = []
        counts = {"events": self.events, "trials": self.trials}
        given = [name for name, value in counts.items() if value is not None]
        if self.column is not None:
            problems += [
                Problem((name,), "expected column or events and trials, found both") for name in given
            ]
        elif not given:
            problems.append(Problem(("column",), "expected column, or events and trials; found none of them"))
        else:
            problems += [Problem((name,), "required, but not given") for name in counts if name not in given]
            if self.positive is not None:
                problems.append(Problem(("positive",), "has no meaning with events and trials"))
            if self.class_weights not in (None, "balanced"):
                sentence = "takes only balanced with events and trials, which have no names"
                problems.append(Problem(("class_weights",), sentence))
        if self.events is not None and self.events == self.trials:
            problems.append(Problem(("trials",), "is the same column as events"))
        reject(problems)
        return self


def role_columns(label: LabelConfig | None, others: Mapping[str, str | None]) -> dict[str, str]:
    """Return the columns that are no features, by the key that names them."""
    outcome: dict[str, str | None] = {}
    if label is not None:
        outcome = {"label.column": label.column, "label.events": label.events, "label.trials": label.trials}
    return {key: column for key, column in {**outcome, **others}.items() if column is not None}


def shared_roles(roles: Mapping[str, str]) -> Iterator[Problem]:
    """Report columns with two roles."""
    role_of: dict[str, str] = {}
    for key, column in roles.items():
        if column in role_of:
            yield Problem(tuple(key.split(".")), f"column {quoted(column)} is {role_of[column]} too")
        role_of.setdefault(column, key)
