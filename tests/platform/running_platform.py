"""A platform server for tests: the application on a real socket in a thread, and a small client for it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import uvicorn

from referee.platform.app import create_app
from referee.platform.settings import Settings


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.decode().splitlines()]

    @property
    def detail(self) -> str:
        detail = self.json["detail"]
        return detail if isinstance(detail, str) else json.dumps(detail)


class Client:
    """Calls a server, one connection for each call."""

    def __init__(self, url: str, workspace: str = "ws") -> None:
        self.url = url
        self.workspace = workspace
        self.token: str | None = None

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        parts = urlsplit(self.url)
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        try:
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
                headers.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    # What most tests need.

    @property
    def filesets(self) -> str:
        return f"/apis/files/v2/workspaces/{self.workspace}/filesets"

    @property
    def secrets(self) -> str:
        return f"/apis/secrets/v2/workspaces/{self.workspace}/secrets"

    @property
    def evaluate(self) -> str:
        return f"/apis/evaluator/v2/workspaces/{self.workspace}/evaluate/jobs"

    @property
    def jobs(self) -> str:
        return f"/apis/jobs/v2/workspaces/{self.workspace}/jobs"

    def make_workspace(self) -> None:
        assert self.post("/apis/entities/v2/workspaces", {"name": self.workspace}).status == 201

    def upload(self, fileset: str, path: str, content: bytes, **headers: str) -> Answer:
        if self.get(f"{self.filesets}/{fileset}").status == 404:
            assert self.post(self.filesets, {"name": fileset}).status == 200
        return self.call("PUT", f"{self.filesets}/{fileset}/-/{quote(path)}", content, **headers)

    def submit(self, spec: Any, **fields: Any) -> Answer:
        return self.post(self.evaluate, {"spec": spec, **fields})

    def run(self, spec: Any) -> str:
        """Submit a job and wait until it is over; its name."""
        answer = self.submit(spec)
        assert answer.status == 201, answer.body
        name = answer.json["name"]
        self.wait(name)
        return name

    def status(self, name: str) -> dict[str, Any]:
        return self.get(f"{self.evaluate}/{name}/status").json

    def wait(self, name: str, *states: str, seconds: float = 90) -> dict[str, Any]:
        """The status once it is one of these, by default the job's end."""
        states = states or ("completed", "error", "cancelled")
        until = time.monotonic() + seconds
        while (status := self.status(name))["status"] not in states:
            assert time.monotonic() < until, status
            time.sleep(0.02)
        return status

    def rows(self, name: str) -> list[Any]:
        return self.get(f"{self.evaluate}/{name}/results/row-scores/download").lines

    def aggregate(self, name: str) -> dict[str, Any]:
        answer = self.get(f"{self.evaluate}/{name}/results/aggregate-scores/download")
        assert answer.status == 200, answer.body
        return {score["name"]: score for score in answer.json["scores"]}


class Platform(Client):
    """A server, from `start` until `stop`; a context manager does both."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("")
        self.settings = settings
        self._server = uvicorn.Server(
            uvicorn.Config(
                create_app(settings),
                host=settings.host,
                port=0,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=2,
            )
        )
        self._thread = threading.Thread(target=self._server.run)

    def start(self) -> None:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Platform:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def judge(url: str, **fields: Any) -> dict[str, Any]:
    """A judge as clients send it."""
    return {
        "type": "llm-judge",
        "model": {"url": url, "name": "m", "api_key_secret": None, "format": "openai"},
        "scores": [
            {
                "name": "helpfulness",
                "minimum": 0,
                "maximum": 4,
                "parser": {"type": "json", "json_path": "helpfulness"},
            }
        ],
        "prompt_template": {"messages": [{"role": "user", "content": "{{item.prompt}}\n{{item.response}}"}]},
        "ignore_request_failure": True,
        **fields,
    }


def spec(url: str, dataset: Any, **params: Any) -> dict[str, Any]:
    """A spec of the older generation."""
    return {"metric": judge(url), "dataset": dataset, "params": params}


def some_rows(count: int) -> list[dict[str, Any]]:
    """Rows of a dataset, each with a number that people gave."""
    return [{"prompt": f"question {at}", "response": f"answer {at}", "helpfulness": at % 5} for at in range(count)]


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


class ServerProcess(Client):
    """`referee serve` as a process of its own."""

    def __init__(self, data: Path, *arguments: str, **environment: str) -> None:
        super().__init__("")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "referee", "serve", "--port", "0", "--data", str(data), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "200", **environment},
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"http://\S+", said)
        if not found:
            rest = self.process.stdout.read()
            self.process.wait(60)
            self.process.stdout.close()
            raise AssertionError(said + rest)
        self.url = found[0]

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        assert self.process.stdout is not None
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.process.stdout.close()
        return code
