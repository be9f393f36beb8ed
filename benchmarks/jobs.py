"""The bars of the platform: how soon it is ready, what it holds, what a job costs beside a local run. Prints a table.

    python benchmarks/jobs.py             # about a minute
    python benchmarks/jobs.py --record    # and keep the table in docs/measured.md

The judge answers at once, so that only what is ours is measured. The long job and the local run are given the same
file of rows; both have an output folder, and the job keeps its requests with the rows beside.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from measured_gym import instant_endpoint
from record import record
from sqlalchemy import select

from evaluation import Bar
from referee.platform.services import Services
from referee.platform.settings import Settings
from referee.platform.store.tables import Job, Workspace

ROWS, CONCURRENCY = 20_000, 64
LISTED = 10_000
IDLE = 10.0
WORKSPACE = "bench"
JOBS = f"/apis/evaluator/v2/workspaces/{WORKSPACE}/evaluate/jobs"
FILESETS = f"/apis/files/v2/workspaces/{WORKSPACE}/filesets"
TICK = os.sysconf("SC_CLK_TCK")
LOCAL = """
import sys, time
from referee import evaluate
from referee.judge import Judge
judge, rows, out, concurrency = sys.argv[1:]
begun = time.perf_counter()
evaluate(judge, rows, output=out, concurrency=int(concurrency))
print(time.perf_counter() - begun)
"""


class Server:
    """`referee serve` as a process, and calls to it."""

    def __init__(self, data: Path) -> None:
        begun = time.perf_counter()
        words = [sys.executable, "-m", "referee", "serve", "--port", "0", "--data", str(data)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = re.findall(r"http://\S+", self.process.stdout.readline())[0]
        self.call("GET", "/health/ready")
        self.seconds_until_ready = time.perf_counter() - begun

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        request = urllib.request.Request(self.url + path, body, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read()

    def job(self, spec: dict[str, Any], poll: float) -> tuple[str, float]:
        """A job's name, and the seconds from its submit until it is completed."""
        begun = time.perf_counter()
        name = json.loads(self.call("POST", JOBS, json.dumps({"spec": spec}).encode()))["name"]
        while (status := json.loads(self.call("GET", f"{JOBS}/{name}/status"))["status"]) != "completed":
            if status == "error":
                raise SystemExit(self.call("GET", f"{JOBS}/{name}/status").decode())
            time.sleep(poll)
        return name, time.perf_counter() - begun

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="keep the table in docs/measured.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="referee-bench-") as name, instant_endpoint('{"helpfulness": 3}') as url:
        folder = Path(name)
        bars = [*start(folder / "data"), *jobs(folder, url), *lists(folder / "data")]
    table = "\n".join(["| what | figure | bar | | |", "|---|---|---|---|---|", *(bar.row() for bar in bars)])
    print(table)
    if options.record:
        record("The platform", "make bench", table)


def start(data: Path) -> list[Bar]:
    """From the command to the first answer, and what the server takes when nobody asks anything."""
    taken: list[float] = []
    for _ in range(3):
        server = Server(data)
        taken.append(server.seconds_until_ready)
        server.stop()
    server = Server(data)
    time.sleep(3)
    before = server.cpu()
    time.sleep(IDLE)
    idle, resident = 100 * (server.cpu() - before) / IDLE, server.resident_mb()
    server.stop()
    return [
        Bar("`referee serve` until `/health/ready` answers", statistics.median(taken), 2.0, "s", "median of 3"),
        Bar("memory when idle", resident, 150.0, "MB", "resident"),
        Bar("CPU when idle", idle, 1.0, "% of a core", f"over {IDLE:.0f} s"),
    ]


def jobs(folder: Path, url: str) -> list[Bar]:
    """A job of five rows, and one of many beside the local run."""
    server = Server(folder / "data")
    server.call("POST", "/apis/entities/v2/workspaces", json.dumps({"name": WORKSPACE}).encode())
    five = [row(at) for at in range(5)]
    server.job(spec(url, five), 0.005)
    short = statistics.median(server.job(spec(url, five), 0.005)[1] for _ in range(5))
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(row(at)) + "\n" for at in range(ROWS)), encoding="utf-8")
    server.call("POST", FILESETS, b'{"name": "rows"}')
    server.call("PUT", f"{FILESETS}/rows/-/rows.jsonl", rows.read_bytes(), "application/octet-stream")
    name, submitted = server.job(spec(url, f"{WORKSPACE}/rows#rows.jsonl"), 0.1)
    judge = folder / "judge.json"
    judge.write_text(json.dumps(metric(url)), encoding="utf-8")
    words = [sys.executable, "-c", LOCAL, judge, rows, folder / "local", str(CONCURRENCY)]
    local = float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    begun = time.perf_counter()
    server.call("GET", f"{JOBS}/{name}/rows?first={ROWS - 1000}&limit=100")
    page = 1e3 * (time.perf_counter() - begun)
    peak = server.resident_mb()
    server.stop()
    about = f"{submitted:.2f} s from submit to completed, {local:.2f} s locally, {peak:.0f} MB resident afterwards"
    return [
        Bar("five rows from submit to completed", short, 1.0, "s", "median of 5"),
        Bar(f"{ROWS:,} rows as a job, beside the local run", submitted / local, 1.3, "×", about),
        Bar("a page of 100 rows near the end", page, 100.0, "ms"),
    ]


def lists(data: Path) -> list[Bar]:
    """Pages of a list of many jobs."""
    services = Services(Settings(data=data))
    with services.database.writing() as session:
        workspace = session.scalars(select(Workspace).where(Workspace.name == WORKSPACE)).one()
        sent = json.dumps({"spec": spec("http://127.0.0.1:9", [row(0)])})
        for at in range(LISTED):
            session.add(Job(workspace_id=workspace.id, name=f"j-{at}", sent=sent, generation="0.1", status="completed"))
    services.close()
    server = Server(data)
    server.call("GET", JOBS)
    time.sleep(3)  # until what is imported after the start is there
    begun = time.perf_counter()
    server.call("GET", f"{JOBS}?page={LISTED // 200}")
    taken = 1e3 * (time.perf_counter() - begun)
    server.stop()
    return [Bar(f"a page of 100 in the middle of {LISTED:,} jobs", taken, 100.0, "ms")]


def spec(url: str, dataset: Any) -> dict[str, Any]:
    return {
        "metric": metric(url) | {"ignore_request_failure": True},
        "dataset": dataset,
        "params": {"parallelism": CONCURRENCY},
    }


def metric(url: str) -> dict[str, Any]:
    return {
        "type": "llm-judge",
        "model": {"url": url, "name": "instant"},
        "scores": [{"name": "helpfulness", "minimum": 0, "maximum": 4}],
        "prompt_template": {"messages": [{"role": "user", "content": "{{ item.prompt }}\n\n{{ item.response }}"}]},
        "inference": {"temperature": 0.0, "max_tokens": 64},
    }


def row(at: int) -> dict[str, Any]:
    return {"prompt": f"Question {at}: what is {at} + {at}?", "response": "It is so. " * 140, "helpfulness": at % 5}


if __name__ == "__main__":
    main()
