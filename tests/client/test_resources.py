"""What each resource sends, in both kinds of client, and how lists are walked."""

from __future__ import annotations

import asyncio

import httpx2
import orjson
import pytest
from talking import NOW, async_client, client, job, job_status, page, says, workspace

from referee import errors
from referee.client import AsyncPlatformClient

SECRET = {"name": "k", "workspace": "w", "description": None, "created_at": NOW, "updated_at": NOW}
FILESET = {
    "id": "fileset-1",
    "name": "f",
    "workspace": "w",
    "description": "",
    "purpose": "generic",
    "storage": {"type": "local", "path": "/data/f", "read_chunk_size": 1},
    "metadata": {"dataset": None, "model": None, "environment": None},
    "custom_fields": {},
    "project": "",
    "created_at": NOW,
    "updated_at": NOW,
}
HUB = {"type": "huggingface", "repo_id": "a/b", "repo_type": "dataset"}

CALLS = [
    (lambda c: c.workspaces.create("x", description="d"), "POST /apis/entities/v2/workspaces", workspace("x")),
    (lambda c: c.workspaces.update("x", description="d"), "PUT /apis/entities/v2/workspaces/x", workspace("x")),
    (lambda c: c.workspaces.retrieve("x"), "GET /apis/entities/v2/workspaces/x", workspace("x")),
    (lambda c: c.workspaces.delete("x"), "DELETE /apis/entities/v2/workspaces/x", {}),
    (lambda c: c.secrets.create(name="k", value="v"), "POST /apis/secrets/v2/workspaces/w/secrets", SECRET),
    (lambda c: c.secrets.update("k", value="v"), "PATCH /apis/secrets/v2/workspaces/w/secrets/k", SECRET),
    (lambda c: c.secrets.retrieve("k", workspace="v"), "GET /apis/secrets/v2/workspaces/v/secrets/k", SECRET),
    (lambda c: c.secrets.delete("k"), "DELETE /apis/secrets/v2/workspaces/w/secrets/k", None),
    (lambda c: c.files.filesets.create("f", storage=HUB), "POST /apis/files/v2/workspaces/w/filesets", FILESET),
    (lambda c: c.files.filesets.retrieve("f"), "GET /apis/files/v2/workspaces/w/filesets/f", FILESET),
    (
        lambda c: c.files.filesets.update("f", description="d"),
        "PATCH /apis/files/v2/workspaces/w/filesets/f",
        FILESET,
    ),
    (lambda c: c.files.filesets.delete("f"), "DELETE /apis/files/v2/workspaces/w/filesets/f", FILESET),
    (
        lambda c: c.files.delete(remote_path="f#a/b.txt"),
        "DELETE /apis/files/v2/workspaces/w/filesets/f/-/a/b.txt",
        {},
    ),
    (lambda c: c.jobs.retrieve("j"), "GET /apis/jobs/v2/workspaces/w/jobs/j", job()),
    (lambda c: c.jobs.get_status("j"), "GET /apis/jobs/v2/workspaces/w/jobs/j/status", job_status("active")),
    (lambda c: c.jobs.cancel("j"), "POST /apis/jobs/v2/workspaces/w/jobs/j/cancel", job()),
    (lambda c: c.jobs.pause("j"), "POST /apis/jobs/v2/workspaces/w/jobs/j/pause", job()),
    (lambda c: c.jobs.resume("j"), "POST /apis/jobs/v2/workspaces/w/jobs/j/resume", job()),
    (lambda c: c.jobs.delete("j"), "DELETE /apis/jobs/v2/workspaces/w/jobs/j", None),
    (lambda c: c.evaluator.plugin_status(), "GET /apis/evaluator/v1/healthz", {"status": "ok"}),
    (
        lambda c: c.evaluator.get_job_resource("j"),
        "GET /apis/evaluator/v2/workspaces/w/evaluate/jobs/j",
        job("j"),
    ),
]


