"""`referee serve` as a process: ready quickly, stopped by SIGTERM, refusals said before anything starts."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest


@pytest.fixture
def start(tmp_path):
    """Starts `referee serve` with its data in a temporary folder."""
    begun = []

    def begin(*arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "referee", "serve", "--data", str(tmp_path / "data"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "200", **environment},
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_says_where_it_is_and_stops_clean(start):
    process = start("--port", "0")
    address = re.search(r"http://\S+", process.stdout.readline())[0]
    with urllib.request.urlopen(f"{address}/health/ready") as answer:
        assert answer.read() == b'{"status":"ready"}'
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert process.stdout.read() == ""


def test_an_open_address_needs_a_token(start):
    process = start("--port", "0", "--host", "0.0.0.0")
    assert process.wait(60) == 1
    assert "set REFEREE_PLATFORM_TOKEN" in process.stdout.read()


def test_a_taken_port_is_said(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--port", str(taken.getsockname()[1]))
        assert process.wait(60) == 1
    assert "cannot be listened on" in process.stdout.read()
