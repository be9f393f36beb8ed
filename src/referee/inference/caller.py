"""`Caller`: a request becomes a response or a failure. It asks the journal first and records before it reads.

Here the parts of this room come together: endpoint, limit, transport, retries, structured output, journal, meter. It
raises nothing for a call that fails: failures are values.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from referee.errors import ConversionError
from referee.exchange import Failure, Request, Response, read_reply, read_usage
from referee.inference.connections import Connections
from referee.inference.endpoint import Endpoint, Secrets
from referee.inference.journal import Journal, Place, as_json_line
from referee.inference.meter import Meter
from referee.inference.retries import RetryPolicy, not_json, refusal
from referee.inference.transport import Reply, Timeouts, Transport, TransportError
from referee.inference.wire import STRUCTURES, Structure
from referee.judge.models import Model

Answer = Response | Failure
Filed = tuple[Place, str]
"""Where the journal puts a call, and under which key."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How calls are made.

    Args:
        concurrency: the most calls in flight at once to one endpoint.
        retry: how failed tries are repeated.
        timeouts: for each try.
        replay: `resume` takes recorded answers and calls for the rest; `reread` takes recorded answers by prompt,
            whatever the parameters were, and calls nobody.
    """

    concurrency: int = 32
    retry: RetryPolicy = RetryPolicy()
    timeouts: Timeouts = Timeouts()
    replay: Literal["resume", "reread"] = "resume"


@dataclass
class RowCalls:
    """The calls of one row and repeat: metrics that make the same request at the same step share its answer.

    With one metric there is nobody to share with, and `answers` is None.
    """

    row: int | str
    repeat: int
    answers: dict[str, asyncio.Future[Answer]] | None = field(default_factory=dict[str, asyncio.Future[Answer]])


class Caller:
    """Calls models for one run. An async context manager; belongs to one event loop.

    Args:
        options: how calls are made.
        journal: where responses are recorded and looked up; None for neither.
        meter: counts usage and holds the budget.
        secrets: finds keys by name; the environment by default.
        transports: by url scheme, to be used instead of the built-in ones.
        connections: those of other runs, to be used instead of `secrets` and `transports` and left open; by default
            the caller has its own.
    """

    def __init__(
        self,
        options: CallOptions = CallOptions(),
        *,
        journal: Journal | None = None,
        meter: Meter | None = None,
        secrets: Secrets | None = None,
        transports: Mapping[str, Transport] | None = None,
        connections: Connections | None = None,
    ) -> None:
        self.options = options
        self.journal = journal
        self.meter = meter or Meter()
        self._connections = connections or Connections(secrets, transports)
        self._has_own = connections is None

    async def __aenter__(self) -> Caller:
        return self

    async def __aexit__(self, *exit: object) -> None:
        if self._has_own:
            await self._connections.__aexit__(*exit)

    def endpoint(self, model: Model) -> Endpoint:
        """The endpoint of a model; the same one for models at the same place with the same key.

        Raises:
            DefinitionError: its url is not one.
            SecretError: its key was not found.
        """
        return self._connections.endpoint(model, self.options.concurrency)

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints in use."""
        return self._connections.endpoints

    def call(self, model: Model, request: Request, calls: RowCalls, step: int) -> Coroutine[Any, Any, Answer]:
        """The answer to `request`, from the journal or from the model."""
        if calls.answers is None and self.journal is None and self.options.replay == "resume":
            return self._ask(model, request, None)  # nobody asks for the key
        return self._look_up_or_ask(model, request, calls, step)

    async def _look_up_or_ask(self, model: Model, request: Request, calls: RowCalls, step: int) -> Answer:
        place = Place(calls.row, calls.repeat, step)
        key = place.key(request.hash)
        if calls.answers is None:
            return self._recorded(place, key, request) or await self._ask(model, request, (place, key))
        shared = calls.answers.get(key)
        if shared is not None:
            return await asyncio.shield(shared)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        calls.answers[key] = future
        try:
            answer = self._recorded(place, key, request) or await self._ask(model, request, (place, key))
        except BaseException:
            future.set_result(Failure("cancelled", "the run ended before this call was answered"))
            raise
        future.set_result(answer)
        return answer

    def _recorded(self, place: Place, key: str, request: Request) -> Answer | None:
        if self.options.replay == "reread":
            return self._reread(place, request)
        record = self.journal.lookup(key) if self.journal is not None else None
        if record is None:
            return None
        answer = read_reply(record["response"], record.get("latency", 0.0), recorded=True)
        if isinstance(answer, Failure):
            return None  # what came was no answer: it is asked for again
        self.meter.recorded += 1
        return answer

    def _reread(self, place: Place, request: Request) -> Answer:
        record = self.journal.lookup_prompt(place.key(request.prompt_hash)) if self.journal is not None else None
        if record is None:
            answer: Answer = Failure(
                "not_recorded", "no answer to this prompt is in the journal, and a re-read calls nobody"
            )
        else:
            answer = read_reply(record["response"], record.get("latency", 0.0), recorded=True)
        if isinstance(answer, Failure):
            self.meter.failed(answer)
        else:
            self.meter.recorded += 1
        return answer

    async def _ask(self, model: Model, request: Request, filed: Filed | None) -> Answer:
        """Try until there is an answer or no further try may help, and record what came where there is a journal."""
        endpoint = self._connections.endpoint(model, self.options.concurrency)
        limit, meter, tries, waited = endpoint.limit, self.meter, 0, 0.0
        structure: Structure = "none"
        if request.schema is not None:
            structure = endpoint.structures.get(request.model, STRUCTURES[0])
        while True:
            started = limit.try_acquire() or await limit.acquire()
            try:
                if meter.budget is not None and meter.exhausted:
                    return Failure("budget", f"not sent: the budget of {meter.budget} is used up")
                begun = time.perf_counter()
                reply = await self._connections.transport(endpoint).post(
                    endpoint.url, endpoint.encoder.encode(request, structure), endpoint.headers, self.options.timeouts
                )
            except TransportError as error:
                answer: Answer = Failure(error.kind, endpoint.redaction.text(str(error)))
            except ConversionError as error:
                answer = Failure("bad_request", f"not sent: {error}")
            else:
                latency = time.perf_counter() - begun
                if 200 <= reply.status < 300:
                    answer = self._receive(endpoint, model, request, filed, reply.body, latency)
                else:
                    answer = self._refused(endpoint, reply, started)
            finally:
                limit.release()
            if isinstance(answer, Response):
                limit.succeeded(latency)  # pyright: ignore[reportPossiblyUnboundVariable]
                meter.calls += 1
                if request.schema is not None:
                    endpoint.structures.setdefault(request.model, structure)
                return answer
            if self._structure_refused(endpoint, request, answer, structure):
                structure = endpoint.weaker(structure)
                continue
            tries += 1
            meter.attempts_failed += 1
            wait = self.options.retry.wait(tries - 1, waited, answer)
            if wait is None:
                return self._give_up(answer, tries, request, filed)
            waited += wait
            await asyncio.sleep(wait)

    def _give_up(self, failure: Failure, tries: int, request: Request, filed: Filed | None) -> Failure:
        if tries > 1:
            failure = replace(failure, attempts=tries, message=f"{failure.message} ({tries} tries)")
        self.meter.failed(failure)
        if self.journal is not None and filed is not None:
            self.journal.append(filed[0], request, filed[1], failure=failure)
        return failure

    def _structure_refused(self, endpoint: Endpoint, request: Request, failure: Failure, structure: Structure) -> bool:
        # A model that does not know a kind of structured output refuses the request. Which kind it takes is found by
        # the rows' own requests, each for itself, until one has gone through; from then on a refusal is the row's.
        return (
            failure.kind == "bad_request"
            and request.schema is not None
            and structure != "none"
            and structure != endpoint.structures.get(request.model)
        )

    def _refused(self, endpoint: Endpoint, reply: Reply, started: float) -> Failure:
        failure = refusal(replace(reply, body=endpoint.redaction.body(reply.body)), endpoint.url)
        if reply.status in (429, 503):
            endpoint.limit.pushed_back(started, failure.retry_after)
        return replace(failure, message=endpoint.redaction.text(failure.message))

    def _receive(
        self, endpoint: Endpoint, model: Model, request: Request, filed: Filed | None, body: bytes, latency: float
    ) -> Answer:
        """Record a reply, then read it."""
        body = endpoint.redaction.body(body)
        line, value = as_json_line(body)
        usage = read_usage(value)
        if self.journal is not None and filed is not None:
            self.journal.append(filed[0], request, filed[1], response=line, usage=usage, latency=latency)
        self.meter.billed(usage, model.price)
        answer = read_reply(value, latency, usage=usage) if value is not None else not_json(body)
        if isinstance(answer, Failure):
            return replace(answer, message=f"{endpoint.url}: {answer.message}")
        return answer
