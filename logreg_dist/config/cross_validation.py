"""``cross_validation`` and ``penalty.path``: how strong a penalty should be, asked of rows that a fit has not seen."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from logreg_dist.config.document import Section
from logreg_dist.config.fields import AS_TUPLE, Name, choice, expected, reject
from logreg_dist.config.problems import Problem

_Share = Annotated[float, Field(ge=0, le=1), expected("a number from 0 to 1")]
_Strength = Annotated[float, Field(gt=0, allow_inf_nan=False), expected("a number above 0")]


class PathConfig(Section):
    """Penalties of falling strength s: ``l1 = s * l1_share`` and ``l2 = s * (1 - l1_share)``.

    Without `strengths` they are `points`, equally far apart on a logarithmic scale, from the smallest strength
    that leaves all penalised terms out down to the share `smallest` of it.
    """

    l1_share: _Share = 1.0
    points: Annotated[int, Field(ge=2, le=500), expected("a whole number from 2 to 500")] = 50
    smallest: Annotated[float, Field(gt=0, lt=1), expected("a number between 0 and 1, both excluded")] = 1e-3
    strengths: (
        Annotated[
            tuple[_Strength, ...],
            AS_TUPLE,
            Field(min_length=1, max_length=500),
            expected("a list of 1 to 500 numbers above 0"),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        given = [name for name in ("points", "smallest") if name in self.model_fields_set]
        if self.strengths is not None:
            reject(Problem((name,), "has no meaning beside strengths") for name in given)
        return self


class CrossValidationConfig(Section):
    """Folds by a hash of the column `by`, so that rows with the same key are in the same fold; null: of the whole row.

    `choose` the penalty of the smallest log loss, or the strongest one within a standard error of it.
    """

    folds: Annotated[int, Field(ge=2, le=50), expected("a whole number from 2 to 50")] = 5
    by: Name | None = None
    choose: Annotated[Literal["minimum", "one_standard_error"], choice("minimum", "one_standard_error")] = (
        "minimum"
    )
