"""docs/troubleshooting.md: each symptom is brought about, and the message that the page shows is the one that appears.

A message on the page is a `text` block under the symptom's heading; every line of it must be printed as it stands.
Places and ports are the reader's own, and are written the same here and there.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import running_gym as tools

from own_ports import free_port
from referee.errors import RefereeError
from referee.gym.commands import collect_rollouts
from referee.gym.configuration import load_configuration
from referee.gym.ports import take_ports
from referee.testing import Answer, Fault, ScriptedEndpoint

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
SECTION = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SYMPTOMS = {title: body for title, body in SECTION.findall(PAGE.read_text(encoding="utf-8")) if "```text" in body}
ROWS = "resources_servers/over_refusal_detection/data/example.jsonl"
PROSE = "The assistant's answer is helpful on the whole, since it takes the question as it was meant."


class Labels:
    """A judge that writes the label that is asked for on three of forty answers, and its own word on the others."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        return "[[COMPLIED]]" if self.asked % 13 == 0 else "Verdict: COMPLIED"


JUDGES: Mapping[str, Any] = {
    "labels": Labels(),
    "prose": lambda: PROSE,
    "slow": lambda: Fault("hang"),
    "busy": lambda: Fault("429"),
    "key": lambda: Fault("401"),
    "chat_only": lambda: Fault("404"),
    "thinking": lambda: "<think>The question is about a process. The answer is [[COMPLIED]], or is it",
    "thought": lambda: "<think>Is it [[REFUSED]]? No.</think>\n[[COMPLIED]]",
    "silent": lambda: "",
    "cut": lambda: Answer("The assistant was asked how a process is stopped, and", finish="length"),
    "strict": lambda: Fault("500"),
}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "strict": {"reward_if_failed": "judge_failed"},
    "slow": {"judge_timeout_seconds": 0.2},
}


@dataclass
class Lab:
    """A gym that runs, with one environment for each kind of judge."""

    workshop: tools.Workshop

    def collect(self, kind: str, *more: str) -> int:
        output = self.workshop.root / f"{kind}.jsonl"
        return collect_rollouts.run(
            [f"+agent_name={kind}_agent", f"+input_jsonl_fpath={ROWS}", f"+output_jsonl_fpath={output}", *more]
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    def answer(body: dict[str, Any]) -> Any:
        judge = JUDGES.get(body["model"])
        return "Certainly: this is how it is done." if judge is None else judge()

    with ScriptedEndpoint(answer) as endpoint:
        workshop = tools.Workshop(tmp_path_factory.mktemp("lab"))
        workshop.blocks = {"policy_model": model(endpoint.url, "gpt-4o-mini")}
        for kind in JUDGES:
            workshop.blocks |= environment(kind, **SETTINGS.get(kind, {})) | {
                f"{kind}_judge": model(endpoint.url, kind)
            }
        workshop.save()
        with workshop.running():
            yield Lab(workshop)


def model(url: str, name: str) -> dict[str, Any]:
    settings = {"openai_base_url": url, "openai_api_key": "sk-0123456789", "openai_model": name}
    return {"responses_api_models": {"openai_model": {"entrypoint": "app.py", **settings}}}


def environment(kind: str, **more: Any) -> dict[str, Any]:
    settings = {
        "entrypoint": "app.py",
        "judge_model_server": {"type": "responses_api_models", "name": f"{kind}_judge"},
        "judge_prompt_template": "Question: {safe_prompt}\nAnswer: {model_response}",
        "judge_max_retries": 1,
        "judge_retry_base_seconds": 0.0,
        **more,
    }
    agent = {
        "entrypoint": "app.py",
        "resources_server": {"type": "resources_servers", "name": kind},
        "model_server": {"type": "responses_api_models", "name": "policy_model"},
    }
    return {
        kind: {"resources_servers": {"over_refusal_detection": settings}},
        f"{kind}_agent": {"responses_api_agents": {"simple_agent": agent}},
    }


def as_on_the_page(text: str, root: Path) -> str:
    """Printed text with the reader's own places in it."""
    text = text.replace(str(root), "~/gym")
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", text)
    text = re.sub(r"task \d+", "task 0", text)  # whichever failed first
    return re.sub(r"port \d+", "port 8000", text)


def assert_shown(title: str, printed: str, root: Path) -> None:
    """Each line of the symptom's message is printed."""
    (message,) = BLOCK.findall(SYMPTOMS[title])
    lines = {line.strip().removeprefix("! ") for line in as_on_the_page(printed, root).splitlines()}
    for line in message.strip().splitlines():
        assert line.strip() in lines, printed


@contextmanager
def within(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    ("title", "kind", "code"),
    [
        ("Every reward is 0.5", "labels", 0),
        ("The judge writes prose instead of a label", "prose", 0),
        ("The judge stops in the middle", "cut", 0),
        ("The judge thinks and never concludes", "thinking", 0),
        ("The judge's answer is empty", "silent", 0),
        ("Judge calls time out while rollouts are collected", "slow", 3),
        ("The endpoint says that it is asked too often", "busy", 3),
        ("The judge's key is not taken", "key", 3),
        ("The judge's endpoint answers 404", "chat_only", 3),
        ("Rows are set aside instead of rewarded", "strict", 3),
    ],
)
def test_the_message_of_a_collection_is_the_one_on_the_page(
    title: str, kind: str, code: int, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    with within(lab.workshop.root):
        assert lab.collect(kind, *(["+num_repeats=8"] if kind == "labels" else [])) == code
    printed = capsys.readouterr()
    assert_shown(title, printed.out + printed.err, lab.workshop.root)


def test_thinking_that_is_closed_is_no_symptom(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    with within(lab.workshop.root):
        assert lab.collect("thought") == 0
    assert "mean reward 1 over 5 · 0 unclear · 0 failed" in capsys.readouterr().out


def test_a_wrong_server_key_is_told_before_anything_starts(tmp_path: Path) -> None:
    blocks = environment("over_refusal_detection") | {"policy_model": model("http://127.0.0.1:8000/v1", "m")}
    named = blocks["over_refusal_detection"]["resources_servers"]["over_refusal_detection"]["judge_model_server"]
    named["name"] = "polcy_model"
    (tmp_path / "env.yaml").write_text(json.dumps(blocks))
    with pytest.raises(RefereeError) as refused:
        load_configuration([], cwd=tmp_path, environment={})
    assert_shown("judge_model_server names no server", str(refused.value), tmp_path)


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        blocks = environment("here", port=port) | {"here_judge": model("http://127.0.0.1:8000/v1", "m")}
        blocks["policy_model"] = model("http://127.0.0.1:8000/v1", "m")
        (tmp_path / "env.yaml").write_text(json.dumps(blocks | {"head_server": {"port": free_port()}}))
        with pytest.raises(RefereeError) as refused:
            take_ports(load_configuration([], cwd=tmp_path, environment={}))
    assert_shown("A port is taken", str(refused.value), tmp_path)


def test_without_a_gym_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "env.yaml").write_text(f"head_server: {{port: {free_port()}}}\n")
    with within(tmp_path), pytest.raises(RefereeError) as refused:
        collect_rollouts.run(["+agent_name=a", f"+input_jsonl_fpath={ROWS}", "+output_jsonl_fpath=o.jsonl"])
    assert_shown("There is no head server", str(refused.value), tmp_path)


def test_every_symptom_of_the_page_is_brought_about_here() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    assert len(SYMPTOMS) >= 13
    assert [title for title in SYMPTOMS if f'"{title}"' not in here] == []
