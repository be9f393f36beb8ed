"""`validate` through its door: the same figures from every kind of source, the tutorial's own code beside them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import referee
from referee.errors import DataError
from referee.evaluation.evaluator import Evaluator
from referee.testing import ScriptedEndpoint
from referee.validation import Validation, validate

RATINGS = [4, 0, 3, 2, 1, 4, 3, 2, 0, 1, 4, 3]
GIVEN = [4, 1, 3, 3, 2, 4, 3, 3, 1, 2, 4, 4]


def judged_rows() -> list[dict[str, Any]]:
    return [
        {"id": at, "prompt": f"p{at // 2}", "response": "w " * (3 + at % 5), "helpfulness": human, "judge_score": judge}
        for at, (human, judge) in enumerate(zip(RATINGS, GIVEN, strict=True))
    ]


def figures(found: Validation) -> dict[str, float | None]:
    assert found.agreement is not None
    return {name: estimate.value for name, _, estimate in found.agreement.figures()}


def judge_of(url: str) -> referee.Judge:
    return referee.Judge(
        name="rater",
        model=referee.Model(url=url, name="scripted"),
        scores=[referee.RangeScore(name="helpfulness", minimum=0, maximum=4)],
        prompt_template="Rate {{ item.response }} of {{ item.id }}: {{ item.judge_score }}",
    )


def replies(rows: list[dict[str, Any]]) -> list[str]:
    return [json.dumps({"helpfulness": row["judge_score"]}) for row in rows]


class TestSources:
    def test_columns_rows_files_runs_and_results_give_equal_figures(self, tmp_path: Path) -> None:
        rows = judged_rows()
        expected = figures(validate(rows, human="helpfulness", judge="judge_score"))
        assert expected == figures(validate(GIVEN, human=RATINGS))
        assert expected == figures(validate(np.array(GIVEN), human=np.array(RATINGS)))
        file = tmp_path / "rows.csv"
        file.write_text("j,h\n" + "".join(f"{j},{h}\n" for j, h in zip(GIVEN, RATINGS, strict=True)))
        assert expected == figures(validate(file, human="h", judge="j"))
        with ScriptedEndpoint(replies(rows)) as endpoint:
            judge = judge_of(endpoint.url)
            report = referee.evaluate(judge, rows, output=tmp_path / "out", concurrency=1)
        for source in (tmp_path / "out", str(tmp_path / "out" / "rows.jsonl"), report):
            found = validate(source, human="helpfulness")
            assert figures(found) == expected
            assert found.scale.known
            assert (found.scale.low, found.scale.high) == (0, 4)
            assert found.judge_hash == report.hash
        with ScriptedEndpoint(replies(rows)) as endpoint:
            result = Evaluator().run_sync(metrics=[judge_of(endpoint.url)], dataset=rows, config=referee_run_config())
        assert figures(validate(result, human="item.helpfulness")) == expected

    def test_the_judges_words_come_from_the_journal(self, tmp_path: Path) -> None:
        rows = judged_rows()
        with ScriptedEndpoint([f"thinking it over {reply}" for reply in replies(rows)]) as endpoint:
            referee.evaluate(judge_of(endpoint.url), rows, output=tmp_path / "out", concurrency=1)
        worst = validate(tmp_path / "out", human="helpfulness").disagreements[0]
        assert worst.words.startswith("thinking it over")
        assert worst.judge != worst.human

    def test_a_label_file_is_joined_by_key_in_any_order(self, tmp_path: Path) -> None:
        rows = judged_rows()
        labels = [{"id": str(row["id"]), "rating": row["helpfulness"]} for row in reversed(rows)]
        found = validate(rows, human="rating", judge="judge_score", labels=labels, key="id")
        assert figures(found) == figures(validate(rows, human="helpfulness", judge="judge_score"))
        part = validate(
            rows, human="rating", judge="judge_score", labels=[*labels[:5], {"id": "x", "rating": 1}], key="id"
        )
        assert (part.n, part.left_out) == (5, {"no label": 7})
        assert any("1 of 6 labels" in advice.text for advice in part.advice)


def referee_run_config() -> Any:
    from referee.evaluation.run_config import RunConfig

    return RunConfig(parallelism=1)


class TestTutorial:
    """The tutorial's own functions, on the same rows."""

    @staticmethod
    def correlation_summary(human_scores: Any, judge_scores: Any) -> tuple[float, float, float]:
        if len(human_scores) < 2 or len(judge_scores) < 2:
            return np.nan, np.nan, np.nan
        pearson, _ = stats.pearsonr(human_scores, judge_scores)
        spearman, _ = stats.spearmanr(human_scores, judge_scores)
        mae = abs(human_scores - judge_scores).mean()
        return float(pearson), float(spearman), float(mae)

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from(["scored", "unclear"])),
            min_size=2,
            max_size=40,
        )
    )
    def test_pearson_spearman_and_mae_are_the_tutorials(self, drawn: list[tuple[int, int, str]]) -> None:
        lines = [
            {
                "row_index": at,
                "item": {"helpfulness": human},
                "sample": {},
                "metrics": {"m": [{"name": "helpfulness", "value": judge if state == "scored" else "NaN"}]},
            }
            for at, (human, judge, state) in enumerate(drawn)
        ]
        kept = [(human, judge) for human, judge, state in drawn if state == "scored"]
        found = validate(lines, human="helpfulness")
        assert found.n == len(kept)
        assert sum(found.left_out.values()) == len(drawn) - len(kept)
        if len(kept) < 2:
            return
        humans, judges = (np.array(column, dtype=float) for column in zip(*kept, strict=True))
        ours = figures(found)
        if np.ptp(humans) == 0 or np.ptp(judges) == 0:
            assert ours["pearson"] is None
            assert ours["mae"] == pytest.approx(abs(humans - judges).mean())
            return
        assert (ours["pearson"], ours["spearman"], ours["mae"]) == pytest.approx(
            self.correlation_summary(humans, judges), abs=1e-9
        )


