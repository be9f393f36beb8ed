"""kill -9 of the platform's server at random moments of a job: it must come to the end that nobody disturbed.

    python chaos/jobs.py [--kills 20] [--rows 5000] [--seed N] [--record]

The judge answers late, refuses, fails and hangs now and then. Nobody tells the server to go on: it is only started
again. Checked are every row, its scores and the aggregate, and that no more good answers were served than the
undisturbed job needed and, for each kill, as many as calls were in flight.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from referee.testing import FaultPlan, ScriptedEndpoint

CONCURRENCY = 16
LATENCY = 0.02
FAULTS: Mapping[Any, float] = {"500": 0.02, "429": 0.01, "close_mid_body": 0.01, "hang": 0.001}
SECONDS = 2.0
JOBS = "/apis/evaluator/v2/workspaces/chaos/evaluate/jobs"


@dataclass(frozen=True)
class Outcome:
    """What a job left behind."""

    rows: list[Any]
    scores: Any
    answers: int


class Server:
    """`referee serve` as a process, and calls to it."""

    def __init__(self, data: Path) -> None:
        words = [sys.executable, "-m", "referee", "serve", "--port", "0", "--data", str(data)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"http://\S+", said)
        if found is None:
            raise SystemExit(f"the server did not start: {said}")
        self._url = found[0]

    def call(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def status(self, job: str) -> str:
        return json.loads(self.call("GET", f"{JOBS}/{job}/status"))["status"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="keep the outcome in docs/measured.md")
    options = parser.parse_args()
    text, held = chaos(options.rows, options.kills, options.seed)
    print(text)
    if options.record:
        sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
        from record import record

        record("Kill -9 of the platform", "python chaos/jobs.py", f"```text\n{text}\n```")
    return 0 if held else 1


def chaos(rows: int, kills: int, seed: int) -> tuple[str, bool]:
    """What was seen, and whether every promise held."""
    with tempfile.TemporaryDirectory(prefix="referee-chaos-") as name:
        calm, _ = attempt(Path(name) / "calm", rows, 0, seed)
        begun = time.monotonic()
        killed, deaths = attempt(Path(name) / "killed", rows, kills, seed)
        seconds = time.monotonic() - begun
    bound = calm.answers + deaths * CONCURRENCY
    checks = {
        f"{deaths} of {kills} kills fell into the job": deaths == kills,
        f"every one of {rows:,} rows is there once, in order": [row["row_index"] for row in killed.rows]
        == list(range(rows)),
        "rows and scores equal to the undisturbed job's": killed.rows == calm.rows,
        "aggregate scores equal": killed.scores == calm.scores,
        f"good answers {killed.answers:,} ≤ {calm.answers:,} + {deaths} kills × {CONCURRENCY} = {bound:,}": (
            killed.answers <= bound
        ),
    }
    lines = [f"a job of {rows:,} rows, {kills} kills of its server at random moments, seed {seed}, {seconds:.0f} s"]
    lines += [f"{'ok  ' if held else 'OVER'}  {what}" for what, held in checks.items()]
    return "\n".join(lines), all(checks.values())


def attempt(data: Path, rows: int, kills: int, seed: int) -> tuple[Outcome, int]:
    """One job, its server killed so many times, and how many kills found it under way."""
    draw = random.Random(seed)
    deaths = 0
    share = rows / (kills + 1)
    with ScriptedEndpoint(verdict, latency=LATENCY, faults=FaultPlan(FAULTS, seed=seed), record=False) as endpoint:
        server = Server(data)
        try:
            server.call("POST", "/apis/entities/v2/workspaces", {"name": "chaos"})
            job = json.loads(server.call("POST", JOBS, {"spec": spec(endpoint.url, rows)}))["name"]
            for kill in range(kills):
                # Spread over the job, so that all of them fall into it; when exactly, is chance.
                while endpoint.served.answers < (kill + draw.random()) * share and server.status(job) != "completed":
                    time.sleep(0.01)
                time.sleep(draw.uniform(0.0, 0.1))
                deaths += server.status(job) == "active"
                server.kill()
                server = Server(data)
            while (status := server.status(job)) not in ("completed", "error"):
                time.sleep(0.1)
            if status != "completed":
                raise SystemExit(server.call("GET", f"{JOBS}/{job}/status").decode())
            lines = server.call("GET", f"{JOBS}/{job}/results/row-scores/download").splitlines()
            scores = json.loads(server.call("GET", f"{JOBS}/{job}/results/aggregate-scores/download"))
            answers = endpoint.served.answers
        finally:
            server.kill()
    # Replies carry ids and times of their own.
    return Outcome([orjson.loads(line) | {"requests": []} for line in lines], scores, answers), deaths


def spec(url: str, rows: int) -> dict[str, Any]:
    """The job; some rows are equal, and stay different samples."""
    return {
        "metric": {
            "type": "llm-judge",
            "model": {"url": url, "name": "chaos"},
            "inference": {"temperature": 0.0, "max_tokens": 32},
            "prompt_template": {"messages": [{"role": "user", "content": "{{ item.prompt }} {{ item.response }}"}]},
            "scores": [{"name": "helpfulness", "minimum": 0, "maximum": 4}],
            "ignore_request_failure": True,
        },
        "dataset": [{"prompt": f"Question {at // 2}?", "response": "x" * (at // 2 % 400)} for at in range(rows)],
        "params": {"parallelism": CONCURRENCY, "max_retries": 8, "request_timeout": SECONDS},
    }


def verdict(body: Mapping[str, Any]) -> str:
    """A verdict that depends on the request alone; some cannot be read."""
    number = zlib.crc32(orjson.dumps(body["messages"]))
    return f'{{"helpfulness": {number % 5}}}' if number % 50 else "I would rather not say."


if __name__ == "__main__":
    sys.exit(main())
