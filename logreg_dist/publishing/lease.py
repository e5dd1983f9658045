"""One run at a time writes a partition of an output: each run announces itself in a small file of its own.

A run writes ``_leases/<run_id>.json`` and then looks at all others. Of two runs that begin in the same
instant at least one sees the other, on every filesystem that shows what was written: nothing needs to be
created by one of several, nor taken over from another. A run that finds another one dead renames that
one's file to ``<run_id>.dead``, which tells it, should it wake up, that it has lost its lease, and
everybody else that what it left behind may be cleared.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from logreg_dist.errors import TemporaryFailure
from logreg_dist.publishing.filesystem import Filesystem, join, names_in
from logreg_dist.publishing.holder import Holder, holder_as_json, in_seconds, parse_holder, this_holder

log = logging.getLogger(__name__)

LEASES = "_leases"
LIVE, DEAD = ".json", ".dead"
WHOLE = ""
# Many missed renewals, so that a long pause of the driver or a skewed clock does not pass for death.
LEASE_SECONDS = 900.0
RENEW_SECONDS = 60.0
# Two runs that begin together both step back, and one of them finds the way free.
PATIENCE_SECONDS = 2.0
# A killed driver's JVM, whose tasks may still be writing, takes some seconds to follow it.
DYING_SECONDS = 30.0


class LeaseLost(TemporaryFailure):
    """The run was silent for so long that others took it for dead."""


@dataclass(frozen=True)
class Lease:
    """The right of run `run_id` to change `scope` of the output `path`: a partition's folder, or '' for all."""

    files: Filesystem
    path: str
    holder: Holder

    @property
    def scope(self) -> str:
        """The folder of the partition, '' for the whole output."""
        return self.holder.scope

    @property
    def file(self) -> str:
        """The file that others look at."""
        return join(self.path, LEASES, self.holder.run_id + LIVE)

    def is_lost(self) -> bool:
        """Whether another run has taken this one for dead."""
        return not self.files.exists(self.file)

    def confirm(self) -> None:
        """Renew the lease and make sure that nobody else holds it; right before and after what readers see changes.

        Raises
        ------
        LeaseLost
            The run was paused for longer than its lease lasts, and another run came.
        """
        if not self.is_lost():
            self.renew()
            conflicting = _conflicting(self.files, self.path, self.holder)
            if not conflicting and not self.is_lost():
                return
        raise LeaseLost(
            f"run '{self.holder.run_id}' was silent for over {LEASE_SECONDS:.0f} seconds and has lost "
            f"'{join(self.path, self.scope)}' to another run.\n"
            "  It publishes nothing more. Run again if that date still needs it."
        )

    def renew(self) -> None:
        """Move the expiry on."""
        renewed = replace(self.holder, expires=in_seconds(LEASE_SECONDS))
        self.files.write_atomic(self.file, holder_as_json(renewed))


@contextmanager
def held(
    files: Filesystem,
    path: str,
    run_id: str,
    *,
    scope: str = WHOLE,
    processes: Sequence[int] = (),
    family: str | None = None,
) -> Iterator[Lease]:
    """Hold `scope` of the output folder `path` for the duration of the body.

    The lease is renewed every minute. A holder whose processes are gone loses it at once when they
    ran on this machine, and any other 15 minutes after its last renewal.

    Parameters
    ----------
    files : Filesystem
    path : str
    run_id : str
        Names the file.
    scope : str
        The folder of a partition; '' is the whole output, which excludes every other run.
    processes : sequence of int
        Further processes of this machine that write for the run, such as the driver's JVM.
    family : str or None
        Another run id, whose leases do not count as those of others.

    Raises
    ------
    TemporaryFailure
        Another run that is alive holds it; the message names run, host, process and expiry.
    """
    holder = this_holder(run_id, scope, LEASE_SECONDS, processes=processes, family=family)
    lease = Lease(files, path, holder)
    stop = threading.Event()
    renewer = threading.Thread(target=_keep_renewing, args=(lease, stop), daemon=True)
    try:
        _acquire(lease)
        renewer.start()
        yield lease
    finally:
        stop.set()
        if renewer.is_alive():
            renewer.join()
        _release(lease)


def dead_runs(files: Filesystem, path: str) -> dict[str, str]:
    """Return the scopes of the runs that were found dead and not cleared yet, by run id."""
    found = {}
    for name in names_in(files, join(path, LEASES)):
        if name.endswith(DEAD):
            holder = _read(files, join(path, LEASES, name))
            found[name.removesuffix(DEAD)] = holder.scope if holder is not None else WHOLE
    return found


def is_gone(files: Filesystem, path: str, run_id: str) -> bool:
    """Whether the processes of a run that was found dead are known to have ended; else it may be paused."""
    holder = _read(files, join(path, LEASES, run_id + DEAD))
    return holder is not None and holder.is_gone()


