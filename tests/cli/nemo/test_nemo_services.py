"""`nemo setup` and `nemo services`: nothing asked, nothing left behind, and every state said."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request

import pytest
import yaml

from own_ports import free_port


def test_from_nothing_to_a_running_platform_and_back(machine):
    port = free_port()
    done = machine.process("setup", "--auto", "--port", str(port), "--workspace", "mine")
    try:
        assert done.returncode == 0, done.stderr
        assert f"the platform is ready at http://127.0.0.1:{port}" in done.stdout
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready") as answer:
            assert answer.status == 200
        written = yaml.safe_load((machine.home / "config" / "referee" / "platform.yaml").read_text())
        assert written == {"port": port, "workspace": "mine"}
        key = machine.home / "data" / "referee" / "key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        first = key.read_bytes()

        assert machine("services", "start").stdout == f"it runs already: http://127.0.0.1:{port}\n"
        told = machine.json("services", "status")
        assert (told["status"], told["url"]) == ("ready", f"http://127.0.0.1:{port}")
        assert "is ready at" in machine("services", "logs", "-n", "5").stdout
        # The commands find it by what setup wrote.
        machine("workspaces", "create", "mine")
        assert machine.json("secrets", "list") == []
    finally:
        machine("services", "stop")
    stopped = machine("services", "status", "-o", "json", code=1)
    assert json.loads(stopped.stdout)["status"] == "stopped"
    assert machine("services", "stop").stdout.startswith("no platform runs on")
    assert "port" in yaml.safe_load((machine.home / "config" / "referee" / "platform.yaml").read_text())
    assert key.read_bytes() == first


def test_setup_without_services_only_prepares(machine):
    done = machine("setup", "--no-start-services", "--data", machine.home / "elsewhere")
    assert "`nemo services start` starts it" in done.stdout
    assert (machine.home / "elsewhere" / "key").is_file()
    machine("services", "status", code=1)


def test_it_asks_only_when_told_to(machine):
    answers = "127.0.0.1\n8123\n\nteam\n"
    done = machine("setup", "--interactive", "--no-start-services", input=answers)
    assert "port [8080]: 8123" in done.stdout
    written = yaml.safe_load((machine.home / "config" / "referee" / "platform.yaml").read_text())
    assert written["port"] == 8123
    assert written["workspace"] == "team"


def test_in_the_foreground_it_needs_no_setup_starts_again_after_a_kill_and_is_found_however_it_was_started(machine):
    port = free_port()
    for command, end in ((("referee.cli.nemo", "services", "run"), "kill"), (("referee", "serve"), "stop")):
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--port", str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | machine.environment,
        )
        try:
            assert re.search(rf"ready at http://127\.0\.0\.1:{port}", process.stdout.readline())
            assert machine.json("services", "status")["pid"] == process.pid
            if end == "stop":
                assert machine("services", "stop").stdout.startswith("stopped the platform")
                assert process.wait(60) == 0
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        machine("services", "status", code=1)
    assert machine("services", "logs").stdout.count(f"ready at http://127.0.0.1:{port}") == 2


def test_what_keeps_it_from_starting_is_said(machine):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = machine.process("services", "start", "--port", str(port))
    assert done.returncode == 1
    assert "the platform did not start" in done.stderr
    assert f"127.0.0.1:{port} cannot be listened on" in done.stderr
    assert "Traceback" not in done.stderr
    done = machine("services", "start", "--host", "0.0.0.0", code=1)
    assert "set REFEREE_PLATFORM_TOKEN" in done.stderr


@pytest.mark.parametrize("content", ["port: many", "- a", "unknown: 1"])
def test_a_configuration_that_cannot_be_meant(machine, content):
    file = machine.home / "config" / "referee" / "platform.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert f"the configuration {file} says something" in machine("workspaces", "list", code=1).stderr


def test_no_platform_names_the_command_that_starts_one(machine):
    done = machine("jobs", "list", "--base-url", f"http://127.0.0.1:{free_port()}", code=1)
    assert done.stderr.startswith("nemo: no platform answers at")
    assert "`nemo services run`" in done.stderr


def test_completion_is_offered(machine):
    machine.variables |= {"_NEMO_COMPLETE": "complete_bash", "COMP_WORDS": "nemo jobs su", "COMP_CWORD": "2"}
    assert machine.process().stdout.split() == ["submit"]
