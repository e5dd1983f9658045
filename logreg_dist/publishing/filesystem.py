"""Small file operations on any filesystem that Spark can reach.

Local paths go through Python's `os`, so they work before a session exists and leave no ``.crc``
files behind; everything else goes through Hadoop's FileSystem in the session's JVM. Every
operation raises `OSError` or one of its kinds, whichever side does the work.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from logreg_dist.errors import ConfigError
from logreg_dist.publishing.hadoop import hadoop_operations

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# As Hadoop does: a colon before the first slash ends a scheme.
SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")
# Tries to make a folder while others remove it for being empty.
FOLDER_ATTEMPTS = 50
_LIBC = ctypes.CDLL(None, use_errno=True)
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux's headers
# The kernel, or the filesystem, does not know how.
_CANNOT_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP)
FILE_SCHEME = re.compile(r"^file:(//[^/]*)?(?=/)", re.IGNORECASE)


@dataclass(frozen=True)
class Filesystem:
    """The operations that publishing needs, each a function of one path or two.

    `write_atomic` makes the parent folders and leaves either the old bytes or the new ones;
    `create_new` makes them too and returns False, writing nothing, when the file exists: of several
    callers one gets True (not on object stores). `rename` raises `FileExistsError` when the target
    exists. `exchange` swaps two names in one step, so that no reader finds either of them missing;
    where the filesystem cannot, it changes nothing and returns False. `identity` is of a file or folder wherever
    it is moved, None where filesystems do not tell. `delete_tree` takes files too and accepts a missing path;
    `delete_if_empty` leaves a folder alone that holds anything; `list_dir` returns sorted names;
    `modified` is in seconds since 1970.
    """

    exists: Callable[[str], bool]
    is_dir: Callable[[str], bool]
    list_dir: Callable[[str], list[str]]
    modified: Callable[[str], float]
    read_bytes: Callable[[str], bytes]
    write_atomic: Callable[[str, bytes], None]
    create_new: Callable[[str, bytes], bool]
    make_dirs: Callable[[str], None]
    rename: Callable[[str, str], None]
    exchange: Callable[[str, str], bool]
    identity: Callable[[str], str | None]
    delete_tree: Callable[[str], None]
    delete_if_empty: Callable[[str], None]


def filesystem_for(path: str, spark: SparkSession | None = None) -> Filesystem:
    """Choose the operations for `path`: local ones, or Hadoop's in the JVM of `spark`.

    A path without a scheme is local unless the session's default filesystem says otherwise;
    without a session it is taken as local.

    Raises
    ------
    ConfigError
        `path` has a scheme other than ``file`` and there is no classic session to reach it.

    Examples
    --------
    >>> filesystem_for("/").is_dir("/")
    True
    """
    if is_local(path, spark):
        return local_filesystem()
    if getattr(spark, "_jsc", None) is None:
        raise ConfigError(
            f"'{path}' can only be reached through a classic Spark session, and there is none.\n"
            "  Use a local path, or run the job where Spark is."
        )
    return hadoop_filesystem(spark)


def is_local(path: str, spark: SparkSession | None = None) -> bool:
    """Say whether `path` lies on this machine's filesystem.

    Examples
    --------
    >>> is_local("artifacts/churn"), is_local("file:///data/a"), is_local("s3a://bucket/a")
    (True, True, False)
    """
    scheme = SCHEME.match(path)
    if scheme:
        return scheme[1].lower() == "file"
    hadoop_context = getattr(spark, "_jsc", None)
    if hadoop_context is None:
        return True
    default: str | None = hadoop_context.hadoopConfiguration().get("fs.defaultFS")
    return default is None or default.startswith("file:")


def local_path(path: str, spark: SparkSession | None = None) -> Path | None:
    """Return a local path as Python opens it, None for one that Hadoop must open."""
    return _local(path) if is_local(path, spark) else None


def join(folder: str, *names: str) -> str:
    """Append names to a path or URI.

    Examples
    --------
    >>> join("s3a://bucket/scored/", "_runs", "r1")
    's3a://bucket/scored/_runs/r1'
    """
    return "/".join([folder.rstrip("/"), *names])


def names_in(files: Filesystem, folder: str) -> list[str]:
    """Return the sorted names in a folder, none where there is no such folder.

    Examples
    --------
    >>> names_in(local_filesystem(), "/no/such/folder")
    []
    """
    try:
        return files.list_dir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def local_filesystem() -> Filesystem:
    """Return the operations for paths of this machine, with or without ``file:``."""
    return Filesystem(
        exists=lambda path: os.path.lexists(_local(path)),
        is_dir=lambda path: _local(path).is_dir(),
        list_dir=lambda path: sorted(os.listdir(_local(path))),
        modified=lambda path: _local(path).stat().st_mtime,
        read_bytes=lambda path: _local(path).read_bytes(),
        write_atomic=_write_atomic,
        create_new=_create_new,
        make_dirs=lambda path: _make_dirs(_local(path)),
        rename=_rename,
        exchange=_exchange,
        identity=_identity,
        delete_tree=_delete_tree,
        delete_if_empty=_delete_if_empty,
    )


def hadoop_filesystem(spark: SparkSession) -> Filesystem:
    """Return the operations through Hadoop's FileSystem, for whatever scheme it knows.

    A rename is atomic where the filesystem makes it so (HDFS, local); object stores copy and delete.
    """
    return Filesystem(**hadoop_operations(spark))


def _local(path: str) -> Path:
    """Drop ``file:``; Hadoop does not decode percent signs in paths, so neither does this."""
    return Path(FILE_SCHEME.sub("", path))


def _write_atomic(path: str, content: bytes) -> None:
    target = _local(path)
    with _complete_file_beside(target, content) as temporary:
        os.replace(temporary, target)
    # Left by a Hadoop writer, it would make Hadoop's readers reject the new bytes.
    target.with_name(f".{target.name}.crc").unlink(missing_ok=True)
    _sync_folder(target.parent)


def _create_new(path: str, content: bytes) -> bool:
    target = _local(path)
    try:
        file = _open_new(target)
    except FileExistsError:
        return False
    try:
        with file:
            file.write(content)
    except BaseException:
        # Empty, on a full disk, it would keep everybody else from creating it.
        target.unlink(missing_ok=True)
        raise
    return True


@contextlib.contextmanager
def _complete_file_beside(target: Path, content: bytes) -> Iterator[Path]:
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with _open_new(temporary) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _open_new(target: Path) -> BinaryIO:
    """Create a file and its folders, although another run may be removing those that it finds empty."""
    for _ in range(FOLDER_ATTEMPTS):
        _make_dirs(target.parent)
        with contextlib.suppress(FileNotFoundError):
            return open(target, "xb")
    raise FileNotFoundError(errno.ENOENT, "its folder vanishes again and again", str(target))


def _make_dirs(folder: Path) -> None:
    for _ in range(FOLDER_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            return folder.mkdir(parents=True, exist_ok=True)
    raise FileNotFoundError(errno.ENOENT, "a folder above it vanishes again and again", str(folder))


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the filesystem lets a folder be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _rename(source: str, target: str) -> None:
    # os.rename would replace a file, or an empty folder, without a word.
    if os.path.lexists(_local(target)):
        raise FileExistsError(f"'{target}' exists already")
    os.rename(_local(source), _local(target))


def _exchange(one: str, other: str) -> bool:
    """Linux's ``renameat2`` with RENAME_EXCHANGE, which Python does not offer."""
    if not hasattr(_LIBC, "renameat2"):
        return False
    paths = [os.fsencode(os.path.abspath(_local(path))) for path in (one, other)]
    if _LIBC.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), one, None, other)


def _identity(path: str) -> str | None:
    try:
        found = os.lstat(_local(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    # Without the device, which other machines and the next mount number in another way. What is compared lies
    # on one filesystem, or could not be renamed.
    return str(found.st_ino)


def _delete_tree(path: str) -> None:
    target = _local(path)
    if not target.is_dir() or target.is_symlink():
        target.unlink(missing_ok=True)
        return
    # What another run deletes at the same time is gone all the same.
    for _ in range(FOLDER_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(target)
        if not os.path.lexists(target):
            return


def _delete_if_empty(path: str) -> None:
    try:
        os.rmdir(_local(path))
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
            raise
