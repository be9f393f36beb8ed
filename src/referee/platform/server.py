"""`serve`: the platform on a socket, until it is told to stop."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
from collections.abc import Callable, Generator

import uvicorn

from referee.errors import LaunchError
from referee.garbage import let_garbage_wait
from referee.platform.app import create_app
from referee.platform.presence import logging_into, write_record
from referee.platform.settings import Settings

_IN_FLIGHT = 5  # seconds that requests in flight have to end when the server stops
_QUEUE = 2048


def serve(settings: Settings, say: Callable[[str], None] = print) -> None:
    """Serve until SIGINT or SIGTERM, then stop clean; jobs that are going on are taken up at the next start.

    Args:
        settings: where and with what.
        say: prints a line; it is told the address when requests are answered.

    Raises:
        LaunchError: the port is taken.
        PlatformError: the settings are not safe, or another server is at work in the data folder.
    """
    gc.disable()  # a tenth of the time until it is ready, and what is imported is no garbage
    app = create_app(settings, loaded=_keep_what_is_loaded)
    with contextlib.closing(_listen(settings)) as listening, logging_into(settings.data) as log:
        host, port = listening.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"

        def ready() -> None:
            write_record(settings.data, address)
            log.info("ready at %s (pid %d)", address, os.getpid())
            say(f"referee platform is ready at {address} (data in {settings.data})")

        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=_IN_FLIGHT,
        )
        server = _Server(config, ready)
        try:
            server.run(sockets=[listening])
        finally:
            if server.was_ready:
                log.info("stopped")


def _keep_what_is_loaded() -> None:
    # Modules and tables are not to be looked through again and again beside the judging of rows.
    gc.collect()
    let_garbage_wait()


class _Server(uvicorn.Server):
    """Says when it is ready, and lets the process end by itself after a signal instead of by the signal."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.was_ready = False

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.was_ready = True
            self._ready()


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(_QUEUE)
    except OSError as error:
        listening.close()
        raise LaunchError(
            f"{settings.host}:{settings.port} cannot be listened on: {error.strerror or error}; "
            "give another port, or stop what uses it"
        ) from error
    return listening
