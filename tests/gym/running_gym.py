"""For tests of what runs: a working directory with small servers in it, and `ng_*` commands as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from in_process import run_here
from own_ports import GYM_RANGE, free_port
from referee.gym import commands

APP = """
import os, subprocess, sys, time
from fastapi import FastAPI, Request

class Echo:
    def __init__(self, context):
        self.context = context

    @classmethod
    def from_context(cls, context):
        return cls(context)

    def setup_webserver(self):
        app = FastAPI()

        @app.post("/echo")
        async def echo(request: Request):
            return {"name": self.context.config.name, "body": await request.json(), "pid": os.getpid()}

        @app.post("/ask/{other}")
        async def ask(other: str, request: Request):
            return await (await self.context.client.post(other, "/echo", json=await request.json())).json()

        @app.post("/block")
        async def block():
            time.sleep(60)

        @app.post("/die")
        async def die():
            print("these are my last words", file=sys.stderr, flush=True)
            os._exit(7)

        return app

if __name__ == "__main__":
    Echo.run_webserver()
"""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Any, seconds: float = 60) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@dataclass
class Running:
    """A command that runs."""

    process: subprocess.Popen[str]
    head_port: int
    printed: list[str] = field(default_factory=list)

    def read_until(self, text: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} was never printed:\n{''.join(self.printed)}")

    def get(self, path: str) -> Any:
        return call(f"http://127.0.0.1:{self.head_port}{path}")

    def instances(self) -> dict[str, dict[str, Any]]:
        return {entry["process_name"]: entry for entry in self.get("/server_instances")}

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def call(url: str, body: Any = None, timeout: float = 60) -> Any:
    """GET, or POST a JSON body; the decoded answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.loads(answer.read())


@dataclass
class Workshop:
    """A working directory with servers `resources_servers/<name>/app.py`, and commands run in it."""

    root: Path
    head_port: int = field(default_factory=free_port)
    blocks: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, app: str = APP, **settings: Any) -> Path:
        """A server of that name, with an implementation of its own."""
        folder = self.root / "resources_servers" / name
        folder.mkdir(parents=True)
        (folder / "app.py").write_text(app)
        self.blocks[name] = {"resources_servers": {name: {"entrypoint": "app.py", **settings}}}
        self.save()
        return folder

    def save(self, **more: Any) -> None:
        values = {**self.blocks, "head_server": {"port": self.head_port}, **GYM_RANGE, **more}
        (self.root / "env.yaml").write_text(json.dumps(values))

    def command(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in this process."""
        main = getattr(commands, f"ng_{name}")
        return run_here(main, [f"ng_{name}", *arguments], self.root, {"NEMO_GYM_EXTRA_ROOTS": ""})

    @contextmanager
    def running(self, *arguments: str) -> Iterator[Running]:
        """`ng_run`, ready."""
        process = subprocess.Popen(
            [*_python("run"), *arguments],
            cwd=self.root,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running = Running(process, self.head_port)
        try:
            running.read_until("stop with Ctrl-C")
            yield running
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            assert process.stdout is not None
            running.printed.extend(process.stdout)
            process.stdout.close()


def _python(command: str) -> list[str]:
    return [sys.executable, "-c", f"from referee.gym.commands import ng_{command}; raise SystemExit(ng_{command}())"]


def _environment() -> dict[str, str]:
    paths = [os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NEMO_GYM_EXTRA_ROOTS": ""}
