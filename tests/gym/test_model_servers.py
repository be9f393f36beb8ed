"""Model servers: both APIs in, an endpoint out, its answers passed on, its key kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from small_gym import Gym, small_gym

from referee.inference import Reply
from referee.testing import Answer, Fault, ScriptedEndpoint

ASK = {"input": "hello", "max_output_tokens": 50, "temperature": 0.3}
CHAT = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}
JSON = {"content-type": "application/json"}
KEY, TEAM = "sk-live/0123", "team-0123/4567"


@contextmanager
def model(answer: Any, kind: str = "openai_model", options: Any = None, **settings: Any) -> Iterator[tuple[Gym, Any]]:
    """A model server called `it` in front of a scripted endpoint."""
    with ScriptedEndpoint(answer, **(options or {})) as endpoint:
        openai = {"openai_base_url": endpoint.url, "openai_api_key": KEY, "openai_model": "upstream"}
        vllm = {"base_url": endpoint.url, "api_key": KEY, "model": "upstream"}
        fields = {"retry_base_seconds": 0.0, **(openai if kind == "openai_model" else vllm), **settings}
        with small_gym(endpoint.url, {"it": ("responses_api_models", kind, fields)}) as gym:
            yield gym, endpoint


def chat(message: dict[str, Any], **reply: Any) -> Reply:
    """A chat completion with this message."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": "stop"}
    return Reply(200, JSON, orjson.dumps({"id": "chatcmpl-1", "choices": [choice | reply.pop("choice", {})], **reply}))


def test_an_openai_model_is_asked_under_its_own_name_with_its_key() -> None:
    with model("hi", extra_body={"top_p": 0.9, "temperature": 1}, openai_default_headers={"X-Team": "t"}) as (
        gym,
        endpoint,
    ):
        answer = gym.post("it", "/v1/responses", {**ASK, "model": "another"})
        (request,) = endpoint.requests
    assert answer.body["output"][0]["content"][0]["text"] == "hi"
    assert request.path.endswith("/responses")
    assert request.body == {**ASK, "model": "upstream", "top_p": 0.9}
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-team"] == "t"


@pytest.mark.parametrize("kind", ["openai_model", "vllm_model"])
def test_chat_completions_pass_through(kind: str) -> None:
    with model("hi", kind, extra_body={"seed": 7}) as (gym, endpoint):
        answer = gym.post("it", "/v1/chat/completions", CHAT)
        (request,) = endpoint.requests
    assert answer.body["choices"][0]["message"]["content"] == "hi"
    assert request.path.endswith("/chat/completions")
    assert request.body == {**CHAT, "model": "upstream", "seed": 7}


@pytest.mark.parametrize("kind", ["openai_model", "vllm_model"])
@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/v1/responses", b"{not json", "json_invalid"),
        ("/v1/responses", b"[]", "model_type"),
        ("/v1/responses", b"{}", "missing"),
        ("/v1/responses", b'{"input": 3}', "input"),
        ("/v1/responses", b'{"input": "x", "max_tokens": 5}', "extra_forbidden"),
        ("/v1/responses", b'{"input": "x", "temperature": "hot"}', "temperature"),
        ("/v1/responses", b'{"input": [{"type": "function_call"}]}', "arguments"),
        ("/v1/chat/completions", b"", "json_invalid"),
        ("/v1/chat/completions", b'{"messages": []}', "too_short"),
        ("/v1/chat/completions", b'{"messages": "hi"}', "list_type"),
    ],
)
def test_a_body_that_cannot_be_meant_is_422_and_reaches_nobody(kind: str, path: str, body: bytes, told: str) -> None:
    with model("hi", kind) as (gym, endpoint):
        answer = gym.post("it", path, None, raw=body)
        assert not endpoint.requests
    assert answer.status == 422
    assert told in orjson.dumps(answer.body).decode()


def test_a_large_body_is_carried() -> None:
    text = "x" * 10_000_000
    with model("hi", "vllm_model") as (gym, endpoint):
        assert gym.post("it", "/v1/responses", {"input": text}).status == 200
        assert len(endpoint.requests[0].body["messages"][0]["content"]) == len(text)


