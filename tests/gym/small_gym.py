"""A gym for tests: servers from settings, in one process and one event loop, in front of a scripted endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

import referee.gym
from referee.gym.configuration import Configuration, HeadConfig, ServerConfig
from referee.gym.entrypoint import load_server
from referee.gym.server import ServerClient, ServerContext

BUNDLED = Path(referee.gym.__file__).parent
Result = TypeVar("Result")
POLICY = {"type": "responses_api_models", "name": "policy_model"}


@dataclass(frozen=True)
class Answer:
    """What a server answered; `body` is decoded."""

    status: int
    body: Any
    headers: Mapping[str, str]
    cookies: dict[str, str]


class Gym:
    """The servers, by name."""

    def __init__(self, servers: dict[str, Any], client: ServerClient, runner: asyncio.Runner) -> None:
        self.servers = servers
        self.client = client
        self._runner = runner

    def __getitem__(self, name: str) -> Any:
        return self.servers[name]

    def post(
        self, server: str, path: str, body: Any, *, raw: bytes | None = None, cookies: dict[str, str] | None = None
    ) -> Answer:
        """POST to a server."""

        async def call() -> Answer:
            data = orjson.dumps(body) if raw is None else raw
            answer = await self.client.request(server, path, "POST", data=data, cookies=cookies)
            text = await answer.read()
            decoded = orjson.loads(text) if text[:1] in b'{["' else text.decode()
            return Answer(answer.status, decoded, answer.headers, {k: m.value for k, m in answer.cookies.items()})

        return self.wait(call())

    def wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run something in the servers' event loop."""
        return self._runner.run(coroutine)

    def verify(self, server: str, text: str | None, **row: Any) -> Any:
        """The answer of `/verify` for a policy that answered `text`."""
        answer = self.post(server, "/verify", rollout(text, **row))
        assert answer.status == 200, answer.body
        return answer.body


@contextmanager
def small_gym(url: str, blocks: Mapping[str, tuple[str, str, Mapping[str, Any]]], **policy: Any) -> Iterator[Gym]:
    """Servers from `{name: (kind, implementation, settings)}`, beside a `policy_model` whose endpoint is at `url`."""
    model = {"openai_base_url": url, "openai_api_key": "sk-secret", "openai_model": "m", **policy}
    blocks = {"policy_model": ("responses_api_models", "openai_model", model), **blocks}
    configs = tuple(server_config(name, *block) for name, block in blocks.items())
    configuration = Configuration({}, configs, HeadConfig())
    apps: dict[str, Any] = {}
    client = ServerClient(configuration, apps)
    servers: dict[str, Any] = {}
    for config in configs:
        servers[config.name] = load_server(config).from_context(ServerContext(config, configuration, client))
        apps[config.name] = servers[config.name].setup_webserver()
    with asyncio.Runner() as runner:
        try:
            yield Gym(servers, client, runner)
        finally:
            for server in servers.values():
                runner.run(server.aclose())
            runner.run(client.aclose())


def server_config(name: str, kind: Any, implementation: str, settings: Mapping[str, Any]) -> ServerConfig:
    """A bundled server as the configuration describes it."""
    folder, given = BUNDLED / kind / implementation, dict(settings)
    workers = given.pop("num_workers", 1)
    code = folder if (folder / "app.py").is_file() else BUNDLED / kind / "llm_judge"
    return ServerConfig(
        name, kind, implementation, "app.py", code, "127.0.0.1", 1, workers, settings=given, folders=(folder,)
    )


def rollout(text: str | None = None, output: list[Any] | None = None, **row: Any) -> dict[str, Any]:
    """A verify request: the policy answered `text`, or `output` as it stands."""
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text or ""}]}
    return {
        "responses_create_params": {"input": [{"role": "user", "content": "the question"}]},
        "response": {"output": [message] if output is None else output},
        **row,
    }
