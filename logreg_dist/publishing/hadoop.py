"""Hadoop's FileSystem through the JVM of a classic Spark session."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ERRORS_BY_JAVA_NAME = {
    "FileNotFoundException": FileNotFoundError,
    "NoSuchFileException": FileNotFoundError,
    "FileAlreadyExistsException": FileExistsError,
    "ParentNotDirectoryException": NotADirectoryError,
    "AccessControlException": PermissionError,
    "AccessDeniedException": PermissionError,
}


# Of `Filesystem`, each a method of `_HadoopFiles`.
OPERATIONS = (
    "exists",
    "is_dir",
    "list_dir",
    "modified",
    "read_bytes",
    "write_atomic",
    "create_new",
    "make_dirs",
    "rename",
    "exchange",
    "identity",
    "delete_tree",
    "delete_if_empty",
)


def hadoop_operations(spark: SparkSession) -> dict[str, Callable[..., Any]]:
    """Return the operations of `logreg_dist.publishing.filesystem.Filesystem` by name.

    Every operation raises `OSError` or one of its kinds, with Java's own first line as its words.
    They run one after the other on a thread of their own. A signal that interrupts the caller in the
    middle of a call would leave the connection of the caller's thread with an unread answer, which
    the next call would take for its own: wrong answers, just when an output is being restored.
    """
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hadoop-files")
    files = _HadoopFiles(spark)
    return {name: _raising_os_errors(getattr(files, name), worker) for name in OPERATIONS}


class _HadoopFiles:
    """The operations as they are, with py4j's errors."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark._jvm
        self._gateway: Any = spark.sparkContext._gateway
        self._configuration: Any = spark._jsc.hadoopConfiguration()

    def exists(self, path: str) -> bool:
        return bool(self._owner(path).exists(self._path(path)))

    def is_dir(self, path: str) -> bool:
        return self.exists(path) and bool(self._status(path).isDirectory())

    def list_dir(self, path: str) -> list[str]:
        if not self.is_dir(path):
            raise FileNotFoundError(f"'{path}' is no folder")
        return sorted(found.getPath().getName() for found in self._owner(path).listStatus(self._path(path)))

    def modified(self, path: str) -> float:
        milliseconds: int = self._status(path).getModificationTime()
        return milliseconds / 1000

    def read_bytes(self, path: str) -> bytes:
        stream = self._owner(path).open(self._path(path))
        try:
            return bytes(stream.readAllBytes())
        finally:
            stream.close()

    def write_atomic(self, path: str, content: bytes) -> None:
        folder, _, name = path.rpartition("/")
        beside = f".{name}.{uuid.uuid4().hex}.tmp"
        temporary = f"{folder}/{beside}" if folder else beside
        self._write(temporary, content)
        try:
            self._replace(temporary, path)
        finally:
            self._owner(temporary).delete(self._path(temporary), False)

    def create_new(self, path: str, content: bytes) -> bool:
        from py4j.protocol import Py4JJavaError

        if self.exists(path):
            return False
        try:
            self._write(path, content)
        except Py4JJavaError as error:
            if isinstance(_os_error(error.java_exception), FileExistsError):
                return False
            raise
        return True

    def make_dirs(self, path: str) -> None:
        if not self._owner(path).mkdirs(self._path(path)):
            raise OSError(f"'{path}' could not be made")

    def rename(self, source: str, target: str) -> None:
        # Hadoop would move the source *into* a target that is a folder.
        if self.exists(target):
            raise FileExistsError(f"'{target}' exists already")
        if not self._owner(source).rename(self._path(source), self._path(target)):
            raise OSError(f"'{source}' could not be renamed to '{target}'")

    def exchange(self, one: str, other: str) -> bool:
        return False  # no filesystem of Hadoop's can

    def identity(self, path: str) -> None:
        return None

    def delete_tree(self, path: str) -> None:
        if not self._owner(path).delete(self._path(path), True) and self.exists(path):
            raise OSError(f"'{path}' could not be deleted")

    def delete_if_empty(self, path: str) -> None:
        from py4j.protocol import Py4JJavaError

        if not self.is_dir(path) or self.list_dir(path):
            return
        # Another run may have filled it since: then this refuses.
        with suppress(Py4JJavaError):
            self._owner(path).delete(self._path(path), False)

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path)

    def _owner(self, path: str) -> Any:
        return self._path(path).getFileSystem(self._configuration)

    def _status(self, path: str) -> Any:
        return self._owner(path).getFileStatus(self._path(path))

    def _write(self, path: str, content: bytes) -> None:
        stream = self._owner(path).create(self._path(path), False)
        try:
            stream.write(content)
            stream.close()
        except BaseException:
            # Empty, on a full disk, it would keep everybody else from creating it.
            with suppress(Exception):
                stream.close()
            self._owner(path).delete(self._path(path), False)
            raise

    def _replace(self, source: str, target: str) -> None:
        # FileSystem.rename never overwrites; only FileContext offers the atomic replacement.
        kinds = self._jvm.org.apache.hadoop.fs.Options.Rename
        options = self._gateway.new_array(kinds, 1)
        options[0] = kinds.OVERWRITE
        qualified = self._owner(target).makeQualified(self._path(target))
        context = self._jvm.org.apache.hadoop.fs.FileContext.getFileContext(
            qualified.toUri(), self._configuration
        )
        context.rename(self._owner(source).makeQualified(self._path(source)), qualified, options)


def _raising_os_errors(operation: Callable[..., Any], worker: ThreadPoolExecutor) -> Callable[..., Any]:
    from py4j.protocol import Py4JError, Py4JJavaError

    @wraps(operation)
    def guarded(*arguments: Any) -> Any:
        try:
            return worker.submit(operation, *arguments).result()
        except Py4JJavaError as error:
            raise _os_error(error.java_exception) from error
        except Py4JError as error:
            raise OSError("Spark's JVM does not answer") from error

    return guarded


def _os_error(java_error: Any) -> OSError:
    name = java_error.getClass().getSimpleName()
    words = (java_error.getMessage() or name).splitlines()[0]
    return ERRORS_BY_JAVA_NAME.get(name, OSError)(words)
