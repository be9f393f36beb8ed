"""Rolling out: as many rollouts under way as are wanted, each written when it comes, whatever becomes of the others.

What is held in memory is what is under way. A rollout that fails is recorded with its kind and the collection goes on;
only an agent that is gone ends it, since all others would fail in the same way.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from referee.errors import RunStopped
from referee.exchange import excerpt
from referee.gym.rollouts.files import filed_lines
from referee.gym.rollouts.keys import (
    AGENT_REF,
    FAILURE_CLASS,
    FAILURE_ERROR,
    FAILURE_KIND,
    FAILURE_MESSAGE,
    FAILURE_TERMINAL,
    JUDGE_FAILED,
    ROLLOUT,
    ROLLOUT_FAILED,
    ROW_REFUSED,
    TASK,
    Json,
    Key,
    agent_of,
)
from referee.gym.rollouts.prepare import Prepared
from referee.gym.rollouts.tally import Tally
from referee.gym.server import ServerClient, ServerResponse, ServerUnreachableError
from referee.inference.retries import failure_kind

NO_PERSIST = "_ng_no_persist"
"""By this an agent says that a rollout is to be forgotten, as if it had not been tried."""
NO_JUDGE = "no judge answered: "
"""How the message of a rollout begins that is set aside because its judge failed."""
_GRACE = 5.0
_NUMBER = (int, float)
_NEWLINE = ord("\n")  # sought as a number: `in` for a piece of bytes costs an exception within
_LONGEST = 2000


@dataclass(frozen=True)
class FirstFailure:
    """The failure that a user should see."""

    where: str
    kind: str
    message: str


@dataclass
class Collection:
    """How a collection fares.

    Args:
        total: rollouts that are asked for.
        before: how many of them an earlier run collected.
        given_up: how many are not tried again.
        tally: counts of all that are collected, those of the earlier run too.
        failed: by kind, rollouts of this run that are not collected, bad rows among them.
        forgotten: rollouts that an agent wants forgotten; they are tried again in another run.
        first_failure: the first of them.
        started: when the first rollout began, on the monotonic clock.
        ended: when the last one ended.
        interrupted: whether a signal ended it.
    """

    total: int
    before: int = 0
    given_up: int = 0
    tally: Tally = field(default_factory=Tally)
    failed: Counter[str] = field(default_factory=Counter[str])
    forgotten: int = 0
    first_failure: FirstFailure | None = None
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    interrupted: bool = False

    @property
    def tried(self) -> int:
        """Rollouts that this run has an outcome of."""
        return self.tally.rows - self.before + self.failures

    @property
    def failures(self) -> int:
        """Rollouts of this run that were not collected."""
        return self.failed.total()

    @property
    def finished(self) -> int:
        """Rollouts that have an outcome."""
        return self.tally.rows + self.failures + self.given_up

    @property
    def seconds(self) -> float:
        """For how long it has been going on."""
        return max(1e-9, (self.ended or time.monotonic()) - self.started)

    @property
    def rate(self) -> float:
        """Rollouts a second."""
        return self.tried / self.seconds

    @property
    def some_failed(self) -> bool:
        """Whether a row has no reward of its own."""
        return bool(self.failures or self.given_up or self.tally.judge_failed or self.forgotten)

    def fail(self, where: str, kind: str, message: str) -> None:
        """Count a failure."""
        self.failed[kind] += 1
        self.first_failure = self.first_failure or FirstFailure(where, kind, message)


def begin(prepared: Prepared) -> Collection:
    """The counters of a collection before its first rollout."""
    plan, earlier = prepared.plan, prepared.earlier
    collection = Collection(plan.rollouts + len(plan.bad), len(earlier.done), len(earlier.given_up), earlier.tally)
    for bad in plan.bad:
        collection.fail("the input", "bad_row", bad.message)
    for row in earlier.given_up.values():
        first = FirstFailure(_where(row), _kind_of(row), _message_of(row))
        collection.first_failure = collection.first_failure or first
    return collection


@dataclass(frozen=True)
class Route:
    """Where the rows of an agent go: which server, which path, and what it is called in messages."""

    server: str
    path: str
    name: str


def to_agent(agent: str) -> Route:
    """The route of rows that are rolled out."""
    return Route(agent, "/run", f"the agent {agent!r}")


async def collect(
    prepared: Prepared,
    client: ServerClient,
    collection: Collection,
    stop: asyncio.Event,
    route: Callable[[str], Route] = to_agent,
) -> None:
    """Roll out all that is left.

    Args:
        prepared: what there is to do.
        client: knows the agents.
        collection: counted in.
        stop: set to end it: no rollout is begun then, and those under way have five seconds.
        route: where the rows of an agent go.

    Raises:
        RunStopped: an agent is gone.
    """
    collector = _Collector(prepared, client, collection, stop, route)
    collection.started = time.monotonic()
    workers = [asyncio.create_task(collector.work()) for _ in range(prepared.settings.parallel)]
    stopping = asyncio.create_task(stop.wait())
    everything = asyncio.gather(*workers)
    try:
        await asyncio.wait([everything, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not everything.done():
            collection.interrupted = True
            await asyncio.wait([everything], timeout=_GRACE)
        if everything.done():
            everything.result()
    finally:
        collection.ended = time.monotonic()
        stopping.cancel()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(stopping, everything, *workers, return_exceptions=True)


class _Collector:
    def __init__(
        self,
        prepared: Prepared,
        client: ServerClient,
        collection: Collection,
        stop: asyncio.Event,
        route: Callable[[str], Route],
    ) -> None:
        self._routes = {agent: route(agent) for agent in prepared.plan.agents}
        self._prepared = prepared
        self._client = client
        self._collection = collection
        self._stop = stop
        over: set[Key] = prepared.earlier.done | prepared.earlier.given_up.keys()
        lines = filed_lines(prepared.settings.materialized)
        self._left = (both for both in lines if (both[1][TASK], both[1][ROLLOUT]) not in over) if over else lines

    async def work(self) -> None:
        """Roll out one after the other until none is left."""
        for line, row in self._left:
            await self._roll_out(line, row)
            if self._stop.is_set():
                return

    async def _roll_out(self, line: bytes, filed: Json) -> None:
        agent = agent_of(filed) or ""
        route = self._routes[agent]
        try:
            answer = await self._client.request(route.server, route.path, "POST", data=line)
        except ServerUnreachableError as error:
            gone = f"{route.name} is gone ({error}): is ng_run still running?"
            raise RunStopped(gone, "unreachable") from error
        except (aiohttp.ClientError, OSError) as error:
            self._fail(filed, ROLLOUT_FAILED, "unreachable", f"{route.name} broke off: {error}")
            return
        raw = answer.body
        if answer.status != 200:
            self._refused(filed, route, answer, raw)
            return
        row = _verify_response(raw)
        if row is None:
            said = excerpt(raw[:1000].decode(errors="replace"))
            message = f"{route.name} answered {route.path} with what is no verify response (it has no reward): {said}"
            self._fail(filed, ROLLOUT_FAILED, "bad_reply", message)
        elif row.get(NO_PERSIST):
            self._collection.forgotten += 1
        elif row.get(FAILURE_CLASS) is not None:
            self._collection.fail(_where(filed), _kind_of(row), _message_of(row))
            self._prepared.failures.write(_filed(raw, row, filed))
        else:
            self._prepared.output.write(_filed(raw, row, filed))
            row.update(filed)
            self._collection.tally.add(row)
            if self._prepared.gathered is not None:
                self._prepared.gathered.add(row, agent)

    def _refused(self, filed: Json, route: Route, answer: ServerResponse, raw: bytes) -> None:
        try:
            told: Any = orjson.loads(raw)
        except orjson.JSONDecodeError:
            told = None
        told = told if isinstance(told, dict) else {}
        detail = told.get("detail")
        said = detail if isinstance(detail, str) else excerpt(raw[:_LONGEST].decode(errors="replace"), 500)
        if "server" not in told:
            said = f"{route.name} answered {answer.status} to {route.path}: {said}"
        if answer.status == 422:
            self._fail(filed, ROW_REFUSED, ROW_REFUSED, said, {FAILURE_TERMINAL: True})
            return
        kind = str(told.get("error_kind") or failure_kind(answer.status))
        self._fail(filed, ROLLOUT_FAILED, kind, said, {"server": told.get("server", route.server)})

    def _fail(self, filed: Json, failure: str, kind: str, message: str, more: Json | None = None) -> None:
        self._collection.fail(_where(filed), kind, message)
        record = {
            FAILURE_CLASS: failure,
            FAILURE_KIND: kind,
            FAILURE_MESSAGE: message[:_LONGEST],
            **(more or {}),
            **filed,
        }
        self._prepared.failures.write(orjson.dumps(record) + b"\n")


def _verify_response(raw: bytes) -> Json | None:
    try:
        row: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(row, dict):
        return None
    set_aside = row.get(FAILURE_CLASS) is not None or row.get(NO_PERSIST)
    return row if set_aside or isinstance(row.get("reward"), _NUMBER) else None


def _filed(raw: bytes, row: Json, filed: Json) -> bytes:
    """The verify response as a line, with what it is filed under."""
    if TASK in row or ROLLOUT in row or AGENT_REF in row or _NEWLINE in raw or not raw.endswith(b"}"):
        return orjson.dumps({**row, **filed}) + b"\n"
    # The bytes as they came: writing them anew would cost more than all else that happens to them here.
    return raw[:-1] + b"," + orjson.dumps(filed, option=orjson.OPT_APPEND_NEWLINE)[1:]


def _where(row: Json) -> str:
    return f"task {row.get(TASK)}, rollout {row.get(ROLLOUT)}"


def _kind_of(row: Json) -> str:
    return str(row.get(FAILURE_KIND) or row.get("judge_error_kind") or row.get(FAILURE_CLASS))


def _message_of(row: Json) -> str:
    if row.get(FAILURE_CLASS) == JUDGE_FAILED:
        return f"{NO_JUDGE}{row.get('judge_error') or row.get(FAILURE_ERROR) or ''}"
    return str(row.get(FAILURE_MESSAGE) or "")
