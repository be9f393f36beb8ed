"""`create_app`: the platform as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from referee import __version__
from referee.platform.guard import Guard
from referee.platform.jobs.runner import Runner
from referee.platform.problems import answer_errors
from referee.platform.routes import evaluate, files, filesets, health, jobs, secrets, workspaces
from referee.platform.services import Services
from referee.platform.settings import Settings


def create_app(settings: Settings, loaded: Callable[[], None] | None = None) -> FastAPI:
    """The application over the data folder of these settings, which it has from its start-up until it is shut down.

    Args:
        settings: where and with what.
        loaded: is called when all is imported that jobs need, which is some time after requests are answered.

    Raises:
        PlatformError: the settings are not safe; at start-up, the data folder or the database cannot be used.
    """
    settings.check()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        services = Services(settings)
        app.state.services = services
        runner = Runner(services, loaded)
        services.wake = runner.wake
        try:
            runner.start()
            yield
        finally:
            runner.stop()
            services.close()

    app = FastAPI(title="referee", version=__version__, redoc_url=None, lifespan=lifespan)
    app.state.settings = settings
    for routes in (health, workspaces, secrets, filesets, files, evaluate, jobs):
        app.include_router(routes.router)
    answer_errors(app)
    app.add_middleware(Guard, settings=settings)
    return app
