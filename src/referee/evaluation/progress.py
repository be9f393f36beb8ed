"""Where a run stands: rows, unclear and failed ones by kind, and what unreadable judges wrote."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from referee.evaluation.outcome import RowOutcome
from referee.evaluation.record import LONGEST_TEXT, Unscored
from referee.inference.meter import Meter
from referee.judge import Failed, Unclear

_REASONS = 200


@dataclass
class Progress:
    """Counts as rows end. One `Progress` is one run's.

    Args:
        meter: calls, tokens and cost.
        total: how many rows there will be, where that is known.
        finished_before: rows that an earlier run had finished.
        judged_rows: rows judged in this run.
        unclear_rows, failed_rows: rows with at least one unclear or failed score, in this run.
        lost_rows: rows without any score that was read, all of them failed.
        failures: failed rows of this run by kind.
        reasons: why verdicts were unclear.
        examples: for each reason the first text that the judge wrote.
        first_failure: row, kind and message.
        cut_short: whether the budget was used up before the rows were.
    """

    meter: Meter
    total: int | None = None
    started: float = field(default_factory=time.monotonic)
    finished_before: int = 0
    judged_rows: int = 0
    unclear_rows: int = 0
    failed_rows: int = 0
    lost_rows: int = 0
    failures: Counter[str] = field(default_factory=Counter[str])
    reasons: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, str] = field(default_factory=dict[str, str])
    first_failure: tuple[int, str, str] | None = None
    cut_short: bool = False

    @property
    def rows(self) -> int:
        """All rows that have their outcome."""
        return self.finished_before + self.judged_rows

    @property
    def rate(self) -> float:
        """Rows a second in this run."""
        return self.judged_rows / max(1e-9, time.monotonic() - self.started)

    def judged(self, outcome: RowOutcome) -> None:
        """A row was judged."""
        self.judged_rows += 1
        unclear: Unclear | None = None
        failed: Failed | None = None
        lost = True
        for verdict in outcome.verdicts.values():
            for score in verdict.scores.values():
                if isinstance(score, Failed):
                    failed = score
                    continue
                lost = False
                if isinstance(score, Unclear):
                    unclear = score
        if failed is not None:
            self.failed_rows += 1
            self.lost_rows += lost
            self.failures[failed.kind] += 1
            self.first_failure = self.first_failure or (outcome.row.index, failed.kind, failed.message)
        if unclear is not None:
            self.unclear_rows += 1
            self._unclear(unclear.reason, unclear.text)

    def known(self, unscored: Unscored | None) -> None:
        """A row was finished before; `unscored` is what its line says of scores without a value."""
        self.finished_before += 1
        if unscored is None:
            return
        for why in (why for scores in unscored.values() for why in scores.values()):
            self._unclear(why["reason"], why.get("text", ""))
            return

    def _unclear(self, reason: str, text: str) -> None:
        if reason in self.reasons or len(self.reasons) < _REASONS:
            self.reasons[reason] += 1
            self.examples.setdefault(reason, text[:LONGEST_TEXT])
