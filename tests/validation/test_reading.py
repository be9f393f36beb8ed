"""What is said of figures that are easily misread: other scales, few rows, labels of several people, groups."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from referee.validation import Validation, validate


def told(found: Validation) -> str:
    return " ".join([*found.reading, *(advice.text for advice in found.advice)])


def test_scales_that_differ_are_said_and_no_bias_is_claimed_of_them() -> None:
    rng = np.random.default_rng(0)
    people = rng.integers(1, 6, 80).astype(float)
    found = validate((people / 5 + rng.normal(0, 0.02, 80)).round(3), human=people)
    assert "do not seem to be on one scale" in told(found)
    assert "too low" not in told(found)
    assert "further off" not in told(found)


@pytest.mark.parametrize("rows", [2, 3])
def test_no_number_of_labels_is_planned_from_rows_that_tell_nothing(rows: int) -> None:
    found = validate([4, 3, 2][:rows], human=[4, 1, 0][:rows])
    assert found.labels_to_tell is None
    assert "more labels" not in told(found)


def test_no_error_is_wider_than_the_scale() -> None:
    found = validate([1, 1, 1, 0, 1], human=[1, 0, 1, 0, 1])
    assert found.agreement is not None
    assert (found.agreement.mae.high, found.agreement.rmse.high, found.agreement.bias.high) == (1.0, 1.0, 1.0)


class TestLabelsOfSeveralPeople:
    """Verdicts that are labels without values; two people, who differ on every tenth row."""

    def rows(self, judge_errs: float) -> list[dict[str, Any]]:
        rng = np.random.default_rng(1)
        labels = ["COMPLIED", "REFUSED", "PARTIAL"]
        out: list[dict[str, Any]] = []
        for at in range(120):
            said = labels[int(rng.integers(3))]
            other = labels[labels.index(said) - 1]
            judge = other if rng.random() < judge_errs else said
            out.append({"judge": judge, "ann": said, "ben": other if at % 10 == 0 else said, "kind": "xy"[at % 2]})
        return out

    def test_their_agreement_stands_beside_the_judges(self) -> None:
        found = validate(self.rows(0.1), human="ann,ben", judge="judge")
        assert found.left_out == {"people disagree": 12}
        assert found.ceiling is not None
        assert found.ceiling.exact.value == pytest.approx(0.9)  # 1.0 where only the rows are asked on which they agree
        assert found.ceiling.pearson.reason == "the labels have no order"
        assert "One person agrees with the others on 90% of rows" in told(found)
        assert "On 12 rows people disagree" in told(found)
        assert {row.human for row in found.disagreements} <= {"COMPLIED", "REFUSED", "PARTIAL"}

    def test_subgroups_are_told_apart(self) -> None:
        rows = self.rows(0.0)
        rows = [{**row, "judge": "PARTIAL"} if row["kind"] == "y" else row for row in rows]
        found = validate(rows, human="ann", judge="judge", by="kind")
        assert [group.exact.value for group in found.subgroups if group.name == "x"] == [1.0]
        assert "Rows with kind 'y': the judge agrees worse with people" in told(found)

    def test_shuffled_labels_are_suspected(self) -> None:
        rows = self.rows(0.05)
        moved = np.random.default_rng(2).permutation([row["ann"] for row in rows])
        found = validate([{**row, "ann": label} for row, label in zip(rows, moved, strict=True)],
                         human="ann", judge="judge")  # fmt: skip
        assert "agree no better than shuffled ones" in told(found)

    def test_a_constant_is_called_by_its_name(self) -> None:
        found = validate([{"j": "NO", "h": "YES"}] * 9, human="h", judge="j")
        assert "the judge gave every row NO and people gave every row YES" in told(found)


def test_a_judge_that_sees_prompts_and_not_answers_is_told_so() -> None:
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for prompt in range(60):
        hard = rng.normal()
        rows += [{"prompt": f"p{prompt}", "j": hard + rng.normal(0, 0.3), "h": hard + rng.normal(0, 0.3)}
                 for _ in range(4)]  # fmt: skip
    found = validate(rows, human="h", judge="j")
    assert found.within is not None
    assert "among rows of the same prompt is not shown" in told(found)


def test_lines_that_are_no_results_are_left_out_and_are_nobodys_repeats(tmp_path: Path) -> None:
    lines = [{"row_index": at, "item": {"h": at % 4}, "sample": {}, "metrics": {"q": [{"name": "q", "value": at % 3}]}}
             for at in range(12)]  # fmt: skip
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join([*map(json.dumps, lines[:6]), '{"h": 2}', *map(json.dumps, lines[6:]), '{"torn": ']))
    found = validate(file, human="h")
    assert (found.n, found.repeats) == (12, 1)
    assert found.left_out == {"no result of a run": 1, "unreadable row": 1}
    assert found.clusters.field is None
