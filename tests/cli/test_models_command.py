"""`referee models`: what the commands say and refuse, and the endpoint as a program of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from typer.testing import CliRunner, Result

from referee.cli import app
from referee.errors import ModelError
from referee.inference.embedded.weights import locate


def _referee(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments], prog_name="referee")


def test_list_says_what_is_here_and_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFEREE_CACHE", str(tmp_path))
    result = _referee("list")
    assert result.exit_code == 0
    assert "smollm2-135m-instruct" in result.stdout
    assert "referee models pull" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pull", "gpt-4"], "smollm2-135m-instruct"),
        (["serve", "--host", "0.0.0.0"], "--api-key-env"),
        (["serve", "--api-key-env", "REFEREE_NO_SUCH_KEY"], "REFEREE_NO_SUCH_KEY"),
        (["serve", "--key-file", "/no/such/folder/key"], "--key-file"),
    ],
)
def test_what_cannot_be_done_is_said_before_a_model_is_loaded(arguments: list[str], said: str) -> None:
    result = _referee(*arguments)
    assert result.exit_code == 1
    assert said in result.stderr


def test_a_key_cannot_be_given_on_the_command_line() -> None:
    result = _referee("serve", "--api-key", "sesame")
    assert result.exit_code == 2


@pytest.fixture
def model() -> str:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: pip install 'referee[local]'")
    try:
        locate("smollm2")
    except ModelError as error:
        pytest.skip(str(error))
    return "smollm2"


@contextlib.contextmanager
def _served(*options: str) -> Iterator[tuple[str, IO[str], subprocess.Popen[str]]]:
    """The base URL, the rest of what is printed, and the process; it gets SIGTERM in the end."""
    command = [sys.executable, "-c", "from referee.cli import main; main()", "models", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--slots", "1", "--context", "512", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        try:
            first = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/v1", first)
            assert found, first
            yield found[0], process.stdout, process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _get(url: str, key: str, body: object = None) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.local
def test_serves_with_a_made_up_key_until_it_is_told_to_stop(model: str) -> None:
    body = {"model": "smollm2", "messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 2}
    with _served() as (url, printed, process):
        key = printed.readline().partition("once: ")[2].strip()
        assert _get(f"{url}/chat/completions", "wrong", body)[0] == 401
        status, reply = _get(f"{url}/chat/completions", key, body)
        assert _get(f"{url}/responses", key, {"input": "Say yes.", "max_output_tokens": 2})[1]["object"] == "response"
    assert (status, reply["object"]) == (200, "chat.completion")
    assert process.returncode == 0


@pytest.mark.local
def test_a_key_file_is_for_its_owner_alone(model: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old")
    file.chmod(0o644)
    with _served("--key-file", str(file)) as (url, _, process):
        key = file.read_text().strip()
        assert file.stat().st_mode & 0o777 == 0o600
        assert _get(f"{url}/models", key)[0] == 200
        process.send_signal(signal.SIGINT)
        assert key not in process.communicate(timeout=60)[0]