class TestWhatCounts:
    def test_prompts_that_repeat_are_clusters_and_it_says_so(self) -> None:
        found = validate(judged_rows(), human="helpfulness", judge="judge_score")
        assert (found.clusters.field, found.clusters.count, found.clusters.detected) == ("prompt", 6, True)
        alone = validate(judged_rows(), human="helpfulness", judge="judge_score", cluster="none")
        assert (alone.clusters.field, alone.clusters.count) == (None, 12)
        named = validate(judged_rows(), human="helpfulness", judge="judge_score", cluster="prompt")
        assert figures(named) == figures(found)
        assert not named.clusters.detected
        assert found.agreement is not None
        assert named.agreement == found.agreement
        assert alone.agreement != found.agreement

    def test_repeats_of_a_row_are_one_cluster(self) -> None:
        lines = [
            {
                "row_index": at // 3,
                "repeat": at % 3,
                "item": {"h": RATINGS[at // 3]},
                "sample": {},
                "metrics": {"m": [{"name": "s", "value": GIVEN[at // 3]}]},
            }
            for at in range(36)
        ]
        found = validate(lines, human="h")
        assert (found.n, found.clusters.count, found.repeats) == (36, 12, 3)

    def test_several_people_make_a_ceiling(self) -> None:
        rng = np.random.default_rng(0)
        rows = [
            {"j": int(truth), "a": int(truth), "b": int(np.clip(truth + rng.integers(-1, 2), 0, 4)), "c": None}
            for truth in rng.integers(0, 5, 60)
        ]
        rows[0]["c"] = 4
        found = validate(rows, human="a,b,c", judge="j", scale="0-4")
        assert found.ceiling is not None
        assert found.ceiling.pearson.value is not None
        assert found.ceiling.pearson.value < 1
        assert found.people_alpha is not None
        assert found.human == ("a", "b", "c")
        listed = validate(
            [{"j": row["j"], "all": [row["a"], row["b"], row["c"]]} for row in rows], human="all", judge="j"
        )
        assert figures(listed)["pearson"] == figures(found)["pearson"]

    def test_labels_without_values(self) -> None:
        rows = [{"j": j, "h": h} for j, h in ["AA", "AA", "AB", "BB", "BA", "BB", "AA", "BB"]]
        found = validate(rows, human="h", judge="j")
        assert found.kind == "labels"
        assert found.agreement is None
        assert found.labels is not None
        assert found.labels.accuracy.value == 0.75
        assert found.labels.confusion == ((3, 1), (1, 3))

    def test_rubric_labels_meet_peoples_labels(self, tmp_path: Path) -> None:
        folder = tmp_path / "out"
        folder.mkdir()
        (folder / "judge.yaml").write_text(
            "name: m\nscores:\n- name: s\n  rubric:\n  - {label: REFUSED, value: 0}\n  - {label: COMPLIED, value: 1}\n"
        )
        pairs = [("COMPLIED", "complied"), ("REFUSED", "refused"), ("COMPLIED", "refused"), ("REFUSED", "refused")] * 3
        lines = [
            {
                "row_index": at,
                "item": {"truth": human},
                "sample": {},
                "metrics": {
                    "m": [{"name": "s", "value": float(judge == "COMPLIED")}, {"name": "s.label", "value": judge}]
                },
            }
            for at, (judge, human) in enumerate(pairs)
        ]
        (folder / "rows.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        found = validate(folder, human="truth")
        assert found.labels is not None
        assert found.labels.labels == ("REFUSED", "COMPLIED")
        assert found.labels.by_label["COMPLIED"].sensitivity.value == 1.0
        assert found.agreement is not None
        assert found.agreement.exact.value == 0.75
        assert found.disagreements[0].judge == "COMPLIED"

    def test_people_on_another_scale_are_carried_over(self) -> None:
        rows = [{"j": j, "h": 1 + h} for j, h in zip(GIVEN, RATINGS, strict=True)]
        with pytest.raises(DataError, match="off the judge's scale 0 to 4"):
            validate(rows, human="h", judge="j", scale="0-4")
        found = validate(rows, human="h", judge="j", scale="0-4", human_scale="1-5")
        assert figures(found) == figures(validate(GIVEN, human=RATINGS))

    def test_subgroups_are_corrected_for_looking_at_several(self) -> None:
        rng = np.random.default_rng(3)
        rows: list[dict[str, Any]] = []
        for at, human in enumerate(rng.integers(0, 5, 400)):
            blind = at % 4 == 0
            judge = rng.integers(0, 5) if blind else max(0, human - rng.integers(0, 2))
            rows.append({"j": int(judge), "h": int(human), "kind": "blind" if blind else f"seen {at % 4}"})
        found = validate(rows, human="h", judge="j", by="kind")
        assert {group.name: group.n for group in found.subgroups}["blind"] == 100
        assert all(group.pearson.confidence == pytest.approx(1 - 0.05 / 4) for group in found.subgroups)
        told = {group.name: group.differs for group in found.subgroups}
        assert told["blind"] is not None
        assert "agrees worse" in told["blind"]

    def test_groups_that_do_not_differ_are_rarely_said_to(self) -> None:
        rng = np.random.default_rng(5)
        wrong = 0
        for _ in range(15):
            human = rng.integers(0, 5, 120)
            judge = np.clip(human + rng.integers(-2, 3, 120), 0, 4)
            rows = [
                {"j": int(j), "h": int(h), "g": f"g{at % 4}"}
                for at, (j, h) in enumerate(zip(judge, human, strict=True))
            ]
            found = validate(rows, human="h", judge="j", by="g")
            wrong += any(group.differs for group in found.subgroups)
        assert wrong <= 3  # more has a chance of 0.5 % where 5 % are promised


class TestReading:
    def test_a_judge_that_rates_high_in_a_narrow_range(self) -> None:
        rng = np.random.default_rng(1)
        human = rng.integers(0, 5, 200)
        judge = np.where(human >= 2, 4, 3)
        found = validate(judge, human=human, scale="0-4")
        assert "orders answers better than chance, but rates" in found.reading[0]
        assert "points too high" in found.reading[0]
        assert "It gives always 3 or 4 where people use 0 to 4." in found.reading

    def test_noise_is_not_said_to_order_anything(self) -> None:
        found = validate([3, 1, 4, 1, 2, 0, 3, 2], human=[2, 2, 4, 3, 1, 1, 0, 2])
        assert "is not shown with 8 rows" in found.reading[0]
        assert found.labels_to_tell is None or found.labels_to_tell > 0

    def test_the_labels_that_would_tell_do_tell(self) -> None:
        rng = np.random.default_rng(7)

        def draw(n: int) -> Validation:
            human = rng.normal(size=n)
            judge = 0.35 * human + np.sqrt(1 - 0.35**2) * rng.normal(size=n)
            return validate(judge, human=human)

        pilot = next(
            found for found in (draw(20) for _ in range(50)) if found.labels_to_tell and found.labels_to_tell > 30
        )
        assert "more labels would tell" in pilot.reading[0]
        assert pilot.agreement is not None
        # With r = 0.35 about 62 rows show it with 80 % chance.
        shown = sum(
            found.agreement is not None and found.agreement.pearson.excludes(0)
            for found in (draw(62) for _ in range(20))
        )
        assert 11 <= shown <= 20

    def test_a_constant_judge_is_named(self) -> None:
        found = validate([3] * 10, human=RATINGS[:10])
        assert "cannot be asked: the judge gave every row 3" in found.reading[0]

    def test_labels_of_other_rows_are_noticed(self) -> None:
        rng = np.random.default_rng(2)
        human = rng.integers(0, 5, 200)
        judge = np.roll(np.clip(human + rng.integers(-1, 2, 200), 0, 4), 1)
        found = validate(judge, human=human)
        assert found.alignment is not None
        assert found.alignment.offset
        assert any("seem to be of other rows" in advice.text for advice in found.advice)

    def test_many_unclear_answers_are_warned_of(self) -> None:
        lines = [
            {
                "row_index": at,
                "item": {"h": at % 5},
                "sample": {},
                "metrics": {"m": [{"name": "s", "value": "NaN" if at % 4 == 0 else at % 5}]},
                "unscored": {"m": {"s": {"status": "unclear", "reason": "prose"}}} if at % 4 == 0 else None,
            }
            for at in range(40)
        ]
        found = validate(lines, human="h")
        assert found.left_out == {"unclear": 10}
        assert any("10 of 40 answers were unclear" in advice.text for advice in found.advice)


def test_everything_can_be_written_as_json() -> None:
    found = validate(judged_rows(), human="helpfulness", judge="judge_score", by="prompt")
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert said["agreement"]["pearson"]["value"] == pytest.approx(figures(found)["pearson"])
    assert "columns" not in said


def test_a_missing_library_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from referee.errors import MissingExtraError\n"
        "try:\n    from referee.validation import validate\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert said == "referee.validation.validate needs an extra that is not installed: pip install 'referee[statistics]'"
