"""Serving an app on a socket that is already taken, inside a running event loop.

Several servers share one loop, so none of them may handle signals or set up logging: that is the launcher's, or the
worker's.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Generator

import uvicorn

from referee.gym.local_call import App

_KEEP_ALIVE = 30  # seconds; longer than our clients keep a connection, so that it is they who close it
_IN_FLIGHT = 2  # seconds that calls in flight have to end when the server stops
_OPEN_FILES = 65_535


class Serving:
    """One app on one socket, from `start` until `stop`."""

    def __init__(self, app: App, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,  # pyright: ignore[reportArgumentType]  # uvicorn names ASGI's types more narrowly
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nobody here asks where a request came from
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_IN_FLIGHT,
        )
        self._server = _Quiet(config)
        self._socket = listening
        self.ended: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin to serve; the task ends when serving has ended, for whatever reason."""
        self.ended = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        return self.ended

    @property
    def started(self) -> bool:
        """Whether requests are being answered."""
        return self._server.started

    def hurry(self) -> None:
        """Do not wait for what is in flight when stopping."""
        self._server.force_exit = True

    async def stop(self) -> None:
        """Take no more requests, give those in flight two seconds, and close."""
        self._server.should_exit = True
        if self.ended is not None:
            await asyncio.wait([self.ended])
        self._socket.close()


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone."""
        yield


def allow_many_connections() -> None:
    """Raise the limit of open files as far as the system lets us: each call in flight holds one or two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
