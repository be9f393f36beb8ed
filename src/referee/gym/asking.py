"""The judges of an environment that is data: defined in its configuration, asked in one deliberation about a rollout.

One judge or several that share a model. They are asked at once, but for those whose condition looks at the verdicts of
others: a second opinion on good answers only, say. These are asked afterwards, in order.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from referee.errors import DefinitionError
from referee.exchange import Failure, Request, Response
from referee.gym.configuration.values import ServerConfig
from referee.gym.expressions import Context, Expression
from referee.gym.judging import rule, together
from referee.judge import Failed, InferenceParams, Judge, Model, Scored, Verdict, deliberate

_OWN = ("when", "if_empty", "prompt", "prompt_file", "system")


@dataclass(frozen=True)
class Asked:
    """One judge of an environment.

    Args:
        name: by which expressions call its verdict.
        judge: what it is.
        when: under which condition it is asked.
        later: whether that condition looks at other judges' verdicts, so that it is asked after them.
        if_empty: whether an empty answer of it is `unclear`, as everywhere else, or `failed`.
    """

    name: str
    judge: Judge
    when: Expression | None = None
    later: bool = False
    if_empty: Literal["unclear", "failed"] = "unclear"
    score: str = field(init=False)
    """The score that counts."""

    def __post_init__(self) -> None:
        reward = self.judge.reward
        score = (reward.score if reward else None) or self.judge.scores[0].name
        object.__setattr__(self, "score", score)

    def settle(self, verdict: Verdict) -> Verdict:
        """The verdict, an empty answer failed where it is to be."""
        if self.if_empty == "unclear":
            return verdict
        answers = (exchange.answer for exchange in verdict.exchanges)
        if not any(isinstance(answer, Response) and not answer.text.strip() for answer in answers):
            return verdict
        empty = Failed("bad_reply", "the judge's answer is empty")
        return replace(verdict, scores=dict.fromkeys(verdict.scores, empty))


class View:
    """A judge's verdict as expressions see it; of one that was not asked, everything is none but `asked`."""

    READABLE: ClassVar[frozenset[str]] = frozenset({"asked", "status", "reward", "value", "label", "text", "outcomes"})

    def __init__(self, one: Asked | None = None, verdict: Verdict | None = None) -> None:
        self._one = one
        self._verdict = verdict
        self.asked = verdict is not None
        """Whether it was asked."""
        self.ruling = None if one is None or verdict is None else rule(one.judge, verdict)
        outcome = None if one is None or verdict is None else verdict.scores[one.score]
        scored = outcome if isinstance(outcome, Scored) else None
        self.status = None if self.ruling is None else self.ruling.status
        """scored, unclear or failed."""
        self.reward = None if self.ruling is None else self.ruling.reward
        """What the judge's own `reward` makes of it."""
        self.value = None if scored is None else scored.value
        """The score, where there is one."""
        self.label = None if scored is None else scored.label
        """Its label, where it has one."""

    @property
    def text(self) -> str:
        """What the judge wrote, without its thinking, of its last call."""
        if self._one is None or self._verdict is None:
            return ""
        answers = [exchange.answer for exchange in self._verdict.exchanges]
        texts = [answer.text for answer in answers if isinstance(answer, Response)]
        return (self._one.judge.reasoning.strip(texts[-1]) or "") if texts else ""

    @property
    def outcomes(self) -> list[str | None]:
        """For each call its label, or none."""
        if self._one is None or self._verdict is None:
            return []
        calls = [exchange.outcomes[self._one.score] for exchange in self._verdict.exchanges]
        return [call.label if isinstance(call, Scored) else None for call in calls]


def read_judges(
    given: Mapping[str, Mapping[str, Any]], server: ServerConfig, model: Model | None, inference: InferenceParams | None
) -> list[Asked]:
    """The judges of a configuration.

    Args:
        given: their definitions by name: a judge file's content, and beside it `when` and `if_empty`; the prompt may be
            given as `prompt` or `prompt_file`, one user message with {placeholders}, and `system`.
        server: whose they are; files are found from its folders.
        model: who judges, in place of their own model.
        inference: their sampling parameters where they say nothing of it.

    Raises:
        DefinitionError: they cannot be meant.
    """
    judges: list[Asked] = []
    for name, definition in given.items():
        where = f"the judge {name!r} of {server.name!r}" if len(given) > 1 else f"the judge of {server.name!r}"
        content = {key: value for key, value in definition.items() if key not in _OWN}
        if "prompt_template" not in content and (definition.get("prompt") or definition.get("prompt_file")):
            content["prompt_template"] = _prompt(definition, server)
        if model is not None:
            content["model"] = model
        if inference is not None:
            content.setdefault("inference", inference)
        content.setdefault("name", server.name if len(given) == 1 else name)
        when = definition.get("when")
        if_empty = definition.get("if_empty", "unclear")
        if if_empty not in ("unclear", "failed"):
            raise DefinitionError(f"{where}: if_empty is {if_empty!r}; it is unclear or failed")
        judges.append(
            Asked(
                name,
                Judge.parse(content, folder=server.folder, source=where),
                None if when is None else Expression(when, f"{server.name}.judges.{name}.when"),
                any(re.search(rf"\b{re.escape(other)}\b", str(when)) for other in given if other != name),
                if_empty,
            )
        )
    return judges


def ask(
    judges: Sequence[Asked], item: Mapping[str, Any], sample: Mapping[str, Any], context: Context
) -> Generator[Sequence[Request], Sequence[Response | Failure], dict[str, Verdict]]:
    """The deliberation of all judges: it concludes with the verdict of each that was asked, by name.

    Raises:
        RowError: a condition has no value.
    """
    first = [one for one in judges if not one.later and (one.when is None or one.when(context))]
    if len(first) == 1:
        verdicts = {first[0].name: (yield from deliberate(first[0].judge, item, sample))}
    else:
        verdicts = yield from together({one.name: deliberate(one.judge, item, sample) for one in first})
    for one in judges:
        if one.later and one.when is not None and one.when({**context, **views(judges, verdicts)}):
            verdicts[one.name] = yield from deliberate(one.judge, item, sample)
    return {one.name: one.settle(verdicts[one.name]) for one in judges if one.name in verdicts}


def views(judges: Sequence[Asked], verdicts: Mapping[str, Verdict]) -> dict[str, View]:
    """What expressions see of the verdicts, by name."""
    return {one.name: View(one, verdicts[one.name]) if one.name in verdicts else View() for one in judges}


def _prompt(definition: Mapping[str, Any], server: ServerConfig) -> dict[str, Any]:
    text = definition.get("prompt")
    if not text:
        path = server.find_file(str(definition["prompt_file"]))
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DefinitionError(f"{server.name}: the prompt {path} cannot be read: {error}") from error
    messages = [{"role": "user", "content": text}]
    if system := definition.get("system"):
        messages.insert(0, {"role": "system", "content": str(system).replace("{", "{{").replace("}", "}}")})
    return {"messages": messages, "syntax": "format"}
