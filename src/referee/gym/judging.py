"""A judge as a reward: the value that evaluation uses, asked through a model server of the same configuration.

`ServedJudge` drives deliberations through the engine's `Caller`, so limits, bounded retries, the journal, usage and
cost are those of an evaluation, and so are the requests, hash for hash. `rule` turns a verdict into a reward, the only
place where a verdict becomes a number that training receives; what failed keeps its kind beside that number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypeVar

import aiohttp

from referee.errors import DefinitionError
from referee.exchange import Failure, FailureKind, Request, Response, excerpt
from referee.gym.api.base import find_server
from referee.gym.configuration.values import ServerConfig
from referee.gym.server import ServerClient
from referee.gym.shared_timeout import SharedTimeout
from referee.gym.upstream import FAILURE, NO_RETRIES, UNLIMITED
from referee.inference import (
    Caller,
    CallOptions,
    Journal,
    Reply,
    RetryPolicy,
    RowCalls,
    Timeouts,
    Transport,
    TransportError,
)
from referee.inference.driving import drive
from referee.judge import Deliberation, Failed, Judge, Model, Price, Reward, Scored, Unclear, Verdict, deliberate

_ONCE = {NO_RETRIES: "1"}
Status = Literal["scored", "unclear", "failed"]
Conclusion = TypeVar("Conclusion")


@dataclass(frozen=True, slots=True)
class Calls:
    """How a reward server calls its judge.

    Args:
        concurrency: the most calls in flight at once; None for no limit.
        retry: how failed tries are repeated.
        timeout: seconds for each try.
        journal: a file where answers are recorded, so that a restart does not pay for them again; None for none.
    """

    concurrency: int | None = None
    retry: RetryPolicy = RetryPolicy()
    timeout: float = 600.0
    journal: str | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a verdict comes to as a reward.

    Args:
        reward: the number.
        status: whether it stands for a score, for an unclear verdict, or in place of an answer that never came.
        label: the label it stands for, where there is one.
        error: what was unclear, or what failed.
        kind: what kind of failure it was.
        counts: False where the number is a placeholder that is no reward at all.
    """

    reward: float
    status: Status
    label: str | None = None
    error: str | None = None
    kind: FailureKind | None = None
    counts: bool = True


class ServedJudge:
    """A judge at work in a server.

    Args:
        judge: the judge; a model that it names is a model server of the configuration.
        client: calls that server.
        calls: how.
        transports: for models that are no model servers, by the scheme of their urls; closed with this.

    Raises:
        DefinitionError: a model server that the judge names does not exist.
        JournalError: the journal is in use.
    """

    def __init__(
        self,
        judge: Judge,
        client: ServerClient,
        calls: Calls = Calls(),
        transports: Mapping[str, Transport] | None = None,
    ) -> None:
        self._transports = dict(transports or {})
        self.judge = judge.model_copy(update=_resolved(judge, client))
        self.routes = self.judge.models
        self._journal = Journal(calls.journal) if calls.journal is not None else None
        self._ordinals: Counter[str] = Counter()
        self.caller = Caller(
            CallOptions(
                concurrency=UNLIMITED if calls.concurrency is None else calls.concurrency,
                retry=calls.retry,
                timeouts=Timeouts(read=calls.timeout, total=calls.timeout),
            ),
            journal=self._journal,
            transports={"server": ServerTransport(client), **self._transports},
        )

    def deliberate(self, item: Mapping[str, Any], sample: Mapping[str, Any] | None = None) -> Deliberation:
        """The deliberation on one item."""
        return deliberate(self.judge, item, sample)

    def decide(
        self,
        deliberation: Generator[Sequence[Request], Sequence[Response | Failure], Conclusion],
        task: int | str | None = None,
        rollout: int | None = None,
    ) -> Awaitable[Conclusion]:
        """Drive a deliberation to its verdict. It may be one of `deliberate`, or a generator made of several.

        Args:
            deliberation: what asks.
            task: the rollout's task, by which the journal knows it; by default the first request's hash.
            rollout: its number among the task's rollouts; by default the ordinal of that hash.
        """
        calls = RowCalls("" if task is None else task, rollout or 0, None)

        def call(request: Request, step: int) -> Awaitable[Response | Failure]:
            if self._journal is not None and calls.row == "":
                calls.row, calls.repeat = request.hash, self._ordinals[request.hash]
                self._ordinals[request.hash] += 1
            model = self.routes[request.route]
            assert isinstance(model, Model)
            return self.caller.call(model, request, calls, step)

        return drive(deliberation, call)

    async def aclose(self) -> None:
        """Close connections and the journal."""
        await self.caller.__aexit__()
        for transport in self._transports.values():
            await transport.aclose()
        if self._journal is not None:
            self._journal.close()


