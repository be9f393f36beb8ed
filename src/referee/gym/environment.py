"""`Environment`: the rewards of a configuration in Python, without any server, port or process.

The environment and the model servers that its judge needs are made from the configuration as `ng_run` makes them, and
its `/verify` is called in this process, so that a reward is the same number in either way. One event loop and one
engine, on a thread of their own, serve all calls: it can be used in a script, in a notebook and in a trainer's step.
In another process, forked or reached by pickling, the same environment has a loop and an engine of that process.
"""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from weakref import WeakSet, WeakValueDictionary

import orjson

from referee.errors import ConfigurationError, DefinitionError, LaunchError, RefereeError
from referee.exchange import excerpt
from referee.gym.api.aggregation import FAILURE_CLASS, is_failed
from referee.gym.configuration import Configuration, ServerConfig, load_configuration
from referee.gym.configuration.wording import closest_or_all
from referee.gym.entrypoint import load_server
from referee.gym.local_call import App
from referee.gym.requirements import describe_unmet
from referee.gym.server import ServerClient, ServerContext
from referee.gym.stand_in import JUDGE_VALUES, VALUES, describe_missing_policy, endpoint_in_place_of
from referee.judge import Model

Row = Mapping[str, Any]
Result = TypeVar("Result")
_RESPONSE: dict[str, Any] = {
    "id": "resp_given",
    "object": "response",
    "created_at": 0,
    "model": "given",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
_MODELS, _RESOURCES, _AGENTS = "responses_api_models", "resources_servers", "responses_api_agents"


class Environment:
    """An environment whose `verify` can be called; a context manager, or `close` it. Made by `Environment.load`.

    Args:
        server: the environment's own block in its configuration.
        configuration: what it is part of.
    """

    def __init__(self, server: ServerConfig, configuration: Configuration) -> None:
        self.name = server.name
        self.config = server
        self._configuration = configuration
        self._loaded_by: tuple[str, Callable[[], Environment]] | None = None
        self._left_behind: list[object] = []
        self._opening = threading.Lock()
        self._open()
        _OPEN.add(self)

    @classmethod
    def load(
        cls,
        config: str | Path | Sequence[str],
        *overrides: str,
        judge: Model | Mapping[str, Any] | None = None,
        name: str | None = None,
        cwd: Path | None = None,
    ) -> Self:
        """An environment from its configuration.

        Args:
            config: the environment's name, the path of its configuration, or several paths; looked up as `ng_run` does,
                in the working directory and then among what is bundled. `env.yaml` in the working directory is read.
            overrides: as on the command line: `"++my_environment.resources_servers.…=value"`.
            judge: an endpoint that takes the place of every model server of the configuration, `{url, name, …}` as in a
                judge file; without it the configuration says who judges.
            name: which resources server, where the configuration has several.
            cwd: the working directory; the process's by default.

        Raises:
            ConfigurationError: with every problem there is.
            DefinitionError: a setting of the environment cannot be meant.
            LaunchError: a library that it needs is not installed.
            SecretError: the key that `judge` names was not found.
        """
        paths = [_as_path(one) for one in ([config] if isinstance(config, str | Path) else config)]
        # Hydra's grammar has no list of arbitrary texts but a quoted one.
        listed = ",".join("'" + path.replace("\\", "\\\\").replace("'", "\\'") + "'" for path in paths)
        configuration = load_configuration(
            [f"+config_paths=[{listed}]", *overrides],
            defaults=VALUES if judge is None else VALUES | JUDGE_VALUES,
            cwd=cwd,
        )
        server = _choose(configuration, name)
        if judge is not None:
            endpoint = judge if isinstance(judge, Model) else Model.model_validate(judge)
            configuration = endpoint_in_place_of(configuration, endpoint)
        if unmet := describe_unmet([one for one in configuration.servers if one.kind != _AGENTS]):
            raise LaunchError(unmet)
        environment = cls(server, configuration)
        key = uuid.uuid4().hex
        load = partial(cls.load, config, *overrides, judge=judge, name=name, cwd=Path.cwd() if cwd is None else cwd)
        environment._loaded_by = key, load
        _LOADED[key] = environment
        if judge is None and (problem := describe_missing_policy(environment.judges(), configuration)):
            environment.close()
            raise ConfigurationError([problem])
        return environment

    def verify(self, row: Row, response: str | Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer of the environment's `/verify`: its `reward`, how the judge fared, and the environment's fields.

        Args:
            row: the dataset's row; without `responses_create_params` its `prompt` is the question.
            response: what the policy answered, as text or as a Responses object; without it the row holds `response`.

        Raises:
            DefinitionError: the environment refuses the row.
        """
        return self._submit(row, response).result()

    async def averify(self, row: Row, response: str | Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The same, to be awaited in any event loop."""
        return await asyncio.wrap_future(self._submit(row, response))

    def verify_all(
        self, rollouts: Iterable[tuple[Row, str | Mapping[str, Any] | None]], *, at_once: int = 64
    ) -> Iterator[dict[str, Any]]:
        """The answers to many rollouts, in their order; so many at once as `at_once` says, read as they are needed."""
        rest = iter(rollouts)
        waiting = [self._submit(*one) for one in islice(rest, at_once)]
        try:
            while waiting:
                answer = waiting.pop(0).result()
                waiting.extend(self._submit(*one) for one in islice(rest, 1))
                yield answer
        finally:
            for future in waiting:
                future.cancel()

    async def averify_all(
        self, rollouts: Iterable[tuple[Row, str | Mapping[str, Any] | None]], *, at_once: int = 64
    ) -> list[dict[str, Any]]:
        """The answers to many rollouts, in their order, to be awaited in any event loop."""
        return await asyncio.wrap_future(self._run(self._verify_all(rollouts, at_once)))

    def reward(self, answer: Mapping[str, Any]) -> float | None:
        """The reward in an answer of `verify`; None where it has none, as the judge's call failed.

        A number that the configuration puts in place of a failed call is none either, unless it includes such numbers
        (`include_failed_rewards`). What an unclear verdict is worth is the configuration's, and counts.
        """
        if answer.get(FAILURE_CLASS) is not None or (is_failed(answer) and not self._server.includes_failed()):
            return None
        return float(answer["reward"])

    def judges(self) -> set[str]:
        """The names of the model servers that the environment calls, as far as its settings tell."""
        named = set(_texts(self.config.settings)) & set(self._apps)
        # One that is defined without judges has a check instead, and nobody to ask.
        served = None if getattr(self._server, "judges", None) == [] else getattr(self._server, "served", None)
        for model in served.routes.values() if served is not None else ():
            named.update(name for name in self._apps if model.url.startswith(f"server://{name}/"))
        return named

    def close(self) -> None:
        """Close connections and journals, and end the thread."""
        _OPEN.discard(self)
        if self._loop.alive:
            self._loop.run(self._aclose())
            self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._loaded_by is None:
            raise TypeError(f"the environment {self.name} was not made by Environment.load, and cannot be pickled")
        return _of_this_process, self._loaded_by

    def _open(self) -> None:
        self._apps: dict[str, App] = {}
        self._client = ServerClient(self._configuration, self._apps)
        self._servers: list[Any] = []
        for config in self._configuration.servers:
            if config.kind == _MODELS or config is self.config:
                made: Any = load_server(config).from_context(ServerContext(config, self._configuration, self._client))
                self._servers.append(made)
                self._apps[config.name] = made.setup_webserver()
        self._loop = _LoopThread(f"the environment {self.name}")
        self._process = os.getpid()

    @property
    def _server(self) -> Any:
        return next(one for one in self._servers if one.config.name == self.name)

    def _leave_behind(self) -> None:
        """In a process that was forked: what was open belongs to its parent, which goes on with it."""
        # Kept, since to let go of a connection may be to say goodbye on it.
        self._left_behind.append((self._loop, self._client, self._servers, self._apps))
        self._opening = threading.Lock()

    def _submit(self, row: Row, response: str | Mapping[str, Any] | None) -> Future[dict[str, Any]]:
        return self._run(self._verify(row, response))

    def _run(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        if self._process != os.getpid():
            try:
                with self._opening:
                    if self._process != os.getpid() and self in _OPEN:
                        self._open()
            except RefereeError:  # a journal that the parent process writes, say
                work.close()
                raise
        return self._loop.submit(work)

    async def _verify_all(
        self, rollouts: Iterable[tuple[Row, str | Mapping[str, Any] | None]], at_once: int
    ) -> list[dict[str, Any]]:
        rest = enumerate(rollouts)
        answers: dict[int, dict[str, Any]] = {}

        async def work() -> None:
            for at, one in rest:
                answers[at] = await self._verify(*one)

        workers = [asyncio.create_task(work()) for _ in range(at_once)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
        return [answers[at] for at in range(len(answers))]

    async def _verify(self, row: Row, response: str | Mapping[str, Any] | None) -> dict[str, Any]:
        answer = await self._client.request(self.name, "/verify", "POST", data=orjson.dumps(_rollout(row, response)))
        content = await answer.read()
        if answer.status != 200:
            raise DefinitionError(
                f"{self.name} refuses the row ({answer.status}): {excerpt(content.decode(errors='replace'), 1000)}"
            )
        return orjson.loads(content)

    async def _aclose(self) -> None:
        for server in self._servers:
            await server.aclose()
        await self._client.aclose()


def verify(
    environment: Environment | str | Path, row: Row, response: str | Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The reward of one answer, without any server: see `Environment.verify`.

    Args:
        environment: loaded once for many answers; or its name or configuration, which is loaded for this one.
        row: the dataset's row.
        response: what the policy answered.

    Raises:
        DefinitionError: the environment cannot be loaded, or refuses the row.
    """
    if isinstance(environment, Environment):
        return environment.verify(row, response)
    with Environment.load(environment) as loaded:
        return loaded.verify(row, response)


_OPEN: WeakSet[Environment] = WeakSet()
_LOADED: WeakValueDictionary[str, Environment] = WeakValueDictionary()
_UNPICKLED: dict[str, Environment] = {}
"""Kept: a trainer may unpickle a reward function for each call of it."""
_unpickling = threading.Lock()


def _of_this_process(key: str, load: Callable[[], Environment]) -> Environment:
    """The environment that was pickled: itself where that was in this process, else one for all that is unpickled."""
    with _unpickling:
        environment = _LOADED.get(key)
        if environment is None:
            environment = _UNPICKLED[key] = _LOADED[key] = load()
        return environment


def _after_fork() -> None:
    global _unpickling
    _unpickling = threading.Lock()  # another thread of the parent may have held it
    for environment in _OPEN:
        environment._leave_behind()  # pyright: ignore[reportPrivateUsage]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _LoopThread:
    """An event loop on a thread of its own."""

    def __init__(self, name: str) -> None:
        try:
            import uvloop

            self._loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        except ImportError:
            self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def submit(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        if not self.alive:
            work.close()
            raise DefinitionError("the environment is closed: load it again")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.submit(work).result()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


def _as_path(config: str | Path) -> str:
    text = str(config)
    if text.endswith((".yaml", ".yml")):
        return text
    name = Path(text).name  # `resources_servers/NAME` says the same as `NAME`
    return f"{text}/configs/{name}.yaml" if "/" in text else f"{_RESOURCES}/{text}/configs/{text}.yaml"


def _choose(configuration: Configuration, name: str | None) -> ServerConfig:
    servers = {server.name: server for server in configuration.servers if server.kind == _RESOURCES}
    if name is None and len(servers) == 1:
        return next(iter(servers.values()))
    if name is None:
        these = ", ".join(servers) or "none"
        raise DefinitionError(f"the configuration has not one resources server but {these}; say which by name=…")
    if name not in servers:
        raise DefinitionError(f"no resources server is called {name!r}{closest_or_all(name, servers)}")
    return servers[name]


def _rollout(row: Row, response: str | Mapping[str, Any] | None) -> dict[str, Any]:
    body = dict(row)
    if "responses_create_params" not in body:
        body["responses_create_params"] = {"input": str(body.get("prompt", ""))}
    if isinstance(response, str):
        part = {"type": "output_text", "text": response, "annotations": []}
        message = {"id": "msg_given", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        body["response"] = {**_RESPONSE, "output": [message]}
    elif response is not None:
        body["response"] = dict(response)
    return body


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        parts = value.values() if isinstance(value, Mapping) else value
        for part in cast(Iterable[object], parts):
            yield from _texts(part)
