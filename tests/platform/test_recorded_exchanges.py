"""The exchanges recorded with the original, sent again to our server: the same codes, bodies of the same shape."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from running_platform import jsonl, some_rows

RECORDED = Path(__file__).parents[3] / "shared" / "spec" / "wire"
ADDED = {"samples_total"}
"""What ours has beside the original's, where clients take anything."""
DELETION = "/apis/entities/v2/workspaces/llm-as-judge-tutorial"


def shape(value: Any) -> Any:
    """What kind of JSON a value is; a list has the shapes of its parts."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items() if key not in ADDED}
    if isinstance(value, list):
        return [shape(part) for part in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def fits(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Where a body of ours is not of the shape of theirs; an empty or null part of either fits anything."""
    if ours in (None, [], {}) or theirs in (None, [], {}):
        return []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        missing = [f"{place}.{key} is missing" for key in theirs if key not in ours]
        return missing + [
            line for key in theirs if key in ours for line in fits(ours[key], theirs[key], f"{place}.{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list):
        return fits(ours[0], theirs[0], f"{place}[]")
    kinds = shape(ours), shape(theirs)
    return [] if kinds[0] == kinds[1] else [f"{place} is {kinds[0]}, not {kinds[1]}"]


def row(lines: str | bytes) -> dict[str, Any]:
    """The first row, without the item and what the model said, which are those of another data set and model."""
    first = json.loads(lines.splitlines()[0])
    calls = [{name: {} for name in call} for call in first["requests"]]
    return first | {"item": {}, "requests": calls}


def body_of(exchange: dict[str, Any], url: str) -> Any:
    text = exchange["req"]
    if "binary" in text[:40]:
        return jsonl(some_rows(5))
    if not text:
        return None
    body = json.loads(text.replace("http://127.0.0.1:29100", url.removesuffix("/v1")))
    for ours, theirs in zip(bundles(body), bundles(json.loads(text)), strict=True):
        assert theirs["digest"] == digest(theirs["metric"])
        ours["digest"] = digest(ours["metric"])
    return body


def bundles(body: Any) -> list[Any]:
    return [bundle["payload"] for bundle in body.get("spec", {}).get("metrics", ())]


def digest(metric: Any) -> str:
    return hashlib.sha256(json.dumps(metric, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def expected(exchange: dict[str, Any]) -> set[int]:
    """The codes that are right: the recorded one, but where ours is better on purpose."""
    method, path, sent = exchange["method"], exchange["path"], exchange["req"]
    if method == "DELETE" and path == DELETION and exchange["status"] == 200:
        return {409}  # it still holds things: refused, as the tutorial says
    if method == "DELETE" and path == DELETION:
        return {200}  # by then it is empty
    if '"metric":{' in sent and '"metrics"' not in sent:
        return {201}  # both generations of a submit
    return {exchange["status"]}


@pytest.mark.shared
@pytest.mark.parametrize("generation", ["0.1.1", "0.6.0"])
def test_recorded_with(platform, model, generation):
    file = RECORDED / f"nemo-platform-{generation}.jsonl"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    names: dict[str, str] = {}
    gone = False
    platform.workspace = DELETION.rpartition("/")[2]
    for number, line in enumerate(file.read_text().splitlines()):
        exchange = json.loads(line)
        method, path, status = exchange["method"], exchange["path"], exchange["status"]
        if "hf-check" in exchange["req"] and method == "POST":
            continue  # a repository of the real hub, which was out of reach
        if "bench-ws" in path or (gone and (method, path) != ("POST", DELETION.rpartition("/")[0])):
            break  # from there on the recording measures, or is in a workspace that the original only marked
        for theirs, ours in names.items():
            path = path.replace(theirs, ours)
        if "/results/" in path:
            platform.wait(path.split("/")[8])
        answer = platform.call(method, path, body_of(exchange, model.url))
        gone = (method, path, answer.status) == ("DELETE", DELETION, 200)
        place = f"{generation} exchange {number}: {method} {path}: {answer.body[:500]}"
        assert answer.status in expected(exchange), place
        if path.endswith("row-scores/download"):
            assert not fits(row(answer.body), row(exchange["resp"])), place
        elif answer.status == status and exchange["resp"]:
            theirs = json.loads(exchange["resp"])
            if status >= 400:  # the older generation adds path and method to some
                theirs = {"detail": theirs["detail"]}
            assert not fits(answer.json, theirs), (place, fits(answer.json, theirs))
            if method == "POST" and path.endswith("/evaluate/jobs"):
                assert answer.json["spec"] == body_of(exchange, model.url)["spec"], place
                names[theirs["name"]] = answer.json["name"]
        if method == "POST" and path.endswith("/filesets") and answer.status == 200:
            url = f"{path}/{answer.json['name']}/-/validation.jsonl"  # it was uploaded before the recording began
            assert platform.call("PUT", url, jsonl(some_rows(5))).status == 200
    assert names
