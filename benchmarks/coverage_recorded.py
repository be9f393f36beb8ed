"""Recorded judgments with most of their human labels hidden: do corrected means cover what all labels say?

The recorded rows are the population, and the mean of all their human labels is the truth. Each repetition draws as many
rows as there are, with replacement, and lets only a few keep their label. Two kinds of judge:

- LLMBar (Zeng et al. 2024): an evaluator's choice in one order; the figure is how often the first answer is the better
  one. Evaluators that favour a position are far off.
- EVOUNA, Natural Questions (Wang et al. 2023): whether an answer contains a golden one; the figure is the share of
  correct answers. Containment misses answers in other words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from referee.errors import EstimatorError
from referee.statistics import Estimate, ppi, rogan_gladen
from referee.statistics.columns import Floats

DATA = Path(__file__).parents[2] / "shared" / "data"
LLMBAR = ("GPT-4/Metrics_Reference", "GPT-4/Vanilla_NoRules", "PaLM2/Vanilla_NoRules", "ChatGPT/Vanilla_NoRules")
EVOUNA = {"fid": "FiD", "gpt35": "GPT-3.5", "chatgpt": "ChatGPT", "gpt4": "GPT-4", "newbing": "New Bing"}


@dataclass(frozen=True)
class Recorded:
    """Verdicts of people and of a judge on the same rows, 0 or 1 each."""

    title: str
    human: Floats
    judge: Floats

    def hide(self, labelled: int, rng: np.random.Generator, rate: float | None = None) -> tuple[Floats, Floats, Floats]:
        """Draw rows and keep so many labels: people's, the judge's on the same rows, the judge's on the others.

        With `rate` the labelled rows are chosen so that this share of them passes, whatever the others' rate is.
        """
        n = len(self.human)
        drawn = rng.integers(0, n, n)
        kept, rest = drawn[:labelled], drawn[labelled:]
        if rate is not None:
            passed = round(labelled * rate)
            sides = ((1.0, passed), (0.0, labelled - passed))
            kept = np.concatenate([rng.choice(np.flatnonzero(self.human == side), size) for side, size in sides])
        return self.human[kept], self.judge[kept], self.judge[rest]


def recorded() -> list[Recorded]:
    """The recorded judgments; none where the files are absent."""
    return [*_llmbar(), *_evouna()] if DATA.is_dir() else []


@cache
def _llmbar() -> tuple[Recorded, ...]:
    with (DATA / "llmbar" / "llmbar_gold_and_winners.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    out: list[Recorded] = []
    for evaluator in LLMBAR:
        # A few verdicts name no winner; such rows have no score of the judge's, and are no part of the population.
        said = [(str(row["label"]), row["judges"][evaluator]["noswap"]) for row in rows]
        both = np.array([(label == "1", winner == "1") for label, winner in said if winner in ("1", "2")], dtype=float)
        out.append(Recorded(f"LLMBar, {evaluator}", both[:, 0], both[:, 1]))
    return tuple(out)


@cache
def _evouna() -> tuple[Recorded, ...]:
    rows = json.loads((DATA / "qa_eval" / "NQ.json").read_text(encoding="utf-8"))
    out: list[Recorded] = []
    for system, name in EVOUNA.items():
        judged = [
            (float(row[f"judge_{system}"]), contains(row[f"answer_{system}"], row["golden_answer"]))
            for row in rows
            if not row["improper"] and row[f"answer_{system}"] is not None
        ]
        both = np.array(judged)
        out.append(Recorded(f"EVOUNA, {name}, containment", both[:, 0], both[:, 1]))
    return tuple(out)


def contains(answer: str, golden: str) -> float:
    """1 where the answer holds one of the golden answers (parted by `/`), letters' case aside."""
    return float(any(gold.lower().strip() in answer.lower() for gold in golden.split("/")))


def settings() -> Iterator[tuple[str, int, Recorded, float | None]]:
    """What is measured: the line's title, the labels kept, the judgments, and the labelled rows' own rate if chosen."""
    for source in recorded():
        off = f"{source.title} ({source.judge.mean():.2f} for {source.human.mean():.2f})"
        for labelled in (50, 150):
            yield off, labelled, source, None
        if abs(source.human.mean() - 0.5) > 0.1:
            yield f"{off}, half of the labelled rows pass", 150, source, 0.5


def corrected(
    source: Recorded, labelled: int, rate: float | None, rng: np.random.Generator
) -> dict[str, tuple[Estimate | None, float]]:
    """One repetition: each estimate beside the truth that it should cover."""
    human, judge, others = source.hide(labelled, rng, rate)
    truth = float(source.human.mean())
    found = ppi(human, judge, others, check=False)
    try:
        moved = rogan_gladen(human, judge, others).estimate
    except EstimatorError:
        moved = None
    return {
        "judge alone": (found.uncorrected, truth),
        "Rogan–Gladen": (moved, truth),
        "PPI++": (found.estimate, truth),
        "humans only": (found.humans_only, truth),
    }