@pytest.mark.parametrize(("call", "line", "reply"), CALLS, ids=[line for _, line, _ in CALLS])
def test_both_clients_send_the_same(call, line, reply):
    seen = []

    def answer(request):
        seen.append((f"{request.method} {request.url.path}", request.content))
        return says(204 if reply is None else 200, reply)

    async def awaited():
        async with async_client(answer) as platform:
            return await call(platform)

    with client(answer) as platform:
        first = call(platform)
    second = asyncio.run(awaited())
    assert [sent for sent, _ in seen] == [line, line]
    assert seen[0][1] == seen[1][1]
    assert repr(first) == repr(second)


def test_fields_that_a_newer_platform_adds_are_kept():
    with client(lambda request: says(200, workspace("x") | {"colour": "red"})) as platform:
        assert platform.workspaces.retrieve("x").to_dict()["colour"] == "red"


def test_one_that_is_there_already_will_do():
    def answer(request):
        return says(409, {"detail": "exists"}) if request.method == "POST" else says(200, workspace("x"))

    with client(answer) as platform:
        assert platform.workspaces.create("x", exist_ok=True).name == "x"
        with pytest.raises(errors.ConflictError):
            platform.workspaces.create("x")


def pages(request):
    number, size = int(request.url.params["page"]), int(request.url.params["page_size"])
    names = [f"w{at}" for at in range(7)][(number - 1) * size : number * size]
    return says(200, page([workspace(name) for name in names], number, size, 7))


def test_a_list_goes_on_into_the_next_page():
    with client(pages) as platform:
        first = platform.workspaces.list(page_size=3)
        assert [each.name for each in first] == [f"w{at}" for at in range(7)]
        assert [len(each) for each in first.iter_pages()] == [3, 3, 1]
        assert repr(first) == "<page 1 of 3: 3 of Workspace>"
        assert first.pagination is not None
        assert first.pagination.total_results == 7


def test_a_list_is_awaited_or_iterated_over():
    async def both():
        async with async_client(pages) as platform:
            first = await platform.workspaces.list(page_size=3)
            return [each.name for each in first.data], [each.name async for each in platform.workspaces.list()]

    assert asyncio.run(both()) == (["w0", "w1", "w2"], [f"w{at}" for at in range(7)])


def test_sort_and_filter_go_along():
    seen = []

    def answer(request):
        seen.append(dict(request.url.params))
        return says(200, page([], 1, 100, 0))

    with client(answer) as platform:
        assert list(platform.jobs.list(sort="name", filter={"status": "active"})) == []
    assert seen == [{"page": "1", "page_size": "100", "sort": "name", "filter[status]": "active"}]


def test_a_page_of_rows_is_asked_for_as_it_is_wanted():
    seen = []

    def answer(request):
        if not request.url.path.endswith("/rows"):
            return says(200, job("j"))
        seen.append((request.url.path, dict(request.url.params)))
        return says(200, {"data": [{"row_index": 4}], "next": 5})

    async def awaited():
        async with async_client(answer) as platform:
            return await (await platform.evaluator.get_job_resource("j")).get_rows(status="failed", first=4, limit=1)

    with client(answer) as platform:
        found = platform.evaluator.get_job_resource("j").get_rows(status="failed", first=4, limit=1)
    assert found == asyncio.run(awaited())
    assert (found.data, found.next) == ([{"row_index": 4}], 5)
    where = "/apis/evaluator/v2/workspaces/w/evaluate/jobs/j/rows"
    assert seen == [(where, {"first": "4", "status": "failed", "limit": "1"})] * 2


def test_logs_follow_their_cursor():
    def answer(request):
        cursor = request.url.params.get("page_cursor")
        line = {"job": "j", "job_step": "evaluate", "job_task": "", "message": cursor or "begin", "timestamp": NOW}
        return says(200, {"data": [line], "next_page": {None: "a", "a": "b", "b": None}[cursor]})

    async def awaited():
        async with async_client(answer) as platform:
            return [line.message async for line in platform.jobs.get_logs("j")]

    with client(answer) as platform:
        assert [line.message for line in platform.jobs.get_logs("j")] == ["begin", "a", "b"]
    assert asyncio.run(awaited()) == ["begin", "a", "b"]


