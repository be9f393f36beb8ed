"""`JudgedResourcesServer`: an environment whose reward is a judge's verdict.

An environment defines its judge from its settings, gives it what there is to judge, and says what its answer holds
beside the reward. Everything else is here: the settings that all such servers have, the calls, what a failure becomes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, WrapValidator

from referee.errors import DefinitionError
from referee.exchange import Failure, Response
from referee.gym.api import (
    BaseResourcesServerConfig,
    ModelServerRef,
    NeMoGymResponse,
    NeMoGymResponseCreateParamsNonStreaming,
    SimpleResourcesServer,
)
from referee.gym.api.aggregation import (
    FAILURE_CLASS,
    FAILURE_ERROR,
    JUDGE_FAILED,
    ROLLOUT_INDEX_KEY_NAME,
    TASK_INDEX_KEY_NAME,
)
from referee.gym.api.plain import are_plain, is_plain_answer
from referee.gym.judging import Calls, Ruling, ServedJudge, rule, server_model
from referee.inference import RetryPolicy, Transport
from referee.inference.wire import responses_parameters
from referee.judge import Deliberation, Exchange, InferenceParams, Judge, Model, Scored, Verdict

Row = dict[str, Any]
NOT_ITEM = ("responses_create_params", "response")


class JudgedServerConfig(BaseResourcesServerConfig):
    """What every environment with a judge is configured with.

    Args:
        judge_model_server: the model server that judges.
        judge_responses_create_params: its sampling parameters; `input` is replaced.
        judge_system_message: a system message put first.
        judge_endpoint_max_concurrency: the most judge calls in flight at once; null for no limit.
        judge_max_retries: tries after the first one.
        judge_retry_base_seconds: the longest wait before the first of them; it doubles with each.
        judge_timeout_seconds: for each try.
        judge_journal_fpath: a file where answers are recorded, so that a restart does not pay for them again.
        reward_if_failed: the reward where no answer came: a number, which is marked and stays out of means, or
            `judge_failed`, by which the row is set aside and tried again.
        include_failed_rewards: whether such numbers count in means all the same.
    """

    judge_model_server: ModelServerRef
    judge_responses_create_params: NeMoGymResponseCreateParamsNonStreaming = Field(
        default_factory=lambda: NeMoGymResponseCreateParamsNonStreaming(input=[])
    )
    judge_system_message: str | None = None
    judge_endpoint_max_concurrency: int | None = Field(default=None, gt=0)
    judge_max_retries: int = Field(default=3, ge=0)
    judge_retry_base_seconds: float = Field(default=1.0, ge=0)
    judge_timeout_seconds: float = Field(default=600.0, gt=0)
    judge_journal_fpath: str | None = None
    reward_if_failed: Literal["judge_failed"] | float | None = "judge_failed"
    include_failed_rewards: bool = False


def _unless_plain(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    return value if are_plain(value) else validate(value)


def _unless_plain_answer(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    return value if is_plain_answer(value) else validate(value)


if TYPE_CHECKING:
    Params = NeMoGymResponseCreateParamsNonStreaming | Row
    Answer = NeMoGymResponse | Row
else:
    Params = Annotated[NeMoGymResponseCreateParamsNonStreaming, WrapValidator(_unless_plain)]
    Answer = Annotated[NeMoGymResponse, WrapValidator(_unless_plain_answer)]


class JudgedVerifyRequest(BaseModel):
    """A rollout to be judged; the row's other fields are kept for the judge's prompt.

    What a policy was asked and what it answered are decoded JSON where they are plain, as nearly always, else models:
    to make those costs as much as all else that a rollout takes here. `transcript` reads texts in either.
    """

    model_config = ConfigDict(extra="allow")

    responses_create_params: Params
    response: Answer


class JudgedResourcesServer(SimpleResourcesServer):
    """An environment with a judge. Subclasses write `define_judge` and `verify`."""

    if TYPE_CHECKING:
        config: Any
    else:
        config: JudgedServerConfig

    def define_judge(self, model: Model) -> Judge:
        """The judge that the settings describe, asked of `model`."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Define the judge, and find its model server, or its own endpoint and key.

        Raises:
            DefinitionError: one of its settings cannot be meant.
            SecretError: its key was not found.
        """
        super().prepare()
        for model in self.served.routes.values():  # looked at here, where a mistake is told before anything listens
            assert isinstance(model, Model)
            self.served.caller.endpoint(model)

    def calls(self) -> Calls:
        """How the judge is called."""
        config = self.config
        return Calls(
            concurrency=config.judge_endpoint_max_concurrency,
            retry=RetryPolicy(retries=config.judge_max_retries, base=config.judge_retry_base_seconds),
            timeout=config.judge_timeout_seconds,
            journal=config.judge_journal_fpath,
        )

    def setup_webserver(self) -> FastAPI:
        """The app of a resources server; what the judge holds open is closed with it."""
        self.prepare()
        return super().setup_webserver()

    async def aclose(self) -> None:
        """Close what the judge holds open."""
        await self.served.aclose()
        await super().aclose()

    def includes_failed(self) -> bool:
        """As the settings say."""
        return self.config.include_failed_rewards

    @cached_property
    def served(self) -> ServedJudge:
        """The judge at work."""
        config = self.config
        if config.judge_journal_fpath is not None and (config.num_workers or 1) > 1:
            raise DefinitionError(
                f"{config.name}: a journal has one writer: set num_workers to 1, or give no judge_journal_fpath"
            )
        return self.make_served()

    def make_served(self) -> ServedJudge:
        """The judge that `define_judge` describes, put to work."""
        config = self.config
        asked = config.judge_responses_create_params.model
        judge = self.define_judge(server_model(self.server_client, config.judge_model_server.name, asked))
        return ServedJudge(judge, self.server_client, self.calls(), self.transports())

    def transports(self) -> dict[str, Transport]:
        """For judges that are no model servers, by the scheme of their urls."""
        return {}

    @property
    def judge(self) -> Judge:
        """The judge: what `referee evaluate` would make the same requests with."""
        return self.served.judge

    @property
    def inference(self) -> InferenceParams:
        """The judge's sampling parameters. Without a limit on tokens there is none, as the original has none."""
        given = self.config.judge_responses_create_params.model_dump(
            exclude_unset=True, exclude={"input", "model", "stream"}
        )
        given.setdefault("max_tokens", given.pop("max_output_tokens", None) or "unlimited")
        return InferenceParams.model_validate(given)

    def make_judge(
        self, model: Model, *, prompt: str, score: dict[str, Any], reward: dict[str, Any], **further: Any
    ) -> Judge:
        """A judge of one score from this server's settings.

        Args:
            model: who judges.
            prompt: the user message, with {placeholders}; `judge_system_message` stands before it, as it is.
            score: name, rubric or range, and parser.
            reward: what its labels are worth.
            further: other fields of a judge.

        Raises:
            DefinitionError: they do not make a judge.
        """
        messages = [{"role": "user", "content": prompt}]
        if system := self.config.judge_system_message:
            messages.insert(0, {"role": "system", "content": system.replace("{", "{{").replace("}", "}}")})
        return Judge.parse(
            {
                "name": self.config.name or "judge",
                "model": model,
                "inference": self.inference,
                "prompt_template": {"messages": messages, "syntax": "format"},
                "scores": [score],
                "reward": reward,
                **further,
            },
            source=f"the judge of {self.config.name!r}",
        )

    def template(self, text: str | None, path: str) -> str:
        """A prompt template: the text that is given, else that of a file found from this server's folder.

        Raises:
            DefinitionError: there is no such file, or it is not UTF-8 text.
        """
        if text:
            return text
        found = self.described().find_file(path)
        try:
            return found.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DefinitionError(f"{self.config.name}: the prompt template {found} cannot be read: {error}") from error

    def decide(self, body: JudgedVerifyRequest, **fields: Any) -> Awaitable[Verdict]:
        """The judge's verdict on a rollout; `fields` join the row's own, and come before them."""
        return self.drive(body, self.served.deliberate(item_of(body) | fields))

    def drive(self, body: JudgedVerifyRequest, deliberation: Deliberation) -> Awaitable[Verdict]:
        """Drive a deliberation about a rollout to its verdict."""
        extra = body.model_extra or {}
        return self.served.decide(deliberation, extra.get(TASK_INDEX_KEY_NAME), extra.get(ROLLOUT_INDEX_KEY_NAME))

    def rule(self, verdict: Verdict) -> Ruling:
        """What the verdict comes to as a reward."""
        return rule(self.judge, verdict)

    def respond(
        self,
        row: Row,
        body: JudgedVerifyRequest,
        ruling: Ruling | None = None,
        verdict: Verdict | None = None,
        **fields: Any,
    ) -> Row:
        """The answer to a rollout: the declared fields of its body as they came, its reward, and how the judge fared.

        `judge_status` is `scored`, `unclear` (the judge gave no usable verdict), `failed` (no answer came, of the kind
        `judge_error_kind`) or null, where no judge was asked; `judge_error` says what was unclear or failed.
        `judge_calls`, `judge_input_tokens`, `judge_output_tokens` and `judge_cost` (US dollars, where the model
        server's `price` is configured) are what the verdict took.

        Args:
            row: the body, decoded.
            body: the same as a model.
            ruling: the reward; None where no judge was asked, then `fields` hold it.
            verdict: the calls behind it.
            fields: further fields of the answer.
        """
        answer = {name: row[name] for name in type(body).model_fields if name in row}
        if ruling is None:
            answer |= {"judge_status": None, "judge_error_kind": None, "judge_error": None}
        else:
            answer |= {
                "reward": ruling.reward,
                "judge_status": ruling.status,
                "judge_error_kind": ruling.kind,
                "judge_error": ruling.error,
            }
            if not ruling.counts:
                answer |= {FAILURE_CLASS: JUDGE_FAILED, FAILURE_ERROR: ruling.error or ""}
        return answer | usage_of(verdict, {} if verdict is None else self.served.routes) | fields


