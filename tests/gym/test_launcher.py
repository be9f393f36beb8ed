"""Starting and stopping servers: processes, ports, and what is said when something is in the way."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import running_gym as tools
import yaml

from own_ports import is_free
from referee.errors import ConfigurationError, LaunchError
from referee.gym.configuration import HeadConfig, load_configuration
from referee.gym.launcher import Gym
from referee.gym.server import ServerClient


@pytest.fixture
def workshop(tmp_path: Path) -> Any:
    return tools.Workshop(tmp_path)


def start_in_this_process(workshop: Any, use: Any) -> list[str]:
    said: list[str] = []

    async def run() -> None:
        async with Gym(load_configuration([], cwd=workshop.root, environment={}), said.append) as gym:
            await use(gym)

    asyncio.run(run())
    return said


async def call_and_close(client: ServerClient, name: str) -> Any:
    try:
        return await (await client.post(name, "/echo", json={})).json()
    finally:
        await client.aclose()


SESSIONS = """
import os
from fastapi import Request
from nemo_gym.base_resources_server import SimpleResourcesServer

class Sessions(SimpleResourcesServer):
    def setup_webserver(self):
        app = super().setup_webserver()
        app.post("/who")(self.who)
        return app

    async def who(self, request: Request):
        return {"pid": os.getpid(), "session": request.session["session_id"]}

if __name__ == "__main__":
    Sessions.run_webserver()
