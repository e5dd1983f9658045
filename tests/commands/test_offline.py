"""The jobs of test_jobs.py run without a network: here, that there is none for Python and Java where they run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.offline import can_enter_namespace, offline

OUTSIDE = "198.51.100.1"  # of TEST-NET-2: belongs to nobody
LOOK = f"""
import socket
from py4j.protocol import Py4JJavaError
from pyspark import SparkConf
from pyspark.java_gateway import launch_gateway

with socket.create_server(("127.0.0.1", 0)) as here:
    socket.create_connection(here.getsockname()).close()
    print("python: this machine answers")
try:
    socket.create_connection(("{OUTSIDE}", 9), timeout=20)
except OSError as error:
    print("python:", error)
java = launch_gateway(SparkConf()).jvm.java.net
for target in ("{OUTSIDE}", "host.invalid"):
    try:
        java.Socket(target, 9)
    except Py4JJavaError as error:
        print("java:", error.java_exception.toString())
"""


@pytest.mark.spark
@pytest.mark.parametrize("way", ["namespace", "guards"])
def test_nothing_outside_can_be_reached_where_the_jobs_run(way):
    if way == "namespace" and not can_enter_namespace():
        pytest.skip("this machine allows no network namespaces")
    done = subprocess.run(
        offline(sys.executable, "-c", LOOK, way=way), capture_output=True, text=True, timeout=200
    )
    refused = {
        "namespace": [
            "python: [Errno 101] Network is unreachable",
            "java: java.net.SocketException: Network is unreachable",
            "java: java.net.UnknownHostException: host.invalid",
        ],
        "guards": [
            f"python: no network here: socket.getaddrinfo to {OUTSIDE}",
            *["java: java.net.SocketException: Can't connect to SOCKS proxy:Connection refused"] * 2,
        ],
    }

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["python: this machine answers", *refused[way]]
