"""What is found plain is what the models take, and says the same; what is odd is left to the models."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referee.gym.api import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming
from referee.gym.api.plain import are_plain, is_plain_answer
from referee.gym.transcript import assistant_text, last_assistant_text, last_user_text, transcript

PART = {"type": "output_text", "text": "Yes.", "annotations": []}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [PART]}
ANSWER: dict[str, Any] = {
    "id": "r",
    "object": "response",
    "created_at": 17,
    "status": "completed",
    "output": [MESSAGE],
    "tools": [],
    "usage": {"input_tokens": 3, "output_tokens_details": {"reasoning_tokens": 0}},
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(["", "message", "assistant", "user", "response", "completed", "failed", "output_text"]),
    st.lists(st.integers(), max_size=1),
    st.dictionaries(st.sampled_from(["type", "text", "cached_tokens", "reason"]), st.integers(), max_size=2),
)
KEYS = st.sampled_from([*NeMoGymResponse.model_fields, "role", "content", "generation_token_ids", "further"])
PARAMETERS = st.sampled_from([*NeMoGymResponseCreateParamsNonStreaming.model_fields, "role", "content", "further"])


@given(KEYS, ODD, st.integers(0, 2), st.booleans())
def test_an_answer_that_is_found_plain_is_a_response(key: str, value: Any, place: int, drop: bool) -> None:
    part, message, answer = dict(PART), dict(MESSAGE), dict(ANSWER)
    message["content"], answer["output"] = [part], [message]
    changed: dict[str, Any] = [part, message, answer][place]
    changed[key] = value
    if drop:
        del changed[key]
    if is_plain_answer(answer):
        model = NeMoGymResponse.model_validate(answer)
        assert last_assistant_text(answer) == last_assistant_text(model)
        assert assistant_text(answer) == assistant_text(model)


@given(PARAMETERS, ODD, st.booleans())
def test_parameters_that_are_found_plain_are_parameters(key: str, value: Any, of_message: bool) -> None:
    message: dict[str, Any] = {"role": "user", "content": "Why?"}
    params: dict[str, Any] = {"input": [{"role": "system", "content": "Be brief."}, message], "temperature": 0.5}
    (message if of_message else params)[key] = value
    if are_plain(params):
        model = NeMoGymResponseCreateParamsNonStreaming.model_validate(params)
        assert last_user_text(params) == last_user_text(model)
        answer = NeMoGymResponse.model_validate(ANSWER)
        assert transcript(params, ANSWER) == transcript(model, answer)


@pytest.mark.parametrize(
    "change",
    [
        {"output": None},
        {"output": [{"type": "reasoning", "summary": []}]},
        {"output": [{**MESSAGE, "role": ["assistant"]}]},
        {"status": "failed"},
        {"error": {"message": "no"}},
        {"usage": {"input_tokens": "3"}},
        {"object": "list"},
        {"tools": [{"type": "function"}]},
        {"incomplete_details": {"reason": "max_output_tokens"}},
    ],
)
def test_an_odd_answer_is_not_plain(change: dict[str, Any]) -> None:
    assert is_plain_answer(ANSWER)
    assert not is_plain_answer({**ANSWER, **change})


def test_a_role_that_is_no_text_is_not_plain() -> None:
    assert not are_plain({"input": [{"role": ["user"], "content": "Why?"}]})
