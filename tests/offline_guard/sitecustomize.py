"""Refuses every connection of a Python process that is not to this machine itself; for tests/offline.py."""

from __future__ import annotations

import sys
from typing import Any

LOOPBACK = ("127.", "::1", "localhost")
GUARDED = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo")


def _refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in GUARDED:
        return
    address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
    host = address[0] if isinstance(address, tuple) else address
    # A path is a socket in the file system; no host is this machine.
    if isinstance(host, str) and not host.startswith(("/", *LOOPBACK)):
        raise OSError(f"no network here: {event} to {host}")


sys.addaudithook(_refuse_outside)
