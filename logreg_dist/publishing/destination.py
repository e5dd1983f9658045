"""Where a table is published, and what must hold before any job runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from logreg_dist.errors import ConfigError
from logreg_dist.publishing.filesystem import Filesystem, join

FORMATS = ("parquet", "orc", "json", "csv")
# As Spark names its files, compressed ones too: part-0.snappy.parquet, part-0.csv.gz.
FORMAT_SUFFIX = re.compile(rf"\.({'|'.join(FORMATS)})(\.\w+)?$")
MODES = ("replace_partition", "error_if_exists", "replace_all")
RUN_DATE = "run_date"
# Spark's name for a partition whose value is null.
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
# What Spark escapes in the name of a partition folder (ExternalCatalogUtils.escapePathName).
ESCAPED = re.compile(r"""[\x00-\x1f\x7f"#%'*/:=?\\{\[\]^]""")
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
PATTERN_CHARACTERS = re.compile(r"[*?\[\]{}\\]")


@dataclass(frozen=True)
class Destination:
    """The output section of a scoring config.

    `path` is a folder on any filesystem Spark reaches; `run_date` the value of that column in
    every row of this run; `partition_by` is empty or begins with ``run_date``. With `table`, the name of
    one in the session's catalog, `path` is that table's folder.
    """

    path: str
    format: str
    run_date: str
    partition_by: tuple[str, ...] = (RUN_DATE,)
    mode: str = "replace_partition"
    allow_empty: bool = False
    table: str | None = None

    @property
    def place(self) -> str:
        """What the user wrote."""
        return self.table or self.path


def check_request(destination: Destination, columns: Sequence[str], run_id: str) -> None:
    """Check what can be checked without looking at the output, and report all of it at once.

    Raises
    ------
    ConfigError
        An unknown format or mode, a path that Spark reads as a pattern, partition columns that the
        table lacks or that do not begin with ``run_date``, a run without a date or a name.
    """
    problems = [problem for holds, problem in _requirements(destination, columns, run_id) if not holds]
    if problems:
        raise ConfigError("\n  ".join(problems))


def check_output_folder(files: Filesystem, destination: Destination) -> None:
    """Make the folder of the output, or say why it cannot be one.

    Raises
    ------
    ConfigError
        The path, or a parent of it, is a file, or may not be written.
    """
    path = destination.path
    try:
        if files.exists(path) and not files.is_dir(path):
            raise ConfigError(f"output.path '{path}' is a file. Choose a folder.")
        files.make_dirs(path)
    except OSError as error:
        raise ConfigError(f"output.path '{path}' cannot be made: {_why(error)}.") from error


def check_live_output(files: Filesystem, destination: Destination) -> None:
    """Check that this run may go beside, or in place of, what the output holds already.

    Raises
    ------
    ConfigError
        The output is there already (mode ``error_if_exists``), or holds something other than
        partitions by the same columns, which together with this run nobody could read.
    """
    path, mode = destination.path, destination.mode
    live = live_entries(files, path)
    folder = partition_folder(destination)
    if mode == "error_if_exists" and (folder in live if folder else live):
        raise ConfigError(
            f"output.path '{join(path, folder) if folder else path}' is already there.\n"
            "  Set output.mode to replace_partition or replace_all, or choose another path."
        )
    others = [name for name in live if name != folder and not name.startswith(".")]
    if mode == "replace_all" or not others:
        return
    # Another run may be replacing an entry just now.
    layouts = (_layout(files, path, name) for name in reversed(others))
    found, file = next((layout for layout in layouts if layout is not None), (None, ""))
    if found is not None and found != tuple(map(escape_partition_value, destination.partition_by)):
        raise ConfigError(
            f"output.path '{path}' is partitioned by {list(map(unquote, found))}, output.partition_by is "
            f"{list(destination.partition_by)}.\n  Choose another path, or mode replace_all."
        )
    suffix = FORMAT_SUFFIX.search(file)
    if suffix and suffix[1] != destination.format:
        raise ConfigError(
            f"output.path '{path}' holds files of format {suffix[1]}, output.format is {destination.format}.\n"
            "  Set output.format to it, or choose another path, or mode replace_all."
        )


