"""What every server does: bodies that cannot be meant, sessions, a sign of life, errors, apps that authors extend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from small_gym import POLICY, Gym, rollout, server_config, small_gym
from starlette.background import BackgroundTask
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, StreamingResponse

from referee.gym.api import (
    SESSION_ID_KEY,
    BaseResourcesServerConfig,
    BaseResponsesAPIModelConfig,
    BaseRunRequest,
    BaseSeedSessionRequest,
    BaseSeedSessionResponse,
    BaseVerifyRequest,
    BaseVerifyResponse,
    JudgeError,
    NeMoGymResponse,
    SimpleResourcesServer,
    SimpleResponsesAPIModel,
)
from referee.gym.configuration import Configuration, HeadConfig
from referee.gym.server import ServerClient
from referee.testing import ScriptedEndpoint

ENVIRONMENTS = ("over_refusal_detection", "equivalence_llm_judge", "multichallenge", "proof_verification")


@pytest.fixture(scope="module")
def gym() -> Iterator[Gym]:
    blocks: dict[str, Any] = {
        name: (
            "resources_servers",
            name,
            {"judge_model_server": POLICY, "judge_prompt_template": None}
            | ({"judge_prompt_template": "{model_response}"} if name == "over_refusal_detection" else {}),
        )
        for name in ENVIRONMENTS
    }
    reference = {"type": "resources_servers", "name": "over_refusal_detection"}
    blocks["agent"] = ("responses_api_agents", "simple_agent", {"resources_server": reference, "model_server": POLICY})
    with ScriptedEndpoint("[[COMPLIED]]") as endpoint, small_gym(endpoint.url, blocks) as gym:
        yield gym


VERIFY = [(name, "/verify") for name in ENVIRONMENTS]
SEED = ("over_refusal_detection", "/seed_session")
ROUTES = [*VERIFY, SEED, ("agent", "/run"), ("agent", "/v1/responses"), ("agent", "/aggregate_metrics")]


@pytest.mark.parametrize(("server", "path"), ROUTES)
@pytest.mark.parametrize("body", [b"", b"{", b"{'a': 1}", b"\xff\xfe", b"[]", b"null", b'"text"', b"3"])
def test_what_is_no_json_object_is_422(gym: Gym, server: str, path: str, body: bytes) -> None:
    answer = gym.post(server, path, None, raw=body)
    assert answer.status == 422
    assert answer.body["detail"][0]["loc"][0] == "body"


def changed(**fields: Any) -> dict[str, Any]:
    """A verify body that all four environments accept, with fields replaced; None takes one out."""
    body = rollout("text", ground_truth_judgement="j", ground_truth_verify_score=1, **fields)
    return {key: value for key, value in body.items() if value is not None}


@pytest.mark.parametrize(("server", "path"), VERIFY)
@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"responses_create_params": None}, "responses_create_params"),
        ({"response": None}, "response"),
        ({"response": {}}, "output"),
        ({"response": {"output": None}}, "output"),
        ({"response": {"output": "text"}}, "output"),
        ({"response": {"output": [3]}}, "output"),
        ({"response": {"output": [{"type": "message", "role": "assistant"}]}}, "content"),
        ({"responses_create_params": {}}, "input"),
        ({"responses_create_params": {"input": 3}}, "input"),
        ({"responses_create_params": {"input": [{"role": "wizard", "content": "x"}]}}, "role"),
        ({"responses_create_params": {"input": [{"role": ["user"], "content": "x"}]}}, "role"),
        ({"responses_create_params": {"input": "x", "max_tokens": 3}}, "max_tokens"),
        ({"responses_create_params": {"input": "x", "temperature": []}}, "temperature"),
    ],
)
def test_missing_extra_and_mistyped_fields_are_422(
    gym: Gym, server: str, path: str, fields: dict[str, Any], place: str
) -> None:
    answer = gym.post(server, path, changed(**fields))
    assert answer.status == 422
    assert place in orjson.dumps(answer.body["detail"]).decode()


@pytest.mark.parametrize(("server", "path"), VERIFY)
def test_a_sound_body_is_200(gym: Gym, server: str, path: str) -> None:
    assert gym.post(server, path, changed()).status == 200


@pytest.mark.parametrize("params", [{"max_tokens": 5}, {"inptu": "x"}, {"temperature": "hot"}])
def test_an_agent_refuses_a_row_before_anything_is_paid_for(gym: Gym, params: dict[str, Any]) -> None:
    for path, body in (
        ("/run", {"responses_create_params": {"input": "x", **params}}),
        ("/v1/responses", {"input": "x", **params}),
    ):
        assert gym.post("agent", path, body).status == 422


@pytest.mark.parametrize(("server", "path"), VERIFY)
def test_ten_megabytes_are_read(gym: Gym, server: str, path: str) -> None:
    assert gym.post(server, path, changed(padding="x" * 10_000_000)).status == 200


def test_a_policys_answer_of_ten_megabytes_is_judged() -> None:
    prompt = {"judge_model_server": POLICY, "judge_prompt_template": "{model_response}"}
    with ScriptedEndpoint("[[COMPLIED]]") as endpoint:
        blocks = {"it": ("resources_servers", "over_refusal_detection", prompt)}
        with small_gym(endpoint.url, blocks) as large:
            assert large.verify("it", "y" * 10_000_000)["reward"] == 1.0
        assert len(endpoint.requests[0].body["input"][0]["content"]) == 10_000_000


def test_every_server_gives_a_sign_of_life(gym: Gym) -> None:
    for name in (*ENVIRONMENTS, "agent", "policy_model"):
        answer = gym.wait(gym.client.get(name, "/"))
        assert (answer.status, gym.wait(answer.json())) == (200, {"status": "ok"})


def test_other_methods_and_paths_are_404_and_405(gym: Gym) -> None:
    assert gym.wait(gym.client.get("agent", "/run")).status == 405
    assert gym.post("agent", "/nowhere", {}).status == 404


def test_seeding_sets_a_signed_cookie_and_says_nothing(gym: Gym) -> None:
    answer = gym.post("multichallenge", "/seed_session", {"anything": 1})
    assert (answer.status, answer.body) == (200, {})
    assert list(answer.cookies) == ["MultiChallengeServer___multichallenge"]
    other = gym.post("multichallenge", "/seed_session", {})
    assert other.cookies != answer.cookies
    again = gym.post("multichallenge", "/seed_session", {}, cookies=answer.cookies)
    assert again.cookies == answer.cookies


class Count(BaseModel):
    by: int


class Seed(BaseSeedSessionRequest):
    start: int = 0


class CounterVerifyRequest(BaseVerifyRequest):
    expected: int


class Counter(SimpleResourcesServer):
    """An environment as authors write one for the original."""

    config: BaseResourcesServerConfig
    counts: dict[str, int] = Field(default_factory=dict)

    def setup_webserver(self) -> FastAPI:
        app = super().setup_webserver()
        app.post("/count")(self.count)
        app.post("/break")(self.fail)
        app.post("/refuse")(self.refuse)
        return app

    async def seed_session(self, request: Request, body: Seed) -> BaseSeedSessionResponse:
        self.counts[request.session[SESSION_ID_KEY]] = body.start
        return BaseSeedSessionResponse()

    async def count(self, request: Request, body: Count) -> dict[str, int]:
        self.counts[request.session[SESSION_ID_KEY]] += body.by
        return {"count": self.counts[request.session[SESSION_ID_KEY]]}

    async def fail(self) -> None:
        raise RuntimeError("boom")

    async def refuse(self) -> None:
        raise HTTPException(418, "a teapot")

    async def verify(self, request: Request, body: CounterVerifyRequest) -> BaseVerifyResponse:
        if body.expected < 0:
            raise JudgeError("the judge is away", "unreachable")
        if body.expected > 100:
            raise ValueError("out of range")
        count = self.counts[request.session[SESSION_ID_KEY]]
        return BaseVerifyResponse(**body.model_dump(), reward=float(count == body.expected))


class Odd(Counter):
    """With middleware, a handler of exceptions, and a verify that asks for what only FastAPI gives."""

    def setup_webserver(self) -> FastAPI:
        app = super().setup_webserver()

        @app.middleware("http")
        async def stamp(request: Request, call_next: Any) -> Response:
            answer = await call_next(request)
            answer.headers["x-stamp"] = "yes"
            return answer

        @app.exception_handler(ValueError)
        async def mild(_: Request, error: ValueError) -> Response:
            return Response(f"mild: {error}", 400)

        return app


class Blocking(SimpleResourcesServer):
    """A verify that is no coroutine, with a dependency."""

    def verify(self, body: BaseVerifyRequest, extra: int = Depends(lambda: 3)) -> BaseVerifyResponse:
        return BaseVerifyResponse(**body.model_dump(), reward=float(extra))


class Streaming(SimpleResourcesServer):
    """A verify whose answer comes in pieces."""

    done: list[str] = Field(default_factory=list[str])

    async def verify(self, request: Request) -> Response:
        async def pieces() -> AsyncIterator[str]:
            yield '{"reward":'
            yield "1.0}"

        request.session["seen"] = True
        end = BackgroundTask(self.done.append, "once")
        return StreamingResponse(pieces(), 201, media_type="application/json", background=end)


class Careless(SimpleResourcesServer):
    """A verify that leaves something to be done behind it, which fails."""

    async def verify(self, body: BaseVerifyRequest) -> Response:
        return JSONResponse({"reward": 1.0}, background=BackgroundTask([].remove, body.response.id))


def own(kind: Any) -> tuple[Any, ServerClient]:
    """A server of one's own, and a client that reaches it."""
    config = server_config("own", "resources_servers", "own", {})
    apps: dict[str, Any] = {}
    client = ServerClient(Configuration({}, (config,), HeadConfig()), apps)
    server = kind(config=BaseResourcesServerConfig.read(config), server_client=client)
    apps["own"] = server.setup_webserver()
    return server, client