class Store:
    """Takes uploads."""

    def __init__(self):
        self.files = {}
        self.headers = {}

    def __call__(self, request):
        where = request.url.path
        if request.method == "PUT":
            name = where.partition("/-/")[2]
            self.files[name], self.headers[name] = request.read(), request.headers
        if where.endswith("/files"):
            listed = [
                {"file_ref": f"w/f#{name}", "file_url": "/x", "path": name, "size": len(content)}
                for name, content in sorted(self.files.items())
                if request.url.params.get("path") in (None, name)
            ]
            return says(200, {"data": listed})
        if request.method == "GET" and "/-/" in where:
            return httpx2.Response(200, content=self.files[where.partition("/-/")[2]])
        return says(200, FILESET)


def test_a_folder_goes_up_and_comes_down(tmp_path):
    for name in ("a.jsonl", "deep/b.jsonl", "deep/er/c d.txt"):
        (tmp_path / "from" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "from" / name).write_text(name)
    store = Store()
    told = []
    with client(store) as platform:
        platform.files.upload(
            local_path=tmp_path / "from",
            remote_path="up/",
            fileset="f",
            progress=lambda path, size: told.append((path, size)),
        )
        platform.files.upload(local_path=tmp_path / "from" / "a.jsonl", remote_path="w/f#renamed.jsonl")
        platform.files.upload_content(content="text", remote_path="f#note.txt")
        assert sorted(store.files) == [
            "note.txt",
            "renamed.jsonl",
            "up/a.jsonl",
            "up/deep/b.jsonl",
            "up/deep/er/c d.txt",
        ]
        assert told == [("up/a.jsonl", 7), ("up/deep/b.jsonl", 12), ("up/deep/er/c d.txt", 15)]
        assert store.headers["up/a.jsonl"]["content-length"] == "7"
        assert len(store.headers["up/a.jsonl"]["x-checksum-sha256"]) == 64
        assert [file.path for file in platform.files.list(remote_path="up/**/*.jsonl", fileset="f")] == [
            "up/a.jsonl",
            "up/deep/b.jsonl",
        ]
        platform.files.download(remote_path="f#up/deep/*.jsonl", local_path=tmp_path / "to")
        platform.files.download(remote_path=["note.txt", "up/a.jsonl"], fileset="f", local_path=tmp_path / "to")
        assert platform.files.download_content(remote_path="f#note.txt") == b"text"
    found = sorted(str(file.relative_to(tmp_path / "to")) for file in (tmp_path / "to").rglob("*") if file.is_file())
    assert found == ["note.txt", "up/a.jsonl", "up/deep/b.jsonl"]


def test_an_async_upload_streams_the_file(tmp_path):
    content = b"x" * 700_000
    (tmp_path / "big").write_bytes(content)
    store = Store()

    async def read(request):
        await request.aread()
        return store(request)

    async def upload():
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(read))
        async with AsyncPlatformClient(base_url="http://127.0.0.1:1", workspace="w", http_client=http) as platform:
            await platform.files.upload(local_path=tmp_path / "big", fileset="f", fileset_auto_create=True)

    asyncio.run(upload())
    assert store.files["big"] == content
    assert store.headers["big"]["content-length"] == "700000"
    assert "transfer-encoding" not in store.headers["big"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"local_path": "/nowhere", "fileset": "f"}, "no file or folder /nowhere"),
        ({"local_path": __file__}, "names no fileset"),
    ],
)
def test_an_upload_that_cannot_be_meant(arguments, message):
    with client(lambda request: says(200, FILESET)) as platform, pytest.raises(errors.RefereeError, match=message):
        platform.files.upload(**arguments)


def test_a_name_is_made_up_for_a_fileset_that_is_made():
    seen = []

    def answer(request):
        if request.method == "POST":
            seen.append(orjson.loads(request.content)["name"])
        return says(200, FILESET)

    with client(answer) as platform:
        platform.files.upload_content(content=b"x", remote_path="a.txt", fileset_auto_create=True)
    assert seen[0].startswith("fileset-")
