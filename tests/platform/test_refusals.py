"""What is refused: pickled code, large bodies, calls to where the server must not call, clients without the token."""

from __future__ import annotations

import socket

import pytest
from running_platform import Platform, judge, some_rows, spec

from referee.errors import PlatformError
from referee.platform.egress import check_url
from referee.platform.settings import Settings
from referee.testing import ScriptedEndpoint


def bundle(payload, **fields):
    return {"bundle_kind": "metric-bundle", "bundle_format_version": "v1", "payload": payload, **fields}


def submitted(platform, **parts):
    return platform.submit({"dataset": some_rows(1), "params": {}, **parts})


def test_pickled_code_is_never_opened(platform, tmp_path):
    marker = tmp_path / "opened"
    pickled = f"cbuiltins\nopen\n(V{marker}\nVw\ntR."
    for kind in ("cloudpickle", "pickle", None, ["inline"]):
        answer = submitted(platform, metrics=[bundle({"kind": kind, "data": pickled, "digest": "0"})])
        assert answer.status == 422
        assert "pickled code is never opened" in answer.detail
    assert not marker.exists()


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "Field required"),
        ({"metrics": []}, "no list of metrics"),
        ({"metrics": ["ws/stored"]}, "not stored here"),
        ({"metric": {"type": "llm-judge"}}, "scores"),
        ({"metric": {"type": "teapot"}}, "teapot"),
        ({"metric": 7}, "no metric"),
        ({"metric": judge("http://127.0.0.1:9"), "params": {"parallelism": 0}}, "parallelism"),
        ({"metric": judge("http://127.0.0.1:9"), "params": {"nonsense": 1}}, "nonsense"),
        ({"metric": judge("http://127.0.0.1:9"), "nonsense": 1}, "Extra inputs"),
        ({"metric": judge("http://127.0.0.1:9"), "publication": {"x": 1}}, "not published"),
        ({"metric": judge("http://127.0.0.1:9"), "dataset": {"x": 1}}, "neither a list"),
        ({"metric": judge("http://127.0.0.1:9"), "dataset": []}, "neither a list"),
        ({"metric": judge("http://127.0.0.1:9"), "target": {"x": 1}}, "url"),
        ({"metric": judge("http://127.0.0.1:9"), "prompt_template": "x"}, "no target"),
        ({"metric": judge("http://127.0.0.1:9"), "field_mapping": {"output": "a[0]"}}, "pattern"),
        ({"metric": judge("http://169.254.169.254/latest")}, "metadata address"),
        ({"metric": judge("http://metadata.google.internal/v1")}, "metadata service"),
        ({"metric": judge("http://[fe80::1]/v1")}, "metadata address"),
        ({"metric": judge("http://[::ffff:169.254.169.254]/v1")}, "metadata address"),
        ({"metric": {**judge("http://127.0.0.1:9"), "model": "ws/named"}}, "none are kept here"),
        ({"metric": {**judge("http://127.0.0.1:9"), "prompt_template": "{{ item. }}"}}, "template"),
    ],
)
def test_a_spec_that_cannot_be_run(platform, parts, said):
    answer = submitted(platform, **parts)
    assert answer.status == 422, answer
    assert said in answer.detail
    assert answer.json["detail"][0]["loc"][:2] == ["body", "spec"]


def test_a_changed_bundle(platform):
    payload = {"kind": "inline", "metric": judge("http://127.0.0.1:9"), "digest": "0" * 64}
    assert "changed on the way" in submitted(platform, metrics=[bundle(payload)]).detail


def test_a_template_reaches_nothing_but_the_row(platform, model):
    attack = "{{ item.__class__.__mro__[1].__subclasses__() }}{{ cycler.__init__.__globals__.os.environ }}"
    metric = {**judge(model.url), "prompt_template": {"messages": [{"role": "user", "content": attack}]}}
    answer = submitted(platform, metric=metric)
    if answer.status == 201:
        platform.wait(answer.json["name"])
        assert "NaN" in str(platform.rows(answer.json["name"])[0]["metrics"])
    assert not model.requests


def test_a_body_that_is_too_large(tmp_path):
    with Platform(Settings(data=tmp_path / "data", largest_body=10_000, largest_upload=20_000)) as platform:
        platform.make_workspace()
        answer = platform.submit(spec("http://127.0.0.1:9", [{"prompt": "x" * 20_000}]))
        assert answer.status == 413
        assert "upload rows as a fileset" in answer.detail
        assert platform.upload("set", "fits", b"x" * 15_000).status == 200
        assert platform.upload("set", "large", b"x" * 25_000).status == 413
        platform.post(platform.filesets, {"name": "other"})
        chunked = platform.call(
            "PUT", f"{platform.filesets}/other/-/large", Endless(25_000), Transfer_Encoding="chunked"
        )
        assert chunked.status == 413
        assert platform.get(f"{platform.filesets}/other/files").json["data"] == []
        assert len([file for file in (tmp_path / "data" / "filesets").rglob("*") if file.is_file()]) == 1


class Endless(bytes):
    """A body sent in pieces, without its length said."""

    def __new__(cls, size):
        pieces = b"".join(b"%x\r\n%b\r\n" % (1000, b"x" * 1000) for _ in range(size // 1000))
        return super().__new__(cls, pieces + b"0\r\n\r\n")


def test_the_token(tmp_path):
    with Platform(Settings(data=tmp_path / "data", token="a-long-token")) as platform:
        url = "/apis/entities/v2/workspaces"
        assert platform.get("/health/ready").status == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "a-long-token"}):
            answer = platform.get(url, **headers)
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        assert platform.get("/openapi.json").status == 401
        assert platform.get(url, Authorization="Bearer a-long-token").status == 200


def test_an_open_server_calls_no_private_address(tmp_path):
    settings = Settings(data=tmp_path, host="0.0.0.0", token="t")
    for url in (
        "http://127.0.0.1:8000/v1",
        "http://10.0.0.1/v1",
        "http://[::1]/v1",
        "http://localhost/v1",
        "http://0/v1",
    ):
        with pytest.raises(PlatformError, match="refused"):
            check_url(url, settings)
    check_url("http://10.0.0.1/v1", Settings(data=tmp_path, host="0.0.0.0", allowed_hosts=frozenset({"10.0.0.1"})))
    check_url("http://8.8.8.8/v1", settings)
    for url in ("http:///v1", "http://[/v1", "x"):
        with pytest.raises(PlatformError, match="url"):
            check_url(url, settings)


def test_a_name_that_has_another_address_when_it_is_called_is_refused_then(tmp_path, monkeypatch):
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 0))]
    asked = socket.getaddrinfo

    def rebound(host, *rest, **named):
        return public if host == "localhost" else asked(host, *rest, **named)

    settings = Settings(data=tmp_path / "data", host="0.0.0.0", token="a-long-token")
    with ScriptedEndpoint('{"helpfulness": 3}') as endpoint, Platform(settings) as platform:
        platform.token = settings.token
        platform.make_workspace()
        monkeypatch.setattr(socket, "getaddrinfo", rebound)
        name = platform.run(spec(endpoint.url.replace("127.0.0.1", "localhost"), some_rows(3)))
        rows = platform.rows(name)
        assert not endpoint.requests
    assert len(rows) == 3
    assert all("is a private address" in row["metric_errors"]["llm-judge"] for row in rows)
