"""``selection``: columns chosen by the data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from logreg_dist.config.document import Section
from logreg_dist.config.fields import Names, choice, expected

_SHARE = Annotated[float, Field(gt=0, lt=1), expected("a number between 0 and 1, both excluded")]


class SelectionConfig(Section):
    """How columns are selected, and by what; a category is one column, and all classes go together."""

    method: Annotated[
        Literal["none", "backward", "forward", "stepwise"], choice("none", "backward", "forward", "stepwise")
    ] = "none"
    criterion: Annotated[Literal["aic", "bic", "wald"], choice("aic", "bic", "wald")] = "aic"
    p_enter: _SHARE = 0.05
    p_remove: _SHARE = 0.10
    keep: Names = ()

    @property
    def is_active(self) -> bool:
        """Whether columns are selected."""
        return self.method != "none"
