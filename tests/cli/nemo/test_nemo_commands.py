"""The commands that talk to a platform, against a real one."""

from __future__ import annotations

import json

import pytest
import yaml

from referee.testing import Fault, ScriptedEndpoint

ROWS = [{"prompt": f"question {at}", "response": f"answer {at}", "helpfulness": at % 5} for at in range(6)]
JUDGE = {
    "name": "helpfulness",
    "scores": [{"name": "helpfulness", "minimum": 0, "maximum": 4}],
    "prompt_template": "{{ item.prompt }}: {{ item.response }}",
    "ignore_request_failure": True,
}


@pytest.fixture
def model():
    with ScriptedEndpoint('{"helpfulness": 3}') as endpoint:
        yield endpoint


@pytest.fixture
def files(tmp_path, model):
    """A judge file, rows, and a job file that names both."""
    (tmp_path / "judge.yaml").write_text(yaml.safe_dump(JUDGE | {"model": {"url": model.url, "name": "m"}}))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "job.yaml").write_text(yaml.safe_dump({"judge": "judge.yaml", "dataset": "rows.jsonl"}))
    return tmp_path


def test_workspaces(nemo):
    nemo("workspaces", "create", "other", "--description", "of another team")
    assert "of another team" in nemo("workspaces", "list").stdout
    assert nemo.json("workspaces", "show", "other")["name"] == "other"
    assert "already exists" in nemo("workspaces", "create", "other", code=1).stderr
    nemo("workspaces", "create", "other", "--exist-ok")
    nemo("secrets", "create", "key", "-w", "other", input="s3cr3t\n")
    assert "still holds secrets key" in nemo("workspaces", "delete", "other", code=1).stderr
    nemo("secrets", "delete", "key", "-w", "other")
    nemo("workspaces", "delete", "other")
    assert "not found" in nemo("workspaces", "show", "other", code=1).stderr


def test_a_secrets_value_is_read_and_never_shown(nemo, tmp_path):
    (tmp_path / "key.txt").write_text("s3cr3t-from-file")
    nemo.variables["A_KEY"] = "s3cr3t-from-variable"
    shown = [
        nemo("secrets", "create", "piped", input="s3cr3t-piped\n"),
        nemo("secrets", "create", "read", "--from-file", tmp_path / "key.txt"),
        nemo("secrets", "create", "taken", "--from-env", "A_KEY", "--description", "the judge's"),
        nemo("secrets", "update", "piped", input="s3cr3t-new\n"),
        nemo("secrets", "list"),
        nemo("secrets", "show", "taken", "-o", "json"),
    ]
    assert "s3cr3t" not in "".join(one.output for one in shown)
    assert {one["name"] for one in nemo.json("secrets", "list")} == {"piped", "read", "taken"}
    assert "would be empty" in nemo("secrets", "create", "none", input="\n", code=1).stderr
    assert "would be empty" in nemo("secrets", "create", "none", "--from-env", "NOT_SET", code=1).stderr
    assert "No such option" in nemo("secrets", "create", "none", "--value", "s3cr3t", code=2).stderr
    for name in ("piped", "read", "taken"):
        nemo("secrets", "delete", name)


def test_filesets(nemo, files):
    nemo("filesets", "create", "answers", "--description", "what the policy said")
    nemo("filesets", "upload", files / "rows.jsonl", "answers")
    nemo("filesets", "upload", files, "answers#all/")
    listed = [file["path"] for file in nemo.json("filesets", "files", "answers")]
    assert listed == ["all/job.yaml", "all/judge.yaml", "all/rows.jsonl", "rows.jsonl"]
    assert [file["path"] for file in nemo.json("filesets", "files", "answers#all/*.jsonl")] == ["all/rows.jsonl"]
    assert "local" in nemo("filesets", "list").stdout
    nemo("filesets", "download", "answers#all/*.yaml", files / "back")
    assert (files / "back" / "all" / "judge.yaml").read_bytes() == (files / "judge.yaml").read_bytes()
    nemo("filesets", "download", "ws/answers#rows.jsonl", files / "renamed.jsonl")
    assert (files / "renamed.jsonl").read_bytes() == (files / "rows.jsonl").read_bytes()
    nemo("filesets", "delete", "answers#rows.jsonl")
    assert "has no file 'rows.jsonl'" in nemo("filesets", "download", "answers#rows.jsonl", code=1).stderr
    nemo("filesets", "delete", "answers")
    assert nemo.json("filesets", "list") == []
    assert "--huggingface too" in nemo("filesets", "create", "x", "--revision", "main", code=1).stderr