def live_runs(files: Filesystem, path: str) -> set[str]:
    """Return the ids of the runs that hold a lease."""
    return {name.removesuffix(LIVE) for name in names_in(files, join(path, LEASES)) if name.endswith(LIVE)}


def forget_dead(files: Filesystem, path: str, run_id: str) -> None:
    """Note that everything a dead run left behind is cleared."""
    files.delete_tree(join(path, LEASES, run_id + DEAD))


def overlap(one: str, other: str) -> bool:
    """Whether two scopes have something in common.

    Examples
    --------
    >>> overlap("run_date=2026-11-20", ""), overlap("run_date=2026-11-20", "run_date=2026-11-21")
    (True, False)
    """
    return WHOLE in (one, other) or one == other


def _acquire(lease: Lease) -> None:
    start = time.monotonic()
    while True:
        conflicting = _announce(lease)
        if not conflicting:
            return
        dying = all(holder.is_dying() for holder in conflicting)
        if time.monotonic() - start > (DYING_SECONDS if dying else PATIENCE_SECONDS):
            raise _refusal(lease, conflicting[0])
        time.sleep(random.uniform(0.1, 0.5))


def _announce(lease: Lease) -> list[Holder]:
    """Write the lease and return who else holds it; it is withdrawn again if anybody does."""
    files, path = lease.files, lease.path
    if not files.create_new(
        lease.file, holder_as_json(replace(lease.holder, expires=in_seconds(LEASE_SECONDS)))
    ):
        # The same run was started twice.
        found = _look_at(files, path, lease.holder.run_id + LIVE)
        return [found] if found is not None else _announce(lease)
    conflicting = _conflicting(files, path, lease.holder)
    if conflicting:
        files.delete_tree(lease.file)
    return conflicting


def _conflicting(files: Filesystem, path: str, own: Holder) -> list[Holder]:
    """Return who else is alive and holds part of the same; all who are dead are marked so on the way."""
    names = [name for name in names_in(files, join(path, LEASES)) if name.endswith(LIVE)]
    others = [_look_at(files, path, name) for name in names if name != own.run_id + LIVE]
    return [
        other
        for other in others
        if other is not None and overlap(other.scope, own.scope) and not own.is_family(other)
    ]


def _look_at(files: Filesystem, path: str, name: str) -> Holder | None:
    """Return the holder of a lease, None when it is gone; a dead one's lease is marked as such."""
    file = join(path, LEASES, name)
    holder = _read(files, file)
    if holder is None and not files.exists(file):
        return None
    if holder is None:
        # Being written, or damaged: it counts as alive until it could have expired.
        holder = Holder(run_id=name.removesuffix(LIVE), scope=WHOLE)
        is_dead = time.time() - _modified(files, file) > LEASE_SECONDS
    else:
        is_dead = holder.is_dead()
    if not is_dead:
        return holder
    log.warning("run '%s' is dead (%s); its lease on '%s' ends", holder.run_id, holder.words(), path)
    _mark_dead(files, file)
    return None


def _mark_dead(files: Filesystem, file: str) -> None:
    dead = file.removesuffix(LIVE) + DEAD
    try:
        files.rename(file, dead)
    except OSError:
        # Another run was faster. Or an earlier run of that name died too, and its mark serves for both.
        if files.exists(file) and files.exists(dead):
            files.delete_tree(file)
        elif files.exists(file):
            raise


def _refusal(lease: Lease, holder: Holder) -> TemporaryFailure:
    file = join(lease.path, LEASES, holder.run_id + LIVE)
    place = join(lease.path, holder.scope) if holder.scope else lease.path
    return TemporaryFailure(
        f"run '{holder.run_id}' is writing '{place}' ({holder.words()}).\n"
        f"  Try again when it has ended. If you know that it is dead, delete '{file}'."
    )


def _keep_renewing(lease: Lease, stop: threading.Event) -> None:
    while not stop.wait(RENEW_SECONDS):
        try:
            if lease.is_lost():
                log.warning("the lease '%s' is lost: this run was taken for dead", lease.file)
                return
            lease.renew()
        except OSError as error:
            log.warning("the lease '%s' could not be renewed: %s", lease.file, error)


def _release(lease: Lease) -> None:
    try:
        found = _read(lease.files, lease.file)
        if found is not None and found.token == lease.holder.token:
            lease.files.delete_tree(lease.file)
        lease.files.delete_if_empty(join(lease.path, LEASES))
    except OSError as error:
        log.warning("the lease '%s' could not be removed: %s", lease.file, error)


def _read(files: Filesystem, file: str) -> Holder | None:
    try:
        return parse_holder(files.read_bytes(file))
    except (OSError, ValueError):
        return None


def _modified(files: Filesystem, file: str) -> float:
    try:
        return files.modified(file)
    except OSError:
        return time.time()
