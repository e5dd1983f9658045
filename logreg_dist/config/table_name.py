"""Names of catalog tables: ``schema.name`` or ``catalog.schema.name``, parts in backticks where they need it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from logreg_dist.config.fields import NOT_BLANK, expected

SESSION_CATALOG = "spark_catalog"
_PART = re.compile(r"([A-Za-z0-9_]+)|`((?:[^`]|``)+)`")


def name_parts(name: str) -> tuple[str, ...] | None:
    """Split a name at its dots; None when it is no name of a table.

    Examples
    --------
    >>> name_parts("crm.scores"), name_parts("lake.crm.`a.b`"), name_parts("crm.scores; DROP")
    (('crm', 'scores'), ('lake', 'crm', 'a.b'), None)
    """
    parts, rest = [], name.strip()
    while found := _PART.match(rest):
        parts.append(found[1] or found[2].replace("``", "`"))
        rest = rest[found.end() :]
        if not rest:
            return tuple(parts)
        if not rest.startswith("."):
            return None
        rest = rest[1:]
    return None


def same_table(one: str, other: str) -> bool:
    """Whether two names mean the same table, as far as names tell.

    Examples
    --------
    >>> same_table("crm.scores", "spark_catalog.CRM.`scores`"), same_table("a.scores", "b.scores")
    (True, False)
    """
    known = [name_parts(name) for name in (one, other)]
    if None in known:
        return False
    plain = [tuple(part.lower() for part in parts or ()) for parts in known]
    long = [parts if len(parts) > 2 else (SESSION_CATALOG, *parts) for parts in plain]
    return long[0] == long[1]


def _two_or_three_parts(name: str) -> str:
    parts = name_parts(name)
    if parts is None or len(parts) not in (2, 3):
        raise ValueError
    return name.strip()


TableName = Annotated[
    str,
    NOT_BLANK,
    AfterValidator(_two_or_three_parts),
    expected("the name of a table, schema.name or catalog.schema.name (text; odd names in backticks)"),
]
