"""What went wrong in a collection, in a user's words: each remark says what happened and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from referee.exchange import excerpt
from referee.gym.rollouts.collect import NO_JUDGE, Collection
from referee.gym.rollouts.mends import mend_failed, mend_unreadable
from referee.gym.rollouts.prepare import Prepared

_LONGEST = 300
_NEVER = "the judge wrote none of "


def remarks(collection: Collection, prepared: Prepared) -> list[str]:
    """The remarks, the gravest first; none on a collection that went well."""
    return [
        *_stopped(collection, prepared),
        *unreadable(collection),
        *_judge_failed(collection),
        *_failed(collection, prepared),
        *_redirected(prepared),
    ]


def unreadable(collection: Collection) -> Iterator[str]:
    """Where many verdicts are unclear, the judge probably does not write what is looked for."""
    tally = collection.tally
    if not tally.unclear:
        return
    reason, count = tally.reasons.most_common(1)[0]
    wrote = tally.examples.get(reason)
    said = f"; it wrote: {excerpt(wrote, _LONGEST)}" if wrote else ""
    most = f" (in {count:,} of them)" if count < tally.unclear else ""
    text = f"{tally.unclear:,} of {tally.judged:,} verdicts unreadable; {_in_words(reason)}{most}{said}"
    mend = mend_unreadable(reason) if 2 * tally.unclear > tally.judged else None
    yield f"{text}\n{mend}" if mend else text


def _in_words(reason: str) -> str:
    if reason.startswith(_NEVER):
        return f"the judge never wrote {reason.removeprefix(_NEVER).replace(', ', ' or ')}"
    return reason or "it does not say why"


def _judge_failed(collection: Collection) -> Iterator[str]:
    tally = collection.tally
    if not tally.judge_failed or tally.first_judge_failure is None:
        return
    task, rollout, _, message = tally.first_judge_failure
    text = (
        f"No judge answered on {_rollouts(tally.judge_failed.total())} ({_kinds(tally.judge_failed)}): their reward is "
        f"the environment's fallback, is marked, and stays out of the means. The first, task {task}, "
        f"rollout {rollout}: {_sentence(message)}"
    )
    mend = mend_failed(tally.judge_failed)
    yield f"{text}\n{mend}" if mend else text


def _failed(collection: Collection, prepared: Prepared) -> Iterator[str]:
    failed = collection.failed
    first = collection.first_failure
    if collection.given_up:
        attempts = prepared.settings.attempts
        yield (
            f"{_rollouts(collection.given_up)} that failed before {_were(collection.given_up)} not tried again: "
            f"refused rows, and what failed {attempts} times. +resume_from_cache=false begins anew."
        )
    if not failed or first is None:
        return
    text = f"{_rollouts(failed.total())} failed ({_kinds(failed)}). The first, {first.where}: "
    text += f"{_sentence(first.message)}"
    if first.message.startswith(NO_JUDGE) and (mend := mend_failed(failed)):
        text += f"\n{mend}"
    text += f"\nAll are in {prepared.settings.failures}."
    if set(failed) - {"bad_row", "row_refused"}:
        text += " Run the same command again to try what failed; all else is kept."
    yield text


def _stopped(collection: Collection, prepared: Prepared) -> Iterator[str]:
    left = collection.total - collection.finished
    if collection.interrupted:
        yield (
            f"Stopped with {_rollouts(left)} left. What was collected is in {prepared.settings.output}; "
            "run the same command again to go on."
        )
    if collection.forgotten:
        yield f"{_rollouts(collection.forgotten)}: the agent asked for them to be forgotten; run the command again."


def _redirected(prepared: Prepared) -> Iterator[str]:
    count = prepared.plan.redirected
    if count:
        yield (
            f"{count:,} {'row names' if count == 1 else 'rows name'} another agent in agent_ref; agent_name="
            f"{prepared.settings.agent} came before that. Leave agent_name out to roll each row out with its own."
        )


def _kinds(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items(), key=lambda one: -one[1]))


def _sentence(message: str) -> str:
    text = excerpt(message, _LONGEST)
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def _rollouts(count: int) -> str:
    return f"{count:,} {'rollout' if count == 1 else 'rollouts'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
