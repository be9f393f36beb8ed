"""The Responses API as environment authors see it: what a policy is asked with, and what it answered.

`NeMoGymResponseCreateParamsNonStreaming` refuses unknown keys, as a misspelt parameter would be lost without a word.
Everything that comes from a model is read tolerantly: fields and item types that are not known here are kept.
Names and fields are those of NeMo Gym 0.4's `openai_utils`, after OpenAI's API reference, "Responses".
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Part = dict[str, Any]
"""A content part of an input message: `input_text`, `input_image`, …"""
Status = Literal["in_progress", "completed", "incomplete"]
RoutedExperts = list[list[list[int]]]
"""For each token, layer and choice the number of an expert: [tokens, layers, top k]."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="allow")


class TokenIDLogProbMixin(BaseModel):
    """The tokens behind an item that a trainer needs: the prompt's, and the answer's with their log-probabilities."""

    prompt_token_ids: list[int]
    generation_token_ids: list[int]
    generation_log_probs: list[float]
    routed_experts: RoutedExperts | None = None


class NeMoGymSummary(_Kept):
    """A part of a reasoning item's summary."""

    text: str
    type: Literal["summary_text"] = "summary_text"


class NeMoGymResponseReasoningItem(_Kept):
    """What a model thought."""

    id: str = ""
    summary: list[NeMoGymSummary] = Field(default_factory=list[NeMoGymSummary])
    type: Literal["reasoning"] = "reasoning"
    encrypted_content: str | None = None


class NeMoGymResponseOutputText(_Kept):
    """A part of an answer that is text."""

    annotations: list[Any] = Field(default_factory=list[Any])
    text: str
    type: Literal["output_text"] = "output_text"
    logprobs: list[Any] | None = None


class NeMoGymResponseOutputRefusal(_Kept):
    """A part of an answer in which the model refuses."""

    refusal: str
    type: Literal["refusal"] = "refusal"


class OtherPart(_Kept):
    """A content part of a type that is not known here."""

    type: str


