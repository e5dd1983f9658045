"""What the name of a master says."""

from __future__ import annotations

import re


def is_in_one_process(master: str) -> bool:
    """Whether the driver's own JVM is the executor.

    Examples
    --------
    >>> is_in_one_process("local[*,4]"), is_in_one_process("local-cluster[2,1,1024]")
    (True, False)
    """
    return re.match(r"local(\[|$)", master) is not None
