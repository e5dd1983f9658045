"""Who holds a lease: a run, its processes and the machine they run on."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# Mounted with hidepid, it shows the processes of other users to nobody.
PROCESSES = Path("/proc")


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
        return self._is_here() and not any(map(_is_running, self.processes.items()))

    def is_dying(self) -> bool:
        """Whether the run's own process is gone, on this machine, and others of it are not yet."""
        mine = (str(self.process), self.processes.get(str(self.process), ""))
        return self._is_here() and not _is_running(mine)

    def is_family(self, other: Holder) -> bool:
        """Whether both are leases of one run."""
        return bool(self.family) and self.family == other.family

    def words(self) -> str:
        """Return what people want to know."""
        if not self.process:
            return "its lease cannot be read"
        return f"host {self.host}, process {self.process}, since {self.since}, until {self.expires} unless renewed"

    def _is_here(self) -> bool:
        return bool(self.processes) and bool(self.machine) and self.machine == _this_machine()


def this_holder(
    run_id: str, scope: str, seconds: float, *, processes: Sequence[int] = (), family: str | None = None
) -> Holder:
    """Return the holder that this process is."""
    starts = {str(pid): _start(pid) for pid in (os.getpid(), *processes)}
    return Holder(
        run_id=run_id,
        scope=scope,
        host=socket.gethostname(),
        machine=_this_machine(),
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


def _this_machine() -> str:
    """Name what process ids are unique in: one boot of one kernel, one namespace; '' where that is unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _is_running(process: tuple[str, str]) -> bool:
    pid, start = process
    found = _start(int(pid))
    return _has_number(int(pid)) if found is None else found == start


def _start(pid: int) -> str | None:
    """Return when a process started, in clock ticks since boot; '' when it has ended, None where /proc does not tell."""
    try:
        fields = (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "" if fields[0] in ("Z", "X") else fields[19]


def _has_number(pid: int) -> bool:
    """Whether there is such a process, also one of another user that is hidden from this one."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