@pytest.mark.parametrize("kind", [Counter, Odd])
def test_an_authors_environment_has_sessions_tools_and_a_reward(kind: Any) -> None:
    _, client = own(kind)

    async def episode() -> None:
        seeded = await client.post("own", "/seed_session", json={"start": 2})
        assert seeded.status == 200
        counted = await client.post("own", "/count", json={"by": 3}, cookies=seeded.cookies)
        assert await counted.json() == {"count": 5}
        assert counted.cookies["Counter___own" if kind is Counter else "Odd___own"].value
        body = rollout("x", expected=5)
        verified = await client.post("own", "/verify", json=body, cookies=counted.cookies)
        assert (await verified.json())["reward"] == 1.0
        stranger = await client.post("own", "/verify", json=body)
        assert stranger.status == 500
        assert (verified.headers.get("x-stamp") == "yes") is (kind is Odd)

    asyncio.run(episode())


def test_middleware_that_comes_after_the_first_request_is_refused() -> None:
    server, client = own(Streaming)
    app = server.setup_webserver()
    client = ServerClient(client.configuration, {"own": app})
    assert asyncio.run(client.post("own", "/verify", json={})).status == 201
    with pytest.raises(RuntimeError, match="after an application has started"):
        app.add_middleware(GZipMiddleware)


