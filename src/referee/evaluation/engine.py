"""The engine: rows × metrics, so many at a time, each verdict handed on in row order.

As many workers as the concurrency take rows from one iterator, drive each metric's deliberation over them through a
`Caller`, and give the outcome to a sink. Rows are read as workers get free and outcomes leave through a bounded window
that restores row order, so memory does not grow with the rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat as the_same
from typing import Any, Literal, Protocol

from referee.data import Row
from referee.errors import RunStopped
from referee.evaluation.outcome import Metric, RowOutcome, deliberation
from referee.evaluation.progress import Progress
from referee.evaluation.record import Unscored
from referee.evaluation.target import Target
from referee.exchange import Failure, Request, Response
from referee.inference.caller import Caller, RowCalls
from referee.inference.driving import drive
from referee.judge import Deliberation, Failed, Judge, Model, Verdict

AnyMetric = Judge | Metric
REFUSALS = frozenset({"unauthorised", "bad_request", "unreachable", "bad_reply"})
"""Failure kinds that will not mend themselves: a first round with nothing else ends the run."""
_SHUT = frozenset({"unauthorised", "unreachable"})
"""Those that are the endpoint's alone: they end a run too that goes on from an earlier one, which had good answers."""
_SMALLEST_ROUND = 4
_WINDOW = 1024


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run goes over its rows.

    Args:
        concurrency: rows in work at once.
        repeats: how often each row is judged.
        row_key: a field whose value is a row's identity in the journal, so that rows may be reordered; by default a
            row is its position.
        order: `row`, or `completion` to hand outcomes on as they are ready.
        stop_at_failure: end the run at the first failed row.
    """

    concurrency: int = 32
    repeats: int = 1
    row_key: str | None = None
    order: Literal["row", "completion"] = "row"
    stop_at_failure: bool = False


class Known(Protocol):
    """What a sink knows of a finished row: at least why scores of it have no value."""

    @property
    def unscored(self) -> Unscored | None: ...


Sink = Callable[[RowOutcome | Known], None]
"""Is given each outcome; for a row that an earlier run has finished, what the look-up said of it."""
Lookup = Callable[[Row, int], Known | None]


async def run(
    metrics: Sequence[AnyMetric],
    rows: Iterable[Row],
    caller: Caller,
    sink: Sink,
    options: RunOptions,
    progress: Progress,
    *,
    target: Target | None = None,
    finished: Lookup | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> None:
    """Judge all rows.

    Args:
        metrics: judges and other metrics, with names unique among them.
        rows: read one at a time.
        caller: makes the calls.
        sink: is given each outcome, in row order unless `options.order` says otherwise.
        progress: is kept up to date; its meter is the caller's.
        target: in online runs, the model whose answers are judged.
        finished: what an earlier run made of a row and repeat, or None; it is asked in row order.
        watch: is called after each row.

    Raises:
        RunStopped: every call of the first round was refused, or a row failed and `stop_at_failure` is set. What was
            received is recorded, and the outcomes until then are with the sink.
    """
    work = _Work(metrics, caller, sink, options, progress, target, watch)
    await work.over(_samples(rows, options.repeats), finished)


def row_identity(row: Row, row_key: str | None) -> int | str | Failed:
    """What names a readable row in the journal: its position, or the text of its key field."""
    if row_key is None:
        return row.index
    assert row.item is not None
    if row_key not in row.item:
        return Failed("bad_request", f"not sent: there is no field {row_key!r}, which is the rows' key")
    return str(row.item[row_key])


def _samples(rows: Iterable[Row], repeats: int) -> Iterator[tuple[Row, int]]:
    if repeats == 1:
        return zip(rows, the_same(0), strict=False)
    return ((row, repeat) for row in rows for repeat in range(repeats))


class _Work:
    def __init__(
        self,
        metrics: Sequence[AnyMetric],
        caller: Caller,
        sink: Sink,
        options: RunOptions,
        progress: Progress,
        target: Target | None,
        watch: Callable[[Progress], None] | None,
    ) -> None:
        self._notify = watch
        self._metrics = metrics
        self._routes = [metric.models if isinstance(metric, Judge) else {} for metric in metrics]
        self._caller = caller
        self._sink = sink
        self._options = options
        self._progress = progress
        self._target = target
        self._given = 0
        self._ready: dict[int, RowOutcome | Known] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._window = max(_WINDOW, 4 * options.concurrency)
        self._round = max(_SMALLEST_ROUND, options.concurrency)
        self._stop: RunStopped | None = None

    async def over(self, samples: Iterator[tuple[Row, int]], finished: Lookup | None) -> None:
        numbered = enumerate(samples)
        workers = [
            asyncio.create_task(self._worker(numbered, finished)) for _ in range(max(1, self._options.concurrency))
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._flush()
            self._tell()
        if self._stop is None and (self._all_refused() or self._none_recorded()):
            raise self._refused(f"all {self._progress.judged_rows} rows")

    async def _worker(self, samples: Iterator[tuple[int, tuple[Row, int]]], finished: Lookup | None) -> None:
        for position, (row, repeat) in samples:
            known = finished(row, repeat) if finished is not None else None
            if known is not None:
                self._progress.known(known.unscored)
                self._give(position, known)
                if position % 256 == 0:
                    self._tell()
                    await asyncio.sleep(0)
                continue
            if self._stop is not None:
                return
            if self._caller.meter.exhausted:
                self._progress.cut_short = True
                return
            outcome = await self._judge(row, repeat)
            self._give(position, outcome)
            self._watch(outcome)
            while position - self._given > self._window:
                self._room.clear()
                await self._room.wait()

    def _give(self, position: int, outcome: RowOutcome | Known) -> None:
        if self._options.order == "completion" or position == self._given:
            self._sink(outcome)
            self._given += 1
            while self._ready and (outcome := self._ready.pop(self._given, None)) is not None:  # pyright: ignore[reportAssignmentType]
                self._sink(outcome)
                self._given += 1
            self._room.set()
        else:
            self._ready[position] = outcome

    def _flush(self) -> None:
        # A run that ends early leaves gaps; what is finished behind them is still handed on, in order.
        for position in sorted(self._ready):
            self._sink(self._ready.pop(position))

    def _tell(self) -> None:
        if self._notify is not None:
            self._notify(self._progress)

    def _watch(self, outcome: RowOutcome) -> None:
        self._progress.judged(outcome)
        self._tell()
        if self._progress.judged_rows == self._round and self._all_refused():
            self._stop = self._refused(f"every one of the first {self._round} rows")
            raise self._stop
        if self._options.stop_at_failure:
            for verdict in outcome.verdicts.values():
                for name, score in verdict.scores.items():
                    if isinstance(score, Failed):
                        self._stop = RunStopped(f"row {outcome.row.index}: {name} failed: {score.message}", score.kind)
                        raise self._stop

    def _all_refused(self) -> bool:
        """Whether nothing has come of this run so far, for reasons that will not mend themselves."""
        progress, meter = self._progress, self._progress.meter
        if not progress.judged_rows:
            return False
        kinds = _SHUT if progress.finished_before or meter.recorded else REFUSALS
        no_call_succeeded = not meter.calls and bool(meter.failures) and set(meter.failures) <= kinds
        every_row_lost = progress.lost_rows == progress.judged_rows and set(progress.failures) <= kinds
        return no_call_succeeded or every_row_lost

    def _none_recorded(self) -> bool:
        """Whether a re-read found nothing to read."""
        progress = self._progress
        return progress.lost_rows == progress.judged_rows > 0 and set(progress.failures) == {"not_recorded"}

    def _refused(self, which: str) -> RunStopped:
        assert self._progress.first_failure is not None
        _, kind, message = self._progress.first_failure
        if self._progress.judged_rows == 1:
            which = "the only row"
        if kind == "not_recorded":
            message += "; if rows or prompt are others now, judge them into another folder"
        return RunStopped(f"stopped, as {which} failed ({kind}): {message}", kind)

    async def _judge(self, row: Row, repeat: int) -> RowOutcome:
        item = row.item
        if item is None:
            return RowOutcome(row, repeat, {}, self._failed(Failed("bad_request", f"not sent: {row.error}")))
        key = row_identity(row, self._options.row_key)
        if isinstance(key, Failed):
            return RowOutcome(row, repeat, {}, self._failed(key))
        alone = len(self._metrics) == 1 and self._target is None
        calls = RowCalls(key, repeat, None) if alone else RowCalls(key, repeat)
        sample: Mapping[str, Any] | None = None
        if self._target is not None:
            answer = await self._target.answer(item, lambda model, request: self._caller.call(model, request, calls, 0))
            if isinstance(answer, Failed):
                return RowOutcome(row, repeat, {}, self._failed(answer))
            sample = answer
        if len(self._metrics) == 1:
            verdict = await self._drive(deliberation(self._metrics[0], item, sample), self._routes[0], calls)
            return RowOutcome(row, repeat, sample or {}, {self._metrics[0].name: verdict})
        verdicts = await asyncio.gather(
            *(
                self._drive(deliberation(metric, item, sample), routes, calls)
                for metric, routes in zip(self._metrics, self._routes, strict=True)
            )
        )
        names = [metric.name for metric in self._metrics]
        return RowOutcome(row, repeat, sample or {}, dict(zip(names, verdicts, strict=True)))

    def _drive(
        self, deliberation: Deliberation, routes: Mapping[str, Model | str], calls: RowCalls
    ) -> Awaitable[Verdict]:
        """Send a deliberation the answers it asks for, until it has its verdict."""

        def call(request: Request, step: int) -> Awaitable[Response | Failure]:
            model = routes[request.route]
            assert isinstance(model, Model)  # an unresolved name has ended the run before anything was asked
            return self._caller.call(model, request, calls, step)

        return drive(deliberation, call)

    def _failed(self, failed: Failed) -> dict[str, Verdict]:
        return {metric.name: Verdict({score.name: failed for score in metric.scores}) for metric in self._metrics}
