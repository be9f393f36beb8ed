"""`create_app`: the platform as an ASGI application."""

from __future__ import annotations

from fastapi import FastAPI

from referee import __version__
from referee.platform.routes import health
from referee.platform.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The application over the data folder of these settings.

    Raises:
        PlatformError: the settings are not safe.
    """
    settings.check()
    app = FastAPI(title="referee", version=__version__, docs_url="/docs", redoc_url=None)
    app.state.settings = settings
    app.include_router(health.router)
    return app