@pytest.mark.parametrize("kind", ["openai_model", "vllm_model"])
@pytest.mark.parametrize("fault", ["400", "401", "403", "404", "429", "500", "503"])
def test_an_endpoints_refusal_is_passed_on_without_the_key(kind: str, fault: Any) -> None:
    with model(lambda _: Fault(fault), kind, max_retries=1) as (gym, endpoint):
        answer = gym.post("it", "/v1/responses", ASK)
        assert answer.status == int(fault)
        assert len(endpoint.requests) == (2 if fault in ("429", "500", "503") else 1)
    said = orjson.dumps({"error": {"message": f"wrong key {KEY}, team {TEAM}"}})
    headers = "openai_default_headers" if kind == "openai_model" else "default_headers"
    for body in (said, said.replace(b"/", rb"\/")):  # as some endpoints spell it
        with model(Reply(401, JSON, body), kind, **{headers: {"X-Team-Token": TEAM}}) as (gym, _):
            told = str(gym.post("it", "/v1/responses", ASK).body)
            assert "wrong key ***, team ***" in told


def test_an_endpoint_without_responses_is_told_apart() -> None:
    with model(lambda _: Fault("404")) as (gym, _):
        assert "use vllm_model" in gym.post("it", "/v1/responses", ASK).body["error"]["message"]


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("close_before_answer", 502, "unreachable"),
        ("close_mid_body", 502, "bad_reply"),
        ("hang", 504, "timeout"),
        ("html", 502, "bad_reply"),
        ("truncated_json", 502, "bad_reply"),
        ("wrong_shape", 502, "bad_reply"),
    ],
)
@pytest.mark.parametrize("server", ["openai_model", "vllm_model"])
def test_where_no_answer_came_the_kind_is_told(server: str, fault: Any, status: int, kind: str) -> None:
    seconds = 0.3 if fault == "hang" else 60.0  # what comes late on a busy machine is no hang
    with model(lambda _: Fault(fault), server, max_retries=0, timeout_seconds=seconds) as (gym, _):
        answer = gym.post("it", "/v1/responses", ASK)
    assert (answer.status, answer.headers["x-referee-failure"]) == (status, kind)


def test_retry_after_is_waited_for_and_passed_on_at_the_end() -> None:
    with model(lambda _: Fault("429", retry_after=0.05), max_retries=1) as (gym, endpoint):
        answer = gym.post("it", "/v1/responses", ASK)
        assert (answer.status, answer.headers["retry-after"], len(endpoint.requests)) == (429, "0.05", 2)


def test_no_more_than_the_limit_is_in_flight() -> None:
    import asyncio

    with model("hi", options={"latency": 0.1}, max_concurrent_requests=2) as (gym, endpoint):

        async def many() -> None:
            await asyncio.gather(*(gym.client.post("it", "/v1/responses", json=ASK) for _ in range(6)))

        gym.wait(many())
        assert endpoint.served.most_in_flight == 2


def test_earlier_reasoning_is_sent_without_its_status_or_not_at_all() -> None:
    thought = {"type": "reasoning", "id": "r", "summary": [], "status": "completed"}
    asked = {"input": [{"role": "user", "content": "a"}, thought, {"role": "user", "content": "b"}]}
    with model("hi") as (gym, endpoint):
        gym.post("it", "/v1/responses", asked)
        assert endpoint.requests[0].body["input"][1] == {"type": "reasoning", "id": "r", "summary": []}
    with model("hi", drop_input_reasoning_items=True) as (gym, endpoint):
        gym.post("it", "/v1/responses", asked)
        assert len(endpoint.requests[0].body["input"]) == 2


def test_vllm_is_asked_for_a_chat_completion_and_answers_a_response() -> None:
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": None}
    asked = {
        "instructions": "be brief",
        "input": [
            {"role": "user", "content": "a"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "1"},
        ],
        "tools": [tool],
        "max_output_tokens": 9,
    }
    call = {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    reply = chat({"reasoning": "thought", "content": "said", "tool_calls": [call]})
    settings = {"chat_template_kwargs": {"enable_thinking": False}}
    with model(reply, "vllm_model", **settings) as (gym, endpoint):
        answer = gym.post("it", "/v1/responses", asked)
        body = endpoint.requests[0].body
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert (body["max_tokens"], body["model"]) == (9, "upstream")
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert [item["type"] for item in answer.body["output"]] == ["reasoning", "message", "function_call"]
    assert answer.body["object"] == "response"


def test_vllm_makes_reasoning_of_thinking_in_the_text() -> None:
    with model("<think>hm</think>yes", "vllm_model") as (gym, _):
        reasoning, message = gym.post("it", "/v1/responses", ASK).body["output"]
    assert reasoning["summary"][0]["text"] == "hm"
    assert message["content"][0]["text"] == "yes"
    with model("<think>hm</think>yes", "vllm_model", uses_reasoning_parser=False) as (gym, _):
        (message,) = gym.post("it", "/v1/responses", ASK).body["output"]
    assert message["content"][0]["text"] == "<think>hm</think>yes"


def test_vllm_sends_earlier_reasoning_along_unless_told_not_to() -> None:
    thought = {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]}
    asked = {"input": [thought, {"role": "assistant", "content": "so"}, {"role": "user", "content": "b"}]}
    for interleaved in (True, False):
        with model("hi", "vllm_model", uses_interleaved_reasoning=interleaved) as (gym, endpoint):
            gym.post("it", "/v1/responses", asked)
            turn = endpoint.requests[0].body["messages"][0]
        assert turn.get("reasoning_content") == turn.get("reasoning") == ("hm" if interleaved else None)