"""


def test_the_workers_of_a_server_know_each_others_sessions(workshop: Any) -> None:
    workshop.add("several", SESSIONS, num_workers=2)
    with workshop.running() as run:
        url = run.instances()["several"]["url"]
        begun = urllib.request.Request(f"{url}/seed_session", b"{}", {"content-type": "application/json"})
        with urllib.request.urlopen(begun, timeout=60) as answer:
            cookie = answer.headers["set-cookie"].partition(";")[0]
        seen: dict[int, str] = {}
        deadline = time.monotonic() + 60
        while len(seen) < 2:  # each call is a connection of its own, which either worker may take
            assert time.monotonic() < deadline, "one worker took every call"
            asked = urllib.request.Request(f"{url}/who", b"{}", {"content-type": "application/json", "cookie": cookie})
            with urllib.request.urlopen(asked, timeout=60) as answer:
                found = json.loads(answer.read())
            seen[found["pid"]] = found["session"]
        assert len(set(seen.values())) == 1


def test_a_run_from_start_to_stop(workshop: Any) -> None:
    workshop.add("alone")
    workshop.add("beside", in_process=True, openai_api_key="sk-a1b2c3d4e5f6")
    workshop.add("several", num_workers=2)
    with workshop.running() as run:
        instances = run.instances()
        assert list(instances) == ["alone", "beside", "several"]
        alone, beside = instances["alone"], instances["beside"]
        assert (alone["server_type"], alone["name"], alone["host"]) == ("resources_servers", "alone", "127.0.0.1")
        assert alone["url"] == f"http://127.0.0.1:{alone['port']}"
        assert alone["pid"] != beside["pid"] == run.process.pid
        answer = tools.call(f"{alone['url']}/ask/beside", {"x": 1})
        assert answer == {"name": "beside", "body": {"x": 1}, "pid": run.process.pid}
        assert tools.call(f"{beside['url']}/ask/alone", {})["pid"] == alone["pid"]
        assert tools.call(f"{instances['several']['url']}/echo", {})["name"] == "several"

        text = run.get("/global_config_dict_yaml")
        assert "sk-a1b2c3d4e5f6" not in text
        values = yaml.safe_load(text)
        assert values["alone"]["resources_servers"]["alone"]["port"] == alone["port"]
        assert values["beside"]["resources_servers"]["beside"]["openai_api_key"] == "****"

        client = ServerClient.load_from_global_config(HeadConfig(port=workshop.head_port))
        assert client.global_config_dict.alone.resources_servers.alone.port == alone["port"]
        assert client.poll_for_status("alone") == client.poll_for_status("head_server") == "success"
        assert asyncio.run(call_and_close(client, "alone"))["pid"] == alone["pid"]

        listed = workshop.command("status")
        assert listed.returncode == 0, listed.stderr
        assert "✓  alone    resources_servers/alone" in listed.stdout
        assert "3 servers, 3 answer, 0 do not" in listed.stdout

        printed = "".join(run.printed)
        assert f"alone        resources server  {alone['url']}\n" in printed
        assert f"head_server  head server       http://127.0.0.1:{workshop.head_port}\n" in printed
        assert run.stop(signal.SIGINT) == 0
    assert not any(tools.is_alive(entry["pid"]) for entry in instances.values())
    assert all(is_free(port) for port in [workshop.head_port, *(entry["port"] for entry in instances.values())])
    gone = workshop.command("status")
    assert gone.returncode == 1
    assert f"ng_status: no head server answers at http://127.0.0.1:{workshop.head_port}" in gone.stderr


def test_sigterm_stops_a_server_that_blocks_and_what_it_started(workshop: Any) -> None:
    child = "\nCHILD = subprocess.Popen(['sleep', '60']).pid\nopen('child', 'w').write(str(CHILD))\n"
    folder = workshop.add("blocking", tools.APP + child)
    with workshop.running() as run:
        entry = run.instances()["blocking"]
        with pytest.raises((TimeoutError, urllib.error.URLError)):
            tools.call(f"{entry['url']}/block", {}, timeout=0.5)
        assert run.stop(signal.SIGTERM) == 0
    assert not tools.is_alive(entry["pid"])
    assert not tools.is_alive(int((folder / "child").read_text()))


def test_servers_do_not_outlive_a_launcher_that_was_killed(workshop: Any) -> None:
    workshop.add("alone")
    with workshop.running() as run:
        entry = run.instances()["alone"]
        os.kill(run.process.pid, signal.SIGKILL)
        tools.wait_until(lambda: not tools.is_alive(entry["pid"]))
    assert is_free(entry["port"])


def test_a_server_that_ends_stops_the_run_and_its_last_words_are_said(workshop: Any) -> None:
    workshop.add("dying")
    workshop.add("other")
    with workshop.running() as run:
        instances = run.instances()
        with pytest.raises((ConnectionError, urllib.error.URLError)):
            tools.call(f"{instances['dying']['url']}/die", {})
        assert run.process.wait(60) == 1
    printed = "".join(run.printed)
    assert "(dying) these are my last words" in printed
    assert f"dying (process {instances['dying']['pid']}) ended with exit code 7; it last said:" in printed
    assert not tools.is_alive(instances["other"]["pid"])


def test_taken_ports_are_said_all_at_once_before_anything_starts(workshop: Any) -> None:
    folder = workshop.add("first", "open('started', 'w')\n" + tools.APP)
    with socket.socket() as one, socket.socket() as two:
        for taken in (one, two):
            taken.bind(("127.0.0.1", 0))
            taken.listen()
        first, head = one.getsockname()[1], two.getsockname()[1]
        told = workshop.command(
            "run",
            f"++first.resources_servers.first.port={first}",
            "++first.resources_servers.first.num_workers=2",
            f"++head_server.port={head}",
        )
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    assert (
        f"the port {first} of first is taken by another process: stop it, or choose another with "
        f"++first.resources_servers.first.port=<port>" in told.stderr
    )
    assert f"the port {head} of the head server is taken by another process" in told.stderr
    assert not (folder / "started").exists()


def test_a_second_run_is_told_of_the_first(workshop: Any) -> None:
    workshop.add("one", in_process=True)
    with workshop.running() as run:
        told = workshop.command("run")
        assert f"of the head server is taken by another ng_run (process {run.process.pid})" in told.stderr


def test_what_is_not_installed_is_one_message_with_the_command(workshop: Any) -> None:
    folder = workshop.add("needy", "raise SystemExit('must not start')")
    (folder / "requirements.txt").write_text(
        "# ours\n-e nemo-gym[dev] @ ../../\nfastapi\nnot-a-package>=2  # really\n"
        "-r more.txt\nold; python_version < '3'\n"
    )
    (folder / "more.txt").write_text("pydantic>=99\n../some/path\n")
    other = workshop.add("other", "")
    (other / "pyproject.toml").write_text("[project]\ndependencies = ['nor-is-this', 'not-a-package>=2']\n")
    told = workshop.command("run")
    assert told.returncode == 1
    assert told.stderr.splitlines()[0] == "ng_run: some servers need what is not installed:"
    assert "  needy: not-a-package>=2, pydantic>=99" in told.stderr
    assert "  other: nor-is-this, not-a-package>=2" in told.stderr
    assert "-m pip install 'not-a-package>=2' 'pydantic>=99' nor-is-this\n" in told.stderr


def test_servers_that_cannot_start_say_why(workshop: Any) -> None:
    two = "class A:\n    def setup_webserver(self): ...\nclass B:\n    def setup_webserver(self): ...\n"
    workshop.add("vague", two)
    workshop.add("broken", "import a_module_that_is_not_there\n")
    workshop.add("fine")
    told = workshop.command("run")
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    assert "vague: " in told.stderr
    assert "does not say which server it is: it defines A, B" in told.stderr
    assert "cannot be imported: ModuleNotFoundError: No module named 'a_module_that_is_not_there'" in told.stderr


def test_servers_in_this_process_are_checked_together_before_they_start(workshop: Any) -> None:
    workshop.add("vague", "", in_process=True)
    workshop.add("broken", "def half(:\n", in_process=True)

    async def never(_: Gym) -> None:
        raise AssertionError("it started")

    with pytest.raises(ConfigurationError) as error:
        start_in_this_process(workshop, never)
    assert "it defines no class with setup_webserver()" in error.value.problems[0]
    assert "cannot be imported: SyntaxError" in error.value.problems[1]


def test_calls_within_a_process_take_no_socket(workshop: Any) -> None:
    workshop.add("one", in_process=True)
    workshop.add("two", in_process=True)

    async def use(gym: Gym) -> None:
        answer = await (await gym.client.post("one", "/ask/two", json={"x": 1})).json()
        assert answer == {"name": "two", "body": {"x": 1}, "pid": os.getpid()}
        ports = [server.port for server in gym.configuration.servers]
        assert ports[0] != ports[1]
        assert all(port > 10_000 for port in ports)

    assert start_in_this_process(workshop, use) == []


def test_of_several_classes_the_one_that_is_run_is_served(workshop: Any) -> None:
    again = tools.APP.replace(
        "class Echo:", "class Echo:\n    pass\n\nclass Base(Echo):\n    pass\n\nclass Echo(Base):"
    )
    workshop.add("one", again, in_process=True)

    async def use(gym: Gym) -> None:
        assert (await gym.client.post("one", "/echo", json={})).status == 200

    start_in_this_process(workshop, use)


def test_a_port_range_without_a_free_port(workshop: Any) -> None:
    workshop.add("one", in_process=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        workshop.save(port_range_low=port, port_range_high=port)

        async def never(_: Gym) -> None:
            raise AssertionError("it started")

        with pytest.raises(LaunchError, match=f"no port from {port} to {port} is free; set port_range_low"):
            start_in_this_process(workshop, never)


def test_a_host_that_is_not_here(workshop: Any) -> None:
    workshop.add("one", in_process=True, host="192.0.2.1", port=5999)

    async def never(_: Gym) -> None:
        raise AssertionError("it started")

    with pytest.raises(
        LaunchError, match=r"one cannot listen on 192.0.2.1:5999: .*mend \+\+one.resources_servers.one.host"
    ):
        start_in_this_process(workshop, never)
