"""How calls reach a platform: httpx2, tries of calls that may be repeated, and an exception for each refusal.

`Session` and `AsyncSession` drive operations (`calls.Steps`). What may be tried again and what a refusal becomes is
decided here once for both.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import httpx2 as httpx
import orjson

from referee.client.calls import Answer, Call, Pause, Steps, Value
from referee.data.files import public_name
from referee.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
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
from referee.exchange import excerpt

DEFAULT_TIMEOUT = 60.0
DEFAULT_MAX_RETRIES = 2
_BY_STATUS: Mapping[int | None, type[APIStatusError]] = {
    error.status: error
    for error in (
        BadRequestError,
        AuthenticationError,
        PermissionDeniedError,
        NotFoundError,
        ConflictError,
        UnprocessableEntityError,
        RateLimitError,
    )
}
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_MAY_PASS = frozenset({429, 502, 503, 504})
_CHUNK = 1 << 18
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_DELAY = 8.0


@dataclass(frozen=True)
class Reach:
    """Where the platform is, and how hard a call tries.

    Args:
        base_url: the platform's root.
        headers: sent with every call.
        timeout: seconds a call may take to connect, and each part of a reply to come.
        max_retries: further tries of a call that failed in passing: no connection, 429, 502, 503, 504.
    """

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: float | None = DEFAULT_TIMEOUT
    max_retries: int = DEFAULT_MAX_RETRIES

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, so that no proxy lies between."""
        host = urlsplit(self.base_url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")

    def url(self, call: Call) -> str:
        """The call's address."""
        return self.base_url.rstrip("/") + call.path


def _trust(reach: Reach) -> dict[str, Any]:
    """What a client trusts: on this machine nothing of the environment, neither proxies nor certificates."""
    return {"trust_env": False, "verify": _certificates()} if reach.is_loopback else {"trust_env": True}


@cache
def _certificates() -> ssl.SSLContext:
    """Those that come with the client, read once for all clients: it takes a twentieth of a second."""
    return httpx.create_ssl_context(trust_env=False)


class Session:
    """Makes calls and waits for them. `owner` is kept alive as long as this is: it closes the connections."""

    def __init__(self, reach: Reach, http: httpx.Client | None = None, *, owner: object = None) -> None:
        self.reach = reach
        self._owner = owner
        self.http = http or httpx.Client(follow_redirects=True, **_trust(reach))

    def with_reach(self, **changes: Any) -> Session:
        """The same connections with other settings."""
        return Session(replace(self.reach, **changes), self.http, owner=self)

    def run(self, steps: Steps[Value]) -> Value:
        """Drive an operation to its end."""
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = next(steps)
                    continue
                try:
                    answer = self.send(step)
                except APIError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            return end.value

    def send(self, call: Call) -> Answer:
        """Make one call, again where that is allowed and of use."""
        for tries_left in range(self.reach.max_retries, -1, -1):
            try:
                answer, delay = self._once(call, tries_left)
            except httpx.TransportError as error:
                delay = _delay_after(error, call, tries_left, self.reach.max_retries)
                if delay is None:
                    raise _unreached(error, call, self.reach) from error
            else:
                if answer is not None:
                    return answer
            time.sleep(delay)
        raise AssertionError("the last try answers or raises")

    def _once(self, call: Call, tries_left: int) -> tuple[Answer | None, float]:
        with _body(call) as content:
            request = self.http.build_request(**_request(call, self.reach, content, _digest(call)))
            reply = self.http.send(request, stream=True)
            try:
                if call.save is not None and reply.is_success:
                    with _written(call, reply.headers) as take:
                        for chunk in reply.iter_bytes(_CHUNK):
                            take(chunk)
                    return Answer(reply.status_code, reply.headers, b""), 0.0
                reply.read()
            finally:
                reply.close()
        return _judge(reply, call, self.reach, tries_left)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()


class AsyncSession:
    """The same for code that awaits."""

    def __init__(self, reach: Reach, http: httpx.AsyncClient | None = None) -> None:
        self.reach = reach
        self.http = http or httpx.AsyncClient(follow_redirects=True, **_trust(reach))

    def with_reach(self, **changes: Any) -> AsyncSession:
        """The same connections with other settings."""
        return AsyncSession(replace(self.reach, **changes), self.http)

    async def run(self, steps: Steps[Value]) -> Value:
        """Drive an operation to its end."""
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(steps)
                    continue
                try:
                    answer = await self.send(step)
                except APIError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            return end.value

    async def send(self, call: Call) -> Answer:
        """Make one call, again where that is allowed and of use."""
        for tries_left in range(self.reach.max_retries, -1, -1):
            try:
                answer, delay = await self._once(call, tries_left)
            except httpx.TransportError as error:
                delay = _delay_after(error, call, tries_left, self.reach.max_retries)
                if delay is None:
                    raise _unreached(error, call, self.reach) from error
            else:
                if answer is not None:
                    return answer
            await asyncio.sleep(delay)
        raise AssertionError("the last try answers or raises")

    async def _once(self, call: Call, tries_left: int) -> tuple[Answer | None, float]:
        with _body(call) as content:
            given = _chunks(content) if content is not None and not isinstance(content, bytes) else content
            checksum = await asyncio.to_thread(_digest, call)
            request = self.http.build_request(**_request(call, self.reach, given, checksum))
            reply = await self.http.send(request, stream=True)
            try:
                if call.save is not None and reply.is_success:
                    with _written(call, reply.headers) as take:
                        async for chunk in reply.aiter_bytes(_CHUNK):
                            await asyncio.to_thread(take, chunk)
                    return Answer(reply.status_code, reply.headers, b""), 0.0
                await reply.aread()
            finally:
                await reply.aclose()
        return _judge(reply, call, self.reach, tries_left)

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()


def _digest(call: Call) -> str | None:
    """The SHA-256 of a file that is uploaded, for the platform to check."""
    if not isinstance(call.content, Path):
        return None
    with call.content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _request(call: Call, reach: Reach, content: Any, checksum: str | None) -> dict[str, Any]:
    headers = dict(reach.headers)
    if call.json is not None:
        content = orjson.dumps(call.json)
        headers["Content-Type"] = "application/json"
    elif content is not None:
        headers["Content-Type"] = "application/octet-stream"
        size = call.content.stat().st_size if isinstance(call.content, Path) else len(call.content or b"")
        headers["Content-Length"] = str(size)
        if checksum is not None:
            headers["X-Checksum-Sha256"] = checksum
    return {
        "method": call.method,
        "url": reach.url(call),
        "params": call.parameters or None,
        "content": content,
        "headers": headers,
        "timeout": reach.timeout,
    }


@contextmanager
def _body(call: Call) -> Generator[bytes | IO[bytes] | None]:
    """What is sent as it is; a file is open meanwhile, and read anew for each try."""
    if isinstance(call.content, Path):
        with call.content.open("rb") as file:
            yield file
    else:
        yield call.content


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        yield chunk


@contextmanager
def _written(call: Call, headers: Mapping[str, str]) -> Generator[Callable[[bytes], None]]:
    """Takes a reply's body into the call's file, which appears under its name only when it is whole and as announced.

    Raises:
        APIResponseError: its SHA-256 is not the one that the platform says.
    """
    assert call.save is not None
    call.save.parent.mkdir(parents=True, exist_ok=True)
    part = call.save.with_name(f".{call.save.name}.{os.getpid()}.part")
    found = hashlib.sha256()

    def take(chunk: bytes) -> None:
        file.write(chunk)
        found.update(chunk)

    try:
        with part.open("wb") as file:
            yield take
        announced = headers.get("etag", "").strip('"')
        if _SHA256.fullmatch(announced) and announced != found.hexdigest():
            raise APIResponseError(f"{call.path} arrived damaged: its SHA-256 is not {announced}; download it again")
        part.replace(call.save)
    finally:
        part.unlink(missing_ok=True)


def _judge(reply: httpx.Response, call: Call, reach: Reach, tries_left: int) -> tuple[Answer | None, float]:
    """The answer in a reply, or how long to wait before the next try; any other refusal is raised."""
    if reply.is_success:
        return Answer(reply.status_code, reply.headers, reply.content), 0.0
    if reply.status_code in _MAY_PASS and tries_left and (call.method in _REPEATABLE or reply.status_code == 429):
        return None, _backoff(reach.max_retries - tries_left, reply.headers.get("retry-after"))
    raise _refusal(reply, call, reach)


def _delay_after(error: httpx.TransportError, call: Call, tries_left: int, most: int) -> float | None:
    """Seconds until the next try, None where there is none: a call that may have arrived is not made twice."""
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    if not tries_left or not (never_sent or call.method in _REPEATABLE):
        return None
    return _backoff(most - tries_left, None)


def _backoff(tries: int, asked: str | None) -> float:
    if asked is not None and asked.strip().isdigit():
        return min(float(asked), _LONGEST_DELAY)
    return min(0.2 * 2**tries, _LONGEST_DELAY) * random.uniform(0.75, 1.0)


def _unreached(error: httpx.TransportError, call: Call, reach: Reach) -> APIConnectionError:
    url = public_name(reach.base_url)
    why = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return APITimeoutError(
            f"the platform at {url} did not answer {call.method} {call.path} within {reach.timeout} s: "
            "look at its log (`nemo services logs`), or give the client a longer timeout"
        )
    mend = "start it with `nemo services run` (or `nemo services start` to have it in the background)"
    if not reach.is_loopback:
        mend = "start it there with `nemo services run`, or give the right base_url (NMP_BASE_URL)"
    return APIConnectionError(f"no platform answers at {url} ({why}): {mend}")


def _refusal(reply: httpx.Response, call: Call, reach: Reach) -> APIStatusError:
    try:
        body: Any = orjson.loads(reply.content)
    except orjson.JSONDecodeError:
        body = reply.text
    kind = _BY_STATUS.get(reply.status_code) or (InternalServerError if reply.status_code >= 500 else APIStatusError)
    message = f"{_said(body)} ({reply.status_code} to {call.method} {call.path} at {public_name(reach.base_url)})"
    return kind(message, status_code=reply.status_code, body=body, response=reply)


def _said(body: Any) -> str:
    """What a refusal says, in one line; of a malformed request, where each mistake is."""
    detail = body.get("detail", body) if isinstance(body, dict) else body
    if isinstance(detail, list) and detail and all(isinstance(part, dict) and "msg" in part for part in detail):
        return "; ".join(f"{'.'.join(str(at) for at in part.get('loc', ()))}: {part['msg']}" for part in detail)
    return detail if isinstance(detail, str) and detail else excerpt(detail) or "no reason given"