def test_a_rows_metadata_may_set_template_and_body() -> None:
    metadata = {"chat_template_kwargs": '{"thinking": true}', "extra_body": '{"top_k": 5}', "mine": "kept"}
    with model("hi", "vllm_model", chat_template_kwargs={"a": 1}) as (gym, endpoint):
        gym.post("it", "/v1/responses", {**ASK, "metadata": metadata})
        body = endpoint.requests[0].body
    assert body["chat_template_kwargs"] == {"a": 1, "thinking": True}
    assert (body["top_k"], body["metadata"]) == (5, {"mine": "kept"})


def test_several_vllm_urls_take_sessions_in_turn() -> None:
    with ScriptedEndpoint("one") as one, ScriptedEndpoint("two") as two:
        settings = {"base_url": [one.url, two.url], "model": "m"}
        with small_gym(one.url, {"it": ("responses_api_models", "vllm_model", settings)}) as gym:
            first = gym.post("it", "/v1/responses", ASK)
            again = [gym.post("it", "/v1/responses", ASK, cookies=first.cookies) for _ in range(2)]
            others = [gym.post("it", "/v1/responses", ASK) for _ in range(2)]
    texts = [answer.body["output"][0]["content"][0]["text"] for answer in (first, *again, *others)]
    assert texts == ["one", "one", "one", "two", "one"]


def test_vllm_brings_the_tokens_that_a_trainer_needs() -> None:
    logprobs = {"content": [{"token": "token_id:11", "logprob": -0.1}, {"token": "token_id:12", "logprob": -0.2}]}
    settings = {"return_token_id_information": True}
    reply = chat({"content": "hi"}, choice={"logprobs": logprobs}, prompt_token_ids=[1, 2, 3])
    with model(reply, "vllm_model", **settings) as (gym, endpoint):
        (message,) = gym.post("it", "/v1/responses", ASK).body["output"]
        assert endpoint.requests[0].body["return_tokens_as_token_ids"] is True
    assert message["prompt_token_ids"] == [1, 2, 3]
    assert message["generation_token_ids"] == [11, 12]
    assert message["generation_log_probs"] == [-0.1, -0.2]


def test_without_log_probabilities_tokens_are_refused_not_made_up() -> None:
    with model("hi", "vllm_model", return_token_id_information=True) as (gym, _):
        answer = gym.post("it", "/v1/responses", ASK)
    assert answer.status == 502
    assert "log-probabilities" in answer.body["error"]["message"]


def test_a_conversation_that_is_too_long_is_an_answer_cut_off_at_once() -> None:
    said = b'{"error": {"message": "This model\'s maximum context length is 100 tokens."}}'
    with model(Reply(400, JSON, said), "vllm_model") as (gym, _):
        answer = gym.post("it", "/v1/responses", ASK)
    assert (answer.status, answer.body["incomplete_details"]) == (200, {"reason": "max_output_tokens"})


def test_what_chat_cannot_say_is_422() -> None:
    with model("hi", "vllm_model") as (gym, _):
        answer = gym.post("it", "/v1/responses", {**ASK, "previous_response_id": "r"})
    assert answer.status == 422
    assert "previous_response_id" in answer.body["detail"]


def test_a_refusal_and_a_cut_answer_keep_their_form() -> None:
    with model([Answer(refusal="I won't"), Answer("cu", finish="length")], "vllm_model") as (gym, _):
        refused = gym.post("it", "/v1/responses", ASK).body
        cut = gym.post("it", "/v1/responses", ASK).body
    assert refused["output"][0]["content"][0] == {"type": "refusal", "refusal": "I won't"}
    assert cut["incomplete_details"] == {"reason": "max_output_tokens"}
