"""Any judge as a reward, and any environment that is data: a configuration says it all.

`judge` is a judge file of `referee evaluate`, served as it stands. Beside it a configuration may name fields for the
prompt, cases in which nobody is asked, a deterministic check, several judges, the reward as an expression, and fields
of the answer: see docs/environments.md.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field

from referee.errors import DefinitionError
from referee.gym.api import ModelServerRef
from referee.gym.asking import Asked, View, ask, read_judges, views
from referee.gym.checks import KINDS, Check, Checked
from referee.gym.configuration.values import ServerConfig
from referee.gym.expressions import Expression, RowError, settings_named
from referee.gym.judged import (
    JudgedResourcesServer,
    JudgedServerConfig,
    JudgedVerifyRequest,
    Row,
    evaluation_of,
)
from referee.gym.judging import Ruling, ServedJudge, server_model
from referee.gym.shipped import complete, names, put_in
from referee.gym.transcript import last_assistant_text, last_user_text, transcript
from referee.judge import Exchange, Judge, Model, Reward, Scored, Verdict, deliberate

_LOOKED_AT = re.compile(r"\bmessages\b|\bitem\b(?!\.\w+\b(?!\s*\())")
"""The conversation by its name, or a row as a whole, which it is in: `item`, `item.items()`, but not `item.field`."""
_DEFINITION = ("judge", "judges", "check", "fields", "without_judge", "reward", "answer")


class Case(BaseModel):
    """A case in which nobody is asked.

    Args:
        when: the condition, an expression.
        reward: a number, or an expression.
        reason: told in the answer.
    """

    model_config = ConfigDict(extra="forbid")

    when: str
    reward: float | str = 0.0
    reason: str | None = None


class LLMJudgeConfig(JudgedServerConfig):
    """Settings.

    Args:
        judge: the judge itself, or the path of its file.
        judges: several, by the names under which expressions have their verdicts.
        judge_model_server: judges in place of the judges' own model, where it is given. A judge's model may also be
            the name of a model server.
        use_chat_completions_for_judge: ask that server for chat completions instead of Responses.
        reward_if_failed: comes before what the judge's `reward.if_failed` says, where it is given.
        fields: what prompts and expressions see beside the row, as expressions, each seeing those before it.
        check: a deterministic check; expressions see it as `check`.
        without_judge: cases in which nobody is asked; the first that holds counts.
        reward: an expression, by default what the only judge's own `reward` makes of its verdict, or 1 and 0 for a
            check without a judge.
        answer: further fields of the answer, as expressions.
    """

    judge: str | dict[str, Any] | None = None
    judges: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    judge_model_server: ModelServerRef | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    use_chat_completions_for_judge: bool = False
    reward_if_failed: Any = None
    fields: dict[str, str] = Field(default_factory=dict[str, str])
    check: Check | None = None
    without_judge: list[Case] = Field(default_factory=list[Case])
    reward: str | float | None = None
    answer: dict[str, str] = Field(default_factory=dict[str, str])

    @classmethod
    def read(cls, server: ServerConfig) -> Self:
        """The settings, completed from what the environment ships with, and put where its definition names them."""
        settings = complete(server)
        definition = {key: settings[key] for key in _DEFINITION if key in settings}
        ready = {**settings, **{key: put_in(value, settings, key) for key, value in definition.items()}}
        named = names(definition) | settings_named(definition)
        for key in named - cls.model_fields.keys():
            ready.pop(key, None)  # read by the definition; all others are warned of
        return super().read(replace(server, settings=ready))


class LLMJudgeServer(JudgedResourcesServer):
    """The environment."""

    config: LLMJudgeConfig

    def prepare(self) -> None:
        """Also compile every expression."""
        if not self.judges and self.config.check is None:
            raise DefinitionError(
                f"{self.config.name} has nothing to reward by: give judge, a judge file or its content, or check; "
                f"rules in Python are an app.py in {self.described().folders[0]}"
            )
        self.expressions  # noqa: B018 - made here, where a mistake is told before anything listens
        if self.judges:
            super().prepare()

    async def aclose(self) -> None:
        """Close what the judges hold open."""
        if self.judges:
            await super().aclose()

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All settings as they were given, completed from what the environment ships with."""
        return complete(self.described())

    @cached_property
    def judges(self) -> list[Asked]:
        """The judges, as they are defined; their model is resolved in `asked`."""
        config = self.config
        server = self.described()
        if config.judge is not None and config.judges:
            raise DefinitionError(f"{config.name} has judge and judges: put the one among the others")
        if isinstance(config.judge, str):
            judge = Judge.load(server.find_file(config.judge))
            model = self._model()
            judges = [Asked("judge", judge if model is None else judge.with_model(model))]
        else:
            given = {"judge": config.judge} if config.judge is not None else config.judges
            judges = read_judges(given, server, self._model(), self._inference())
        if len({str(one.judge.models) for one in judges}) > 1:
            raise DefinitionError(f"{config.name}: several judges of one environment share a model: give all the same")
        return [replace(one, judge=self._with_reward(one.judge)) for one in judges]

    def make_served(self) -> ServedJudge:
        """The first judge at work; the others are asked in the same way."""
        return ServedJudge(self.judges[0].judge, self.server_client, self.calls())

    @cached_property
    def asked(self) -> list[Asked]:
        """The judges, with the model that answers."""
        first, *rest = self.judges
        model = self.served.judge.model
        others = [replace(one, judge=one.judge.with_model(model)) for one in rest if model is not None]
        return [replace(first, judge=self.served.judge), *others]

    @cached_property
    def alone(self) -> Asked | None:
        """The judge, where there is one and it is always asked."""
        return self.asked[0] if len(self.asked) == 1 and self.asked[0].when is None else None

    @cached_property
    def expressions(self) -> _Expressions:
        """The expressions of the configuration, compiled."""
        return _Expressions(self.config)

    @cached_property
    def shows_messages(self) -> bool:
        """Whether anything may look at the whole conversation, which is not made for nobody."""
        config = self.config
        given = [config.fields, config.answer, config.reward, [case.model_dump() for case in config.without_judge]]
        given += [config.check and config.check.model_dump()]
        given += [[one.judge.template.messages, one.judge.protocol.model_dump(mode="json")] for one in self.judges]
        given += [one.when.text for one in self.judges if one.when is not None]
        return any(_LOOKED_AT.search(text) for text in _texts(given))

    async def verify(self, body: JudgedVerifyRequest, row: Row) -> Row:
        """What the check and the judges make of the row and the policy's final answer.

        Returns:
            beside what every judged rollout has: `response_text`; `scores` by name (null where one is not usable) and
            `judge_evaluations`, one for each call; `check` where there is one; `reason` where nobody was asked by a
            case of the configuration; and the fields of `answer`.
        """
        texts = self.expressions
        text = last_assistant_text(body.response)
        item: Row = {"prompt": last_user_text(body.responses_create_params), "response": text}
        if self.shows_messages:
            item["messages"] = transcript(body.responses_create_params, body.response)
        item.update(row)
        item["response"] = text
        del item["responses_create_params"]
        context: Row = {**item, "item": item, "response_text": text, "config": self.settings}
        known: Row = {"response_text": text}
        try:
            for name, expression in texts.fields.items():
                item[name] = context[name] = expression(context)
            if self.config.check is not None:
                checked = context["check"] = await self._check(texts, context)
                known["check"] = {"passed": checked.passed, "answer": checked.answer, "reason": checked.reason}
            for case, when, reward in texts.cases:
                if when(context):
                    context |= {one.name: View() for one in self.judges}
                    known["reason"] = case.reason
                    return self._answer(self._unasked(row, body, known, reward.number(context)), context)
            if not self.judges:
                passed = float(context["check"].passed)
                passed = passed if texts.reward is None else texts.reward.number(context)
                return self._answer(self._unasked(row, body, known, passed), context)
            return self._answer(await self._judged(body, row, item, context, known), context)
        except RowError as error:
            raise HTTPException(422, f"{self.config.name}: {error}") from error

    async def _judged(self, body: JudgedVerifyRequest, row: Row, item: Row, context: Row, known: Row) -> Row:
        sample = {"output_text": known["response_text"]}
        task, rollout = row.get("_ng_task_index"), row.get("_ng_rollout_index")
        verdicts: dict[str, Verdict]
        if (one := self.alone) is not None:
            verdicts = {
                one.name: one.settle(await self.served.decide(deliberate(one.judge, item, sample), task, rollout))
            }
        else:
            verdicts = await self.served.decide(ask(self.asked, item, sample, context), task, rollout)
        seen = views(self.asked, verdicts)
        context.update(seen)
        ruling = self._rule([view.ruling for view in seen.values() if view.ruling is not None], context)
        several = len(self.asked) > 1
        scores: Row = {}
        evaluations: list[Row] = []
        exchanges: list[Exchange] = []
        for one in self.asked:
            if (verdict := verdicts.get(one.name)) is None:
                continue
            exchanges += verdict.exchanges
            for name, outcome in verdict.scores.items():
                value = outcome.value if isinstance(outcome, Scored) else None
                scores[f"{one.name}.{name}" if several else name] = value
            for exchange in verdict.exchanges:
                evaluation = evaluation_of(exchange, one.score)
                evaluations.append({"judge": one.name, **evaluation} if several else evaluation)
        known["scores"], known["judge_evaluations"] = scores, evaluations
        return self.respond(row, body, ruling, Verdict({}, tuple(exchanges)), **known)

    def _answer(self, answer: Row, context: Row) -> Row:
        for name, expression in self.expressions.answers:
            answer[name] = expression(context)
        return answer

    def _unasked(self, row: Row, body: JudgedVerifyRequest, known: Row, reward: float) -> Row:
        asked: Row = {"scores": {}, "judge_evaluations": []} if self.judges else {}
        return self.respond(row, body, reward=reward) | asked | known

    def _rule(self, rulings: Sequence[Ruling], context: Row) -> Ruling:
        if (failed := next((ruling for ruling in rulings if ruling.status == "failed"), None)) is not None:
            return failed
        told = next((ruling for ruling in rulings if ruling.status == "unclear"), rulings[0])
        reward = self.expressions.reward
        return told if reward is None else replace(told, reward=reward.number(context))

    async def _check(self, texts: _Expressions, context: Row) -> Checked:
        check = self.config.check
        assert check is not None
        text, expected = str(texts.checked(context) or ""), texts.expected(context)
        kind = (texts.kind(context) if texts.kind is not None else None) or check.type
        if kind not in KINDS:
            raise RowError(f"{self.config.name}.check: {kind!r} is no check; there are {', '.join(KINDS)}")
        if kind != "math":
            return check.run(text, expected, kind)
        try:
            return await asyncio.wait_for(asyncio.to_thread(check.run, text, expected, kind), check.timeout)
        except TimeoutError:
            return Checked(False, None, f"math-verify took longer than {check.timeout:g} s")

    def _model(self) -> Model | None:
        config = self.config
        if config.judge_model_server is None:
            return None
        asked = config.judge_responses_create_params.model
        model = server_model(self.server_client, config.judge_model_server.name, asked)
        if not config.use_chat_completions_for_judge:
            return model
        return model.model_copy(
            update={"url": model.url.replace("/v1/responses", "/v1/chat/completions"), "api": "chat"}
        )

    def _inference(self) -> Any:
        return self.inference if "judge_responses_create_params" in self.config.model_fields_set else None

    def _with_reward(self, judge: Judge) -> Judge:
        failed = self.config.reward_if_failed
        if judge.reward is not None and failed is None:
            return judge
        given = (judge.reward or Reward()).model_dump(exclude_unset=True)
        given |= {} if failed is None else {"if_failed": failed}
        return judge.model_copy(update={"reward": Reward.model_validate(given)})


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:  # pyright: ignore[reportUnknownVariableType]
            yield from _texts(part)  # pyright: ignore[reportUnknownArgumentType]


class _Expressions:
    """Every expression of a configuration, compiled once."""

    def __init__(self, config: LLMJudgeConfig) -> None:
        at = config.name
        self.fields = {name: Expression(text, f"{at}.fields.{name}") for name, text in config.fields.items()}
        self.cases = [
            (
                case,
                Expression(case.when, f"{at}.without_judge[{number}].when"),
                Expression(case.reward, f"{at}.without_judge[{number}].reward"),
            )
            for number, case in enumerate(config.without_judge)
        ]
        self.reward = None if config.reward is None else Expression(config.reward, f"{at}.reward")
        self.answers = [(name, Expression(text, f"{at}.answer.{name}")) for name, text in config.answer.items()]
        if config.check is not None:
            self.checked = Expression(config.check.answer, f"{at}.check.answer")
            self.expected = Expression(config.check.expected, f"{at}.check.expected")
            of_row = config.check.type_from
            self.kind = None if of_row is None else Expression(of_row, f"{at}.check.type_from")


if __name__ == "__main__":
    LLMJudgeServer.run_webserver()
