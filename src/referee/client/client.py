"""`PlatformClient` and `AsyncPlatformClient`: a platform's address, and the resources that it has."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx2 as httpx

from referee import __version__
from referee.client.files import AsyncFiles, Files
from referee.client.jobs import AsyncJobs, Jobs
from referee.client.secrets import AsyncSecrets, Secrets
from referee.client.transport import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, AsyncSession, Reach, Session
from referee.client.workspaces import AsyncWorkspaces, Workspaces
from referee.errors import APIError

if TYPE_CHECKING:
    from referee.client.evaluator import AsyncEvaluator, Evaluator

DEFAULT_BASE_URL = "http://127.0.0.1:8080"
_ADDRESSES = ("NMP_BASE_URL", "NEMO_PLATFORM_BASE_URL")
_TOKENS = ("NMP_ACCESS_TOKEN", "REFEREE_PLATFORM_TOKEN")


class PlatformClient:
    """A platform, for code that does not await. Also a context manager, which closes the connections.

    Args:
        base_url: its address; by default that of the environment variable NMP_BASE_URL, else http://127.0.0.1:8080.
        workspace: where calls look that do not name another workspace.
        access_token: sent as a bearer token; by default NMP_ACCESS_TOKEN or REFEREE_PLATFORM_TOKEN, if set.
        timeout: seconds a call may take to connect, and each part of a reply to come; None for no limit.
        max_retries: further tries of a call that failed in passing.
        default_headers: sent with every call.
        http_client: an httpx2 client of one's own.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        workspace: str | None = None,
        access_token: str | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        default_headers: Mapping[str, str] | None = None,
        http_client: httpx.Client | None = None,
    ) -> None:
        self.workspace = workspace
        self._session = Session(_reach(base_url, access_token, timeout, max_retries, default_headers), http_client)
        if http_client is None:
            # A script that ends without close() leaves no connection open.
            weakref.finalize(self._session, self._session.http.close)

    @property
    def base_url(self) -> str:
        """The platform's address."""
        return self._session.reach.base_url

    @cached_property
    def workspaces(self) -> Workspaces:
        """Workspaces."""
        return Workspaces(self._session)

    @cached_property
    def secrets(self) -> Secrets:
        """Keys under a name."""
        return Secrets(self._session, self.workspace)

    @cached_property
    def files(self) -> Files:
        """Filesets and the files in them."""
        return Files(self._session, self.workspace)

    @cached_property
    def jobs(self) -> Jobs:
        """All jobs of a workspace."""
        return Jobs(self._session, self.workspace)

    @cached_property
    def evaluator(self) -> Evaluator:
        """Runs here, and jobs submitted to the platform."""
        from referee.client.evaluator import Evaluator  # brings the engine, which the other resources do without

        return Evaluator(self._session, self.workspace)

    def with_options(self, **changes: Any) -> PlatformClient:
        """The same connections with another `timeout`, `max_retries` or `workspace`."""
        other = object.__new__(PlatformClient)
        other.workspace = changes.pop("workspace", self.workspace)
        other._session = self._session.with_reach(**changes)
        return other

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r}, workspace={self.workspace!r})"


class AsyncPlatformClient:
    """A platform, for code that awaits. Also an async context manager, which closes the connections.

    The arguments are those of `PlatformClient`, `http_client` an asynchronous one.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        workspace: str | None = None,
        access_token: str | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        default_headers: Mapping[str, str] | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.workspace = workspace
        self._session = AsyncSession(_reach(base_url, access_token, timeout, max_retries, default_headers), http_client)

    @property
    def base_url(self) -> str:
        """The platform's address."""
        return self._session.reach.base_url

    @cached_property
    def workspaces(self) -> AsyncWorkspaces:
        """Workspaces."""
        return AsyncWorkspaces(self._session)

    @cached_property
    def secrets(self) -> AsyncSecrets:
        """Keys under a name."""
        return AsyncSecrets(self._session, self.workspace)

    @cached_property
    def files(self) -> AsyncFiles:
        """Filesets and the files in them."""
        return AsyncFiles(self._session, self.workspace)

    @cached_property
    def jobs(self) -> AsyncJobs:
        """All jobs of a workspace."""
        return AsyncJobs(self._session, self.workspace)

    @cached_property
    def evaluator(self) -> AsyncEvaluator:
        """Runs here, and jobs submitted to the platform."""
        from referee.client.evaluator import AsyncEvaluator

        return AsyncEvaluator(self._session, self.workspace)

    def with_options(self, **changes: Any) -> AsyncPlatformClient:
        """The same connections with another `timeout`, `max_retries` or `workspace`."""
        other = object.__new__(AsyncPlatformClient)
        other.workspace = changes.pop("workspace", self.workspace)
        other._session = self._session.with_reach(**changes)
        return other

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r}, workspace={self.workspace!r})"


def _reach(
    base_url: str | None,
    access_token: str | None,
    timeout: float | None,
    max_retries: int,
    default_headers: Mapping[str, str] | None,
) -> Reach:
    address = base_url or _first(_ADDRESSES) or DEFAULT_BASE_URL
    if not address.startswith(("http://", "https://")):
        raise APIError(f"base_url is {address!r}: give http://host:port or https://host")
    headers = {"Accept": "application/json", "User-Agent": f"referee/{__version__}"}
    token = access_token or _first(_TOKENS)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return Reach(address.rstrip("/"), headers | dict(default_headers or {}), timeout, max_retries)


def _first(variables: tuple[str, ...]) -> str | None:
    return next((value for name in variables if (value := os.environ.get(name, "").strip())), None)
