"""What a run's `judge.yaml` says of its scores: the scale, the labels, the content hash.

Read as plain data: the models and keys of a judge that ran elsewhere need not be known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from referee.validation.agreement import Scale

_HASH = "# content hash: "


@dataclass(frozen=True)
class JudgeFile:
    """A judge file, or a run's list of metrics."""

    content: dict[str, Any]
    hash: str | None

    def scale(self, metric: str | None, score: str) -> Scale | None:
        """The scale of a score; None where the file does not say."""
        for judge in self.content.get("metrics", [self.content]):
            if judge.get("name", "llm-judge") != metric:
                continue
            for found in judge.get("scores") or []:
                if found.get("name") == score:
                    return _scale(found)
        return None

    def swapped(self, metric: str | None) -> tuple[str, str] | None:
        """The two fields that a pairwise judge exchanges; None for other judges."""
        for judge in self.content.get("metrics", [self.content]):
            protocol = judge.get("protocol") or {}
            if judge.get("name", "llm-judge") == metric and protocol.get("type") == "swap":
                first, second = protocol["fields"]
                return first, second
        return None


def read_judge_file(path: Path) -> JudgeFile | None:
    """The judge file of a run; None where there is none, or where it cannot be read as one."""
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(content, dict):
        return None
    first = text.partition("\n")[0]
    known = first.removeprefix(_HASH).strip() if first.startswith(_HASH) else None
    return JudgeFile(cast("dict[str, Any]", content), known)


def _scale(score: dict[str, Any]) -> Scale | None:
    rubric = score.get("rubric")
    if rubric:
        values = {str(level["label"]): float(level["value"]) for level in rubric}
        return Scale(min(values.values()), max(values.values()), True, values, True)
    low, high = score.get("minimum"), score.get("maximum")
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return None
    whole = float(low).is_integer() and float(high).is_integer() and high - low >= 2
    return Scale(float(low), float(high), whole, {}, True)