def test_an_answer_in_pieces_comes_whole_to_a_caller_in_this_process() -> None:
    server, client = own(Streaming)
    answer = asyncio.run(client.post("own", "/verify", json={}))
    assert (answer.status, answer.body, answer.headers["content-type"]) == (201, b'{"reward":1.0}', "application/json")
    assert list(answer.cookies) == ["Streaming___own"]
    assert server.done == ["once"]


def test_a_forged_or_foreign_cookie_is_a_new_session() -> None:
    _, client = own(Counter)

    async def tries() -> None:
        seeded = await client.post("own", "/seed_session", json={})
        value = seeded.cookies["Counter___own"].value
        for forged in (value[:-2] + "xx", "rubbish", "a.b", "", value.rpartition(".")[0]):
            answer = await client.post("own", "/count", json={"by": 1}, cookies={"Counter___own": forged})
            assert answer.status == 500  # a session that nobody began
        assert (await client.post("own", "/count", json={"by": 1}, cookies=seeded.cookies)).status == 200

    asyncio.run(tries())


def test_errors_are_answers_and_tell_no_place_in_the_code() -> None:
    _, client = own(Counter)

    async def calls() -> None:
        broken = await client.post("own", "/break", json={})
        assert (broken.status, await broken.json()) == (500, {"detail": "own: RuntimeError: boom"})
        refused = await client.post("own", "/refuse", json={})
        assert (refused.status, await refused.json()) == (418, {"detail": "a teapot"})
        wrong = await client.post("own", "/verify", json=rollout("x", expected=101))
        assert (wrong.status, await wrong.json()) == (500, {"detail": "own: ValueError: out of range"})
        mistyped = await client.post("own", "/count", json={"by": "many"})
        assert mistyped.status == 422

    asyncio.run(calls())


