"""The `ng_*` commands as processes: what they print, where, and with which exit code."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import running_gym as tools
import yaml

from referee.gym import commands
from referee.gym.commands.status import describe_running
from referee.gym.running import RunningServer

NAMES = [name for name in vars(commands) if name.startswith("ng_")]


@pytest.fixture
def workshop(tmp_path: Path) -> Any:
    return tools.Workshop(tmp_path)


def test_each_command_is_a_console_script_of_the_compat_distribution() -> None:
    project = Path(__file__).parents[2] / "compat/nemo/pyproject.toml"
    scripts = tomllib.loads(project.read_text())["project"]["scripts"]
    assert {name: f"referee.gym.commands:{name}" for name in NAMES}.items() <= scripts.items()


def test_a_configuration_is_dumped_without_its_secrets(workshop: Any) -> None:
    workshop.add(
        "env", openai_api_key="sk-a1b2c3d4", prompt="two\nlines", odd={"type": "resources_servers", "name": "env"}
    )
    told = workshop.command("dump_config", "++extra=${env.resources_servers.env.prompt}")
    assert told.returncode == 0, told.stderr
    values = yaml.safe_load(told.stdout)
    assert values["env"]["resources_servers"]["env"]["openai_api_key"] == "****"
    assert values["extra"] == "two\nlines"
    assert "sk-a1b2c3d4" not in told.stdout


def test_a_mistake_is_one_message_on_standard_error(workshop: Any) -> None:
    workshop.add("env", key="${nowhere}", prt=1)
    workshop.save(head_server={"prt": 1})
    told = workshop.command("dump_config", "+a=b,c")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("ng_dump_config: 2 problems in the configuration:\n\n")
    assert "Traceback" not in told.stderr
    warned = workshop.command("dump_config", "++nowhere=1")
    assert warned.returncode == 0
    assert warned.stderr == "warning: head_server.prt has no effect; did you mean 'port'?\n"


def test_nothing_to_run(workshop: Any) -> None:
    told = workshop.command("run", "++a=1")
    assert told.returncode == 1
    assert "the configuration has no server, so there is nothing to run" in told.stderr


def test_status_is_also_json_and_asks_for_nothing_that_it_does_not_need(workshop: Any) -> None:
    workshop.add("env", in_process=True, key="???")
    told = workshop.command("status")
    assert "ng_status: no head server answers" in told.stderr
    with workshop.running("++env.resources_servers.env.key=1") as run:
        told = workshop.command("status", "+json=true")
        (entry,) = json.loads(told.stdout)
        assert (entry["process_name"], entry["pid"], entry["status"]) == ("env", run.process.pid, "success")


def test_help_and_version(workshop: Any) -> None:
    listed = workshop.command("help").stdout
    assert all(name in listed for name in NAMES)
    assert workshop.command("run", "--help").stdout.startswith('ng_run "+config_paths=[FILE,…]"')
    facts = json.loads(workshop.command("version", "+json=true").stdout)
    assert {"referee", "python", "dependencies"} <= facts.keys()


def test_status_takes_the_original_head_server_s_list() -> None:
    listed = {"process_name": "env", "server_type": "resources_servers", "name": "env", "url": "http://h:1", "pid": 7}
    servers = [
        RunningServer({**listed, "uptime_seconds": None, "start_time": time.time() - 61}, True),
        RunningServer({**listed, "uptime_seconds": None, "start_time": None}, False),
    ]
    first, second, _ = describe_running(servers).splitlines()
    assert first.split("  ")[-1] in ("up 1m 1s", "up 1m 2s")
    assert second.endswith("process 7")
