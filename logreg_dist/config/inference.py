"""``inference``: standard errors, intervals, tests and effects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from logreg_dist.config.document import Section
from logreg_dist.config.fields import Flag, Name, choice, expected
from logreg_dist.config.problems import Problem

ROBUST = ("hc0", "hc1", "hc2", "hc3", "cluster")


def _as_tuple(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


class InferenceConfig(Section):
    """Standard errors and intervals; `confidence` is a probability.

    `covariance` says from what standard errors come, `cluster` which column or two columns rows go together
    by. `intervals` may be those of the profile likelihood, which are refits. `tests` of each column are Wald's, or
    likelihood-ratio and score tests too, which are refits. `marginal_effects` takes a pass. Null: not in a fit, but
    in a check.
    """

    confidence: Annotated[float, Field(gt=0, lt=1), expected("a number between 0 and 1, both excluded")] = (
        0.95
    )
    covariance: Annotated[
        Literal["model", "hc0", "hc1", "hc2", "hc3", "cluster"],
        choice("model", "hc0", "hc1", "hc2", "hc3", "cluster"),
    ] = "model"
    cluster: (
        Annotated[
            tuple[Name, ...],
            BeforeValidator(_as_tuple),
            Field(min_length=1, max_length=2),
            expected("a column name, or a list of two"),
        ]
        | None
    ) = None
    intervals: Annotated[Literal["wald", "profile"], choice("wald", "profile")] = "wald"
    tests: Annotated[Literal["wald", "likelihood_ratio"], choice("wald", "likelihood_ratio")] | None = None
    marginal_effects: Flag | None = None

    @property
    def is_robust(self) -> bool:
        """Whether standard errors are not those of the model."""
        return self.covariance in ROBUST

    def own_problems(self) -> Iterator[Problem]:
        """Report clusters that are not there, or have no use."""
        if self.covariance == "cluster" and self.cluster is None:
            yield Problem(
                ("inference", "cluster"), "required by covariance cluster: the column of the clusters"
            )
        if self.intervals == "profile" and self.is_robust:
            yield Problem(
                ("inference", "intervals"),
                f"profile is of the likelihood, which covariance {self.covariance} does not trust; set one of them",
            )
        if self.cluster is not None and len(set(self.cluster)) < len(self.cluster):
            yield Problem(("inference", "cluster"), "lists a column twice")
