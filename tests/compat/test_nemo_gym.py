"""NeMo Gym's import names: an environment written for the original runs, and what is missing says what to use."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import Any

import pytest

MODULES = [
    "nemo_gym",
    "nemo_gym.base_resources_server",
    "nemo_gym.base_responses_api_agent",
    "nemo_gym.base_responses_api_model",
    "nemo_gym.config_types",
    "nemo_gym.global_config",
    "nemo_gym.judge",
    "nemo_gym.openai_utils",
    "nemo_gym.reward_profile",
    "nemo_gym.server_utils",
]

ENVIRONMENT = """
from fastapi import FastAPI, Request
from pydantic import BaseModel

from nemo_gym.base_resources_server import (
    BaseResourcesServerConfig,
    BaseVerifyRequest,
    BaseVerifyResponse,
    SimpleResourcesServer,
)
from nemo_gym.config_types import ModelServerRef
from nemo_gym.openai_utils import NeMoGymEasyInputMessage, NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming
from nemo_gym.reward_profile import compute_pass_majority_metrics, highest_k_metrics
from nemo_gym.server_utils import SESSION_ID_KEY, get_response_json, raise_for_status


class MyConfig(BaseResourcesServerConfig):
    judge_model_server: ModelServerRef
    judge_responses_create_params: NeMoGymResponseCreateParamsNonStreaming


class Guess(BaseModel):
    word: str


class MyVerifyRequest(BaseVerifyRequest):
    expected: str


class MyVerifyResponse(BaseVerifyResponse):
    correct: bool


class MyServer(SimpleResourcesServer):
    config: MyConfig
    guesses: dict[str, list[str]] = {}

    def setup_webserver(self) -> FastAPI:
        app = super().setup_webserver()
        app.post("/guess")(self.guess)
        return app

    async def guess(self, request: Request, body: Guess) -> dict:
        self.guesses.setdefault(request.session[SESSION_ID_KEY], []).append(body.word)
        return {"guesses": len(self.guesses[request.session[SESSION_ID_KEY]])}

    async def verify(self, body: MyVerifyRequest) -> MyVerifyResponse:
        params = self.config.judge_responses_create_params.model_copy(deep=True)
        params.input = [NeMoGymEasyInputMessage(role="user", content=f"Is it {body.expected}?")]
        answer = await self.server_client.post(
            server_name=self.config.judge_model_server.name, url_path="/v1/responses", json=params
        )
        await raise_for_status(answer)
        judged = NeMoGymResponse.model_validate(await get_response_json(answer))
        correct = "[[YES]]" in judged.output[-1].content[-1].text
        return MyVerifyResponse(**body.model_dump(), reward=float(correct), correct=correct)

    def compute_metrics(self, tasks):
        return compute_pass_majority_metrics(tasks)[0]

    def get_key_metrics(self, agent_metrics):
        return highest_k_metrics(agent_metrics, "pass@{k}")


if __name__ == "__main__":
    MyServer.run_webserver()
"""


@pytest.mark.parametrize("name", MODULES)
def test_every_name_that_is_promised_is_there(name: str) -> None:
    module = importlib.import_module(name)
    for exported in module.__all__:
        assert getattr(module, exported) is not None


def test_a_name_without_a_counterpart_says_what_to_use() -> None:
    for name, mend in (
        ("base_resources_server.MCPResourcesServer", "tools are routes"),
        ("global_config.get_global_config_dict", "global_config_dict"),
        ("openai_utils.NeMoGymAsyncOpenAI", "server_client.post"),
    ):
        module, _, attribute = name.rpartition(".")
        with pytest.raises(ImportError, match=mend):
            getattr(importlib.import_module(f"nemo_gym.{module}"), attribute)
    with pytest.raises(AttributeError):
        importlib.import_module("nemo_gym.judge").nothing  # noqa: B018


def test_an_environment_written_for_the_original_runs(tmp_path: Path) -> None:
    from referee.gym.configuration import Configuration, HeadConfig, ServerConfig
    from referee.gym.entrypoint import BUNDLED, load_server
    from referee.gym.server import ServerClient, ServerContext
    from referee.testing import ScriptedEndpoint

    folder = tmp_path / "resources_servers" / "mine"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(ENVIRONMENT)
    model = BUNDLED / "responses_api_models" / "openai_model"

    async def episode(url: str) -> None:
        reference = {"type": "responses_api_models", "name": "policy_model"}
        mine = {"judge_model_server": reference, "judge_responses_create_params": {"input": [], "temperature": 0}}
        endpoint = {"openai_base_url": url, "openai_api_key": "k", "openai_model": "m"}
        configs = (
            ServerConfig("mine", "resources_servers", "mine", "app.py", folder, "", 1, settings=mine),
            ServerConfig(
                "policy_model", "responses_api_models", "openai_model", "app.py", model, "", 1, settings=endpoint
            ),
        )
        configuration = Configuration({}, configs, HeadConfig())
        apps: dict[str, Any] = {}
        client = ServerClient(configuration, apps)
        servers = [load_server(one).from_context(ServerContext(one, configuration, client)) for one in configs]
        for one, server in zip(configs, servers, strict=True):
            apps[one.name] = server.setup_webserver()
        seeded = await client.post("mine", "/seed_session", json={})
        guessed = await client.post("mine", "/guess", json={"word": "a"}, cookies=seeded.cookies)
        assert await guessed.json() == {"guesses": 1}
        message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "it"}]}
        body = {"responses_create_params": {"input": "?"}, "response": {"output": [message]}, "expected": "it"}
        verified = await (await client.post("mine", "/verify", json=body)).json()
        assert (verified["reward"], verified["correct"]) == (1.0, True)
        rows = [{"_ng_task_index": task, "reward": float(task)} for task in (0, 1, 1)]
        figures = await (await client.post("mine", "/aggregate_metrics", json={"verify_responses": rows})).json()
        assert figures["key_metrics"] == {"pass@2/accuracy": 100.0}
        assert figures["agent_metrics"]["pass@1/accuracy"] == 50.0
        for server in servers:
            await server.aclose()  # pyright: ignore

    with ScriptedEndpoint("[[YES]]") as scripted:
        asyncio.run(episode(scripted.url))
