"""Filesets of the Hugging Face hub, against a stand-in on loopback."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
from urllib.parse import unquote

import pytest
from running_platform import jsonl, some_rows, spec

FIRST, SECOND = "1" * 40, "2" * 40
TOKEN = "hf_very_secret_0123456789"


class Hub(http.server.ThreadingHTTPServer):
    """One data set with two commits; `main` is at the first until it is moved.

    `needs` is the token it asks for; `elsewhere`, by a part of the path, where it redirects to.
    """

    daemon_threads = True

    def __init__(self):
        self.main = FIRST
        self.needs = None
        self.elsewhere = {}
        self.fetched = []
        self.files = {
            FIRST: {"validation.jsonl.gz": gzip.compress(jsonl(some_rows(6))), "README.md": b"read me"},
            SECOND: {"validation.jsonl.gz": gzip.compress(jsonl(some_rows(2)))},
        }
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        hub, parts = self.server, unquote(self.path.partition("?")[0]).strip("/").split("/")
        if place := next((place for part, place in hub.elsewhere.items() if part in self.path), None):
            return self.reply(302, b"", {"Location": place, "X-Linked-ETag": '"e"', "X-Repo-Commit": FIRST})
        if hub.needs is not None and self.headers.get("Authorization") != f"Bearer {hub.needs}":
            return self.reply(401, b'{"error":"Invalid credentials"}', {"X-Error-Code": "GatedRepo"})
        if parts[:4] == ["api", "datasets", "nvidia", "HelpSteer2"]:
            commit = {"main": hub.main}.get(parts[-1], parts[-1]) if "revision" in parts else hub.main
            if commit not in hub.files:
                return self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            siblings = [{"rfilename": name, "size": len(content)} for name, content in hub.files[commit].items()]
            info = {"id": "nvidia/HelpSteer2", "sha": commit, "siblings": siblings, "private": False, "tags": []}
            return self.reply(200, json.dumps(info).encode(), {"Content-Type": "application/json"})
        if parts[:4] == ["datasets", "nvidia", "HelpSteer2", "resolve"]:
            content = hub.files[parts[4]].get("/".join(parts[5:]))
            if content is None:
                return self.reply(404, b"", {"X-Error-Code": "EntryNotFound"})
            if self.command == "GET":
                hub.fetched.append("/".join(parts[5:]))
            return self.reply(200, content, {"ETag": f'"{hash(content):x}"', "X-Repo-Commit": parts[4]})
        return self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def reply(self, status, content, headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(monkeypatch):
    server = Hub()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


STORAGE = {"type": "huggingface", "repo_id": "nvidia/HelpSteer2", "repo_type": "dataset"}


def make(platform, **storage):
    return platform.post(platform.filesets, {"name": "helpsteer2", "storage": STORAGE | storage})


def test_a_data_set_is_pinned_listed_read_and_kept(platform, model, hub):
    answer = make(platform)
    assert answer.status == 200, answer
    storage = answer.json["storage"]
    assert (storage["revision"], storage["original_revision"]) == (FIRST, "main")
    assert storage["token_secret"] is None
    listed = platform.get(f"{platform.filesets}/helpsteer2/files").json["data"]
    assert [(file["path"], file["cache_status"]) for file in listed] == [
        ("README.md", "not_cached"),
        ("validation.jsonl.gz", "not_cached"),
    ]
    hub.main = SECOND  # what is there later is not what was registered
    wanted = spec(model.url, "ws/helpsteer2#validation.jsonl.gz", limit_samples=5)
    for _ in range(2):
        name = platform.run(wanted)
        assert [row["item"] for row in platform.rows(name)] == some_rows(5)
    assert hub.fetched == ["validation.jsonl.gz"]
    assert platform.get(f"{platform.filesets}/helpsteer2/-/README.md", Range="bytes=0-3").body == b"read"
    assert platform.get(f"{platform.filesets}/helpsteer2/-/none").status == 404


def test_a_repository_that_is_not_there(platform, hub):
    answer = make(platform, repo_id="nvidia/none")
    assert answer.status == 400
    assert "Failed to access Huggingface repository nvidia/none@main" in answer.detail


def test_a_token_from_the_vault(platform, model, hub, tmp_path):
    hub.needs = TOKEN
    assert make(platform).status == 400
    platform.post(platform.secrets, {"name": "hf-token", "value": TOKEN})
    assert make(platform, token_secret="hf-token").status == 200
    name = platform.run(spec(model.url, "ws/helpsteer2#validation.jsonl.gz"))
    assert len(platform.rows(name)) == 6
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file


def test_an_endpoint_of_its_own(platform, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert make(platform).status == 400
    assert make(platform, endpoint=hub.url).json["storage"]["endpoint"] == hub.url


@pytest.mark.parametrize("place", ["http://169.254.169.254/latest/meta-data", "http://127.0.0.2:{port}/private"])
def test_a_redirect_to_where_the_server_must_not_call(platform, model, hub, place):
    place = place.format(port=hub.server_port)
    hub.elsewhere = {"/api/datasets": place}
    refused = make(platform)
    assert refused.status == 400
    assert f"the url {place!r} is refused" in refused.detail
    hub.elsewhere = {"/resolve/": place}
    assert make(platform).status == 200
    name = platform.run(spec(model.url, "ws/helpsteer2#validation.jsonl.gz"))
    assert f"the url {place!r} is refused" in platform.status(name)["error_details"]["message"]
    moved = f"{hub.url}/datasets/nvidia/HelpSteer2/resolve/{SECOND}/validation.jsonl.gz"
    hub.elsewhere = {f"/resolve/{FIRST}/": moved}
    name = platform.run(spec(model.url, "ws/helpsteer2#validation.jsonl.gz"))
    assert [row["item"] for row in platform.rows(name)] == some_rows(2)