def item_of(body: JudgedVerifyRequest) -> Row:
    """The row as templates see it: its fields, without the policy's request and response."""
    row = {**body.__dict__, **(body.model_extra or {})}
    for name in NOT_ITEM:
        row.pop(name, None)
    return row


def usage_of(verdict: Verdict | None, models: Mapping[str, Model | str]) -> Row:
    """How many calls a verdict took, and what they were billed."""
    given = made = 0
    cost: float | None = None
    exchanges = () if verdict is None else verdict.exchanges
    for exchange in exchanges:
        if not isinstance(exchange.answer, Response):
            continue
        usage = exchange.answer.usage
        given, made = given + usage.input_tokens, made + usage.output_tokens
        model = models.get(exchange.request.route)
        if isinstance(model, Model) and model.price is not None:
            spent = (usage.input_tokens * model.price.input + usage.output_tokens * model.price.output) / 1e6
            cost = (cost or 0.0) + spent
    return {
        "judge_calls": len(exchanges),
        "judge_input_tokens": given,
        "judge_output_tokens": made,
        "judge_cost": cost,
    }


def evaluations_of(verdict: Verdict, score: str) -> list[dict[str, Any]]:
    """All judge calls of a verdict as an answer shows them."""
    return [evaluation_of(exchange, score) for exchange in verdict.exchanges]


def evaluation_of(exchange: Exchange, score: str) -> dict[str, Any]:
    """One judge call as an answer shows it: what was asked, what came (null on failure), the label, the error."""
    outcome = exchange.outcomes[score]
    answer = exchange.answer
    return {
        "responses_create_params": {
            "input": exchange.request.messages,
            **responses_parameters(exchange.request.parameters),
        },
        "response": None if isinstance(answer, Failure) else answer.raw,
        "verdict_label": outcome.label if isinstance(outcome, Scored) else None,
        "error": answer.message if isinstance(answer, Failure) else None,
    }
