"""What can go wrong, as a user sees it: one class per exit code.

A message says what is wrong, where and how much, what was expected and what to do: six lines at
most and never a cell value. Levels of the label or of a feature may appear only when at least
``min_level_count`` rows have them.
"""

from __future__ import annotations

from typing import ClassVar

from logreg_dist.printable import printable, printable_lines


class LogregError(Exception):
    """The base of every error a user is meant to read; never raised itself."""

    exit_code: ClassVar[int]
    kind: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __str__(self) -> str:
        """Return the sentence that the jobs print: ``kind: message``, without what could steer a terminal."""
        return printable_lines(f"{self.kind}: {super().__str__()}")


class ConfigError(LogregError):
    """The command line or the configuration is wrong; nothing was read."""

    exit_code = 2
    kind = "config error"


class OutputOnInput(ConfigError):
    """The output lies on, in or above what is read: not even run.json may be written there."""


class InputRejected(LogregError):
    """The table cannot be used as it is."""

    exit_code = 3
    kind = "input rejected"


class EmptyTable(InputRejected):
    """The table has no rows; the train job tells how many there were before its filter."""


class FitNotUsable(LogregError):
    """The fit ended without estimates that can be trusted."""

    exit_code = 4
    kind = "fit not usable"


class OutputNotVerified(LogregError):
    """What was written does not read back as it should; the old output is kept."""

    exit_code = 5
    kind = "output verification failed"


class ArtefactInvalid(LogregError):
    """A model file is damaged, of another version, or does not fit the request."""

    exit_code = 6
    kind = "model invalid"


class NotComparable(ArtefactInvalid):
    """Two models are not a smaller and a larger one of the same rows."""

    kind = "models not comparable"


class CheckpointMisfit(ArtefactInvalid):
    """The checkpoint of an interrupted fit is of another fit than the one asked for."""

    kind = "checkpoint does not fit"


class CheckpointDamaged(ArtefactInvalid):
    """The checkpoint of an interrupted fit cannot be read, or is not as it was written."""

    kind = "checkpoint damaged"


class TemporaryFailure(LogregError):
    """The cluster, not the request, is at fault; running again helps."""

    exit_code = 75
    kind = "temporary failure"
    retryable = True


def bullet_list(lines: list[str], *, limit: int = 4) -> str:
    """Indent one line per problem, whatever it names, saying how many more there are beyond `limit`.

    Examples
    --------
    >>> print(bullet_list(["a", "b", "c"], limit=2))
      a
      ... and 2 more: see run.json
    """
    if len(lines) <= limit:
        return "\n".join(f"  {printable(line)}" for line in lines)
    shown = [f"  {printable(line)}" for line in lines[: limit - 1]]
    return "\n".join([*shown, f"  ... and {len(lines) - limit + 1} more: see run.json"])
