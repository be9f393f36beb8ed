"""A judged row as a line of `rows.jsonl`, and back: what was scored, what was not, and why.

This is on the path of every row, so the line is glued from bytes: the item is written as it was read, and only what
the run adds to it is encoded. A line begins with the row's index and item, by which a resumed run knows it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from referee.data import Row
from referee.evaluation.outcome import RowOutcome
from referee.exchange import Failure, Request, Response
from referee.judge import Failed, Scored, Unclear, Verdict

Entry = dict[str, Any]
"""`{name, value}`: a score, its label (`<score>.label`, a text) or a figure about it (`<score>.mass`)."""

Unscored = dict[str, dict[str, dict[str, str]]]
"""By metric and score: `status` (unclear or failed), `reason`, `kind` of a failure, `text` that the judge wrote."""

LONGEST_TEXT = 2000
_NAN = float("nan")
_RETURN = ord("\r")  # asked for a piece of bytes, `in` first raises and drops a TypeError


class Record(NamedTuple):
    """What the verdicts on one row say.

    Args:
        metrics: the entries of each metric; the value of an unclear or failed score is not-a-number.
        metric_errors: for people, what went wrong with each metric that has such a score; None where none has.
        unscored: the same for programs.
    """

    metrics: dict[str, list[Entry]]
    metric_errors: dict[str, str] | None
    unscored: Unscored | None


def record(verdicts: Mapping[str, Verdict]) -> Record:
    """The verdicts of a row, by metric, as a results row holds them."""
    metrics: dict[str, list[Entry]] = {}
    unscored: Unscored = {}
    for metric, verdict in verdicts.items():
        entries: list[Entry] = []
        for score, outcome in verdict.scores.items():
            if isinstance(outcome, Scored):
                entries.append({"name": score, "value": outcome.value})
                if outcome.label is not None:
                    entries.append({"name": f"{score}.label", "value": outcome.label})
                for detail, value in outcome.details.items():
                    entries.append({"name": f"{score}.{detail}", "value": value})
            else:
                entries.append({"name": score, "value": _NAN})
                unscored.setdefault(metric, {})[score] = _why(outcome)
        metrics[metric] = entries
    if not unscored:
        return Record(metrics, None, None)
    return Record(metrics, {metric: _sentence(scores) for metric, scores in unscored.items()}, unscored)


def line_head(row: Row, repeat: int | None = None, *, unparsed: bool = False) -> bytes:
    """The bytes with which every line about this row begins.

    Args:
        row: as it was read.
        repeat: given in runs with repeats.
        unparsed: spare the row's parse, to compare with a line that was written: what is no item matches none.
    """
    raw = row.line if unparsed and _RETURN not in row.line else row.raw or b"null"
    if repeat is not None:
        return b'{"row_index":%d,"repeat":%d,"item":%b,' % (row.index, repeat, raw)
    return b'{"row_index":%d,"item":%b,' % (row.index, raw)


def to_line(outcome: RowOutcome, made: Record | None = None, *, repeats: bool, requests: bool = False) -> bytes:
    """The row as one line of JSON, without its end of line.

    Args:
        outcome: the row and its verdicts.
        made: the record of its verdicts, where that is made already.
        repeats: whether the run has repeats; then the line says which one this is, before the item.
        requests: whether to write each model call with its answer; large, so folders leave it to the journal.
    """
    row = outcome.row
    metrics, metric_errors, unscored = made or record(outcome.verdicts)
    tail: dict[str, Any] = {} if row.error is None else {"error": row.error}
    tail["sample"] = outcome.sample
    tail["metrics"] = metrics if unscored is None else {name: _written(entries) for name, entries in metrics.items()}
    tail["metric_errors"] = metric_errors
    tail["unscored"] = unscored
    if requests:
        tail["requests"] = _calls(outcome.verdicts, _encoded)
    body = _encode(tail)[1:]
    return line_head(row, outcome.repeat if repeats else None) + body


def read_tail(line: bytes, head: int) -> tuple[dict[str, list[Entry]], Unscored | None]:
    """The metrics and the unscored part of a line whose first `head` bytes are known; its item is not parsed."""
    tail = orjson.loads(b"{" + line[head:])
    return tail["metrics"], tail["unscored"]


def calls(verdicts: Mapping[str, Verdict]) -> list[dict[str, Any]]:
    """The model calls that the verdicts rest on: `{request, response}` each, with the raw reply or the error."""
    return _calls(verdicts, _plain)


def _calls(verdicts: Mapping[str, Verdict], messages: Callable[[Request], Any]) -> list[dict[str, Any]]:
    return [
        {"request": _request(exchange.request, messages), "response": _answer(exchange.answer)}
        for verdict in verdicts.values()
        for exchange in verdict.exchanges
    ]


def _why(outcome: Unclear | Failed) -> dict[str, str]:
    if isinstance(outcome, Failed):
        return {"status": "failed", "kind": outcome.kind, "reason": outcome.message}
    why = {"status": "unclear", "reason": outcome.reason}
    if outcome.text:
        why["text"] = outcome.text[:LONGEST_TEXT]
    return why


def _sentence(scores: Mapping[str, Mapping[str, str]]) -> str:
    """What happened to a metric's scores; scores that share a fate are named together."""
    fates: dict[str, list[str]] = {}
    for score, why in scores.items():
        status = f"failed ({why['kind']})" if why["status"] == "failed" else "unclear"
        fates.setdefault(f"{status}: {why['reason']}", []).append(score)
    return "; ".join(f"{', '.join(names)} {fate}" for fate, names in fates.items())


def _written(entries: list[Entry]) -> list[Entry]:
    # JSON has no not-a-number, and orjson would write null, which means something else.
    return [{"name": entry["name"], "value": "NaN"} if entry["value"] != entry["value"] else entry for entry in entries]


def _plain(request: Request) -> list[dict[str, Any]]:
    return [dict(message) for message in request.messages]


def _encoded(request: Request) -> orjson.Fragment:
    return orjson.Fragment(request.messages_json)  # the largest part of a call, and encoded already when it was sent


def _request(request: Request, messages: Callable[[Request], Any]) -> dict[str, Any]:
    plain = {"model": request.model, "messages": messages(request), **request.parameters}
    return plain if request.schema is None else plain | {"schema": request.schema}


def _answer(answer: Response | Failure) -> Mapping[str, Any]:
    if isinstance(answer, Response):
        return answer.raw
    return {"error": {"kind": answer.kind, "message": answer.message, "attempts": answer.attempts}}


def _encode(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # What a judge wrote may hold half a surrogate pair, which is no character in UTF-8: it becomes `?`.
        return orjson.dumps(_characters(value))


def _characters(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_characters(key): _characters(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_characters(part) for part in value]
    return value