def test_a_job_from_its_file_to_its_results(nemo, files, model):
    done = nemo("jobs", "submit", files / "job.yaml", "--watch")
    assert "completed, 100 %, 6 rows" in done.stderr
    assert "helpfulness.helpfulness" in done.stdout
    name = nemo("jobs", "submit", files / "job.yaml").stdout.strip()
    nemo("jobs", "watch", name)
    assert nemo.json("jobs", "results", name)[0]["mean"] == 3.0
    nemo("jobs", "results", name, "--rows", files / "out.jsonl", "--to", files / "saved")
    rows = [json.loads(line) for line in (files / "out.jsonl").read_text().splitlines()]
    assert [row["item"] for row in rows] == ROWS
    assert (files / "saved" / name / "aggregate-scores.json").is_file()
    assert nemo.json("jobs", "show", name)["spec"]["dataset"] == ROWS
    assert "completed" in nemo("jobs", "logs", name).stdout
    assert name in [job["name"] for job in nemo.json("jobs", "list", "--status", "completed")]
    assert nemo.json("jobs", "list", "--status", "paused") == []
    assert "is completed" in nemo("jobs", "cancel", name, code=1).stderr
    nemo("jobs", "delete", name)
    assert "not found" in nemo("jobs", "watch", name, code=1).stderr


def test_a_job_rests_and_goes_on_and_ends(nemo, files, model):
    rows = [{"prompt": str(at), "response": "r"} for at in range(400)]
    (files / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    slow = {"judge": "judge.yaml", "dataset": "rows.jsonl", "params": {"parallelism": 1}}
    (files / "job.yaml").write_text(yaml.safe_dump(slow))
    with ScriptedEndpoint('{"helpfulness": 3}', latency=0.02) as endpoint:
        (files / "judge.yaml").write_text(yaml.safe_dump(JUDGE | {"model": {"url": endpoint.url, "name": "m"}}))
        name = nemo("jobs", "submit", files / "job.yaml").stdout.strip()
        assert "paus" in nemo("jobs", "pause", name).stderr
        nemo("jobs", "resume", name)
        nemo("jobs", "cancel", name)
        assert "ended as cancelled" in nemo("jobs", "watch", name, code=1).stderr
    nemo("jobs", "delete", name)


def test_a_job_with_a_fileset_and_failures(nemo, files):
    nemo("filesets", "upload", files / "rows.jsonl", "rows", "--create")
    answers = ['{"helpfulness": 3}', Fault("401"), "no idea", '{"helpfulness": 1}']
    with ScriptedEndpoint(answers) as endpoint:
        judge = JUDGE | {"type": "llm-judge", "model": {"url": endpoint.url, "name": "m"}}
        job = {"metrics": [judge], "dataset": "ws/rows#rows.jsonl", "params": {"limit_samples": 4, "parallelism": 1}}
        (files / "job.yaml").write_text(yaml.safe_dump(job))
        nemo("jobs", "submit", files / "job.yaml", "--watch")
    name = nemo.json("jobs", "list")[0]["name"]
    figures = nemo.json("jobs", "results", name)[0]
    assert (figures["count"], figures["nan_count"], figures["mean"]) == (2, 2, 2.0)
    assert [row["row_index"] for row in nemo.json("jobs", "rows", name, "--status", "failed")["data"]] == [1]
    unclear = nemo("jobs", "rows", name, "--status", "unclear").stdout
    assert "what went wrong" in unclear
    assert "helpfulness unclear" in unclear
    differing = nemo.json("jobs", "rows", name, "--differs-from", "helpfulness")["data"]
    assert [(row["row_index"], row["difference"]) for row in differing] == [(0, 3.0), (3, 2.0)]
    paged = nemo.json("jobs", "rows", name, "--limit", "3")
    assert (len(paged["data"]), paged["next"]) == (3, 3)
    nemo("filesets", "delete", "rows")


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({"dataset": "rows.jsonl"}, "either judge or metrics"),
        ({"judge": "judge.yaml", "dataset": "rows.jsonl", "parms": {}}, "parms"),
        ({"judge": "none.yaml", "dataset": "rows.jsonl"}, "none.yaml cannot be read"),
        ({"judge": "judge.yaml", "dataset": "ws/none#x.jsonl"}, "none"),
        ([], "no mapping"),
    ],
)
def test_a_job_file_that_cannot_be_meant(nemo, files, job, message):
    (files / "job.yaml").write_text(yaml.safe_dump(job))
    assert message in nemo("jobs", "submit", files / "job.yaml", "--watch", code=1).stderr


def test_a_spec_is_sent_as_it_stands(nemo, files, model):
    metric = JUDGE | {"type": "llm-judge", "model": {"url": model.url, "name": "m"}}
    spec = {"metric": metric, "dataset": ROWS[:1], "params": {"parallelism": 1}}
    (files / "job.yaml").write_text(yaml.safe_dump({"spec": spec}))
    made = nemo.json("jobs", "submit", files / "job.yaml")
    assert made["spec"] == spec
    nemo("jobs", "watch", made["name"])
