"""Workspaces, and the lists that all kinds of things share: pages, sorts, filters, names."""

from __future__ import annotations

import json
import threading
from urllib.parse import quote

import pytest
from running_platform import some_rows, spec

URL = "/apis/entities/v2/workspaces"


def names(answer):
    return [one["name"] for one in answer.json["data"]]


def test_made_read_changed_deleted(platform):
    made = platform.post(URL, {"name": "team-a", "description": "ours"})
    assert made.status == 201
    assert made.json["id"].startswith("workspace-")
    assert platform.post(URL, {"name": "team-a"}).detail == "Workspace 'team-a' already exists"
    assert platform.get(f"{URL}/team-a").json == made.json
    assert platform.call("PUT", f"{URL}/team-a", {"description": "theirs"}).json["description"] == "theirs"
    assert platform.delete(f"{URL}/team-a").status == 200
    assert platform.get(f"{URL}/team-a").detail == "Workspace 'team-a' not found"


@pytest.mark.parametrize("name", ["x", "A-b", "1ab", "a--b", "ab-", "a" * 64, "a b", "a/b", "ab\n", "", None, 7])
def test_a_name_that_is_none(platform, name):
    answer = platform.post(URL, {"name": name})
    assert answer.status == 422
    assert {"type", "loc", "msg", "input"} <= answer.json["detail"][0].keys()


def test_one_that_holds_things_says_what(platform, model):
    platform.post(platform.secrets, {"name": "key", "value": "x"})
    platform.upload("set", "rows.jsonl", b"{}\n")
    job = platform.run(spec(model.url, some_rows(1)))
    answer = platform.delete(f"{URL}/ws")
    assert answer.status == 409
    assert answer.detail == f"Workspace 'ws' still holds jobs {job}; filesets set; secrets key: delete these first"
    platform.delete(f"{platform.jobs}/{job}")
    platform.delete(f"{platform.filesets}/set")
    platform.delete(f"{platform.secrets}/key")
    assert platform.delete(f"{URL}/ws").status == 200


def test_pages_in_every_sort(platform):
    made = [f"page-{letter}" for letter in "cadbe"]
    for name in made:
        platform.post(URL, {"name": name})
    like = f"filter={quote(json.dumps({'name': {'$like': 'page-'}}))}"
    assert names(platform.get(f"{URL}?{like}&sort=name")) == sorted(made)
    assert names(platform.get(f"{URL}?{like}&sort=-name")) == sorted(made, reverse=True)
    assert names(platform.get(f"{URL}?{like}&sort=created_at")) == made
    assert names(platform.get(f"{URL}?{like}")) == made[::-1]
    second = platform.get(f"{URL}?{like}&sort=name&page=2&page_size=2")
    assert names(second) == ["page-c", "page-d"]
    assert second.json["pagination"] == {
        "page": 2,
        "page_size": 2,
        "current_page_size": 2,
        "total_pages": 3,
        "total_results": 5,
    }
    assert second.json["sort"] == "name"
    assert second.json["filter"] == {"name": {"$like": "page-"}}
    assert names(platform.get(f"{URL}?{like}&page=9")) == []


def test_filters_in_both_spellings(platform):
    for name in ("one", "two"):
        platform.post(URL, {"name": name, "description": f"the {name}"})
    assert names(platform.get(f"{URL}?filter[name]=one")) == ["one"]
    assert names(platform.get(f"{URL}?filter[name][$in][]=one&filter[name][$in][]=two&sort=name")) == ["one", "two"]
    assert names(platform.get(f"{URL}?filter[description][$like]=the%20t")) == ["two"]
    assert names(platform.get(f"{URL}?filter[created_at][$gte]=2999-01-01")) == []
    assert "one" in names(platform.get(f"{URL}?filter[created_at][$lte]=2999-01-01T00:00:00Z"))


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page_size=0",
        "page_size=1001",
        "page=x",
        "sort=password",
        "filter=x",
        "filter=[]",
        "filter[password]=x",
        "filter[name][$where]=x",
        "filter[created_at]=yesterday",
        "filter[name][$gte]=x",
        "filter[name]=a%00",
        "page=99999999999999999999",
    ],
)
def test_a_query_that_cannot_be_meant(platform, query):
    assert platform.get(f"{URL}?{query}").status == 422


def test_built_in_workspaces_stay(platform):
    assert {"default", "system"} <= set(names(platform.get(URL)))
    assert platform.delete(f"{URL}/default").status == 409


def test_two_writers_lose_nothing(platform):
    platform.post(platform.filesets, {"name": "set"})

    def write(which):
        for at in range(10):
            fields = {"custom_fields": {f"{which}-{at}": at}}
            assert platform.call("PATCH", f"{platform.filesets}/set", fields).status == 200

    writers = [threading.Thread(target=write, args=(which,)) for which in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    kept = platform.get(f"{platform.filesets}/set").json["custom_fields"]
    assert kept == {f"{which}-{at}": at for which in "ab" for at in range(10)}


def test_one_name_is_given_once(platform):
    answers = []
    makers = [
        threading.Thread(target=lambda: answers.append(platform.post(URL, {"name": "once"}).status)) for _ in range(8)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert sorted(answers) == [201] + [409] * 7


def test_the_interface_is_described(platform):
    paths = platform.get("/openapi.json").json["paths"]
    assert "/apis/evaluator/v2/workspaces/{workspace}/evaluate/jobs" in paths
    for path, methods in paths.items():
        for method, route in methods.items():
            assert route.get("summary"), (method, path)
