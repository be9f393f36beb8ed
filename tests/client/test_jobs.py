"""A submitted job: what is sent, how it is waited for, and what comes back."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx2
import orjson
import pytest
from talking import async_client, client, job, job_status, says

from referee import errors
from referee.client import FilesetRef
from referee.client.submission import bundle, job_spec
from referee.client.types import Job
from referee.evaluation.metrics import ExactMatchMetric, parse_metric
from referee.evaluation.run_config import FieldMapping, RunConfig, RunConfigOnlineModel
from referee.judge import Judge, Model, RangeScore, RubricScore

WIRE = Path(__file__).parents[3] / "shared" / "spec" / "wire"
MODEL = Model(url="http://127.0.0.1:1/v1", name="m", api_key_secret="team/judge-key")
JUDGE = Judge(
    model=MODEL,
    scores=(
        RangeScore(name="helpfulness", minimum=0, maximum=4),
        RubricScore(name="tone", rubric=[{"label": "warm", "value": 1}, {"label": "cold", "value": 0}]),
    ),
    prompt_template="{{ item.prompt }}",
    ignore_request_failure=True,
)
ROW = {"row_index": 0, "item": {"prompt": "x"}, "sample": {}, "metrics": {"llm-judge": [{"name": "s", "value": 3.0}]}}
LOST = {**ROW, "row_index": 1, "metrics": {"llm-judge": [{"name": "s", "value": "NaN"}]}, "metric_errors": {"a": "b"}}
FIGURES = {"scores": [{"name": "llm-judge.s", "count": 1, "nan_count": 1, "mean": 3.0, "score_type": "range"}]}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def test_a_bundle_says_all_that_a_judge_is():
    sent = bundle(JUDGE)
    assert parse_metric(sent["payload"]["metric"]) == JUDGE
    assert sent["metric_type"] == "llm-judge"
    assert [output["name"] for output in sent["outputs"]] == ["helpfulness", "tone", "tone.label"]
    assert sent["secrets"] == {"team_judge_key": "team/judge-key"}


@pytest.mark.shared
def test_the_digest_is_the_originals():
    wire = WIRE / "nemo-platform-0.6.0.jsonl"
    if not wire.exists():
        pytest.skip("the recorded exchanges (../shared/spec/wire) are not here")
    from referee.client.submission import digest

    compared = 0
    for line in wire.read_text().splitlines():
        exchange = json.loads(line)
        if exchange["method"] == "POST" and exchange["path"].endswith("/evaluate/jobs"):
            for sent in json.loads(exchange["req"])["spec"].get("metrics", ()):
                assert digest(sent["payload"]["metric"]) == sent["payload"]["digest"]
                compared += 1
    assert compared


def test_rows_are_sent_along_and_filesets_named(tmp_path):
    (tmp_path / "rows.csv").write_text("prompt,response\na,b\nc,d\ne,f\n")
    limit = RunConfig(limit_samples=2)
    read = job_spec(metrics=[JUDGE], dataset=tmp_path / "rows.csv", config=limit)
    assert read["dataset"] == [{"prompt": "a", "response": "b"}, {"prompt": "c", "response": "d"}]
    assert read["params"] == {"parallelism": 8, "limit_samples": 2}
    named = job_spec(metrics=[JUDGE], dataset=FilesetRef(root="w/f"), dataset_glob_pattern="*.jsonl")
    assert named["dataset"] == "w/f#*.jsonl"
    assert job_spec(metrics=[JUDGE], dataset="w/f#a/b.jsonl")["dataset"] == "w/f#a/b.jsonl"


def test_an_online_job():
    spec = job_spec(
        metrics=[ExactMatchMetric(reference="{{item.a}}")],
        dataset=[{"a": "b"}],
        config=RunConfigOnlineModel(max_retries=1),
        target=MODEL,
        field_mapping=FieldMapping(output="answer"),
        prompt_template="{{item.q}}",
    )
    assert spec["target"]["name"] == "m"
    assert (spec["params"]["max_retries"], spec["field_mapping"]["output"]) == (1, "answer")
    assert orjson.loads(orjson.dumps(spec)) == spec


class Own:
    type = "own"

    def output_spec(self):
        return []

    async def compute_scores(self, input): ...


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": Own(), "dataset": [{}]}, "Own has code of its own"),
        ({"dataset": [{}]}, "no metric to submit"),
        ({"metric": JUDGE, "metrics": [JUDGE], "dataset": [{}]}, "both given"),
        ({"metric": JUDGE, "dataset": []}, "no rows"),
        ({"metric": JUDGE, "dataset": [{}], "prompt_template": "x"}, "no target"),
        ({"metric": JUDGE, "dataset": [{}], "dataset_glob_pattern": "*"}, "files of a fileset"),
        ({"metric": JUDGE, "dataset": [{}], "metric_bundle_packager": object()}, "code is never sent"),
    ],
)
def test_what_cannot_be_submitted_is_said_before_anything_is_sent(arguments, message):
    with client(lambda request: pytest.fail("sent")) as platform, pytest.raises(errors.RefereeError, match=message):
        platform.evaluator.submit(**arguments)


def test_a_fragment_is_a_path_in_the_fileset():
    assert FilesetRef(root="w/f").with_fragment("/a/*.jsonl").root == "w/f#a/*.jsonl"
    for reference, fragment in (("w/f", ""), ("w/f", "a#b"), ("w/f#a", "b")):
        with pytest.raises(ValueError, match="fragment"):
            FilesetRef(root=reference).with_fragment(fragment)


class Platform:
    """Carries out one job: its states one after the other, then its results."""

    def __init__(self, *states, error=None):
        self.states = list(states)
        self.error = error
        self.submitted = None

    def __call__(self, request):
        where = request.url.path
        if request.method == "POST":
            self.submitted = orjson.loads(request.content)
            return says(201, job())
        if where.endswith("/status"):
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            if isinstance(state, Exception):
                raise state
            return says(200, job_status(state, self.error, samples_processed=2, progress=50.0))
        if self.states[0] != "completed":
            return says(404, {"detail": "Result not found"})
        if where.endswith("row-scores/download"):
            return httpx2.Response(200, content=b"\n".join(orjson.dumps(row) for row in (ROW, LOST)) + b"\n")
        return says(200, FIGURES)


def test_submit_wait_and_read():
    states = []
    carried_out = Platform("created", "pending", "active", "completed")
    with client(carried_out) as platform:
        submitted = platform.evaluator.submit(metric=JUDGE, dataset=FilesetRef(root="w/f#a.jsonl"))
        submitted.wait_until_done(watch=lambda status: states.append((status.status, status.progress)))
        result = submitted.get_result()
        assert submitted.check_if_complete(raise_if_not_complete=True)
        assert [row.row_index for row in submitted.iter_row_scores()] == [0, 1]
    assert states == [("created", 50.0), ("pending", 50.0), ("active", 50.0), ("completed", 50.0)]
    assert carried_out.submitted["spec"]["dataset"] == "w/f#a.jsonl"
    values = [row.metrics["llm-judge"][0].value for row in result.row_scores]
    assert values == [3.0, pytest.approx(float("nan"), nan_ok=True)]
    assert result.row_scores[1].error == "a: b"
    assert result.aggregate_scores.score("llm-judge.s").mean == 3.0


def test_the_same_awaited(tmp_path):
    async def whole():
        async with async_client(Platform("active", "completed")) as platform:
            submitted = await platform.evaluator.submit(metric=JUDGE, dataset=[{"prompt": "x"}])
            await submitted.wait_until_done(poll_interval_seconds=0)
            folder = await submitted.download_artifacts(tmp_path)
            return folder, await submitted.get_result({"mean"}), [row async for row in submitted.iter_row_scores()]

    folder, result, rows = asyncio.run(whole())
    assert sorted(file.name for file in folder.iterdir()) == ["aggregate-scores.json", "row-scores.jsonl"]
    assert result.aggregate_scores.model_dump() == {"scores": [{"name": "llm-judge.s", "count": 1, "mean": 3.0}]}
    assert len(rows) == 2


def test_a_platform_that_restarts_is_waited_for():
    gone = httpx2.ConnectError("refused")
    with client(Platform("active", gone, gone, gone, gone, "active", "completed")) as platform:
        submitted(platform).wait_until_done()


def submitted(platform):
    return platform.evaluator.submit(metric=JUDGE, dataset=[{"prompt": "x"}])


@pytest.mark.parametrize("state", ["error", "cancelled"])
def test_a_job_that_failed_says_why(state):
    with client(Platform(state, error={"message": "the secret 'k' is not there"})) as platform:
        started = submitted(platform)
        with pytest.raises(RuntimeError, match=rf"ended as {state}: the secret 'k' is not there") as raised:
            started.wait_until_done()
        assert isinstance(raised.value, errors.JobError)
        with pytest.raises(errors.JobError, match=f"ended as {state}"):
            started.get_result()


def test_results_of_a_job_at_work_are_refused_with_its_state():
    with client(Platform("active")) as platform:
        started = submitted(platform)
        assert not started.check_if_complete()
        with pytest.raises(errors.JobError, match=r"is active, not completed: wait_until_done\(\)"):
            started.get_result()


def test_waiting_has_an_end():
    with client(Platform("active")) as platform, pytest.raises(TimeoutError, match="is active after 0 s; it goes on"):
        submitted(platform).wait_until_done(job_timeout_seconds=0)
    with client(Platform("pending")) as platform, pytest.raises(errors.JobTimeoutError, match="has been pending for 0"):
        submitted(platform).wait_until_done(pending_timeout_seconds=0)


def test_a_job_shows_what_it_is():
    with client(Platform("active")) as platform:
        started = submitted(platform)
    assert repr(started) == "<job w/nemo-evaluator-abc>"
    assert (started.name, started.workspace, started.id) == (started.job.name, "w", started.job.id)
    assert isinstance(started.job, Job)
