"""Results in memory, as scripts written for the original read them."""

from __future__ import annotations

import json
import math

import orjson
import pytest

from referee.data import Row
from referee.evaluation.aggregate import Aggregator
from referee.evaluation.outcome import RowOutcome
from referee.evaluation.record import record, to_line
from referee.evaluation.results import EvaluationResult, RowScore
from referee.exchange import Request, Response
from referee.judge import Exchange, Failed, Judge, Outcome, Scored, Unclear, Verdict

REQUEST = Request("m", [{"role": "user", "content": "Rate."}], {})


def judged(index: int, outcome: Outcome, *more: tuple[str, Outcome]) -> RowOutcome:
    row = Row(index, orjson.dumps({"prompt": f"question {index}", "meta": {"lang": "en"}, "helpfulness": 3}))
    exchange = Exchange(REQUEST, Response("3", "stop", {"choices": []}), {})
    verdicts = {"llm-judge": Verdict({"helpfulness": outcome}, (exchange,))}
    return RowOutcome(row, 0, {}, verdicts | {name: Verdict({"f1": found}) for name, found in more})


def result(*outcomes: RowOutcome) -> EvaluationResult:
    scores = [{"name": "helpfulness", "minimum": 0, "maximum": 4}]
    f1 = [{"name": "f1", "minimum": 0, "maximum": 1}]
    judges = [Judge.parse({"model": "m", "scores": scores}), Judge.parse({"name": "f1", "model": "m", "scores": f1})]
    aggregator = Aggregator([judge for judge in judges if judge.name in outcomes[0].verdicts])
    for outcome in outcomes:
        metrics, _, unscored = record(outcome.verdicts)
        aggregator.add(metrics, unscored)
    return EvaluationResult(row_scores=list(map(RowScore.of, outcomes)), aggregate_scores=aggregator.result())


def score_value(row_score: RowScore, score_name: str) -> float | None:
    """The tutorial's way to a score."""
    for metric_result in row_score.metrics.values():
        scores = getattr(metric_result, "scores", metric_result)
        for score in scores:
            if score.name == score_name:
                try:
                    return float(score.value)
                except (TypeError, ValueError):
                    return None
    return None


def test_the_tutorials_reading_of_rows() -> None:
    rows = result(judged(0, Scored(4.0)), judged(1, Unclear("no JSON"))).row_scores
    assert [row.row_index for row in rows] == [0, 1]
    assert score_value(rows[0], "helpfulness") == 4.0
    assert math.isnan(score_value(rows[1], "helpfulness") or 0)
    assert rows[0].item.get("helpfulness") == 3
    assert (rows[0].metric_errors, rows[0].error) == (None, None)
    assert rows[1].metric_errors == {"llm-judge": "helpfulness unclear: no JSON"}
    assert rows[0].requests == [
        {
            "request": {"model": "m", "messages": [{"role": "user", "content": "Rate."}]},
            "response": {"choices": []},
        }
    ]


def test_json_there_and_back() -> None:
    before = result(judged(0, Scored(4.0)), judged(1, Failed("timeout", "no answer")))
    text = before.model_dump_json()
    assert orjson.loads(text) == before.to_dict()
    assert before.to_dict()["row_scores"][1]["metrics"] == {"llm-judge": [{"name": "helpfulness", "value": "NaN"}]}
    after = EvaluationResult.model_validate_json(text)
    assert math.isnan(after.row_scores[1].metrics["llm-judge"][0].value)
    assert after.model_dump_json() == text


def test_a_line_of_a_folder_is_a_row_as_well() -> None:
    outcome = judged(1, Failed("timeout", "no answer"))
    row = RowScore.model_validate_json(to_line(outcome, repeats=False, requests=True))
    assert json.loads(row.model_dump_json()) == json.loads(RowScore.of(outcome).model_dump_json())


def test_a_row_that_could_not_be_read() -> None:
    row = RowScore.of(
        RowOutcome(Row(0, b"{", "rows, line", 1), 0, {}, {"m": Verdict({"s": Failed("bad_request", "x")})})
    )
    assert row.item == {}
    assert row.error == "m: s failed (bad_request): x"


def test_figures_by_name() -> None:
    figures = result(judged(0, Scored(4.0)), judged(1, Scored(2.0))).aggregate_scores
    assert figures.scores[0].mean == figures.score("llm-judge.helpfulness").mean == 3.0
    assert list(figures.scores_by_name) == ["llm-judge.helpfulness"]
    with pytest.raises(KeyError, match="there is no score 'helpfulnes'"):
        figures.score("helpfulnes")


def test_each_metric_by_itself() -> None:
    both = result(judged(0, Scored(4.0), ("f1", Scored(0.5))), judged(1, Failed("timeout", "x"), ("f1", Scored(1.0))))
    assert list(both.per_metric) == ["llm-judge", "f1"]
    alone = both.metric_result("f1")
    assert [list(row.metrics) for row in alone.row_scores] == [["f1"], ["f1"]]
    assert [row.metric_errors for row in alone.row_scores] == [None, None]
    assert [score.name for score in alone.aggregate_scores.scores] == ["f1.f1"]


def test_records_are_flat() -> None:
    flat = result(judged(0, Scored(4.0)), judged(1, Unclear("no JSON")))
    first, second = flat.to_records()
    assert first == {
        "row_index": 0,
        "status": "ok",
        "item.prompt": "question 0",
        "item.meta.lang": "en",
        "item.helpfulness": 3,
        "output.llm-judge.helpfulness": 4.0,
    }
    assert (second["status"], second["error"]) == ("error", "llm-judge: helpfulness unclear: no JSON")
    (figures,) = flat.to_records("aggregate")
    assert (figures["mean"], figures["percentiles.p50"], figures["unclear"]) == (4.0, 4.0, 1)
    assert isinstance(figures["histogram"], str)
    with pytest.raises(ValueError, match="'columns'"):
        flat.to_records("columns")  # pyright: ignore[reportArgumentType]


def test_an_arrow_table() -> None:
    pytest.importorskip("pyarrow")
    table = result(judged(0, Scored(4.0)), judged(1, Scored(3.0))).to_table()
    assert table.column("output.llm-judge.helpfulness").to_pylist() == [4.0, 3.0]


def test_the_summary_names_figures_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    result(judged(0, Scored(4.0)), judged(1, Failed("timeout", "no answer in 5 s"))).print_summary()
    text = capsys.readouterr().out
    assert "2 rows, 1 of them with an error" in text
    assert "row 1: llm-judge: helpfulness failed (timeout): no answer in 5 s" in text
    assert "llm-judge.helpfulness" in str(result(judged(0, Scored(4.0))))
