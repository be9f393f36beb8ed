"""Jobs from submit to result: rows inline and in filesets, shards, failures, states."""

from __future__ import annotations

import gzip
import time

from running_platform import jsonl, judge, some_rows, spec

from referee.testing import ScriptedEndpoint


def test_inline_rows_from_submit_to_result(platform, model):
    sent = spec(model.url, some_rows(10), parallelism=2, limit_samples=9)
    answer = platform.submit(sent)
    assert answer.status == 201
    job = answer.json
    assert job["spec"] == sent
    assert job["status"] == "created"
    status = platform.wait(job["name"])
    assert status["status"] == "completed"
    assert status["status_details"]["samples_processed"] == 9
    assert status["status_details"]["progress"] == 100.0
    rows = platform.rows(job["name"])
    assert [row["row_index"] for row in rows] == list(range(9))
    assert [row["item"] for row in rows] == some_rows(9)
    assert rows[0]["metrics"] == {"llm-judge": [{"name": "helpfulness", "value": 3.0}]}
    assert rows[0]["requests"][0]["request"]["messages"] == [{"role": "user", "content": "question 0\nanswer 0"}]
    score = platform.aggregate(job["name"])["helpfulness"]
    assert (score["count"], score["mean"], score["nan_count"]) == (9, 3.0, 0)


def test_rows_of_a_fileset(platform, model):
    packed = gzip.compress(jsonl(some_rows(6)))
    assert platform.upload("set", "validation.jsonl.gz", packed).status == 200
    name = platform.run(spec(model.url, "ws/set#validation.jsonl.gz", parallelism=1, limit_samples=5))
    assert platform.status(name)["status"] == "completed"
    assert [row["item"]["prompt"] for row in platform.rows(name)] == [f"question {at}" for at in range(5)]
    assert len(model.requests) == 5


def test_a_key_from_the_vault_reaches_the_judge_and_nothing_else(platform, model, tmp_path):
    key = "nvapi-very-secret-0123456789"
    assert platform.post(platform.secrets, {"name": "judge-key", "value": key}).status == 201
    metric = judge(model.url)
    metric["model"]["api_key_secret"] = "judge-key"
    name = platform.run({"metric": metric, "dataset": some_rows(3), "params": {}})
    assert platform.status(name)["status"] == "completed"
    assert model.requests[0].headers["authorization"] == f"Bearer {key}"
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or key.encode() not in file.read_bytes(), file


def test_a_shard_is_begun_before_the_last_row_of_the_one_before_has_its_answer(platform):
    arrived = {}

    def latency(body):
        question = body["messages"][0]["content"].splitlines()[0]
        arrived[question] = time.monotonic()
        return 4.0 if question in ("question 2", "question 3") else 0.05

    with ScriptedEndpoint('{"helpfulness": 3}', latency=latency) as endpoint:
        name = platform.run(spec(endpoint.url, some_rows(10), parallelism=3))
        most = endpoint.served.most_in_flight
    assert arrived["question 7"] - arrived["question 3"] < 4.0
    assert most <= 4  # three, and one that the endpoint has not counted off yet; by themselves, two shards had five
    assert [row["row_index"] for row in platform.rows(name)] == list(range(10))
    assert platform.aggregate(name)["helpfulness"]["count"] == 10