def test_an_authors_exception_handler_is_used() -> None:
    _, client = own(Odd)

    async def call() -> None:
        answer = await client.post("own", "/verify", json=rollout("x", expected=101))
        assert (answer.status, await answer.text()) == (400, "mild: out of range")

    asyncio.run(call())


@pytest.mark.parametrize("kind", [Counter, Odd])
def test_a_judge_error_in_verify_sets_the_row_aside(kind: Any) -> None:
    _, client = own(kind)

    async def call() -> None:
        answer = await client.post("own", "/verify", json=rollout("x", expected=-1))
        assert answer.status == 200
        row = await answer.json()
        assert (row["reward"], row["expected"]) == (0.0, -1)
        assert row["_ng_failure_class"] == "judge_failed"
        assert row["_ng_failure_judge_error"] == "the judge is away"
        assert (row["judge_status"], row["judge_error_kind"]) == ("failed", "unreachable")

    asyncio.run(call())


def test_what_only_fastapi_can_give_is_given_by_fastapi() -> None:
    _, client = own(Blocking)

    async def call() -> None:
        answer = await client.post("own", "/verify", json=rollout("x"))
        assert (answer.status, (await answer.json())["reward"]) == (200, 3.0)
        assert (await client.post("own", "/verify", json={})).status == 422

    asyncio.run(call())


class Echo(SimpleResponsesAPIModel):
    """A model of one's own."""

    async def responses(self, body: Any) -> NeMoGymResponse:
        raise NotImplementedError

    async def chat_completions(self, response: Response) -> dict[str, Any]:
        response.set_cookie("seen", "yes")
        return {"choices": []}


def test_a_handler_may_set_cookies_on_the_answer() -> None:
    _, client = own(Counter)
    model = Echo(config=BaseResponsesAPIModelConfig(name="own"), server_client=client)
    apps: Any = client._apps  # the test stands in for the launcher
    apps["own"] = model.setup_webserver()

    async def call() -> None:
        answer = await client.post("own", "/v1/chat/completions", json={})
        assert (await answer.json(), answer.cookies["seen"].value) == ({"choices": []}, "yes")

    asyncio.run(call())


def test_items_of_every_kind_are_read_and_come_back_as_they_were() -> None:
    tokens = {"prompt_token_ids": [1], "generation_token_ids": [2], "generation_log_probs": [-0.5]}
    output = [
        {
            "type": "reasoning",
            "id": "r",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "content": [{"text": "x"}],
        },
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
        {"type": "web_search_call", "id": "w", "action": {"query": "q"}},
        {"role": "user", "content": "and?"},
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}], "status": "completed"},
        {"type": "message", "role": "assistant", "content": "plain"},
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "so", "annotations": [], "logprobs": None},
                {"type": "odd", "x": 1},
                {"type": "refusal", "refusal": "no"},
            ],
            **tokens,
        },
    ]
    response = NeMoGymResponse.model_validate_json(orjson.dumps({"output": output, "vendor": {"k": 1}}))
    dumped = orjson.loads(response.model_dump_json())
    for given, back in zip(output, dumped["output"], strict=True):
        assert {key: back[key] for key in given} == given
    assert dumped["vendor"] == {"k": 1}
    kinds = [type(item).__name__.removeprefix("NeMoGym") for item in response.output]
    assert kinds == [
        "ResponseReasoningItem",
        "ResponseFunctionToolCall",
        "FunctionCallOutput",
        "OtherItem",
        "EasyInputMessage",
        "Message",
        "EasyInputMessage",
        "ResponseOutputMessageForTraining",
    ]
    assert NeMoGymResponse(**response.model_dump()) == response
    assert response.output_text == "so"


class Row(BaseRunRequest):
    model_config = ConfigDict(extra="allow")


def test_the_collectors_own_keys_are_kept() -> None:
    row = Row.model_validate_json(b'{"responses_create_params": {"input": "x"}, "_ng_task_index": 3}')
    assert row.model_dump()["_ng_task_index"] == 3


def test_what_fails_behind_an_answer_does_not_come_down_on_who_asked(caplog: pytest.LogCaptureFixture) -> None:
    _, client = own(Careless)
    answer = asyncio.run(client.post("own", "/verify", json=rollout("x")))
    assert (answer.status, answer.body) == (200, b'{"reward":1.0}')
    assert "/verify failed in this process" in caplog.text