def partition_folder(destination: Destination) -> str:
    """Return the name of the folder that this run fills, or '' without partitions.

    Examples
    --------
    >>> partition_folder(Destination(path="scored", format="parquet", run_date="2026-11-21"))
    'run_date=2026-11-21'
    """
    if not destination.partition_by:
        return ""
    return f"{RUN_DATE}={escape_partition_value(destination.run_date)}"


def escape_partition_value(value: str) -> str:
    """Escape a value as Spark does in the name of a partition folder.

    Examples
    --------
    >>> escape_partition_value("2026-11-21"), escape_partition_value("a/b")
    ('2026-11-21', 'a%2Fb')
    """
    return ESCAPED.sub(lambda match: f"%{ord(match[0]):02X}", value)


def live_entries(files: Filesystem, path: str) -> list[str]:
    """Return the names in a table's folder that are data, or checksums of data.

    As for Spark's readers, what begins with ``_`` (``_SUCCESS``, ``_runs``, ``_staging``) is not.
    """
    return [name for name in files.list_dir(path) if _is_data(name)]


def is_hidden(name: str) -> bool:
    """Whether Spark's readers pass over a file or folder: ``_x=1`` is a partition by the column ``_x``.

    Examples
    --------
    >>> [is_hidden(name) for name in ("_SUCCESS", ".part-0.crc", "_region=north", "part-0")]
    [True, True, False, False]
    """
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _is_data(name: str) -> bool:
    is_checksum = name.startswith(".") and name.endswith(".crc") and not name.startswith("._")
    return is_checksum or not is_hidden(name)


def _requirements(destination: Destination, columns: Sequence[str], run_id: str) -> list[tuple[bool, str]]:
    partition_by = destination.partition_by
    missing = [name for name in (RUN_DATE, *partition_by) if name not in columns]
    return [
        (
            destination.format in FORMATS,
            f"output.format '{destination.format}' is not one of {', '.join(FORMATS)}.",
        ),
        (destination.mode in MODES, f"output.mode '{destination.mode}' is not one of {', '.join(MODES)}."),
        (
            bool(destination.path) and not PATTERN_CHARACTERS.search(destination.path),
            f"output.path '{destination.path}' is empty or holds one of * ? [ ] {{ }} \\, a pattern to Spark.",
        ),
        (bool(destination.run_date), "output.run_date is empty; set the logical date of the run."),
        (
            bool(SAFE_NAME.fullmatch(run_id)),
            f"run_id '{run_id[:40]}' is not made of letters, digits, '.', '_' and '-'.",
        ),
        (
            not partition_by or partition_by[0] == RUN_DATE,
            f"output.partition_by is {list(partition_by)}; it begins with {RUN_DATE} or is empty.",
        ),
        (
            bool(partition_by) or destination.mode != "replace_partition",
            "output.mode replace_partition needs output.partition_by: [run_date].",
        ),
        (not missing, f"the table to write has no column {missing} for output.partition_by."),
    ]


def _layout(files: Filesystem, path: str, entry: str) -> tuple[tuple[str, ...], str] | None:
    """Follow one branch of folders named ``column=value`` down to a file, '' if there is none; None when it vanishes."""
    columns: tuple[str, ...] = ()
    folder = join(path, entry)
    try:
        while "=" in entry and files.is_dir(folder):
            columns += (entry.partition("=")[0],)
            below = [name for name in files.list_dir(folder) if not is_hidden(name)]
            if not below:
                return columns, ""
            entry, folder = below[0], join(folder, below[0])
    except FileNotFoundError:
        return None
    return (columns, entry) if files.exists(folder) else None


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
