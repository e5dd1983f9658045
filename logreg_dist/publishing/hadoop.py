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


def hadoop_operations(spark: SparkSession) -> dict[str, Callable[..., Any]]:
    """Return the operations of `logreg_dist.publishing.filesystem.Filesystem` by name.

    Every operation raises `OSError` or one of its kinds, with Java's own first line as its words.
    They run one after the other on a thread of their own. A signal that interrupts the caller in the
    middle of a call would leave the connection of the caller's thread with an unread answer, which
    the next call would take for its own: wrong answers, just when an output is being restored.
    """
    from py4j.protocol import Py4JJavaError

    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hadoop-files")
    jvm: Any = spark._jvm
    configuration: Any = spark._jsc.hadoopConfiguration()

    def to_path(path: str) -> Any:
        return jvm.org.apache.hadoop.fs.Path(path)

    def owner(path: str) -> Any:
        return to_path(path).getFileSystem(configuration)

    def exists(path: str) -> bool:
        return bool(owner(path).exists(to_path(path)))

    def is_dir(path: str) -> bool:
        return exists(path) and bool(owner(path).getFileStatus(to_path(path)).isDirectory())

    def list_dir(path: str) -> list[str]:
        if not is_dir(path):
            raise FileNotFoundError(f"'{path}' is no folder")
        return sorted(status.getPath().getName() for status in owner(path).listStatus(to_path(path)))

    def modified(path: str) -> float:
        milliseconds: int = owner(path).getFileStatus(to_path(path)).getModificationTime()
        return milliseconds / 1000

    def read_bytes(path: str) -> bytes:
        stream = owner(path).open(to_path(path))
        try:
            return bytes(stream.readAllBytes())
        finally:
            stream.close()

    def write(path: str, content: bytes) -> None:
        stream = owner(path).create(to_path(path), False)
        try:
            stream.write(content)
            stream.close()
        except BaseException:
            # Empty, on a full disk, it would keep everybody else from creating it.
            with suppress(Exception):
                stream.close()
            owner(path).delete(to_path(path), False)
            raise

    def write_atomic(path: str, content: bytes) -> None:
        folder, _, name = path.rpartition("/")
        beside = f".{name}.{uuid.uuid4().hex}.tmp"
        temporary = f"{folder}/{beside}" if folder else beside
        write(temporary, content)
        try:
            replace(temporary, path)
        finally:
            owner(temporary).delete(to_path(temporary), False)

    def replace(source: str, target: str) -> None:
        # FileSystem.rename never overwrites; only FileContext offers the atomic replacement.
        kinds = jvm.org.apache.hadoop.fs.Options.Rename
        options = spark.sparkContext._gateway.new_array(kinds, 1)
        options[0] = kinds.OVERWRITE
        qualified = owner(target).makeQualified(to_path(target))
        context = jvm.org.apache.hadoop.fs.FileContext.getFileContext(qualified.toUri(), configuration)
        context.rename(owner(source).makeQualified(to_path(source)), qualified, options)

    def create_new(path: str, content: bytes) -> bool:
        if exists(path):
            return False
        try:
            write(path, content)
        except Py4JJavaError as error:
            if isinstance(_os_error(error.java_exception), FileExistsError):
                return False
            raise
        return True

    def make_dirs(path: str) -> None:
        if not owner(path).mkdirs(to_path(path)):
            raise OSError(f"'{path}' could not be made")

    def rename(source: str, target: str) -> None:
        # Hadoop would move the source *into* a target that is a folder.
        if exists(target):
            raise FileExistsError(f"'{target}' exists already")
        if not owner(source).rename(to_path(source), to_path(target)):
            raise OSError(f"'{source}' could not be renamed to '{target}'")

    def exchange(one: str, other: str) -> bool:
        return False  # no filesystem of Hadoop's can

    def identity(path: str) -> None:
        return None

    def delete_tree(path: str) -> None:
        if not owner(path).delete(to_path(path), True) and exists(path):
            raise OSError(f"'{path}' could not be deleted")

    def delete_if_empty(path: str) -> None:
        if not is_dir(path) or list_dir(path):
            return
        # Another run may have filled it since: then this refuses.
        with suppress(Py4JJavaError):
            owner(path).delete(to_path(path), False)

    operations: list[Callable[..., Any]] = [
        exists,
        is_dir,
        list_dir,
        modified,
        read_bytes,
        write_atomic,
        create_new,
    ]
    operations += [make_dirs, rename, exchange, identity, delete_tree, delete_if_empty]
    return {operation.__name__: _raising_os_errors(operation, worker) for operation in operations}


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
