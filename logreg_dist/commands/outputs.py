"""The files of a job, put into their folder together or not at all, by one run at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from logreg_dist.errors import OutputNotVerified
from logreg_dist.publishing.filesystem import Filesystem, join, names_in
from logreg_dist.publishing.lease import Lease, dead_runs, forget_dead, held
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.publishing.swap import (
    REPLACED,
    STAGING,
    Swap,
    finish_swap,
    read_plan,
    replaced_folder,
    runs_aside,
    staging_folder,
    swap_back,
    swap_in,
)

log = logging.getLogger(__name__)

# In the folder where a run prepares its files: a copy of the main one, to know it by when it is in place.
MAIN = "main"


@contextmanager
def folder_held(files: Filesystem, folder: str, run_id: str) -> Iterator[Lease]:
    """Keep other runs out of an output folder for the body, and put right first what a killed one left in it.

    Raises
    ------
    TemporaryFailure
        Another run that is alive holds it; the message names it.
    OutputNotVerified
        Nothing can be written there.
    """
    with ExitStack() as stack:
        with _failures_explained(folder):
            lease = stack.enter_context(held(files, folder, run_id))
            _put_right(files, folder)
        yield lease


def write_together(
    lease: Lease, outputs: Mapping[str, tuple[str, bytes]], recorder: RunRecorder, *, main: str
) -> None:
    """Write the files of a run into the folder of its lease; after any failure the old ones are there again.

    All are written aside first, which is when a disk is full, and then take the old ones' places in a row. The main
    file replaces the old one in a single step and comes last: readers of it find the old or the new one, and with it
    the other files stay.

    Parameters
    ----------
    lease : Lease
    outputs : mapping of str to (str, bytes)
        By the name in the record of the run: the file and its content; without content that of an earlier run goes.
    recorder : RunRecorder
        Told where each one lies.
    main : str
        The name of the main one.

    Raises
    ------
    OutputNotVerified
        Something could not be written; the message names the folder and the reason.
    LeaseLost
        The run was paused for so long that another one came.
    """
    files, folder, run_id = lease.files, lease.path, lease.holder.run_id
    contents = dict(outputs.values())
    last, content = outputs[main]
    new = tuple(name for name, one in contents.items() if one and name != last)
    with _failures_explained(folder):
        try:
            old = tuple(name for name in contents if name != last and files.exists(join(folder, name)))
            staged = staging_folder(folder, run_id)
            for name in new:
                files.write_atomic(join(staged, name), contents[name])
            files.write_atomic(join(staged, MAIN, last), content)
            lease.confirm()
            swap_in(files, Swap(path=folder, run_id=run_id, new=new, old=old))
            files.write_atomic(join(folder, last), content)
        finally:
            # Who took this run for dead has seen to its files, and may have written its own since.
            if not lease.is_lost():
                _settle(files, folder, run_id)
    recorder.outputs.update({name: join(folder, file) for name, (file, one) in outputs.items() if one})


def _put_right(files: Filesystem, folder: str) -> None:
    """Finish or undo what killed runs left half-done; the lease is held, so no other run is alive."""
    for run_id in sorted(runs_aside(files, folder)):
        log.warning("what run '%s' left in '%s' when it was killed is cleared", run_id, folder)
        _settle(files, folder, run_id)
    for run_id in dead_runs(files, folder):
        forget_dead(files, folder, run_id)
    for kind in (STAGING, REPLACED):
        files.delete_if_empty(join(folder, kind))


def _settle(files: Filesystem, folder: str, run_id: str) -> None:
    """Keep the files of a run where its main one is in place, else bring the old ones back; safe to repeat."""
    swap = read_plan(files, folder, run_id)
    if swap.finished or _main_is_in_place(files, folder, run_id):
        finish_swap(files, swap)
    else:
        swap_back(files, swap)
    try:
        if files.exists(replaced_folder(folder, run_id)):
            return  # it could not be deleted; the next run needs to know whose files these are
        files.delete_tree(staging_folder(folder, run_id))
        files.delete_if_empty(join(folder, STAGING))
    except OSError as error:
        log.warning("what was prepared in '%s' could not be deleted: %s", folder, error)


def _main_is_in_place(files: Filesystem, folder: str, run_id: str) -> bool:
    staged = join(staging_folder(folder, run_id), MAIN)
    return any(
        files.exists(join(folder, name))
        and files.read_bytes(join(folder, name)) == files.read_bytes(join(staged, name))
        for name in names_in(files, staged)
        if not name.startswith(".")  # of a write that was killed
    )


@contextmanager
def _failures_explained(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputNotVerified(
            f"'{folder}' could not be written: {reason}.\n"
            "  The old files are kept. Mend that, or choose another output.path, and run again."
        ) from error
