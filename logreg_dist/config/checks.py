"""``checks``: which assumptions of the model are looked into."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from logreg_dist.config.document import Section
from logreg_dist.config.fields import Flag, Name, expected

# Of the largest influence, where it is not said how many.
CHECKED_ROWS = 20


class InfluenceConfig(Section):
    """How many rows of the largest influence are kept, and the column that tells rows apart.

    Null rows: 20 in a check and where there is a key, none in a fit without one.
    """

    rows: Annotated[int, Field(ge=0, le=10_000), expected("a whole number from 0 to 10000")] | None = None
    key: Name | None = None

    @property
    def n_kept(self) -> int:
        """Rows that a fit keeps; 0 where influence is not looked into."""
        if self.rows is None:
            return 0 if self.key is None else CHECKED_ROWS
        return self.rows


class ChecksConfig(Section):
    """The checks of the assumptions. Null: not in a fit, but in a check, because it takes a pass.

    `collinearity` and `sample_size` cost nothing. `linearity` and `fit` share one pass; `influence` takes two, of
    which the second reads few rows. `order` is the column that rows follow each other by, for an index of serial
    dependence.
    """

    collinearity: Flag = True
    sample_size: Flag = True
    linearity: Flag | None = None
    fit: Flag | None = None
    order: Name | None = None
    influence: InfluenceConfig = InfluenceConfig()
