"""`referee serve` as a process, calls to it, and the job that it is given."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from killing import CONCURRENCY, row

WORKSPACE = "chaos"
JOBS = f"/apis/evaluator/v2/workspaces/{WORKSPACE}/evaluate/jobs"
SECONDS = 2.0


class Server:
    """A server over a data folder, with the workspace made."""

    def __init__(self, data: Path) -> None:
        words = [sys.executable, "-m", "referee", "serve", "--port", "0", "--data", str(data)]
        fresh = not data.exists() or not any(data.iterdir())
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"http://\S+", said)
        if found is None:
            raise SystemExit(f"the server did not start: {said}")
        self.url = found[0]
        if fresh:
            self.call("POST", "/apis/entities/v2/workspaces", {"name": WORKSPACE})

    def call(self, method: str, path: str, body: Any = None) -> bytes:
        return self._send(method, path, None if body is None else json.dumps(body).encode(), "application/json")

    def put(self, path: str, content: bytes) -> bytes:
        return self._send("PUT", path, content, "application/octet-stream")

    def status(self, job: str) -> str:
        return json.loads(self.call("GET", f"{JOBS}/{job}/status"))["status"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _send(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        request = urllib.request.Request(self.url + path, body, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()


def spec(url: str, rows: int) -> dict[str, Any]:
    """A job over so many rows."""
    return {
        "metric": {
            "type": "llm-judge",
            "model": {"url": url, "name": "chaos"},
            "inference": {"temperature": 0.0, "max_tokens": 32},
            "prompt_template": {"messages": [{"role": "user", "content": "{{ item.prompt }} {{ item.response }}"}]},
            "scores": [{"name": "helpfulness", "minimum": 0, "maximum": 4}],
            "ignore_request_failure": True,
        },
        "dataset": [row(at) for at in range(rows)],
        "params": {"parallelism": CONCURRENCY, "max_retries": 8, "request_timeout": SECONDS},
    }