class ServerTransport:
    """Carries calls to the model servers of a configuration; a url is `server://<name>/v1/responses`."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client
        self._places: dict[str, tuple[str, str]] = {}
        self._limits: dict[float, SharedTimeout] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts) -> Reply:
        """Send `body` to a model server and return its answer.

        Raises:
            TransportError: it could not be reached, or did not answer in time.
        """
        name, path = self._places.get(url) or self._place(url)
        limit = self._limits.get(timeouts.total) or self._limit(timeouts.total)
        try:
            with limit.call():
                answer = await self._client.request(name, path, "POST", data=body, headers=_ONCE)
        except TimeoutError as error:
            raise TransportError("timeout", f"{name} did not answer within {timeouts.total:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TransportError("unreachable", f"{name}: {type(error).__name__}: {error}") from error
        content = answer.body
        if answer.status < 300:
            return Reply(answer.status, {}, content)
        kind: Any = answer.headers.get(FAILURE)
        if kind is not None:
            raise TransportError(kind, excerpt(content.decode(errors="replace"), 500))
        return Reply(answer.status, answer.headers, content)

    async def aclose(self) -> None:
        """The client is the server's own, which closes it."""
        for limit in self._limits.values():
            limit.close()

    def _place(self, url: str) -> tuple[str, str]:
        name, _, path = url.removeprefix("server://").partition("/")
        self._places[url] = name, f"/{path}"
        return self._places[url]

    def _limit(self, seconds: float) -> SharedTimeout:
        self._limits[seconds] = SharedTimeout(seconds)
        return self._limits[seconds]


def one_by_one(deliberation: Deliberation) -> Deliberation:
    """The same deliberation with its batches taken apart, so that no two of its calls are in flight at once."""
    try:
        batch = next(deliberation)
        while True:
            answers: list[Response | Failure] = []
            for request in batch:
                answers += yield (request,)
            batch = deliberation.send(answers)
    except StopIteration as concluded:
        return concluded.value


def together(
    deliberations: Mapping[str, Deliberation],
) -> Generator[Sequence[Request], Sequence[Response | Failure], dict[str, Verdict]]:
    """Several deliberations at once: their batches are one, in their order, until each has its verdict."""
    verdicts: dict[str, Verdict] = {}
    batches: dict[str, Sequence[Request]] = {}
    for name, deliberation in deliberations.items():
        _step(name, lambda deliberation=deliberation: next(deliberation), batches, verdicts)
    while batches:
        answers = yield [request for batch in batches.values() for request in batch]
        rest = iter(answers)
        for name, batch in list(batches.items()):
            own = list(islice(rest, len(batch)))
            _step(name, lambda own=own, name=name: deliberations[name].send(own), batches, verdicts)
    return verdicts


def _step(
    name: str,
    go_on: Callable[[], Sequence[Request]],
    batches: dict[str, Sequence[Request]],
    verdicts: dict[str, Verdict],
) -> None:
    try:
        batches[name] = go_on()
    except StopIteration as concluded:
        batches.pop(name, None)
        verdicts[name] = concluded.value


def rule(judge: Judge, verdict: Verdict) -> Ruling:
    """The reward of a verdict, as the judge's `reward` says: the score's own value where that says nothing.

    A score without a label, as where two orders disagree or items are combined, has its value as reward.
    """
    reward = judge.reward or Reward()
    outcome = verdict.scores[reward.score or judge.scores[0].name]
    if isinstance(outcome, Scored):
        value = outcome.value
        if reward.values is not None and outcome.label is not None:
            value = reward.values[outcome.label]
        elif reward.scale is not None:
            low, high = reward.scale
            value = (value - low) / (high - low)
        return Ruling(value, "scored", outcome.label)
    if isinstance(outcome, Unclear):
        wrote = f"; it wrote: {excerpt(outcome.text, 300)}" if outcome.text else ""
        return Ruling(reward.if_unclear, "unclear", error=outcome.reason + wrote)
    return failed_ruling(outcome, reward.if_failed)


def failed_ruling(outcome: Failed, if_failed: Literal["judge_failed"] | float) -> Ruling:
    """The ruling where no answer came: a number that is marked, or a placeholder that is no reward."""
    if if_failed == "judge_failed":
        return Ruling(0.0, "failed", error=outcome.message, kind=outcome.kind, counts=False)
    return Ruling(if_failed, "failed", error=outcome.message, kind=outcome.kind)


def server_model(client: ServerClient, name: str, asked: str | None = None) -> Model:
    """A model server of the configuration as a judge's model; its name is the one that the server sends upstream.

    Args:
        client: knows the configuration.
        name: the model server.
        asked: the model's name for a server that passes on what it is asked for.

    Raises:
        DefinitionError: there is no such model server.
    """
    server = find_server(client, name)
    if server.kind != "responses_api_models":
        raise DefinitionError(f"{name!r} is one of the {server.kind}: a judge needs one of the responses_api_models")
    price = server.settings.get("price")
    return Model(
        url=f"server://{name}/v1/responses",
        name=upstream_name(server) or asked or name,
        api="responses",
        price=None if price is None else Price.model_validate(price),
    )


def upstream_name(server: ServerConfig) -> str | None:
    """The model's name that a model server sends upstream whatever it was asked for; None where it has none."""
    for key in ("openai_model", "model"):
        if isinstance(value := server.settings.get(key), str) and value:
            return value
    return None


def _resolved(judge: Judge, client: ServerClient) -> dict[str, Any]:
    """The judge's fields with the names of model servers replaced by models."""

    def resolve(model: Model | str) -> Model:
        return server_model(client, model) if isinstance(model, str) else model

    fields: dict[str, Any] = {}
    if judge.model is not None:
        fields["model"] = resolve(judge.model)
    if (members := getattr(judge.protocol, "models", None)) is not None:
        fields["protocol"] = judge.protocol.model_copy(update={"models": tuple(map(resolve, members))})
    return fields
