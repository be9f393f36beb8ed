"""`ScriptedEndpoint`: a script behind a real HTTP server on loopback, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import weakref
from concurrent.futures import Future
from types import TracebackType
from typing import Self, Unpack

from aiohttp import web

from referee.testing.script import Script, ScriptedAnswer, ScriptOptions
from referee.testing.served import Call, RecordedRequest, Served
from referee.testing.steps import Step, error_step

_LARGEST_BODY = 1 << 30
_PIECES = 20


class ScriptedEndpoint:
    """A model endpoint that answers by a script, for chat completions and Responses.

    A context manager: the server runs within the `with`. `answer` and the options are those of `Script`. Where a
    function of the script raises (an `assert` on the request, say), the call gets a 400 and the exception is raised at
    the end of the `with`. Besides the model, it serves `GET …/models` and `GET …/stats`.
    """

    def __init__(self, answer: ScriptedAnswer, *, port: int = 0, **options: Unpack[ScriptOptions]) -> None:
        """`port` 0 takes a free one."""
        self._script = Script(answer, **options)
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._raised: Exception | None = None
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()

    @property
    def url(self) -> str:
        """The base url, ending in `/v1`."""
        if self._thread is None:
            raise RuntimeError("the scripted endpoint has no url before it is started: use it in a with statement")
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests that came, in order; empty where the script does not record."""
        return self._script.requests

    @property
    def served(self) -> Served:
        """What was served: answers, attempts by status or fault, the most in flight, tokens."""
        return self._script.served

    def start(self) -> None:
        """Start the server and return when it listens.

        Raises:
            OSError: the port is taken.
        """
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="scripted endpoint", daemon=True)
        self._thread.start()
        try:
            self._port = ready.result()
        except OSError:
            self._thread.join()
            self._thread = None
            raise

    def stop(self) -> None:
        """Stop the server; calls in flight are cut off."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        if self._raised is not None and error is None:
            raise self._raised

    def _run(self, ready: Future[int]) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.01)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", self._port, backlog=4096)
            await site.start()
            ready.set_result(runner.addresses[0][1])
            await self._stop.wait()
            await site.stop()
            await _rounds()  # what was accepted in the last moment becomes a connection
            self._abort(runner)
        except OSError as error:
            ready.set_exception(error)
        finally:
            await runner.cleanup()
            self._abort(runner)
            await _rounds()  # aborted transports close their sockets

    def _abort(self, runner: web.AppRunner) -> None:
        """Cut off every connection: a caller that does not read would hold its own open, and aiohttp forgets some."""
        for transport in list(self._transports):
            transport.abort()
        for connection in runner.server.connections if runner.server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if isinstance(request.transport, asyncio.Transport):
            self._transports.add(request.transport)
        if request.method == "GET" and request.path.endswith("/stats"):
            return web.json_response(self.served.as_stats())
        if request.method == "GET" and request.path.endswith("/models"):
            return web.json_response({"object": "list", "data": [{"id": "scripted", "object": "model"}]})
        body = await request.read()
        with self.served.call() as call:
            step = call.step = self._step(request, body)
            await asyncio.sleep(step.latency)
            try:
                return await _deliver(step, request, call)
            except ConnectionResetError:
                return web.Response()  # whoever asked has gone, and nobody gets this

    def _step(self, request: web.Request, body: bytes) -> Step:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            return self._script.step(request.path, headers, body)
        except Exception as error:  # the script is the user's: what it raises is his to see
            self._raised = self._raised or error
            return error_step(400, f"the script raised {type(error).__name__}: {error}")


async def _rounds() -> None:
    """Let the loop finish what it has begun: asyncio makes a connection in three rounds and closes one in one."""
    for _ in range(5):
        await asyncio.sleep(0)


async def _deliver(step: Step, request: web.Request, call: Call) -> web.StreamResponse:
    if step.delivery == "hang":
        await (asyncio.sleep(step.seconds) if step.seconds is not None else asyncio.Event().wait())
    content = step.reply.body
    response = web.StreamResponse(status=step.reply.status, headers=dict(step.reply.headers))
    response.content_length = len(content)
    if step.delivery == "close_before_answer":
        call.delivered()
        _close(request)
        return response
    if not content:
        call.delivered()  # an answer without a body ends with its headers
    await response.prepare(request)
    if step.delivery == "close_mid_body":
        await response.write(content[: len(content) // 2])
        call.delivered()
        _close(request)
        return response
    if step.delivery == "drip" and step.seconds is not None:
        size = len(content) // _PIECES + 1
        while len(content) > size:
            await response.write(content[:size])
            await asyncio.sleep(step.seconds / _PIECES)
            content = content[size:]
    if content:
        call.delivered()
    await response.write_eof(content)
    return response


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()
