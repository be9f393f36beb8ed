"""The endpoint behind a model server: bounded retries, a limit of calls in flight, and a key that stays here.

What comes back is the endpoint's own answer, good or bad. Where there is none, the caller is told what kept it, by a
status and a header, so that a judge's failure keeps its kind across servers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson

from referee.exchange import Failure, FailureKind
from referee.inference import Reply, RetryPolicy, Timeouts, Transport, TransportError
from referee.inference.http import HttpTransport
from referee.inference.limits import AdaptiveLimit
from referee.inference.redaction import Redaction
from referee.inference.retries import refusal

UNLIMITED = 1_000_000
NO_RETRIES = "x-referee-no-retries"
"""The header by which a caller that tries again itself tells a model server not to."""
FAILURE = "x-referee-failure"
"""The header in which a model server says what kept it from an answer, where its status alone does not tell."""
Complaint = Callable[[bytes], str | None]
"""What is wrong with a sound answer's body, or None."""
_STATUS: dict[FailureKind, int] = {"timeout": 504}


@dataclass
class Upstream:
    """Where a model server's calls go.

    Args:
        url: the endpoint's base url, without a trailing slash.
        headers: sent with each call; the key in them is struck out wherever an answer repeats it.
        concurrency: the most calls in flight at once; None for no limit.
        retry: how refused calls are repeated.
        timeouts: for each try.
        transport: carries the calls.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    concurrency: int | None = None
    retry: RetryPolicy = RetryPolicy()
    timeouts: Timeouts = Timeouts()
    transport: Transport = field(default_factory=HttpTransport)

    def __post_init__(self) -> None:
        self._limit = AdaptiveLimit(UNLIMITED if self.concurrency is None else self.concurrency)
        self._headers = {"Content-Type": "application/json", **self.headers}
        self._redaction = Redaction.of_headers(self.headers)

    async def post(
        self, path: str, body: bytes, complaint: Complaint | None = None, *, base: str | None = None
    ) -> Reply:
        """The endpoint's answer, whatever its status, after as many tries as may help.

        Args:
            path: joined to the url.
            body: JSON.
            complaint: what is wrong with a sound answer; None for a single try, whatever it brings, where the caller
                looks at it and tries again itself.
            base: another url to join the path to.
        """
        url = (self.url if base is None else base) + path
        tries, waited = 0, 0.0
        while True:
            started = self._limit.try_acquire() or await self._limit.acquire()
            try:
                reply = await self.transport.post(url, body, self._headers, self.timeouts)
            except TransportError as error:
                reply, failure = (
                    no_answer(error.kind, self._redaction.text(str(error))),
                    Failure(error.kind, str(error)),
                )
            else:
                sound = 200 <= reply.status < 300
                wrong = complaint(reply.body) if sound and complaint is not None else None
                if sound and wrong is None:
                    return self._safe(reply)
                failure = refusal(reply, url)
                if wrong is not None:
                    failure = Failure("bad_reply", f"{url}: {self._redaction.text(wrong)}")
                    reply = no_answer(failure.kind, failure.message)
                elif reply.status in (429, 503):
                    self._limit.pushed_back(started, failure.retry_after)
            finally:
                self._limit.release()
            wait = self.retry.wait(tries, waited, failure) if complaint is not None else None
            if wait is None:
                return self._safe(reply)
            tries, waited = tries + 1, waited + wait
            await asyncio.sleep(wait)

    async def aclose(self) -> None:
        """Close connections."""
        await self.transport.aclose()

    def _safe(self, reply: Reply) -> Reply:
        body = self._redaction.body(reply.body)
        return reply if body is reply.body else Reply(reply.status, reply.headers, body)


def no_answer(kind: FailureKind, message: str) -> Reply:
    """What a model server answers where its endpoint gave no answer."""
    body = orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}})
    return Reply(_STATUS.get(kind, 502), {"content-type": "application/json", FAILURE: kind}, body)
