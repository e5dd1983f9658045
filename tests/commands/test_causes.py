from __future__ import annotations

import os

from logreg_dist.commands.interrupts import stopped_with_parent
from logreg_dist.errors import OutputNotVerified


def test_an_error_that_is_its_own_cause_in_a_circle_does_not_keep_a_job_from_ending():
    """PySpark raises what it made of Java's error in the place of that one, and each is then the other's context."""
    outer, inner, innermost = OutputNotVerified("out"), ValueError("converted"), KeyError("java")
    outer.__cause__, inner.__context__, innermost.__context__ = inner, innermost, inner

    assert stopped_with_parent(outer, os.getppid()) is None
