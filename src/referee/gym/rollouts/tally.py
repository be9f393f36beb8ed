"""The counts of a collection, kept as rollouts come in: what the progress shows and the summary says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from referee.gym.api.aggregation import is_failed

_WROTE = "; it wrote: "
_MOST_REASONS = 100
_OTHER = "other reasons"


@dataclass
class Tally:
    """Verify responses, counted.

    Args:
        rows: how many.
        rewarded: those whose reward is one: the judge's verdict, unclear ones too, or a verifier's.
        reward_sum: of these.
        unclear: those on which the judge gave no usable verdict.
        judged: those on which a judge was asked and answered.
        judge_failed: by kind, those on which no answer came and a fallback stands in place of a reward.
        reasons: why verdicts were unclear.
        examples: for each reason, what a judge wrote.
        first_judge_failure: task, rollout, kind and message.
        input_tokens: of policy and judge.
        output_tokens: of policy and judge.
        judge_cost: US dollars, where prices are configured.
    """

    rows: int = 0
    rewarded: int = 0
    reward_sum: float = 0.0
    unclear: int = 0
    judged: int = 0
    judge_failed: Counter[str] = field(default_factory=Counter[str])
    reasons: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, str] = field(default_factory=dict[str, str])
    first_judge_failure: tuple[Any, Any, str, str] | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    judge_cost: float | None = None

    @property
    def mean_reward(self) -> float | None:
        """Over the rewards that are ones."""
        return self.reward_sum / self.rewarded if self.rewarded else None

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a verify response."""
        self.rows += 1
        status = row.get("judge_status")
        if status in ("scored", "unclear"):
            self.judged += 1
        if is_failed(row):
            self._add_failed(row)
        else:
            self.rewarded += 1
            self.reward_sum += row["reward"]
        if status == "unclear":
            self.unclear += 1
            reason, _, wrote = (row.get("judge_error") or "").partition(_WROTE)
            if reason not in self.reasons and len(self.reasons) >= _MOST_REASONS:
                reason = _OTHER  # some reasons quote the answer
            self.reasons[reason] += 1
            if wrote:
                self.examples.setdefault(reason, wrote)
        response = row.get("response")
        usage = response.get("usage") if isinstance(response, dict) else None
        self.input_tokens += _count(usage, "input_tokens") + _count(row, "judge_input_tokens")
        self.output_tokens += _count(usage, "output_tokens") + _count(row, "judge_output_tokens")
        cost = row.get("judge_cost")
        if isinstance(cost, int | float):
            self.judge_cost = (self.judge_cost or 0.0) + cost

    def _add_failed(self, row: Mapping[str, Any]) -> None:
        kind = str(row.get("judge_error_kind") or "unknown")
        self.judge_failed[kind] += 1
        if self.first_judge_failure is None:
            message = str(row.get("judge_error") or row.get("_ng_failure_judge_error") or "")
            self.first_judge_failure = (row.get("_ng_task_index"), row.get("_ng_rollout_index"), kind, message)


def _count(values: object, name: str) -> int:
    value = values.get(name) if isinstance(values, dict) else None
    return value if isinstance(value, int) else 0
