"""What `trainers.py` lets the real `verifiers` do: score tasks by an environment, in each way that it knows.

Run by the Python of an environment in which both are installed. Prints a JSON line a step.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import verifiers.v1 as vf
from verifiers.v1.configs.task import TaskConfig
from verifiers.v1.types import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage

from referee import Environment
from referee.errors import RewardError
from referee.gym.trainers import verifiers_reward
from referee.gym.trainers.verifiers import NOT_ITEM
from referee.inference import Reply
from referee.testing import ScriptedEndpoint

ENVIRONMENT = """
authors:
  resources_servers:
    llm_judge:
      entrypoint: app.py
      domain: other
      judge_max_retries: 0
      judge:
        model: policy_model
        prompt: "asked: {prompt} gold: {gold} turns: {messages} said: {response}"
        scores: [{name: grade, rubric: [{label: A, value: 1}, {label: B, value: 0}], parser: {type: label}}]
"""
PLUGIN = """
from referee import Environment
from referee.gym.trainers import verifiers_judge, verifiers_reward

authors = Environment.load(__file__.replace("authors_judge.py", "authors.yaml"), judge={"url": URL, "name": "m"})
AuthorsJudge = verifiers_judge(authors)
by_path = verifiers_reward(authors)
__all__ = ["AuthorsJudge"]
"""


class AuthorData(vf.TaskData):
    """A row: who wrote it?"""

    gold: str


def judged(body: dict[str, Any]) -> Any:
    asked = body["messages"][-1]["content"]
    if "said: fail" in asked:
        return Reply(400, {}, b"not this one")
    good = "asked: Who wrote it? gold: Ada" in asked and "look_up({})" in asked and "said: It was Ada." in asked
    return "A" if good else "B"


def trace_of(task: Any, said: str) -> Any:
    """A trace as an agent leaves it: the prompt, a tool's turn, and the answer."""
    call = ToolCall(id="c1", name="look_up", arguments="{}")
    messages = [
        SystemMessage(content="Be brief."),
        UserMessage(content="Who wrote it?"),
        AssistantMessage(content=None, tool_calls=[call]),
        ToolMessage(tool_call_id="c1", content="Ada"),
        AssistantMessage(content=said, reasoning_content="Hm."),
    ]
    nodes = [vf.MessageNode(parent=at - 1 if at else None, message=message) for at, message in enumerate(messages)]
    traced = vf.TraceTask(type=type(task).__name__, data=task.data)
    return vf.Trace(task=traced, agent=vf.AgentInfo(config=vf.AgentConfig()), nodes=nodes)


def main() -> int:
    with tempfile.TemporaryDirectory() as name, ScriptedEndpoint(judged) as endpoint:
        folder = Path(name)
        (folder / "authors.yaml").write_text(ENVIRONMENT)
        (folder / "authors_judge.py").write_text(PLUGIN.replace("URL", repr(endpoint.url)))
        sys.path.insert(0, name)
        with Environment.load(folder / "authors.yaml", judge={"url": endpoint.url, "name": "m"}) as environment:
            for title, step in steps(environment).items():
                begun, ok, note = time.perf_counter(), True, ""
                try:
                    asyncio.run(step())
                except Exception as error:  # a step that fails is told, and the next is done
                    ok, note = False, f"{type(error).__name__}: {error}"
                line = {"step": title, "ok": ok, "note": note, "seconds": time.perf_counter() - begun}
                print(json.dumps(line), flush=True)
        import authors_judge  # pyright: ignore[reportMissingImports]

        authors_judge.authors.close()
    return 0


def steps(environment: Environment) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
    """The steps, by what they show."""
    reward = verifiers_reward(environment)

    class AuthorTask(vf.Task[AuthorData]):
        @vf.reward
        async def right_author(self, trace: Any) -> float:
            return await reward(self.data, trace)

    data = AuthorData(prompt="Who wrote it?", system_prompt="Be brief.", gold="Ada")

    async def decorated() -> None:
        for said, wanted in (("It was Ada.", 1.0), ("It was Bob.", 0.0)):
            task = AuthorTask(data)
            trace = trace_of(task, said)
            await task.score(trace)
            assert trace.rewards["right_author"].score == wanted, trace.rewards

    async def by_path() -> None:
        config = TaskConfig(rewards={"author": {"fn": "authors_judge:by_path", "weight": 0.5}})
        task = vf.Task[AuthorData](data, config)
        trace = trace_of(task, "It was Ada.")
        await task.score(trace)
        assert (trace.rewards["author"].score, trace.rewards["author"].weight) == (1.0, 0.5), trace.rewards

    async def plugged() -> None:
        task = vf.Task[AuthorData](data, TaskConfig(judges=[{"id": "authors-judge", "weight": 2.0}]))
        trace = trace_of(task, "It was Ada.")
        await task.score(trace)
        assert (trace.rewards["authors-judge"].score, trace.rewards["authors-judge"].weight) == (1.0, 2.0)
        assert trace.extra_usage[0].completion_tokens == 1, trace.extra_usage
        verdict = json.loads(trace.info["judge_calls"][0]["response"]["message"]["content"])
        assert verdict["judge_status"] == "scored", verdict

    async def failed() -> None:
        for config in (TaskConfig(), TaskConfig(judges=[{"id": "authors-judge"}])):
            kind = AuthorTask if not config.judges else vf.Task[AuthorData]
            task = kind(data, config)
            trace = trace_of(task, "fail")
            raised: BaseException | None = None
            try:
                await task.score(trace)
            except vf.TaskError as error:
                raised = error.__cause__
            assert isinstance(raised, RewardError), repr(raised)
            assert list(trace.rewards.values()) == [None], trace.rewards

    async def fields() -> None:
        shown = {"id", "name", "description"}
        assert set(vf.TaskData.model_fields) == NOT_ITEM | shown, set(vf.TaskData.model_fields) ^ (NOT_ITEM | shown)

    return {
        "a task's own @reward: the last answer, with the tool's turn before it": decorated,
        "a reward plugged in by its import path": by_path,
        "a judge plugged in by its id, its verdict and tokens in the trace": plugged,
        "a judge that fails: TaskError, and no reward in the trace": failed,
        "the fields of every task's data that are none of the row's": fields,
    }


if __name__ == "__main__":
    sys.exit(main())
