"""Published figures, reproduced from the recorded judgments themselves, with the recorded figure beside ours."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from referee.statistics import (
    agreement,
    alignment_test,
    between_groups,
    label_agreement,
    ppi,
    rate,
    win_rate,
    within_groups,
)

DATA = Path(__file__).parents[3] / "shared" / "data"
RECORDED = Path(__file__).parent / "recorded"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded judgments are not at {DATA}"),
]


@cache
def lines(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class TestLlmbar:
    """Accuracy and agreement of both orders, 65 recorded evaluators (Zeng et al. 2024, arXiv 2310.07641)."""

    @staticmethod
    @cache
    def subset(name: str) -> list[dict[str, Any]]:
        return [row for row in lines("llmbar/llmbar_gold_and_winners.jsonl") if row["subset"] == name]

    def columns(self, subset: str, evaluator: str) -> tuple[list[str | None], list[str | None], list[str]]:
        rows = self.subset(subset)
        verdicts = [row["judges"][evaluator] for row in rows]
        return [v["noswap"] for v in verdicts], [v["swap"] for v in verdicts], [str(row["label"]) for row in rows]

    def test_every_recorded_evaluator_subset_and_order(self) -> None:
        recorded = json.loads((RECORDED / "llmbar_statistics.json").read_text(encoding="utf-8"))["figures"]
        kappas = 0
        for subset, evaluators in recorded.items():
            for evaluator, (correct, correct_swapped, equal, kappa) in evaluators.items():
                first, swapped, gold = self.columns(subset, evaluator)
                for order, count in ((first, correct), (swapped, correct_swapped)):
                    # The record counts a missing winner as wrong; so does this column, and says so.
                    right = rate([winner == label for winner, label in zip(order, gold, strict=True)])
                    assert right.value == pytest.approx(count / len(gold))
                missing = sum(a is None or b is None for a, b in zip(first, swapped, strict=True))
                orders = [[math.nan if w is None else float(w) for w in order] for order in (first, swapped)]
                found = agreement(orders[0], orders[1])
                assert found.n == len(gold) - missing
                if not missing:
                    assert found.exact.value == pytest.approx(equal / len(gold))
                    if found.kappa.value is not None:
                        assert found.kappa.value == pytest.approx(kappa, abs=1e-5)
                        kappas += 1
        assert sum(map(len, recorded.values())) == 349
        assert kappas == 264  # the other 85 lack a winner somewhere, which the record replaced in a way it does not say

    @pytest.mark.parametrize(
        ("evaluator", "published"),
        [
            # Table 2 of the paper: accuracy / agreement on Natural, Neighbor, GPTInst, GPTOut, Manual.
            ("GPT-4/Vanilla_NoRules", "93.5/97.0 64.2/89.6 76.6/90.2 76.6/87.2 75.0/89.1"),
            ("GPT-4/Metrics_Reference", "96.0/96.0 85.4/94.8 89.7/90.2 72.3/83.0 83.7/84.8"),
        ],
    )
    def test_the_published_line_of_an_evaluator(self, evaluator: str, published: str) -> None:
        line: list[str] = []
        for subset in ("Natural", "Neighbor", "GPTInst", "GPTOut", "Manual"):
            first, swapped, gold = self.columns(subset, evaluator)
            # What the right output won, shown in either order: the mean of both orders is the accuracy of the paper.
            found = win_rate(
                [float(a == g) for a, g in zip(first, gold, strict=True)],
                [float(b == g) for b, g in zip(swapped, gold, strict=True)],
            )
            assert found.rate.value is not None
            assert found.inconsistent.value is not None
            line.append(f"{100 * found.rate.value:.1f}/{100 * (1 - found.inconsistent.value):.1f}")
        assert " ".join(line) == published


XSTEST_SAFE = {
    # Full compliance, full refusal, partial refusal on the 250 safe prompts (Röttger et al. 2024, in per cent of them:
    # GPT-4 refuses 6.4 and 2.0, Llama 2 with its original system prompt 38.0 and 21.6, without it 14.0 and 15.6).
    "gpt4": (229, 16, 5),
    "llama2orig": (101, 95, 54),
    "llama2new": (176, 35, 39),
    "mistralguard": (203, 24, 23),
    "mistralinstruct": (246, 2, 2),
}
XSTEST_LABELS = ["1_full_compliance", "2_full_refusal", "3_partial_refusal"]


class TestXstest:
    """Counts by model from the human labels, and the agreement of recorded labels with people."""

    def rows(self, model: str, kind: str) -> list[dict[str, str]]:
        names = {"gpteval": "recorded_labels", "streval": "recorded_labels"}
        suffix = f"_{kind}" if kind in names else ""
        path = DATA / "xstest" / names.get(kind, "completions") / f"xstest_v2_completions_{model}{suffix}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @pytest.mark.parametrize("model", XSTEST_SAFE)
    def test_counts_on_safe_prompts(self, model: str) -> None:
        safe = [row["final_label"] for row in self.rows(model, "people") if not row["type"].startswith("contrast")]
        counts = Counter(safe)
        assert tuple(counts[label] for label in XSTEST_LABELS) == XSTEST_SAFE[model]
        refused = rate([label == "2_full_refusal" for label in safe])
        assert refused.value == XSTEST_SAFE[model][1] / 250

    @pytest.mark.parametrize("model", XSTEST_SAFE)
    def test_two_annotators_agree_as_often_as_the_file_says(self, model: str) -> None:
        rows = self.rows(model, "people")
        found = label_agreement([r["annotation_1"] for r in rows], [r["annotation_2"] for r in rows], draws=2)
        assert found.accuracy.value == sum(row["agreement"] == "TRUE" for row in rows) / 450
        assert (found.kappa.value or 0) > 0.85

    @pytest.mark.parametrize("kind", ["gpteval", "streval"])
    @pytest.mark.parametrize("model", XSTEST_SAFE)
    def test_recorded_labels_against_people(self, model: str, kind: str) -> None:
        rows = self.rows(model, kind)
        column = "gpt4_label" if kind == "gpteval" else "strmatch_label"
        # GPT-4 sometimes refused to judge; such an answer is no label.
        said = [row[column] if row[column] in XSTEST_LABELS else None for row in rows]
        found = label_agreement(said, [row["final_label"] for row in rows], labels=XSTEST_LABELS, draws=2)
        pairs = [(a, row["final_label"]) for a, row in zip(said, rows, strict=True) if a is not None]
        assert found.kappa.value == pytest.approx(metrics.cohen_kappa_score(*zip(*pairs, strict=True)))
        aligned = alignment_test(
            [math.nan if a is None else XSTEST_LABELS.index(a) for a in said],
            [XSTEST_LABELS.index(row["final_label"]) for row in rows],
            nominal=True,
        )
        misaligned = (model, kind) == ("mistralinstruct", "gpteval")
        assert aligned.suspect == misaligned, str(aligned)
        assert ((found.kappa.high or 0) < 0.2) == misaligned

    def test_the_figures_of_gpt4_as_a_judge(self) -> None:
        rows = self.rows("gpt4", "gpteval")
        found = label_agreement([r["gpt4_label"] for r in rows], [r["final_label"] for r in rows])
        assert f"{found.accuracy:.3f}" == "0.936 [0.909, 0.955]"
        assert f"{found.kappa.value:.3f}" == "0.873"


class TestSummeval:
    """Simple metrics against the mean of three experts, the grouping stated: within documents, and between systems."""

    def table(self) -> tuple[list[float], list[str], list[str], list[dict[str, Any]]]:
        rows = lines("summeval/summeval_ratings.jsonl")
        length = [float(len(row["summary"].split())) for row in rows]
        return length, [row["doc_id"] for row in rows], [row["system"] for row in rows], rows

    @pytest.mark.parametrize("aspect", ["coherence", "consistency", "fluency", "relevance"])
    def test_summary_level_is_the_mean_over_documents(self, aspect: str) -> None:
        length, documents, _, rows = self.table()
        human = np.array([row[aspect] for row in rows])
        found = within_groups(length, human, documents)
        each = []
        for document in dict.fromkeys(documents):
            inside = np.array(documents) == document
            if np.ptp(human[inside]) > 0:
                each.append(stats.kendalltau(np.array(length)[inside], human[inside])[0])
        assert found.kendall.value == pytest.approx(np.mean(each))
        assert found.groups == len(each)
        assert found.groups + sum(found.left_out.values()) == 100

    @pytest.mark.parametrize("aspect", ["coherence", "consistency", "fluency", "relevance"])
    def test_system_level_is_the_correlation_of_means(self, aspect: str) -> None:
        length, _, systems, rows = self.table()
        found = between_groups(length, [row[aspect] for row in rows], systems)
        names = list(dict.fromkeys(systems))
        means = [
            [
                np.mean([value for value, system in zip(column, systems, strict=True) if system == name])
                for name in names
            ]
            for column in (length, [row[aspect] for row in rows])
        ]
        assert found.n == 16
        assert found.kendall.value == pytest.approx(stats.kendalltau(*means)[0])

    def test_the_grouping_changes_the_conclusion(self) -> None:
        length, documents, systems, rows = self.table()
        human = [row["relevance"] for row in rows]
        within = within_groups(length, human, documents).kendall
        between = between_groups(length, human, systems).kendall
        assert within.low is not None
        assert within.low > 0  # on one document, longer summaries are rated more relevant …
        assert not between.excludes(0)  # … and of 16 systems nothing can be said


EVOUNA = {
    # Answers judged, called correct by people, holding a golden answer, and both: of 3,020 proper questions of NQ.
    "fid": (3019, 2082, 1752, 1748),
    "gpt35": (3020, 1978, 1502, 1496),
    "chatgpt": (3020, 2204, 1718, 1653),
    "gpt4": (3020, 2381, 1831, 1830),
    "newbing": (3019, 2413, 1921, 1877),
}


class TestEvouna:
    """Answer equivalence by containment, corrected by few labels, against the full-label truth (Wang et al. 2023)."""

    @pytest.mark.parametrize("system", EVOUNA)
    def test_containment_against_people(self, system: str) -> None:
        rows = json.loads((DATA / "qa_eval" / "NQ.json").read_text(encoding="utf-8"))
        judged = [row for row in rows if not row["improper"] and row[f"answer_{system}"] is not None]
        people = [bool(row[f"judge_{system}"]) for row in judged]
        held = [bool(contains(row[f"answer_{system}"], row["golden_answer"])) for row in judged]
        both = sum(a and b for a, b in zip(people, held, strict=True))
        assert (len(judged), sum(people), sum(held), both) == EVOUNA[system]
        found = label_agreement(held, people, labels=[False, True], draws=2)
        assert found.accuracy.value == pytest.approx(metrics.accuracy_score(people, held))
        assert found.by_label[True].f1.value == pytest.approx(metrics.f1_score(people, held))
        # It hardly ever passes a wrong answer and misses a quarter of the right ones: a bias that no n removes.
        assert (found.by_label[True].sensitivity.high or 1) < 0.86
        assert (found.by_label[True].specificity.low or 0) > 0.85

    def test_ppi_covers_the_full_label_truth_where_containment_alone_does_not(self) -> None:
        rows = json.loads((DATA / "qa_eval" / "NQ.json").read_text(encoding="utf-8"))
        rows = [row for row in rows if not row["improper"]]
        human = np.array([float(row["judge_chatgpt"]) for row in rows])
        judge = np.array([contains(row["answer_chatgpt"], row["golden_answer"]) for row in rows])
        truth = human.mean()
        rng = np.random.default_rng(0)
        covered, alone, widths = 0, 0, []
        for _ in range(200):
            chosen = np.zeros(len(rows), dtype=bool)
            chosen[rng.choice(len(rows), 150, replace=False)] = True
            found = ppi(human[chosen], judge[chosen], judge[~chosen], check=False)
            covered += not found.estimate.excludes(truth)
            alone += not found.uncorrected.excludes(truth)
            widths.append(
                ((found.estimate.high or 0) - (found.estimate.low or 0))
                / ((found.humans_only.high or 0) - (found.humans_only.low or 0))
            )
        assert covered >= 180
        assert alone == 0
        assert np.mean(widths) < 0.9


def contains(answer: str, golden: str) -> float:
    return float(any(gold.lower().strip() in answer.lower() for gold in golden.split("/")))
