"""What to do about a judge that fails or cannot be read: the mends of docs/troubleshooting.md, where it happens."""

from __future__ import annotations

from collections.abc import Mapping

_TOKENS = "raise max_output_tokens in judge_responses_create_params"
_OF_UNREADABLE = {
    "the judge wrote none of ": "Ask in the prompt for exactly the labels that the environment looks for, and for "
    "nothing else; or set its labels to what the judge writes.",
    "the judge's thinking did not end": f"It was cut off while it thought: {_TOKENS}, or have it think less.",
    "the judge wrote nothing after its thinking": f"Ask for a verdict after the thinking, and {_TOKENS}.",
    "the answer was cut off": f"The verdict did not fit: {_TOKENS}, or ask for the verdict alone.",
    "the answer is empty": f"It may have spent all its tokens on thinking that is not shown: {_TOKENS}. "
    "Or it refuses: look at judge_evaluation in a row.",
}
_OF_FAILED = {
    "timeout": "The judge is too slow for so many calls at once: lower judge_endpoint_max_concurrency or "
    "+num_samples_in_parallel, raise judge_timeout_seconds, or give the judge an endpoint of its own.",
    "rate_limited": "Its endpoint takes fewer calls: lower judge_endpoint_max_concurrency, raise judge_max_retries, or "
    "give the judge an endpoint of its own.",
    "unauthorised": "Its endpoint does not take the key: see openai_api_key of that model server (policy_api_key or "
    "judge_api_key in env.yaml).",
    "bad_request": "Its endpoint refuses what is asked: see openai_base_url and openai_model of that model server, and "
    "judge_responses_create_params.",
    "unreachable": "Nothing answers there: see openai_base_url of that model server, and that its endpoint runs.",
    "server_error": "Its endpoint fails by itself: what was asked of it stands in its own log.",
    "bad_reply": "What answers there is no model: see openai_base_url of that model server.",
}


def mend_unreadable(reason: str) -> str | None:
    """What to do where most verdicts are unclear for this reason; None where nothing general can be said."""
    return next((mend for begin, mend in _OF_UNREADABLE.items() if reason.startswith(begin)), None)


def mend_failed(kinds: Mapping[str, int]) -> str | None:
    """What to do where judge calls failed: about the commonest kind."""
    return _OF_FAILED.get(max(kinds, key=lambda kind: kinds[kind])) if kinds else None
