"""For tests of rollout collection: a gym that runs, whose policy and judges do as the rows say, and the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import running_gym as tools

from referee.testing import Fault, ScriptedEndpoint

TOLERANT, STRICT = "tolerant_agent", "strict_agent"
"""Agents of two environments: in the first a failed judge call is a fallback reward, in the second no reward."""
_POLICY = {"type": "responses_api_models", "name": "policy_model"}


CHANGED: dict[str, str] = {}
"""What is answered now in place of what the rows say."""


def say(body: dict[str, Any]) -> Any:
    """What policy and judge answer: `policy: …` and `judge: …` in a row's question are faults or texts."""
    given = body["input"]
    text = given if isinstance(given, str) else given[-1]["content"]
    who = "judge" if text.startswith("JUDGE") else "policy"
    _, marked, wanted = text.partition(f"{who}: ")
    wanted = CHANGED.get(wanted.partition(";")[0], wanted.partition(";")[0])
    if wanted in ("400", "401", "500", "hang", "html"):
        return Fault(wanted)  # pyright: ignore[reportArgumentType]
    return wanted if marked else {"judge": "[[COMPLIED]] [[A=B]]", "policy": "an answer"}[who]


@dataclass
class Gym:
    """A gym that runs."""

    workshop: tools.Workshop
    endpoint: ScriptedEndpoint

    def rows(self, folder: Path, *questions: str, **fields: Any) -> Path:
        """A file of rows that ask the questions."""
        path = folder / "rows.jsonl"
        path.write_bytes(b"".join(orjson.dumps(row(question) | fields) + b"\n" for question in questions))
        return path

    def collect(self, rows: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
        """`ng_collect_rollouts`, to its end, in this process."""
        return self.workshop.command("collect_rollouts", *self._words(rows, output, more))

    def command(self, rows: Path, output: Path, *more: str) -> list[str]:
        """The same as a process."""
        code = "from referee.gym.commands import ng_collect_rollouts as run; raise SystemExit(run())"
        return [sys.executable, "-c", code, *self._words(rows, output, more)]

    def _words(self, rows: Path, output: Path, more: Sequence[str]) -> list[str]:
        named = [] if any("agent_name" in one for one in more) else [f"+agent_name={TOLERANT}"]
        return [*named, f"+input_jsonl_fpath={rows}", f"+output_jsonl_fpath={output}", *more]

    def options(self) -> dict[str, Any]:
        paths = [os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        return {
            "cwd": self.workshop.root,
            "env": environment,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }


@contextmanager
def running(folder: Path, seconds: float = 4.0, **options: Any) -> Iterator[Gym]:
    """The gym; options are those of the scripted endpoint.

    Args:
        folder: where it is.
        seconds: how long an answer is waited for, and a hang; a judge's a second less.
    """
    with ScriptedEndpoint(say, **options) as endpoint:
        workshop = tools.Workshop(folder)
        workshop.blocks = _blocks(endpoint.url, seconds)
        workshop.save()
        with workshop.running():
            yield Gym(workshop, endpoint)


def row(question: str) -> dict[str, Any]:
    return {"responses_create_params": {"input": question}, "expected_answer": "this"}


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def beside(output: Path, suffix: str) -> Path:
    """A file that belongs to an output."""
    return output.with_name(output.stem + suffix)


def _blocks(url: str, seconds: float) -> dict[str, Any]:
    judged = {
        "entrypoint": "app.py",
        "judge_model_server": _POLICY,
        "judge_max_retries": 0,
        "judge_timeout_seconds": seconds - 1,
    }
    model = {"entrypoint": "app.py", "openai_base_url": url, "openai_api_key": "sk-1", "openai_model": "m"}
    tolerant = {**judged, "judge_prompt_template": "JUDGE {safe_prompt} {model_response}"}
    strict = {**judged, "judge_prompt_template": "JUDGE {question} {generated_answer}"}
    return {
        "policy_model": {
            "responses_api_models": {"openai_model": {**model, "max_retries": 0, "timeout_seconds": seconds}}
        },
        "tolerant": {"resources_servers": {"over_refusal_detection": {**tolerant, "domain": "safety"}}},
        "strict": {"resources_servers": {"equivalence_llm_judge": {**strict, "domain": "knowledge"}}},
        TOLERANT: _agent("tolerant"),
        STRICT: _agent("strict"),
    }


def _agent(environment: str) -> dict[str, Any]:
    settings = {
        "entrypoint": "app.py",
        "resources_server": {"type": "resources_servers", "name": environment},
        "model_server": _POLICY,
    }
    return {"responses_api_agents": {"simple_agent": settings}}
