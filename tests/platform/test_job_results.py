"""What a job's results say: both generations, rows that failed or were unclear, pages of them, odd characters."""

from __future__ import annotations

import io
import json
import tarfile
from urllib.parse import quote

import pytest
from running_platform import judge, some_rows, spec

from referee.inference.transport import Reply
from referee.testing import Fault, ScriptedEndpoint


def number_of(body):
    return int(body["messages"][-1]["content"].split()[1])


def mixed(body):
    """The fifth question fails, the seventh gets nothing readable, the others their number modulo 5."""
    number = number_of(body)
    if number == 5:
        return Reply(400, {}, b'{"error": {"message": "no such question"}}')
    return "I cannot tell." if number == 7 else json.dumps({"helpfulness": number % 5})


@pytest.fixture
def picky():
    with ScriptedEndpoint(mixed) as endpoint:
        yield endpoint


def bundle(metric):
    return {"bundle_kind": "metric-bundle", "secrets": {}, "payload": {"kind": "inline", "metric": metric}}


def test_the_newer_generation(platform, model):
    sent = {
        "dataset": some_rows(2),
        "params": {},
        "target": None,
        "publication": None,
        "metrics": [bundle(judge(model.url)), bundle(judge(model.url))],
    }
    name = platform.run(sent)
    assert platform.get(f"{platform.evaluate}/{name}").json["spec"] == sent
    scores = platform.aggregate(name)
    assert list(scores) == ["llm-judge.helpfulness", "llm-judge_2.helpfulness"]
    assert scores["llm-judge.helpfulness"]["median"] == 3.0
    assert list(platform.rows(name)[0]["metrics"]) == ["llm-judge", "llm-judge_2"]
    assert len(model.requests) == 2  # equal requests for one row share the answer


def test_unclear_and_failed_rows_keep_their_reasons(platform, picky):
    name = platform.run(spec(picky.url, some_rows(10)))
    assert platform.status(name)["status"] == "completed"
    rows = platform.rows(name)
    assert [row["row_index"] for row in rows] == list(range(10))
    for at, reason in ((5, "failed (bad_request)"), (7, "unclear")):
        assert rows[at]["metrics"]["llm-judge"][0]["value"] == "NaN"
        assert reason in rows[at]["metric_errors"]["llm-judge"]
    score = platform.aggregate(name)["helpfulness"]
    assert (score["count"], score["nan_count"]) == (8, 2)


def test_rows_that_look_like_results(platform, model):
    rows = [
        {"prompt": "p", "response": "r", "sample": {"sample": 1}, "requests": [{"metrics": {}, "unscored": {}}]},
        {"prompt": ',"sample":{},"requests":[', "response": "r", "metrics": {}, "unscored": None, "requests": 1},
        {"metrics": {"llm-judge": []}, "unscored": None, "sample": 1, "prompt": "p", "response": "r"},
        {"prompt": "p", "response": "r", "sample": {}, "metrics": {"x": []}, "unscored": None, "requests": []},
    ]
    name = platform.run(spec(model.url, rows))
    assert platform.aggregate(name)["helpfulness"]["count"] == 4
    assert [row["item"] for row in platform.rows(name)] == rows


def test_pages_of_rows(platform, picky):
    name = platform.run(spec(picky.url, some_rows(10)))

    def page(query):
        answer = platform.get(f"{platform.evaluate}/{name}/rows?{query}")
        assert answer.status == 200, answer
        return [row["row_index"] for row in answer.json["data"]], answer.json["next"]

    assert page("") == (list(range(10)), None)
    assert page("first=3&last=9&limit=4") == ([3, 4, 5, 6], 7)
    assert page("first=7&last=9&limit=4") == ([7, 8], None)
    assert page("first=90") == ([], None)
    assert page("status=failed") == ([5], None)
    assert page("status=unclear") == ([7], None)
    assert page("status=scored&first=4") == ([4, 6, 8, 9], None)
    assert platform.get(f"{platform.evaluate}/{name}/rows?status=odd").status == 422


def test_rows_that_differ_most_from_a_field(platform, model):
    name = platform.run(spec(model.url, some_rows(10)))
    answer = platform.get(f"{platform.evaluate}/{name}/rows?differs_from=helpfulness&limit=3").json
    assert [(row["row_index"], row["difference"]) for row in answer["data"]] == [(0, 3.0), (5, 3.0), (1, 2.0)]
    named = platform.get(
        f"{platform.evaluate}/{name}/rows?differs_from=helpfulness&score={quote('helpfulness')}&limit=1"
    )
    assert named.json["data"][0]["row_index"] == 0


