"""Who holds a lease: a run, its processes and the machine they run on."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from logreg_dist.processes import is_running, start_of, this_machine


@dataclass(frozen=True)
class Holder:
    """What a lease says.

    Attributes
    ----------
    run_id : str
    scope : str
        The folder of the partition that the run changes, '' for the whole output.
    host : str
        The machine's name, for people.
    machine : str
        What its processes are numbered by; names of machines are not unique.
    process : int
        The one that was started by the user or the scheduler.
    processes : mapping of str to str
        When each process that writes for the run was started, in clock ticks: a number that is used again has another.
    since, expires : str
        ISO 8601 in UTC.
    family : str
        The run id that all leases of one run have in common.
    token : str
        Tells this lease from an earlier one of the same run id.
    """

    run_id: str
    scope: str
    host: str = ""
    machine: str = ""
    process: int = 0
    processes: Mapping[str, str] = field(default_factory=dict)
    since: str = ""
    expires: str = ""
    family: str = ""
    token: str = ""

    def is_dead(self) -> bool:
        """Whether the lease has expired, or all processes of the run on this machine are gone."""
        if self.expires and datetime.fromisoformat(self.expires) < datetime.now(UTC):
            return True
        return self.is_gone()

    def is_gone(self) -> bool:
        """Whether all processes of the run are known to have ended, because they ran on this machine."""
        return self._is_here() and not any(
            is_running(int(pid), start) for pid, start in self.processes.items()
        )

    def is_dying(self) -> bool:
        """Whether the run's own process is gone, on this machine, and others of it are not yet."""
        start = self.processes.get(str(self.process), "")
        return self._is_here() and not is_running(self.process, start)

    def is_family(self, other: Holder) -> bool:
        """Whether both are leases of one run."""
        return bool(self.family) and self.family == other.family

    def words(self) -> str:
        """Return what people want to know."""
        if not self.process:
            return "its lease cannot be read"
        return f"host {self.host}, process {self.process}, since {self.since}, until {self.expires} unless renewed"

    def _is_here(self) -> bool:
        return bool(self.processes) and bool(self.machine) and self.machine == this_machine()


def this_holder(
    run_id: str, scope: str, seconds: float, *, processes: Sequence[int] = (), family: str | None = None
) -> Holder:
    """Return the holder that this process is."""
    starts = {str(pid): start_of(pid) for pid in (os.getpid(), *processes)}
    return Holder(
        run_id=run_id,
        scope=scope,
        host=socket.gethostname(),
        machine=this_machine(),
        process=os.getpid(),
        processes={pid: start for pid, start in starts.items() if start},
        since=in_seconds(0.0),
        expires=in_seconds(seconds),
        family=family or run_id,
        token=uuid.uuid4().hex,
    )


def in_seconds(seconds: float) -> str:
    """Return a time from now in ISO 8601, UTC."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def holder_as_json(holder: Holder) -> bytes:
    """Return the content of a lease's file."""
    return json.dumps(asdict(holder), indent=2).encode()


def parse_holder(content: bytes) -> Holder:
    """Read the content of a lease's file.

    Raises
    ------
    ValueError
        It is damaged, or being written.
    """
    found: Any = json.loads(content)
    try:
        holder = Holder(**{name: found[name] for name in asdict(Holder("", ""))})
        datetime.fromisoformat(holder.expires)
    except (TypeError, KeyError) as error:
        raise ValueError("this is no lease") from error
    return holder