def _part_kind(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if kind in ("output_text", "refusal") else "other"


NeMoGymContent = Annotated[
    Annotated[NeMoGymResponseOutputText, Tag("output_text")]
    | Annotated[NeMoGymResponseOutputRefusal, Tag("refusal")]
    | Annotated[OtherPart, Tag("other")],
    Discriminator(_part_kind),
]


class NeMoGymResponseOutputMessage(_Kept):
    """A message that the model wrote."""

    id: str = ""
    content: list[NeMoGymContent]
    role: Literal["assistant"] = "assistant"
    status: Status = "completed"
    type: Literal["message"] = "message"


class NeMoGymEasyInputMessage(_Kept):
    """A message of a conversation, its content a text or a list of parts."""

    content: str | list[Part]
    role: Literal["user", "assistant", "system", "developer"]
    type: Literal["message"] = "message"


class NeMoGymMessage(_Kept):
    """A message of a conversation with a status, its content a list of parts."""

    content: list[Part]
    role: Literal["user", "system", "developer"]
    status: Status = "completed"
    type: Literal["message"] = "message"


class NeMoGymFunctionCallOutput(_Kept):
    """What a tool answered."""

    call_id: str
    output: str | list[Part]
    type: Literal["function_call_output"] = "function_call_output"
    id: str | None = None
    status: Status | None = None


class NeMoGymResponseFunctionToolCall(_Kept):
    """A call of a tool, its arguments as the JSON text that the model wrote."""

    arguments: str
    call_id: str
    name: str
    type: Literal["function_call"] = "function_call"
    id: str | None = None
    status: Status | None = None


class OtherItem(_Kept):
    """An item of a type that is not known here: a tool that the endpoint itself ran, and the like."""

    type: str
    id: str | None = None


class NeMoGymEasyInputMessageForTraining(NeMoGymEasyInputMessage, TokenIDLogProbMixin):
    """With its tokens."""


class NeMoGymMessageForTraining(NeMoGymMessage, TokenIDLogProbMixin):
    """With its tokens."""


class NeMoGymResponseOutputMessageForTraining(NeMoGymResponseOutputMessage, TokenIDLogProbMixin):
    """With its tokens."""


class NeMoGymResponseFunctionToolCallForTraining(NeMoGymResponseFunctionToolCall, TokenIDLogProbMixin):
    """With its tokens."""


class NeMoGymResponseReasoningItemForTraining(NeMoGymResponseReasoningItem, TokenIDLogProbMixin):
    """With its tokens."""


RESPONSES_TO_TRAIN: dict[type[BaseModel], type[BaseModel]] = {
    NeMoGymEasyInputMessage: NeMoGymEasyInputMessageForTraining,
    NeMoGymMessage: NeMoGymMessageForTraining,
    NeMoGymResponseOutputMessage: NeMoGymResponseOutputMessageForTraining,
    NeMoGymResponseFunctionToolCall: NeMoGymResponseFunctionToolCallForTraining,
    NeMoGymResponseReasoningItem: NeMoGymResponseReasoningItemForTraining,
}
"""The class with tokens for each class without."""

_CALLS = ("function_call", "function_call_output", "reasoning")


def _item_kind(value: Any) -> str:
    """Which class an item is read as: by its type, and for messages by what their content looks like."""
    if isinstance(value, BaseModel):
        value = value.__dict__
    if not isinstance(value, dict):
        return "easy"  # whose error says that an object is wanted
    kind: Any = value.get("type")
    if kind is None or kind == "message":
        if isinstance(value.get("content"), str):
            kind = "easy"
        elif value.get("role") == "assistant":
            kind = "output"
        else:
            kind = "message" if "status" in value and value.get("role") is not None else "easy"
    elif kind not in _CALLS:
        return "other"
    if "generation_token_ids" in value and kind != "function_call_output":
        return f"{kind} for training"
    return kind


NeMoGymResponseInputItem = Annotated[
    Annotated[NeMoGymEasyInputMessage, Tag("easy")]
    | Annotated[NeMoGymMessage, Tag("message")]
    | Annotated[NeMoGymResponseOutputMessage, Tag("output")]
    | Annotated[NeMoGymResponseFunctionToolCall, Tag("function_call")]
    | Annotated[NeMoGymFunctionCallOutput, Tag("function_call_output")]
    | Annotated[NeMoGymResponseReasoningItem, Tag("reasoning")]
    | Annotated[NeMoGymEasyInputMessageForTraining, Tag("easy for training")]
    | Annotated[NeMoGymMessageForTraining, Tag("message for training")]
    | Annotated[NeMoGymResponseOutputMessageForTraining, Tag("output for training")]
    | Annotated[NeMoGymResponseFunctionToolCallForTraining, Tag("function_call for training")]
    | Annotated[NeMoGymResponseReasoningItemForTraining, Tag("reasoning for training")]
    | Annotated[OtherItem, Tag("other")],
    Discriminator(_item_kind),
]
NeMoGymResponseOutputItem = NeMoGymResponseInputItem
NeMoGymResponseInput = list[NeMoGymResponseInputItem]


class NeMoGymResponseCreateParamsNonStreaming(BaseModel):
    """What a model is asked with; a key that is not one of these is an error."""

    model_config = ConfigDict(extra="forbid")

    background: bool | None = None
    include: list[str] | None = None
    input: str | NeMoGymResponseInput
    instructions: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    metadata: dict[str, Any] | None = None
    model: str | None = None
    parallel_tool_calls: bool = True
    previous_response_id: str | None = None
    prompt: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    service_tier: str | None = None
    store: bool | None = None
    temperature: float | None = None
    text: dict[str, Any] | None = None
    tool_choice: str | dict[str, Any] = "auto"
    tools: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    top_logprobs: int | None = None
    top_p: float | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: str | None = None
    stream: Literal[False] | None = None


class NeMoGymResponseInputTokensDetails(_Kept):
    """How many of the input's tokens were cached."""

    cached_tokens: int = 0


class NeMoGymResponseOutputTokensDetails(_Kept):
    """How many of the output's tokens were reasoning."""

    reasoning_tokens: int = 0


class NeMoGymResponseUsage(_Kept):
    """The tokens that a response was billed for."""

    input_tokens: int = 0
    input_tokens_details: NeMoGymResponseInputTokensDetails = Field(default_factory=NeMoGymResponseInputTokensDetails)
    output_tokens: int = 0
    output_tokens_details: NeMoGymResponseOutputTokensDetails = Field(
        default_factory=NeMoGymResponseOutputTokensDetails
    )
    total_tokens: int = 0


class NeMoGymIncompleteDetails(_Kept):
    """Why a response stopped early: `max_output_tokens` or `content_filter`."""

    reason: str | None = None


class NeMoGymResponse(_Kept):
    """A model's answer. Of its fields only `output` must be there."""

    id: str = ""
    created_at: float = 0.0
    error: dict[str, Any] | None = None
    incomplete_details: NeMoGymIncompleteDetails | None = None
    instructions: Any = None
    metadata: dict[str, Any] | None = None
    model: str | None = None
    object: Literal["response"] = "response"
    output: list[NeMoGymResponseOutputItem]
    parallel_tool_calls: bool = True
    temperature: float | None = None
    tool_choice: str | dict[str, Any] | None = "auto"
    tools: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    top_p: float | None = None
    background: bool | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    previous_response_id: str | None = None
    prompt: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    service_tier: str | None = None
    status: str | None = None
    text: dict[str, Any] | None = None
    top_logprobs: int | None = None
    truncation: str | None = None
    usage: NeMoGymResponseUsage | None = None
    user: str | None = None

    @property
    def output_text(self) -> str:
        """The text of all messages, without anything between them, as OpenAI's client has it."""
        return "".join(
            part.text
            for item in self.output
            if isinstance(item, NeMoGymResponseOutputMessage)
            for part in item.content
            if isinstance(part, NeMoGymResponseOutputText)
        )
