"""Filesets: uploads whole or not at all, ranges, checksums, paths that lead nowhere, fragments, places elsewhere."""

from __future__ import annotations

import base64
import csv
import hashlib
import http.server
import io
import threading

import pytest
from running_platform import jsonl, some_rows, spec

from referee.platform.filesets.paths import matching

CONTENT = bytes(range(256)) * 5000


def download(platform, path="a/b.bin", **headers):
    return platform.get(f"{platform.filesets}/set/-/{path}", **headers)


@pytest.fixture
def uploaded(platform):
    answer = platform.upload("set", "a/b.bin", CONTENT)
    assert answer.status == 200
    assert answer.json == {
        "file_ref": "ws/set#a/b.bin",
        "file_url": "/apis/files/v2/workspaces/ws/filesets/set/-/a/b.bin",
        "path": "a/b.bin",
        "size": len(CONTENT),
        "cache_status": None,
    }
    return platform


def test_what_goes_up_comes_down(uploaded):
    answer = download(uploaded)
    assert answer.status == 200
    assert answer.body == CONTENT
    assert answer.headers["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert uploaded.call("HEAD", f"{uploaded.filesets}/set/-/a/b.bin").headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=100-", 100, None), ("bytes=-7", -7, None), ("bytes=1279990-9999999", 1279990, None)],
)
def test_a_range(uploaded, asked, start, stop):
    answer = download(uploaded, Range=asked)
    assert answer.status == 206
    assert answer.body == CONTENT[start:stop]
    first = start % len(CONTENT)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.body) - 1}/{len(CONTENT)}"


def test_ranges_that_are_none(uploaded):
    assert download(uploaded, Range="bytes=9999999-").status == 416
    assert download(uploaded, Range="bytes=5-2").status == 200
    assert download(uploaded, Range="bytes=0-9", If_Range='"another"').body == CONTENT


def test_a_new_upload_takes_the_place_of_the_old(uploaded, tmp_path):
    uploaded.upload("set", "a/b.bin", b"new")
    assert download(uploaded).body == b"new"
    assert len([file for file in (tmp_path / "data" / "filesets").rglob("*") if file.is_file()]) == 1


def test_a_checksum_is_checked(uploaded):
    right = hashlib.sha256(b"new").digest()
    wrong = uploaded.upload("set", "a/b.bin", b"new", X_Checksum_SHA256="00" * 32)
    assert wrong.status == 400
    assert "SHA-256" in wrong.detail
    assert download(uploaded).body == CONTENT
    digest = f"sha-256=:{base64.b64encode(right).decode()}:"
    assert uploaded.upload("set", "a/b.bin", b"new", Repr_Digest=digest).status == 200


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "a//b", ".", "a/./b", "..%2f..%2fx", "a%00b", "a%5cb", "a/", "x" * 1100],
)
def test_a_path_that_leads_elsewhere(platform, tmp_path, path):
    platform.post(platform.filesets, {"name": "set"})
    for method, body in (("PUT", b"x"), ("GET", None), ("DELETE", None)):
        answer = platform.call(method, f"{platform.filesets}/set/-/{path}", body)
        assert answer.status in (400, 404), (method, answer)
    assert not [file for file in (tmp_path / "data" / "filesets").rglob("*") if file.is_file()]


def test_the_list_by_path_folder_and_pattern(platform):
    for path in ("a.jsonl", "d/b.jsonl", "d/e/c.jsonl", "d/n.txt"):
        platform.upload("set", path, b"{}\n")

    def listed(path):
        query = f"?path={path}" if path else ""
        return [file["path"] for file in platform.get(f"{platform.filesets}/set/files{query}").json["data"]]

    assert listed(None) == ["a.jsonl", "d/b.jsonl", "d/e/c.jsonl", "d/n.txt"]
    assert listed("a.jsonl") == ["a.jsonl"]
    assert listed("d") == ["d/b.jsonl", "d/e/c.jsonl", "d/n.txt"]
    assert listed("d/*.jsonl") == ["d/b.jsonl"]
    assert listed("**/*.jsonl") == ["a.jsonl", "d/b.jsonl", "d/e/c.jsonl"]
    assert listed("nothing*") == []


def test_patterns():
    paths = ["train-0.jsonl", "train-1.jsonl", "test[1].jsonl", "x/train-2.jsonl"]
    assert matching("train-[0-1].jsonl", paths) == ["train-0.jsonl", "train-1.jsonl"]
    assert matching("train-[!0].jsonl", paths) == ["train-1.jsonl"]
    assert matching("test[1].jsonl", paths) == ["test[1].jsonl"]
    assert matching("?rain-0.jsonl", paths) == ["train-0.jsonl"]
    assert matching("[z-a]*", paths) == []


