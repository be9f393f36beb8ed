"""Starting all servers of a configuration, and stopping them without a trace.

Bundled servers share this process and its event loop, where they call each other without a socket; a user's server
gets a process of its own, unless it says `in_process: true`. What would keep a server from starting is looked for
before anything starts.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import aiohttp

from referee.errors import ConfigurationError, LaunchError, RefereeError
from referee.garbage import let_garbage_wait
from referee.gym.api.sessions import session_secret
from referee.gym.configuration import Configuration
from referee.gym.entrypoint import load_server
from referee.gym.handover import Task
from referee.gym.head import make_head_app
from referee.gym.local_call import App
from referee.gym.ports import HEAD, Ports, take_ports
from referee.gym.requirements import describe_unmet
from referee.gym.server import ServerClient, ServerContext
from referee.gym.serving import Serving, allow_many_connections
from referee.gym.worker_process import WorkerProcess

_IMPATIENCE = 15.0  # seconds between two words on what is still waited for
_POLL = 0.05
_MOMENT = 1.5


class Gym:
    """The servers of a configuration, running while the context is open.

    Args:
        configuration: what to run; ports that it leaves open are chosen.
        say: prints a line: what workers print, and who is waited for.

    Entering the context returns when every server answers.

    Raises:
        LaunchError: a port is taken, a library is missing, or a server cannot start.
        ConfigurationError: servers cannot be set up as they are configured.
    """

    def __init__(self, configuration: Configuration, say: Callable[[str], None] = print) -> None:
        self.configuration = configuration
        self.client = ServerClient(configuration)
        self._say = say
        self._apps: dict[str, App] = {}
        self._pids: dict[str, int] = {}
        self._servings: list[Serving] = []
        self._workers: list[WorkerProcess] = []
        self._ends: dict[asyncio.Task[str], str] = {}
        self._ports: Ports | None = None
        self._hurry = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def ended(self) -> str:
        """Wait until a server ends that should not, and say which and how."""
        done, _ = await asyncio.wait(self._ends, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()

    def hurry(self) -> None:
        """Stop without waiting for anything in flight."""
        self._hurry.set()
        for serving in self._servings:
            serving.hurry()

    async def start(self) -> None:
        """Start everything, and return when every server answers. Whoever calls this calls `stop` in the end."""
        allow_many_connections()
        session_secret()  # made before there are workers, who inherit it: those of one server share their sessions
        ports = self._ports = _prepare(self.configuration)
        self.configuration = ports.configuration
        self.client = ServerClient(self.configuration, self._apps)
        self._apps.update(_make_apps(self.configuration, self.client))
        head = make_head_app(self.configuration, self._pids)
        for name, app in [*self._apps.items(), (HEAD, head)]:
            self._serve(name, app)
        for server in self.configuration.servers:
            for _ in range(0 if server.in_process else server.num_workers):
                worker = WorkerProcess(server, self._say)
                self._workers.append(worker)
                await worker.start(Task(self.configuration, server.name, ports.sockets[server.name].fileno()))
                self._pids.setdefault(server.name, worker.pid)
                self._ends[asyncio.create_task(worker.wait())] = server.name
        await self._until_ready()

    def _serve(self, name: str, app: App) -> None:
        assert self._ports is not None
        serving = Serving(app, self._ports.sockets[name])
        self._servings.append(serving)
        serving.start()
        self._ends[asyncio.create_task(_describe_end(name, serving))] = name

    async def _until_ready(self) -> None:
        """Return when every server answers `GET /`; a server that ends before is an error."""
        urls = {server.name: server.url for server in self.configuration.servers} | {HEAD: self.configuration.head.url}
        waiting = set(urls)
        said = time.monotonic()
        # Answers may take as long as a large model takes to load: connections wait in the queue of the taken port.
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while waiting:
                if any(task.done() for task in self._ends):
                    # One mistake rarely comes alone; the others show within moments.
                    await asyncio.wait(self._ends, timeout=_MOMENT)
                    failed = dict.fromkeys(task.result() for task in self._ends if task.done())
                    raise LaunchError("\n".join(failed))
                answers = await asyncio.gather(*(_answers(session, urls[name]) for name in sorted(waiting)))
                waiting = {name for name, alive in zip(sorted(waiting), answers, strict=True) if not alive}
                if waiting and time.monotonic() - said > _IMPATIENCE:
                    self._say(f"still waiting for {', '.join(sorted(waiting))}")
                    said = time.monotonic()
                if waiting:
                    await asyncio.sleep(_POLL)

    async def stop(self) -> None:
        """Stop everything; afterwards no process and no port is left."""
        await asyncio.gather(
            *(worker.stop(self._hurry) for worker in self._workers),
            *(serving.stop() for serving in self._servings),
        )
        await self.client.aclose()
        for task in self._ends:
            task.cancel()
        await asyncio.gather(*self._ends, return_exceptions=True)
        if self._ports is not None:
            self._ports.close()


async def run_until_stopped(
    configuration: Configuration, say: Callable[[str], None] = print, began: float | None = None
) -> int:
    """Run all servers until SIGINT or SIGTERM; the exit code is 0 then, and 1 where a server ended by itself.

    Args:
        configuration: what to run.
        say: prints a line.
        began: when the process began, on the monotonic clock, for the time it took until all were ready.

    Raises:
        LaunchError: they cannot be started.
        ConfigurationError: servers cannot be set up as they are configured.
    """
    began = time.monotonic() if began is None else began
    gym = Gym(configuration, say)
    signalled = asyncio.Event()

    def on_signal() -> None:
        if signalled.is_set():
            gym.hurry()
        signalled.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    stopped = asyncio.create_task(signalled.wait())
    starting = asyncio.create_task(gym.start())
    running = None
    try:
        await asyncio.wait([stopped, starting], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            let_garbage_wait()
            say(describe_servers(gym.configuration, time.monotonic() - began))
            running = asyncio.create_task(gym.ended())
            await asyncio.wait([stopped, running], return_when=asyncio.FIRST_COMPLETED)
        if running is not None and running.done():
            say(f"{running.result()}\nstopping the other servers")
            return 1
        say("stopping")
        return 0
    finally:
        for task in (starting, stopped, running):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])
        await gym.stop()


def describe_servers(configuration: Configuration, seconds: float) -> str:
    """Where every server is, for people."""
    kinds = {"responses_api_models": "model", "resources_servers": "resources", "responses_api_agents": "agent"}
    rows = [(server.name, f"{kinds[server.kind]} server", server.url) for server in configuration.servers]
    rows.append((HEAD, "head server", configuration.head.url))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {url}" for name, kind, url in rows]
    return "\n".join([f"ready in {seconds:.1f} s", *lines, "stop with Ctrl-C"])


def _prepare(configuration: Configuration) -> Ports:
    """All that can be checked before anything starts, and the ports."""
    unmet = describe_unmet(configuration.servers)
    try:
        ports = take_ports(configuration)
    except LaunchError as error:
        raise LaunchError("\n".join(filter(None, (str(error), unmet)))) from error
    if unmet:
        ports.close()
        raise LaunchError(unmet)
    return ports


def _make_apps(configuration: Configuration, client: ServerClient) -> dict[str, App]:
    apps: dict[str, App] = {}
    problems: list[str] = []
    for server in configuration.servers:
        if server.in_process:
            try:
                context = ServerContext(server, configuration, client)
                apps[server.name] = load_server(server).from_context(context).setup_webserver()
            except RefereeError as error:
                problems.append(str(error))
    if problems:
        raise ConfigurationError(problems)
    return apps


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/"):
            return True
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _describe_end(name: str, serving: Serving) -> str:
    assert serving.ended is not None
    try:
        await serving.ended
    except Exception as error:
        return f"{name} ended: {type(error).__name__}: {error}"
    return f"{name} ended" if serving.started else f"{name} did not start; what it logged is above"
