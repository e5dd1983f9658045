"""Run a command on a machine that seems to have no network but the loopback.

Usage: python offline.py namespace|guards|any COMMAND...

``namespace`` gives the command a network of its own, with nothing in it: the kernel then has no way out for
any process of it. Where the machine allows no namespaces (some containers), ``guards`` refuse connections inside
Python and inside Java, which is all that the jobs consist of. ``any`` takes the first where it can be had.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
GUARD = Path(__file__).with_name("offline_guard")
# Sockets of java.net go by a proxy at which nobody listens, and names other than localhost have no address.
JAVA_GUARDS = f"-DsocksProxyHost=127.0.0.1 -DsocksProxyPort=9 -Djdk.net.hosts.file={GUARD / 'hosts'}"


def offline(*command: object, way: str = "any") -> list[str]:
    """Return `command` as one without a network."""
    return [sys.executable, str(Path(__file__)), way, *map(str, command)]


def can_enter_namespace() -> bool:
    """Try in a process that is thrown away: half-entered, there would be no loopback either."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            _enter_namespace()
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _enter_namespace() -> None:
    """Give this process an empty network, in which it is who it was."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace can be had")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _guarded() -> dict[str, str]:
    paths = [str(GUARD), *filter(None, [os.environ.get("PYTHONPATH")])]
    options = [JAVA_GUARDS, *filter(None, [os.environ.get("SPARK_SUBMIT_OPTS")])]
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "SPARK_SUBMIT_OPTS": " ".join(options),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
    }


def main(way: str, command: list[str]) -> None:
    """Become `command`, without a network."""
    if way == "any":
        way = "namespace" if can_enter_namespace() else "guards"
    if way == "namespace":
        _enter_namespace()
    os.execvpe(command[0], command, {**os.environ, **(_guarded() if way == "guards" else {})})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
