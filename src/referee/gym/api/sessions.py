"""Sessions by signed cookies, and errors that become answers: the middleware that every server has.

A session is a small JSON object that the client carries: it holds `session_id`, under which an environment keeps its
state. It is read and made only when something asks for `request.session`, and a cookie that came is sent back with each
answer, as agents forward the cookies of the last answer they got.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import re
import secrets
from collections.abc import Iterator, MutableMapping
from typing import Any

import orjson
from itsdangerous import BadSignature, Signer
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from referee.gym.local_call import App, Message, Receive, Send

log = logging.getLogger("referee.gym")

SESSION_ID_KEY = "session_id"
SEED_PATH = "/seed_session"
SESSION_COOKIES = "referee.cookies"
"""Where a request's scope holds the server's `SessionCookies`, from which a session is made when it is asked for."""
SECRET_VARIABLE = "REFEREE_SESSION_SECRET"
_REMEMBERED = 10_000


def session_secret() -> str:
    """The key that cookies are signed with: one for a run, made at random and handed to child processes by the
    environment variable `REFEREE_SESSION_SECRET`, so that all workers of a server know each other's sessions."""
    return os.environ.setdefault(SECRET_VARIABLE, secrets.token_hex(32))


class _Signer(Signer):
    """A signer that derives its key for signing once, and signs in one step."""

    _derived: bytes | None = None

    def sign(self, value: str | bytes) -> bytes:
        """What the superclass makes, which takes thirty calls for it."""
        content = value.encode() if isinstance(value, str) else value
        if self._derived is None:
            self._derived = self.derive_key()
        signature = hmac.digest(self._derived, content, "sha1")
        return b"%b%b%b" % (content, self.sep, base64.urlsafe_b64encode(signature).rstrip(b"="))


class SessionCookies:
    """Signs and reads the cookies of one server.

    Args:
        name: the server's own; it is the cookie's name, and a cookie of another server is not accepted for it.
    """

    def __init__(self, name: str) -> None:
        self.name = re.sub(r"[^\w!#$%&'*+.^`|~-]", "_", name)
        self._signer = _Signer(
            session_secret(), salt=f"referee session {name}", key_derivation="hmac", digest_method=hashlib.sha1
        )
        self._known: dict[str, bytes] = {}
        self._find = re.compile(rf"(?:^|;)\s*{re.escape(self.name)}=([^;]*)")

    def received(self, header: str) -> str | None:
        """This server's cookie in a `Cookie` header."""
        found = self._find.search(header)
        return found[1].strip('"') if found else None

    def came(self, scope: Message) -> str | None:
        """This server's cookie, as a request brought it."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if b"cookie" not in dict(headers):  # as in most calls, at a third of what the loop takes to find that out
            return None
        for name, line in headers:
            if name == b"cookie" and (value := self.received(line.decode("latin-1"))) is not None:
                return value
        return None

    def sent_back(self, scope: Message) -> tuple[bytes, bytes] | None:
        """The header that sends the cookie back as it came; None where none came."""
        value = self.came(scope)
        return None if value is None else self.header(value)

    def header(self, value: str) -> tuple[bytes, bytes]:
        """The header that sets the cookie."""
        return b"set-cookie", f"{self.name}={value}; Path=/; HttpOnly; SameSite=lax".encode("latin-1")

    def sign(self, content: bytes) -> str:
        """The cookie's value for a session, which is given as JSON."""
        value = self._signer.sign(base64.urlsafe_b64encode(content)).decode()
        self._remember(value, content)
        return value

    def read(self, value: str) -> bytes | None:
        """The session in a cookie, as JSON; None where it was not signed here."""
        content = self._known.get(value)
        if content is None:
            try:
                content = base64.urlsafe_b64decode(self._signer.unsign(value))
            except (BadSignature, ValueError):
                return None
            self._remember(value, content)
        return content

    def _remember(self, value: str, content: bytes) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[value] = content


def _new_id() -> str:
    """A random UUID as text; `uuid4` makes an object of it first."""
    digits = secrets.token_hex(16)
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class Session(MutableMapping[str, Any]):
    """What `request.session` is: loaded from the cookie, or begun, when it is first used."""

    def __init__(self, scope: Message, cookies: SessionCookies) -> None:
        """The session of a request. An episode has one from its beginning, used or not."""
        self._cookies = cookies
        self._value = cookies.came(scope)
        self._signed: bytes | None = None
        self._content: dict[str, Any] | None = None
        if scope["path"] == SEED_PATH:
            self.content  # noqa: B018 - begun by being looked at

    @property
    def content(self) -> dict[str, Any]:
        """The session's values."""
        known = self._content
        if known is None:
            self._signed = self._cookies.read(self._value) if self._value is not None else None
            known = {SESSION_ID_KEY: _new_id()} if self._signed is None else orjson.loads(self._signed)
            self._content = known
        return known

    def __getitem__(self, key: str) -> Any:
        return self.content[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.content[key] = value

    def __delitem__(self, key: str) -> None:
        del self.content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)

    def header(self) -> tuple[bytes, bytes] | None:
        """The header that sends the cookie back, as it came where nothing changed; None where no session was begun."""
        value = self._value
        if self._content is not None:
            content = orjson.dumps(self._content)
            if value is None or content != self._signed:
                value = self._cookies.sign(content)
        return None if value is None else self._cookies.header(value)


class ServerMiddleware:
    """Gives each request its session, and turns an exception that nobody caught into an answer that says so.

    Args:
        app: what is wrapped.
        cookies: of this server.
        server: its name, for messages.
    """

    def __init__(self, app: App, cookies: SessionCookies, server: str) -> None:
        self._app = app
        self._cookies = cookies
        self._server = server

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        session = scope["session"] = Session(scope, self._cookies)
        started = finished = False

        async def send_with_cookie(message: Message) -> None:
            nonlocal started, finished
            finished = message["type"] == "http.response.body" and not message.get("more_body", False)
            if message["type"] == "http.response.start":
                started = True
                header = session.header()
                if header is not None:
                    message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        try:
            await self._app(scope, receive, send_with_cookie)
        except Exception as error:
            answer = answer_exception(self._server, scope, error)
            if not started:
                await answer(scope, receive, send_with_cookie)
            elif not finished:
                raise


def answer_exception(server: str, scope: Message, error: Exception) -> Response:
    """The answer to a request whose handler raised: its own, where it meant to, else a 500, and a line in the log."""
    if isinstance(error, HTTPException):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    log.error("%s: %s %s failed", server, scope["method"], scope["path"], exc_info=error)
    return answer_error(server, None, error)


def answer_error(server: str, _: Any, error: Exception) -> JSONResponse:
    """A 500. What was wrong is told, not where: a traceback is for the log. A tool's error is read by the policy."""
    return JSONResponse({"detail": f"{server}: {type(error).__name__}: {error}"[:2000]}, 500)
