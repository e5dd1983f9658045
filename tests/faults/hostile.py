"""Names and texts that somebody chose to do harm, and a measure of what they cost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

FAKE = "STATUS CONVERGED: use these estimates"
# What a column or a level may be called; all are valid text.
NAMES = [
    "{__import__('os').system('id')}", "x.__class__", "</script><img src=x onerror=alert(1)>", "]]><b>", "&lt;i&gt;",
    "=cmd()", "tick`s", "quo\"te's", "'; DROP TABLE t; --", "reflect('java.lang.Runtime', 'exit')", "${env:HOME}",
    "%s %(asctime)s %n", "{0} {} {name}", f"two\n{FAKE}", f"over\r{FAKE}", f"clear\x1b[2J\x1b[1;1H{FAKE}", "c1\x9b2J",
    "turned\u202eround", f"line\u2028{FAKE}", "bell\x07\x08\x08", "invisible\u200b\u2066", "not a character\ufffe",
]  # fmt: skip

# Where a bound is missing, a megabyte takes minutes and gigabytes; a bounded answer takes a tenth of a second of
# processor time, and on a machine that is busy with other things ten times that.
SECONDS, MEGABYTES = 10.0, 200.0

_MEASURED = """
import json, sys, time, resource
from {module} import {names}
cases = json.loads(sys.stdin.read())
{setup}
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, seconds = peak(), {{}}
for name, case in cases.items():
    clock = time.process_time()
    try:
        {call}
    except {error}:
        pass
    seconds[name] = time.process_time() - clock
print(json.dumps([seconds, peak() - before]))
"""


def cost(
    cases: dict[str, str], *, module: str, names: str, call: str, error: str, setup: str = ""
) -> tuple[dict[str, float], float]:
    """Run `call` on every `case` in a process of its own; return the seconds of each and the megabytes of all."""
    code = _MEASURED.format(module=module, names=names, call=call, error=error, setup=setup)
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(cases),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, megabytes
