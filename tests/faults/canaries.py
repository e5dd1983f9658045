"""Personal values and passwords put where they must not come out again, and a search of everything that was written."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import yaml

from tests.faults.hostile import ROOT

N_ROWS = 600
# Of single rows. The key may be in scored rows and in influence.parquet, where it is asked for.
KEY = "key.canary@example.org"
VALUES = {
    "a rare level": "level.canary@example.org",
    "a rare label": "label.canary@example.org",
    "a rare word": "canarywordofone",
    "text among numbers": "canary-in-a-number",
    "an unseen level": "unseen.canary@example.org",
    "the largest number": "131313.37",
    "a number": "31337.75",
    "a text as number": "1.7320508",
    "a cluster": "cluster.canary@example.org",
}
SECRETS = {
    "an option": "hunter2-option",
    "a variable": "hunter2-variable",
    "a path": "hunter2-path",
    "a parameter": "hunter2-parameter",
    "a url": "hunter2-url",
}

_MAIN = """
import json, sys
from logreg_dist.cli import main
for arguments in json.loads(sys.stdin.read()):
    sys.stderr.write(f"== {arguments[:2]}\\n")
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    sys.stderr.write(f"== exit {code}\\n")
"""


def rows(seed: int = 0) -> pd.DataFrame:
    """Rows with a canary in every kind of column; y is not separated and everything converges."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=N_ROWS)
    y = np.where(rng.random(N_ROWS) < 1 / (1 + np.exp(-x)), "yes", "no").astype(object)
    words = np.array(["good", "service", "slow", "delivery", "price", "reply"], dtype=object)
    frame = pd.DataFrame(
        {
            "y": y,
            "x": x,
            "income": np.round(rng.lognormal(10, 0.5, N_ROWS), 2),
            "amount": [f"{value:.3f}" for value in rng.normal(size=N_ROWS)],
            "contact": np.array(["web", "shop", "phone"], dtype=object)[rng.integers(3, size=N_ROWS)],
            "comment": [" ".join(words[some]) or "good" for some in rng.random((N_ROWS, 6)) < 0.4],
            "channel": np.array(["a", "b"], dtype=object)[rng.integers(2, size=N_ROWS)],
            "shop": [f"shop {k}" for k in rng.integers(40, size=N_ROWS)],
            "customer": [f"customer {k}" for k in range(N_ROWS)],
        }
    )
    frame.loc[7, ["contact", "shop", "customer"]] = [VALUES["a rare level"], VALUES["a cluster"], KEY]
    # So that the merged level has rows of both labels.
    frame.loc[20:59, "contact"] = [f"rare {k % 5}" for k in range(40)]
    frame.loc[11, ["income", "amount"]] = [float(VALUES["a number"]), VALUES["a text as number"]]
    frame.loc[12, "income"] = float(VALUES["the largest number"])
    frame.loc[7, "comment"] = f"good {VALUES['a rare word']}"
    return frame


def write_tables(folder: Path) -> None:
    """Write the good table and one for each kind of failure."""
    good = rows()
    tables = {"good": good, "label": good.copy(), "amount": good.copy(), "unseen": good.copy()}
    tables["label"].loc[7, "y"] = VALUES["a rare label"]
    tables["amount"].loc[9, "amount"] = VALUES["text among numbers"]
    tables["unseen"].loc[9, "channel"] = VALUES["an unseen level"]
    tables["separated"] = good.assign(x=np.where(good.y == "yes", 3.0, -3.0) + np.arange(N_ROWS) / 1e4)
    tables["missing"] = good.assign(x=good.x.where(good.index != 7))
    for name, table in tables.items():
        (folder / name).mkdir()
        table.to_parquet(folder / name / "part-0.parquet")
    (folder / "broken").mkdir()
    good.to_parquet(folder / "broken" / "part-0.parquet")
    whole = (folder / "good" / "part-0.parquet").read_bytes()
    # The footer is whole, so that only the tasks find out.
    middle = len(whole) // 3
    (folder / "broken" / "part-1.parquet").write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])


def write_configs(folder: Path) -> None:
    """Write the configurations of the jobs, secrets among the options of the reader."""
    options = {
        "password": SECRETS["an option"],
        "fetchsize": "${env:CANARY}",
        "url": f"jdbc:x?{SECRETS['a url']}",
    }
    columns = {"amount": {"type": "numeric"}, "comment": {"type": "text", "vocabulary": 20}}
    train = {
        "input": {"path": "good", "options": options},
        "label": {"column": "y", "positive": "yes"},
        "features": {"exclude": ["customer", "shop"], "columns": columns, "terms": ["ns(income, 3)"]},
        "inference": {"cluster": "shop"},
        "checks": {"linearity": True, "fit": True},
        "output": {"path": "out", "overwrite": True},
    }
    score = {
        "model": "out/model.json",
        "input": {"path": "good", "options": options},
        "keys": ["customer"],
        "output": {"path": "scored", "run_date": "2026-11-21"},
    }
    evaluate = {
        "model": "out/model.json",
        "input": {"path": "good", "options": options},
        "output": {"path": "assessed"},
    }
    for name, values in (("train", train), ("score", score), ("evaluate", evaluate)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))


def command(job: str, *overrides: str, debug: bool = False, output: str = "") -> list[str]:
    """Return the arguments of a job; `output` is its folder."""
    given = [*overrides, *([f"output.path={output}"] if output else [])]
    return [job, "--config", f"{job if job != 'check' else 'train'}.yaml", *(["--debug"] if debug else []),
            *(part for one in given for part in ("--set", one))]  # fmt: skip


def start(folder: Path, commands: Sequence[Sequence[str]]) -> subprocess.Popen[str]:
    """Start one process that runs jobs one after the other."""
    process = subprocess.Popen(
        [sys.executable, "-c", _MAIN],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CANARY": SECRETS["a variable"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(list(commands)))
    process.stdin.close()
    process.stdin = None
    return process


def exit_codes(stderr: str) -> list[int]:
    return [int(code) for code in re.findall(r"^== exit (\d+)$", stderr, flags=re.MULTILINE)]


def written(folder: Path, *, inputs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield every file below a folder as text, tables as their rows, without the inputs."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or name.parts[0] in inputs or name.suffix == ".yaml":
            continue
        content = path.read_bytes()
        text = content.decode("utf-8", "replace")
        if path.suffix == ".parquet":
            text += pq.read_table(io.BytesIO(content)).to_pandas().to_csv()
            text += str(pq.read_metadata(io.BytesIO(content)).metadata)
        yield str(name), text


def leaks(texts: Iterator[tuple[str, str]]) -> list[str]:
    """Return what was found where; keys of scored rows and of influence.parquet are asked for."""
    wanted = {**VALUES, **SECRETS, "a key": KEY}
    return [
        f"{what} in {name}"
        for name, text in texts
        for what, canary in wanted.items()
        if canary in text and not (what == "a key" and name.startswith(("scored/run_date", "rows/influence")))
    ]
