"""Endpoints: where a model's url leads, how its key is found, and what is never repeated."""

from __future__ import annotations

import re

import pytest
from calling import ONCE, ask, failure, model, request, text

from referee.errors import DefinitionError, SecretError
from referee.inference import CallOptions, Journal, Reply, environment_secret, resolve_url
from referee.inference.endpoint import open_endpoint
from referee.testing import ScriptedEndpoint

KEY = "sk-live-0123456789"


@pytest.mark.parametrize(
    ("url", "api", "full"),
    [
        ("http://h/v1", None, "http://h/v1/chat/completions"),
        ("http://h/v1/", None, "http://h/v1/chat/completions"),
        (" http://h/v1/chat/completions ", None, "http://h/v1/chat/completions"),
        ("http://h/v1/chat/completions/", "chat", "http://h/v1/chat/completions"),
        ("http://h/v1", "responses", "http://h/v1/responses"),
        ("http://h/v1/responses", None, "http://h/v1/responses"),
        ("https://h/v1?version=2", None, "https://h/v1/chat/completions?version=2"),
        ("https://h/d/m/chat/completions?api-version=1", None, "https://h/d/m/chat/completions?api-version=1"),
    ],
)
def test_base_urls_and_full_ones(url: str, api: str | None, full: str) -> None:
    resolved, spoken = resolve_url(model(url, api=api))
    assert resolved == full
    assert spoken == ("responses" if "responses" in full else "chat")


@pytest.mark.parametrize("url", ["h/v1", "ftp://h/v1", "localhost:8000/v1", "http://[::1/v1", "https:///v1"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(DefinitionError, match=rf"{re.escape(url)}.* give the endpoint's base url"):
        resolve_url(model(url))


def test_a_url_and_an_api_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(DefinitionError, match="ends in /responses, and api says 'chat'"):
        resolve_url(model("http://h/v1/responses", api="chat"))


@pytest.mark.parametrize("variable", ["my-keys/judge", "MY-KEYS/JUDGE", "my_keys_judge", "MY_KEYS_JUDGE"])
def test_a_key_is_looked_for_in_the_environment(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, f" {KEY}\n")
    assert environment_secret("my-keys/judge") == KEY


def test_a_missing_key_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "  ")
    with pytest.raises(SecretError) as error:
        environment_secret("judge-key")
    assert "'judge-key' is not set" in str(error.value)
    assert "judge-key, JUDGE-KEY, judge_key, JUDGE_KEY; export one of them" in str(error.value)


def test_the_key_and_headers_are_sent() -> None:
    with ScriptedEndpoint("4", api_key=KEY) as endpoint:
        judge = model(endpoint.url, api_key_secret="any", default_headers={"X-Team": "evals"})
        assert text(ask(request(), at=judge, secrets=lambda _: KEY)[0]) == "4"
        assert endpoint.requests[0].headers["x-team"] == "evals"


def test_a_key_that_comes_back_is_struck_out_of_errors_answers_and_the_journal(tmp_path) -> None:
    replies = [
        Reply(401, {}, f"invalid key {KEY}".encode()),
        Reply(200, {}, b'{"choices":[{"message":{"content":"your key is %b"}}]}' % KEY.encode()),
        Reply(200, {}, f"<p>{KEY}</p>".encode()),
    ]
    options = CallOptions(concurrency=1, retry=ONCE)
    with ScriptedEndpoint(replies) as endpoint, Journal(tmp_path / "j") as journal:
        judge = model(endpoint.url, api_key_secret="any")
        requests = [request("1"), request("2"), request("3")]
        refused, answered, page = ask(requests, at=judge, secrets=lambda _: KEY, options=options, journal=journal)
    assert "invalid key ***" in failure(refused).message
    assert text(answered) == "your key is ***"
    assert "***" in failure(page).message
    assert KEY not in (tmp_path / "j").read_text()


@pytest.mark.parametrize("header", ["Authorization", "api-key", "X-Auth-Token", "Cookie"])
def test_so_is_a_key_that_was_given_as_a_header(header: str) -> None:
    opened = open_endpoint(
        model("http://h/v1", default_headers={header: f"Bearer {KEY}", "X-Title": "an open title"}), 1
    )
    assert opened.redaction.text(f"{KEY} an open title") == "*** an open title"
    assert KEY not in repr(opened)


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(DefinitionError, match="name the key by api_key_secret") as error:
        open_endpoint(model("http://me:correct-horse@h/v1"), 1)
    assert "correct-horse" not in str(error.value)


@pytest.mark.parametrize("stand_in", ["x", "EMPTY", "none", "stop"])
def test_a_stand_in_for_a_key_is_left_in_the_answers(stand_in: str) -> None:
    with ScriptedEndpoint(f'{{"{stand_in}": 4}}', api_key=stand_in) as endpoint:
        judge = model(endpoint.url, api_key_secret="any")
        assert text(ask(request(), at=judge, secrets=lambda _: stand_in)[0]) == f'{{"{stand_in}": 4}}'
