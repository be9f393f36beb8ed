"""verl's compute_score: by keyword and position, on threads, in other processes, with a chosen score for failures."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from referee import Environment
from referee.errors import RewardError
from referee.gym.trainers import verl_score
from referee.inference import Reply
from referee.testing import ScriptedEndpoint


def judged(body: dict[str, Any]) -> Any:
    asked = str(body["messages"][-1]["content"])
    if "gold: none" in asked:
        return Reply(400, {}, b"not this one")
    return "A" if "said: Paris" in asked else "B"


ENVIRONMENT = """
capital:
  resources_servers:
    llm_judge:
      entrypoint: app.py
      domain: other
      judge:
        model: policy_model
        prompt: "asked: {prompt} gold: {expected_answer} said: {response}"
        scores: [{name: grade, rubric: [{label: A, value: 1}, {label: B, value: 0}], parser: {type: label}}]
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    path = tmp_path_factory.mktemp("verl") / "capital.yaml"
    path.write_text(ENVIRONMENT)
    with (
        ScriptedEndpoint(judged) as endpoint,
        Environment.load(path, judge={"url": endpoint.url, "name": "m"}) as loaded,
    ):
        yield loaded


class Array(list[Any]):
    """What Parquet files come as: not JSON's list."""

    def tolist(self) -> list[Any]:
        return list(self)


CALL: dict[str, Any] = {
    "data_source": "capitals",
    "solution_str": "Paris",
    "ground_truth": Array(["Paris"]),
    "extra_info": {"question": "France?", "num_turns": None, "rollout_reward_scores": {}},
}
GOOD = {"score": 1.0, "judge_failed": 0.0, "judge_unclear": 0.0}


def test_a_score_with_what_became_of_the_judge(environment: Environment) -> None:
    score = verl_score(environment, if_failed=0.25)
    assert score(**CALL) == GOOD
    assert score("capitals", "Rome", "Paris", None) == GOOD | {"score": 0.0}
    assert score(**CALL | {"ground_truth": "none"}) == {"score": 0.25, "judge_failed": 1.0, "judge_unclear": 0.0}


def test_it_may_raise_instead_and_must_be_told_which(environment: Environment) -> None:
    said = r"capital has no reward for this rollout.*bad_request.*not this one"
    with pytest.raises(RewardError, match=said) as raised:
        verl_score(environment, if_failed="raise")(**CALL | {"ground_truth": "none"})
    assert raised.value.kind == "bad_request"
    with pytest.raises(TypeError, match="if_failed"):
        verl_score(environment)  # pyright: ignore[reportCallIssue]


def test_it_is_awaited(environment: Environment) -> None:
    score = verl_score(environment, if_failed=0.0, asynchronous=True)
    assert inspect.iscoroutinefunction(score)  # by this verl tells it
    assert asyncio.run(score(**CALL)) == GOOD


def test_calls_on_threads_share_the_engine(environment: Environment) -> None:
    score = verl_score(environment, if_failed=0.0)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: score(**CALL), range(40))) == [GOOD] * 40


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_worker_processes_have_an_engine_each(environment: Environment) -> None:
    score = verl_score(environment, if_failed=0.0)
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as workers:
        # As its manager for prime does: pickled for each sample, all arguments by position.
        calls = [workers.submit(partial(score, "capitals", said, "Paris", {})) for said in ("Paris", "Rome", "Paris")]
        assert [call.result(30)["score"] for call in calls] == [1.0, 0.0, 1.0]
        assert workers.submit(pickled_again, score).result(30)
    assert score(**CALL) == GOOD


def pickled_again(score: Any) -> bool:
    """Whether, in another process, it has one environment however often it is unpickled, and can be used there."""
    one, other = (pickle.loads(pickle.dumps(score)) for _ in range(2))
    return one.args[0] is other.args[0] and one(**CALL) == GOOD
