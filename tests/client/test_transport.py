"""Calls as they go out, what is tried again, and what a refusal becomes."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time

import httpx2
import pytest
from talking import async_client, client, says, workspace

from referee import errors
from referee.client import PlatformClient


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (422, errors.UnprocessableEntityError),
        (429, errors.RateLimitError),
        (500, errors.InternalServerError),
        (418, errors.APIStatusError),
    ],
)
def test_each_status_has_its_exception(status, kind):
    with (
        client(lambda request: says(status, {"detail": "the reason"}), max_retries=0) as platform,
        pytest.raises(errors.APIError) as raised,
    ):
        platform.workspaces.create("taken")
    assert type(raised.value) is kind
    assert raised.value.status_code == status
    assert raised.value.body == {"detail": "the reason"}
    assert str(raised.value).startswith(
        f"the reason ({status} to POST /apis/entities/v2/workspaces at http://127.0.0.1"
    )


def test_a_malformed_request_is_said_place_by_place():
    detail = [
        {"type": "missing", "loc": ["body", "spec", "metrics"], "msg": "Field required", "input": {"secret": "s3cr3t"}},
        {"type": "x", "loc": ["body", "spec", "dataset"], "msg": "Not a fileset", "input": None},
    ]
    with (
        client(lambda request: says(422, {"detail": detail})) as platform,
        pytest.raises(errors.UnprocessableEntityError) as raised,
    ):
        platform.workspaces.create("x")
    assert str(raised.value).startswith("body.spec.metrics: Field required; body.spec.dataset: Not a fileset (422")
    assert "s3cr3t" not in str(raised.value)


def test_what_is_no_json_is_shown():
    with (
        client(lambda request: httpx2.Response(500, text="<html>Oops</html>")) as platform,
        pytest.raises(errors.InternalServerError, match="<html>Oops</html>"),
    ):
        platform.workspaces.retrieve("x")


def test_a_reply_of_something_else_is_no_platforms():
    with (
        client(lambda request: httpx2.Response(200, text="It works!")) as platform,
        pytest.raises(errors.APIResponseError, match=r"not what a platform answers .*It works!.*base_url"),
    ):
        platform.workspaces.retrieve("x")


@pytest.mark.parametrize(("method", "calls"), [("get", 3), ("post", 1)])
def test_only_what_may_be_repeated_is_tried_again_after_a_503(method, calls):
    seen = []

    def platform_is_busy(request):
        seen.append(request.method)
        return says(503, {"detail": "busy"})

    with client(platform_is_busy) as platform, pytest.raises(errors.InternalServerError):
        platform.workspaces.retrieve("x") if method == "get" else platform.workspaces.create("x")
    assert len(seen) == calls


def test_a_platform_that_comes_back_is_not_noticed():
    answers = iter([httpx2.ConnectError("refused"), says(503, {}), says(200, workspace("x"))])

    def restarting(request):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with client(restarting) as platform:
        assert platform.workspaces.retrieve("x").name == "x"


def test_a_limit_says_how_long_to_wait(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    answers = iter([says(429, {}, **{"retry-after": "3"}), says(201, workspace("x"))])
    with client(lambda request: next(answers)) as platform:
        platform.workspaces.create("x")
    assert slept == [3.0]


def test_no_platform_names_the_command_that_starts_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with (
            PlatformClient(base_url=url, max_retries=0) as platform,
            pytest.raises(errors.APIConnectionError, match=rf"no platform answers at {url} .*`nemo services run`"),
        ):
            platform.workspaces.list()


def test_a_slow_platform_is_told_apart():
    def slow(request):
        raise httpx2.ReadTimeout("slow")

    with (
        client(slow, timeout=2.5, max_retries=0) as platform,
        pytest.raises(errors.APITimeoutError, match=r"did not answer GET .* within 2\.5 s"),
    ):
        platform.workspaces.retrieve("x")


def test_the_environment_says_where_and_as_whom(monkeypatch):
    monkeypatch.setenv("NMP_BASE_URL", "http://platform.example:9000/")
    monkeypatch.setenv("NMP_ACCESS_TOKEN", "t0ken")
    seen = []

    def answer(request):
        seen.append(request)
        return says(200, workspace("x"))

    platform = PlatformClient(http_client=httpx2.Client(transport=httpx2.MockTransport(answer)))
    platform.workspaces.retrieve("x")
    platform.with_options(timeout=1.0, workspace="y").workspaces.retrieve("x")
    assert [str(request.url) for request in seen] == ["http://platform.example:9000/apis/entities/v2/workspaces/x"] * 2
    assert {request.headers["authorization"] for request in seen} == {"Bearer t0ken"}
    assert "t0ken" not in repr(platform)
    platform.close()


def test_an_address_that_is_none_is_refused():
    with pytest.raises(errors.APIError, match="base_url is 'localhost:8080': give http://"):
        PlatformClient(base_url="localhost:8080")


def test_names_are_quoted():
    seen = []

    def answer(request):
        seen.append(request.url.raw_path)
        return says(200, workspace("x"))

    with client(answer) as platform:
        platform.workspaces.retrieve("a/../b?c#d")
    assert seen == [b"/apis/entities/v2/workspaces/a%2F..%2Fb%3Fc%23d"]


def test_a_missing_workspace_is_said_before_anything_is_asked():
    with (
        client(lambda request: pytest.fail("asked"), workspace=None) as platform,
        pytest.raises(errors.APIError, match=r"workspace is None.*give workspace="),
    ):
        platform.secrets.list()


def files(content: bytes, etag: str):
    def answer(request):
        if request.url.path.endswith("/files"):
            file = {"file_ref": "w/f#a.bin", "file_url": "/x", "path": "a.bin", "size": len(content)}
            return says(200, {"data": [file]})
        return httpx2.Response(200, content=content, headers={"etag": f'"{etag}"'})

    return answer


def test_a_download_is_checked_and_appears_whole(tmp_path):
    content = b"row\n" * 100_000
    target = tmp_path / "new" / "a.bin"
    with client(files(content, hashlib.sha256(content).hexdigest())) as platform:
        platform.files.download(remote_path="f#a.bin", local_path=target)
    assert target.read_bytes() == content


def test_a_damaged_download_leaves_nothing_behind(tmp_path):
    async def download():
        async with async_client(files(b"cut", "0" * 64)) as platform:
            await platform.files.download(remote_path="f#a.bin", local_path=tmp_path / "a.bin")

    with pytest.raises(errors.APIResponseError, match="arrived damaged"):
        asyncio.run(download())
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_leads_out_of_the_folder_is_refused(tmp_path):
    def answer(request):
        file = {"file_ref": "w/f#x", "file_url": "/x", "path": "../../evil", "size": 1}
        return says(200, {"data": [file]})

    with client(answer) as platform, pytest.raises(errors.APIError, match="would be written outside"):
        platform.files.download(remote_path="f#", local_path=tmp_path / "here")
