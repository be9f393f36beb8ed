"""The walk-through's own commands, typed into a shell in an empty folder: from env.yaml to the printed rewards.

What differs from the page is where the endpoint is, where the head server listens, and a folder for `/tmp`. On the
embedded model the README's own lines do it, which `tests/docs` runs.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import running_gym as tools

from own_ports import free_port
from referee.gym import commands
from referee.testing import ScriptedEndpoint

ENV = """\
openai_api_key: ???
policy_api_key: ${openai_api_key}
policy_base_url: https://api.openai.com/v1
policy_model_name: gpt-4o-mini
"""
RUN = (
    'ng_run "+config_paths=[resources_servers/over_refusal_detection/configs/over_refusal_detection.yaml,'
    'responses_api_models/openai_model/configs/openai_model.yaml]"'
)
COLLECT = """\
ng_collect_rollouts \\
    +agent_name=over_refusal_detection_simple_agent \\
    +input_jsonl_fpath=resources_servers/over_refusal_detection/data/example.jsonl \\
    +output_jsonl_fpath=/tmp/over_refusal_smoke_test.jsonl \\
    +num_repeats=1 \\
    "+responses_create_params={max_output_tokens: 1024, temperature: 1.0}"
"""
ONE_LINER = """\
cat /tmp/over_refusal_smoke_test.jsonl | python -c "
import json, sys
for line in sys.stdin:
    d = json.loads(line)
    print(f\\"Reward: {d.get('reward')} | Complied: {d.get('complied')}\\")
"
"""
CONFIG = "resources_servers/over_refusal_detection/configs/over_refusal_detection.yaml"
JUDGE_BLOCK = re.compile(r"^judge_model:\n(?:[ ]+.*\n)+", re.MULTILINE)


@dataclass
class Desk:
    """A working directory and a shell in it."""

    root: Path
    head_port: int

    def write_env(self, text: str) -> None:
        (self.root / "env.yaml").write_text(f"{text}head_server: {{port: {self.head_port}}}\n")

    def shell(self, text: str) -> subprocess.CompletedProcess[str]:
        """Type it, to its end."""
        line = ["bash", "-ec", self._here(text)]
        return subprocess.run(
            line, cwd=self.root, env=self._environment(), capture_output=True, text=True, timeout=250, check=False
        )

    @contextmanager
    def running(self, text: str) -> Iterator[tools.Running]:
        """Type an `ng_run`, and wait until it is ready; Ctrl-C at the end."""
        process = subprocess.Popen(
            ["bash", "-ec", f"exec {self._here(text)}"],
            cwd=self.root,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running = tools.Running(process, self.head_port)
        try:
            running.read_until("stop with Ctrl-C")
            yield running
            assert running.stop(signal.SIGINT) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def _here(self, text: str) -> str:
        return text.replace("/tmp/", f"{self.root}/")

    def _environment(self) -> dict[str, str]:
        paths = [os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        return {
            **os.environ,
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(paths),
            "NEMO_GYM_EXTRA_ROOTS": "",
        }


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "bin").mkdir()
    names = [name for name in vars(commands) if name.startswith("ng_")]
    for name in names:
        code = f"from referee.gym.commands import {name}; raise SystemExit({name}())"
        script = tmp_path / "bin" / name
        script.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{code}' \"$@\"\n")
        script.chmod(0o755)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    return Desk(tmp_path, free_port())


class Answers:
    """The policy helps; of five judgements one is a refusal, and one says nothing that can be read."""

    def __init__(self) -> None:
        self.judgements = iter(["It declined. [[REFUSED]]", "Hard to say.", *["It helped.\n[[COMPLIED]]"] * 3])

    def __call__(self, body: dict[str, Any]) -> str:
        judged = "<question>" in body["input"][-1]["content"]
        return next(self.judgements) if judged else "Certainly: this is how it is done."


def edited(text: str) -> str:
    """The configuration as the walk-through edits it: the judge's block commented out, the policy's server named."""
    block = JUDGE_BLOCK.search(text)
    assert block is not None
    commented = "".join(f"# {line}\n" for line in block[0].splitlines())
    return text.replace(block[0], commented).replace("name: judge_model", "name: policy_model")


def test_from_an_empty_folder_to_the_rewards(desk: Desk) -> None:
    desk.write_env(ENV)
    told = desk.shell(RUN)
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    assert told.stderr.startswith("ng_run: 4 values are not set:\n")
    with ScriptedEndpoint(Answers()) as endpoint:
        url = endpoint.url
        desk.write_env(ENV.replace("???", "sk-0123456789").replace("https://api.openai.com/v1", url))
        told = desk.shell(RUN)
        assert told.stderr.startswith("ng_run: 3 values are not set:\n")
        assert all(f"'++judge_{key}=<value>'" in told.stderr for key in ("base_url", "api_key", "model_name"))
        (copy,) = re.findall(r"`(ng_init_resources_server [^`]*)` copies it here", told.stderr)
        assert desk.shell(copy).returncode == 0
        file = desk.root / CONFIG
        file.write_text(edited(file.read_text()))
        with desk.running(RUN):
            collected = desk.shell(COLLECT)
            assert collected.returncode == 0, collected.stderr + collected.stdout
            printed = desk.shell(ONE_LINER).stdout.splitlines()
        assert endpoint.served.attempts == {"200": 10}
        asked = [request.body for request in endpoint.requests]
    expected = ["Reward: 0.0 | Complied: False", "Reward: 0.5 | Complied: False", *["Reward: 1.0 | Complied: True"] * 3]
    assert sorted(printed) == expected
    policy = [body for body in asked if "<question>" not in str(body["input"])]
    assert {(body["model"], body["max_output_tokens"], body["temperature"]) for body in policy} == {
        ("gpt-4o-mini", 1024, 1.0)
    }
    assert {body["temperature"] for body in asked if body not in policy} == {0.0}
    assert "mean reward 0.7 over 5" in collected.stdout + collected.stderr
    assert "1 unclear" in collected.stdout + collected.stderr


def test_with_a_judge_of_its_own(desk: Desk) -> None:
    with ScriptedEndpoint("Certainly.") as policy, ScriptedEndpoint("[[COMPLIED]]") as judge:
        env = ENV.replace("???", "sk-0123456789").replace("https://api.openai.com/v1", policy.url)
        desk.write_env(f"{env}judge_base_url: {judge.url}\njudge_api_key: sk-judge-0123\njudge_model_name: strict\n")
        with desk.running(RUN):
            assert desk.shell(COLLECT).returncode == 0
            assert desk.shell(ONE_LINER).stdout == "Reward: 1.0 | Complied: True\n" * 5
        assert (len(policy.requests), len(judge.requests)) == (5, 5)
        assert {request.body["model"] for request in judge.requests} == {"strict"}
        assert {request.headers["authorization"] for request in judge.requests} == {"Bearer sk-judge-0123"}
        assert {request.headers["authorization"] for request in policy.requests} == {"Bearer sk-0123456789"}