def test_rows_of_all_files_that_a_pattern_matches(platform, model):
    platform.upload("set", "part-1.jsonl", jsonl(some_rows(2)))
    table = io.StringIO()
    writer = csv.DictWriter(table, ["prompt", "response"])
    writer.writeheader()
    writer.writerow({"prompt": "q", "response": "r"})
    platform.upload("set", "part-2.csv", table.getvalue().encode())
    platform.upload("set", "README.md", b"no rows")
    name = platform.run(spec(model.url, "ws/set#part-*"))
    assert [row["item"]["prompt"] for row in platform.rows(name)] == ["question 0", "question 1", "q"]
    assert platform.run(spec(model.url, "ws/set"))


def test_rows_of_parquet(platform, model):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    held = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(some_rows(3)), held)
    platform.upload("set", "rows.parquet", held.getvalue())
    name = platform.run(spec(model.url, "ws/set#rows.parquet"))
    assert [row["item"] for row in platform.rows(name)] == some_rows(3)


def test_a_row_that_cannot_be_read_names_the_upload_and_not_the_disk(platform, model, tmp_path):
    platform.upload("set", "rows.jsonl", jsonl(some_rows(1)) + b"{broken\n" + jsonl(some_rows(1)))
    name = platform.run(spec(model.url, "ws/set#rows.jsonl"))
    rows = platform.rows(name)
    assert [row["item"] for row in rows] == [*some_rows(1), {}, *some_rows(1)]
    assert "rows.jsonl, line 2: not JSON" in rows[1]["metric_errors"]["llm-judge"]
    assert str(tmp_path) not in str(rows)
    assert platform.aggregate(name)["helpfulness"]["nan_count"] == 1


def test_a_fileset_that_is_not_there(platform, model):
    answer = platform.submit(spec(model.url, "ws/none#x.jsonl"))
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", "spec", "dataset"]
    platform.upload("set", "rows.jsonl", b"{}\n")
    name = platform.run(spec(model.url, "ws/set#other.jsonl"))
    assert "has no file 'other.jsonl'" in platform.status(name)["error_details"]["message"]


@pytest.mark.parametrize(
    "storage",
    [
        {"type": "local", "path": "/etc"},
        {"type": "url", "url": "file:///etc/passwd"},
        {"type": "url", "url": "simplecache::file:///etc/passwd"},
        {"type": "url", "url": "/etc/passwd"},
        {"type": "url", "url": "http://169.254.169.254/latest/meta-data"},
        {"type": "url", "url": "http://user:password@127.0.0.1/x"},
        {"type": "url"},
        {"type": "s3", "bucket": "b", "endpoint_url": "http://169.254.169.254/"},
        {"type": "huggingface", "repo_id": "a/b", "endpoint": "http://metadata.google.internal"},
        {"type": "ngc", "org": "o"},
        {"type": ["x"]},
    ],
)
def test_a_storage_that_is_refused(platform, storage):
    answer = platform.post(platform.filesets, {"name": "set", "storage": storage})
    assert answer.status == 400, answer
    assert platform.get(f"{platform.filesets}/set").status == 404


@pytest.fixture
def web():
    """A web server with a file of rows."""

    class Files(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/away.jsonl":
                self.send_response(302)
                self.send_header("Location", "/rows.jsonl")
                self.end_headers()
                return
            content = jsonl(some_rows(3))
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_at_a_url_is_read_in_place(platform, model, web):
    storage = {"type": "url", "url": f"{web}/rows.jsonl"}
    assert platform.post(platform.filesets, {"name": "far", "storage": storage}).json["storage"] == storage
    listed = platform.get(f"{platform.filesets}/far/files").json["data"]
    assert [(file["path"], file["size"]) for file in listed] == [("rows.jsonl", len(jsonl(some_rows(3))))]
    name = platform.run(spec(model.url, "ws/far#rows.jsonl"))
    assert [row["item"] for row in platform.rows(name)] == some_rows(3)
    assert platform.get(f"{platform.filesets}/far/-/rows.jsonl").body == jsonl(some_rows(3))
    assert platform.upload("far", "x.jsonl", b"{}").status == 400


def test_a_url_that_leads_elsewhere_is_not_followed(platform, model, web):
    platform.post(platform.filesets, {"name": "far", "storage": {"type": "url", "url": f"{web}/away.jsonl"}})
    assert platform.get(f"{platform.filesets}/far/-/away.jsonl").body != jsonl(some_rows(3))
    name = platform.run(spec(model.url, "ws/far#away.jsonl"))
    assert platform.status(name)["status"] == "error"
