"""The bars of the platform: how soon it is ready, what it holds, what a job costs beside a local run. Prints a table.

    python benchmarks/jobs.py             # about two minutes
    python benchmarks/jobs.py --install   # and what an installation takes: needs the package registry
    python benchmarks/jobs.py --record    # and keep the table in docs/measured.md

The judge answers at once, so that only what is ours is measured. The long job and the local run are given the same
file of rows, in turn, so that what else the machine does is in both; both have an output folder, and the job keeps its
requests with the rows beside.
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
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from measured_gym import instant_endpoint
from record import record
from sqlalchemy import select
from sqlalchemy.orm import Session

from evaluation import Bar
from referee.platform.jobs.results import SHARD_ROWS, shard_folder
from referee.platform.services import Services
from referee.platform.settings import Settings
from referee.platform.store.tables import Job, Shard, Workspace

ROWS, CONCURRENCY = 20_000, 64
LISTED = 10_000
PAGED, SHARD, PAGE = 1_000_000, 8000, 1000
IDLE = 10.0
ROOT = Path(__file__).parents[1]
WORKSPACE = "bench"
JOBS = f"/apis/evaluator/v2/workspaces/{WORKSPACE}/evaluate/jobs"
FILESETS = f"/apis/files/v2/workspaces/{WORKSPACE}/filesets"
TICK = os.sysconf("SC_CLK_TCK")
LOCAL = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from figures import Figures
from referee import evaluate
from referee.judge import Judge
judge, rows, out, concurrency = sys.argv[1:]
figures = Figures()
report = evaluate(judge, rows, output=out, concurrency=int(concurrency))
print(figures.line(report.progress.rows))
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

    def resident_mb(self, what: str = "VmRSS") -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.findall(rf"{what}:\s+(\d+)", status)[0]) / 1024

    def milliseconds(self, path: str) -> float:
        """How long an answer takes, the fastest of three."""
        taken: list[float] = []
        for _ in range(3):
            begun = time.perf_counter()
            self.call("GET", path)
            taken.append(1e3 * (time.perf_counter() - begun))
        return min(taken)

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7, help="long jobs and local runs to compare")
    parser.add_argument("--install", action="store_true", help="measure an installation as well")
    parser.add_argument("--record", action="store_true", help="keep the table in docs/measured.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="referee-bench-") as name, instant_endpoint('{"helpfulness": 3}') as url:
        folder = Path(name)
        bars = [*start(folder / "data"), *jobs(folder, url, options.pairs), *lists(folder / "data")]
        bars += [*paging(folder / "data"), *(installed(folder / "installed") if options.install else ())]
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


def jobs(folder: Path, url: str, pairs: int) -> list[Bar]:
    """A job of five rows, and long ones each beside a local run."""
    server = Server(folder / "data")
    server.call("POST", "/apis/entities/v2/workspaces", json.dumps({"name": WORKSPACE}).encode())
    five = [row(at) for at in range(5)]
    server.job(spec(url, five), 0.005)
    short = statistics.median(server.job(spec(url, five), 0.005)[1] for _ in range(5))
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(row(at)) + "\n" for at in range(ROWS)), encoding="utf-8")
    server.call("POST", FILESETS, b'{"name": "rows"}')
    server.call("PUT", f"{FILESETS}/rows/-/rows.jsonl", rows.read_bytes(), "application/octet-stream")
    judge = folder / "judge.json"
    judge.write_text(json.dumps(metric(url)), encoding="utf-8")
    compared: list[tuple[float, float, float, float]] = []
    for pair in range(pairs):
        before = server.cpu()
        _, submitted = server.job(spec(url, f"{WORKSPACE}/rows#rows.jsonl"), 0.2)
        used = server.cpu() - before
        here = str(Path(__file__).parent)
        words = [sys.executable, "-c", LOCAL, here, judge, rows, folder / f"local-{pair}", str(CONCURRENCY)]
        local = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        compared.append((submitted, local["wall"], used, local["cpu"]))
    peak = server.resident_mb("VmHWM")
    server.stop()
    submitted, local, used, own = (statistics.median(column) for column in zip(*compared, strict=True))
    wall = statistics.median(one[0] / one[1] for one in compared)
    cpu = statistics.median(one[2] / one[3] for one in compared)
    about = f"{submitted:.2f} s from submit to completed, {local:.2f} s locally, median of {pairs} pairs"
    return [
        Bar("five rows from submit to completed", short, 1.0, "s", "median of 5"),
        Bar(f"{ROWS:,} rows as a job / as a local run", wall, 1.3, "×", about),
        Bar("the same in CPU", cpu, 1.3, "×", f"{used:.2f} s against {own:.2f} s; {peak:.0f} MB at the server's peak"),
    ]


def lists(data: Path) -> list[Bar]:
    """Pages of a list of many jobs."""
    with opened(data) as (session, workspace):
        sent = json.dumps({"spec": spec("http://127.0.0.1:9", [row(0)])})
        for at in range(LISTED):
            session.add(Job(workspace_id=workspace, name=f"j-{at}", sent=sent, generation="0.1", status="completed"))
    server = Server(data)
    time.sleep(3)  # until what is imported after the start is there
    taken = server.milliseconds(f"{JOBS}?page={LISTED // 200}")
    server.stop()
    return [Bar(f"a page of 100 in the middle of {LISTED:,} jobs", taken, 100.0, "ms")]


def paging(data: Path) -> list[Bar]:
    """Pages of the results of a large job, and what the server holds for them."""
    with opened(data) as (session, workspace):
        sent = json.dumps({"spec": spec("http://127.0.0.1:9", [row(0)])})
        job = Job(workspace_id=workspace, name="large", sent=sent, generation="0.1", status="completed", rows=PAGED)
        session.add(job)
        session.flush()
        for number, first in enumerate(range(0, PAGED, SHARD)):
            count = min(SHARD, PAGED - first)
            session.add(
                Shard(job_id=job.id, number=number, first_row=first, rows=count, offset=0, length=0, status="done")
            )
            folder = shard_folder(data / "jobs" / job.id, number)
            folder.mkdir(parents=True)
            lines = "".join(RESULT % (at, at, at % 5) for at in range(first, first + count))
            (folder / SHARD_ROWS).write_text(lines, encoding="utf-8")
    server = Server(data)
    time.sleep(3)
    rows = f"{JOBS}/large/rows?limit={PAGE}"
    first = server.milliseconds(f"{JOBS}/large/rows")
    last = server.milliseconds(f"{JOBS}/large/rows?first={PAGED - 100}")
    before, begun, following, pages = server.resident_mb("VmHWM"), time.perf_counter(), 0, 0
    while following is not None:
        page = json.loads(server.call("GET", f"{rows}&first={following}"))
        assert page["data"][0]["row_index"] == following
        following, pages = page["next"], pages + 1
        if following is not None and pages % 10 == 0:
            following += 90 * PAGE  # every tenth stretch of ten pages is as good as all of them
            following = following if following < PAGED else None
    grown = server.resident_mb("VmHWM") - before
    each = 1e3 * (time.perf_counter() - begun) / pages
    server.stop()
    return [
        Bar(f"the first page of {PAGED:,} row scores", first, 100.0, "ms", f"the last one {last:.0f} ms"),
        Bar("memory grown by paging through them", grown, 20.0, "MB", f"{pages} pages of {PAGE:,}, {each:.0f} ms each"),
    ]


RESULT = (
    '{"row_index":%d,"item":{"prompt":"Question %d?","response":"It is so."},"sample":{},"metrics":{"llm-judge":'
    '[{"name":"helpfulness","value":%d.0}]},"metric_errors":null,"unscored":null,"requests":[]}\n'
)


def installed(folder: Path) -> list[Bar]:
    """What core and platform take on disk, in an environment of their own."""
    run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL)
    run([sys.executable, "-m", "venv", folder])
    python, before = folder / "bin" / "python", size_mb(folder)
    packages = len(list(folder.rglob("*.dist-info")))
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{ROOT}[platform]"])
    packages = len(list(folder.rglob("*.dist-info"))) - packages
    about = f"{packages} packages, compiled; beside pip's own {before:.0f} MB"
    return [Bar("installed: core and platform", size_mb(folder) - before, 150.0, "MB", about)]


def size_mb(folder: Path) -> float:
    """What the files of a folder hold."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) / 1e6


@contextmanager
def opened(data: Path) -> Generator[tuple[Session, str]]:
    """The store of a data folder that no server has, and the workspace's id."""
    services = Services(Settings(data=data))
    with services.database.writing() as session:
        yield session, session.scalars(select(Workspace.id).where(Workspace.name == WORKSPACE)).one()
    services.close()


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
