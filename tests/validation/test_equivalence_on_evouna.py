"""The bundled equivalence environment on recorded answers, judged by the embedded model: what it says is what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from referee import Environment
from referee.validation import validate

DATA = Path(__file__).parents[3] / "shared" / "data" / "qa_eval" / "NQ.json"
ROWS = 2  # each takes some seconds
SETTINGS = "++equivalence_llm_judge.resources_servers.equivalence_llm_judge.judge_responses_create_params"


@pytest.mark.local
@pytest.mark.shared
@pytest.mark.skipif(not DATA.exists(), reason=f"the recorded answers are not at {DATA}")
def test_a_judge_without_usable_verdicts_is_told_from_one_that_says_no(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [row for row in json.loads(DATA.read_text(encoding="utf-8")) if not row["improper"]][:ROWS]
    judge = {"url": "embedded", "name": weights}
    with Environment.load(
        "equivalence_llm_judge", f"{SETTINGS}.temperature=0", f"{SETTINGS}.max_output_tokens=8", judge=judge
    ) as environment:
        found = [
            environment.verify({"prompt": row["question"], "expected_answer": row["golden_answer"]}, row["answer_fid"])
            for row in rows
        ]
    assert {one["judge_status"] for one in found} <= {"scored", "unclear"}  # every call was answered
    assert all(one["reward"] == 0 for one in found if one["judge_status"] == "unclear")
    # Of 24 rows this model named a verdict in none. A reward of 0 there is no verdict, and does not count as one.
    scores = [one["reward"] if one["judge_status"] == "scored" else None for one in found]
    people = [float(row["judge_fid"]) for row in rows]
    told = validate([{"said": said, "people": by} for said, by in zip(scores, people, strict=True)],
                    judge="said", human="people")  # fmt: skip
    assert told.rows == ROWS
    assert told.n == sum(one["judge_status"] == "scored" for one in found)
    assert told.n + sum(told.left_out.values()) == ROWS
