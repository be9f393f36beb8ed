"""`deliberate`: a judge and an item become requests and, with their answers, a verdict. No sockets, files or clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from referee.errors import DefinitionError, TemplateError
from referee.exchange import Failure, Request, Response, excerpt
from referee.judge.definition import Judge
from referee.judge.models import Model
from referee.judge.prompt import compile_messages
from referee.judge.protocols import Deliberation, Desk
from referee.judge.reading import Answer
from referee.judge.thinking import strip_thinking
from referee.judge.verdict import Failed, Outcome, Unclear, Verdict

_TRUNCATED = "the answer was cut off at the token limit: raise max_tokens"


def deliberate(judge: Judge, item: Mapping[str, Any], sample: Mapping[str, Any] | None = None) -> Deliberation:
    """Judge one item: a generator of request batches that is sent their answers and returns a `Verdict`.

    Args:
        judge: the judge; its models are resolved (`Model`, not a name).
        item: the row as templates see it.
        sample: the target's answer, `{output_text: …}`; by default the row's own `output` or `response`.

    Raises:
        DefinitionError: the judge itself cannot be used (an unresolved model, a template that does not compile).
    """
    desk, run = _open(judge)
    if sample is None:
        text = item.get("output", item.get("response"))
        sample = {"output_text": text} if text is not None else {}
    try:
        return (yield from run(desk, {"item": item, "sample": sample, "scores": desk.described}))
    except TemplateError as error:
        # The row cannot be asked about. It fails, and the run goes on.
        failed = Failed("bad_request", f"not sent: {error}{_columns(error, item)}")
        return Verdict({score.name: failed for score in judge.scores})


def open_desk(judge: Judge) -> Desk:
    """The judge compiled: kept for as long as the judge is in use."""
    return _open(judge)[0]


_Run = Callable[[Desk, Mapping[str, Any]], Deliberation]
_desks: dict[int, tuple[Desk, _Run, Judge]] = {}
"""By identity, as hashing a whole definition for each row would cost more than the row; the judge is kept in the entry,
so that its identity cannot be taken over by another."""


def _open(judge: Judge) -> tuple[Desk, _Run]:
    known = _desks.get(id(judge))
    if known is None:
        if len(_desks) >= 256:
            _desks.clear()
        known = _desks[id(judge)] = (_compile(judge), judge.protocol.run, judge)
    return known[0], known[1]


def _compile(judge: Judge) -> Desk:
    template = judge.template
    render = compile_messages(template.messages, template.syntax, marks=_marks(judge), optional=judge.optional_fields)
    schema = judge.answer_schema
    asked = {route: _asked(judge, model) for route, model in judge.models.items()}
    read = _reader(judge)

    def ask(context: Mapping[str, Any], route: str) -> Request:
        name, parameters = asked[route]
        request = Request(name, render(context), parameters, schema, route)
        try:
            request.messages_json  # noqa: B018 - made here, where what cannot be sent is this row's mistake
        except TypeError as error:
            raise TemplateError(f"a value that the prompt inserts cannot be sent as JSON: {error}") from error
        return request

    return Desk(judge.scores, ask, read)


def _asked(judge: Judge, model: Model | str) -> tuple[str, dict[str, Any]]:
    if isinstance(model, str):
        raise DefinitionError(
            f"the judge {judge.name!r} names the model {model!r}, and nothing here knows it: give {{url, name}}"
        )
    return model.upstream_name, judge.parameters(model)


def _columns(error: TemplateError, item: Mapping[str, Any]) -> str:
    """What the user may have meant by a field that is missing."""
    if error.field is None:
        return ""
    near = get_close_matches(error.field, list(item), n=1)
    return f"; did you mean item.{near[0]}?" if near else f"; the row has {', '.join(list(item)[:12]) or 'no field'}"


def _marks(judge: Judge) -> Iterable[str]:
    # Whatever reads them, so that another parser for the same labels leaves the prompt as it was.
    for score in judge.scores:
        yield from score.labels
    yield judge.reasoning.end_token
    yield judge.reasoning.start_token or ""


def read_scores(judge: Judge, answer: Response | Failure) -> dict[str, Outcome]:
    """What each score of the judge reads in one answer."""
    return _reader(judge)(answer)


def _reader(judge: Judge) -> Callable[[Response | Failure], dict[str, Outcome]]:
    """Reads answers: `read_scores` with what is the same for all answers worked out."""
    start, end = judge.reasoning.start_token, judge.reasoning.end_token
    reads = [(score.name, score.parser.reader(score)) for score in judge.scores]
    of_cut = {score.name for score in judge.scores if score.parser.reads_cut_answers}

    def read(answer: Response | Failure) -> dict[str, Outcome]:
        if isinstance(answer, Failure):
            failed = Failed(answer.kind, answer.message)
            return {name: failed for name, _ in reads}
        text = strip_thinking(answer.text, start, end)
        seen = Answer(text or "", answer)
        reason = _unusable(answer, text)
        if reason is None:
            return {name: read_score(seen) for name, read_score in reads}
        unclear = Unclear(reason, answer.refusal or answer.text)
        cut = reason is _TRUNCATED and text
        return {name: read_score(seen) if cut and name in of_cut else unclear for name, read_score in reads}

    return read


def _unusable(answer: Response, text: str | None) -> str | None:
    if answer.refusal:
        return f"the judge refused: {excerpt(answer.refusal, 80)}"
    if answer.finish == "content_filter":
        return "the endpoint's content filter stopped the answer"
    if answer.finish == "length":
        return _TRUNCATED
    if text is None:
        return "the judge's thinking did not end"
    if not text:
        return "the answer is empty" if not answer.text.strip() else "the judge wrote nothing after its thinking"
    return None