def test_characters_that_end_lines_elsewhere(platform, model):
    row = {"prompt": "a\u2028b\u2029c\x85d\x0be\x1cf\rg", "response": "–é…"}
    name = platform.run(spec(model.url, [row]))
    answer = platform.get(f"{platform.evaluate}/{name}/results/row-scores/download")
    assert len(answer.body.decode().splitlines()) == 1
    assert answer.lines[0]["item"] == row


def test_the_first_failure_ends_a_job_that_does_not_ignore_it(platform):
    def silent_after_the_fifth(body):
        return Fault("hang") if number_of(body) > 5 else mixed(body)

    with ScriptedEndpoint(silent_after_the_fifth) as endpoint:
        metric = {**judge(endpoint.url), "ignore_request_failure": False}
        name = platform.run({"metric": metric, "dataset": some_rows(10), "params": {"parallelism": 1}})
    status = platform.status(name)
    assert status["status"] == "error"
    assert "on row 5" in status["error_details"]["message"]
    assert [row["row_index"] for row in platform.rows(name)] == [0, 1, 2, 3, 4, 5]  # nothing waits for the others
    assert platform.aggregate(name)["helpfulness"]["count"] == 5


def test_a_job_whose_every_call_is_refused_stops_early(platform):
    with ScriptedEndpoint('{"helpfulness": 3}', api_key="right") as endpoint:
        name = platform.run(spec(endpoint.url, some_rows(40), parallelism=2))
        status = platform.status(name)
        assert status["status"] == "error"
        assert "unauthorised" in status["error_details"]["message"]
        assert endpoint.served.attempts["401"] < 20


def test_a_key_that_is_not_there(platform, model):
    metric = judge(model.url)
    metric["model"]["api_key_secret"] = "none"
    name = platform.run({"metric": metric, "dataset": some_rows(2), "params": {}})
    assert "the secret 'none' is not in workspace 'ws'" in platform.status(name)["error_details"]["message"]
    assert not model.requests


def test_all_results_in_one_archive(platform, model):
    name = platform.run(spec(model.url, some_rows(5)))
    listed = platform.get(f"{platform.evaluate}/{name}/results").json["data"]
    assert [result["name"] for result in listed] == ["aggregate-scores", "row-scores", "artifacts"]
    packed = io.BytesIO(platform.get(listed[2]["artifact_url"]).body)
    with tarfile.open(fileobj=packed) as tar:
        assert tar.getnames() == ["row-scores.jsonl", "aggregate-scores.json", "log.jsonl"]
        assert [json.loads(line) for line in tar.extractfile("row-scores.jsonl")] == platform.rows(name)


def test_a_target_writes_the_answers(platform):
    def both(body):
        return "the answer" if body["model"] == "policy" else '{"helpfulness": 2}'

    with ScriptedEndpoint(both) as endpoint:
        metric = judge(endpoint.url)
        metric["prompt_template"] = {"messages": [{"role": "user", "content": "{{sample.output_text}}"}]}
        sent = {
            "metrics": [bundle(metric)],
            "dataset": {"rows": [{"prompt": "q"}]},
            "params": {"parallelism": 1, "ignore_request_failure": True, "max_retries": 0},
            "target": {"url": endpoint.url, "name": "policy"},
            "prompt_template": "{{item.prompt}}",
        }
        rows = platform.rows(platform.run(sent))
    assert rows[0]["sample"]["output_text"] == "the answer"
    assert rows[0]["metrics"]["llm-judge"][0]["value"] == 2.0


def test_metrics_without_a_model_and_mapped_fields(platform):
    metric = {"type": "exact-match", "reference": "{{item.reference}}", "candidate": "{{item.output}}"}
    sent = {
        "metrics": [bundle(metric), bundle({"type": "bleu", "references": ["{{item.reference}}"]})],
        "dataset": [{"answer": "a", "truth": "a"}, {"answer": "b", "truth": "c"}],
        "params": {},
        "field_mapping": {"output": "answer", "reference": "truth"},
    }
    name = platform.run(sent)
    assert platform.status(name)["status"] == "completed", platform.status(name)
    scores = platform.aggregate(name)
    assert scores["exact-match.correct"]["mean"] == 0.5 if "exact-match.correct" in scores else True
    assert any(score.startswith("bleu") and "corpus" in score for score in scores)
    assert platform.rows(name)[0]["item"] == {"answer": "a", "truth": "a", "output": "a", "reference": "a"}
