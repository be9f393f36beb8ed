"""NeMo Platform's import name for referee's client: the clients and an exception for each status. Re-exports only."""

from __future__ import annotations

from referee_nemo import missing, refuse_beside_original

refuse_beside_original(__name__)

from nemo_platform._absent import INSTEAD  # noqa: E402
from referee import __version__  # noqa: E402
from referee.client import AsyncPlatformClient as AsyncClient  # noqa: E402
from referee.client import AsyncPlatformClient as AsyncNeMoPlatform  # noqa: E402
from referee.client import PlatformClient as Client  # noqa: E402
from referee.client import PlatformClient as NeMoPlatform  # noqa: E402
from referee.client.transport import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT  # noqa: E402
from referee.errors import (  # noqa: E402
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)
from referee.errors import APIError as NeMoPlatformError  # noqa: E402
from referee.errors import APIResponseError as APIResponseValidationError  # noqa: E402

__all__ = [
    "DEFAULT_MAX_RETRIES",
    "DEFAULT_TIMEOUT",
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncClient",
    "AsyncNeMoPlatform",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ConflictError",
    "InternalServerError",
    "NeMoPlatform",
    "NeMoPlatformError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "UnprocessableEntityError",
    "__version__",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
