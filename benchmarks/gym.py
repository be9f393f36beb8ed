"""The bars of the gym: what a rollout costs, how soon the servers are ready, what they hold. Prints a table.

    python benchmarks/gym.py             # about two minutes
    python benchmarks/gym.py --record    # and keep the table in docs/measured.md

The walk-through's environment with default settings, and an endpoint that answers at once as policy and judge, so that
a rollout makes two model calls. What a rollout costs is the slope between a thousand and ten thousand of them: starting
a command is told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
import uvloop
from measured_gym import ENVIRONMENT, RunningGym, Usage, instant_endpoint, run_gym, write_rows
from record import record

from evaluation import Bar
from referee.gym.api.aggregation import compute_aggregate_metrics
from referee.inference import Timeouts
from referee.inference.http import HttpTransport

FEW, MANY = 1_000, 10_000
REPEATS = 5
VERIFIED = 4_000
AT_ONCE = 16
AS_DATA = Path(__file__).parent / "over_refusal_as_data.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="keep the table in docs/measured.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="referee-bench-") as name, instant_endpoint("Yes: [[COMPLIED]]") as url:
        folder = Path(name)
        bars = [ready(folder, url)]
        with run_gym(folder, url) as gym:
            bars += rollouts(folder, gym)
            body = finished(folder)
            bars.append(verify(folder, gym, url, body))
        bars.append(as_data(folder, url, body))
        bars.append(aggregation())
    table = "\n".join(["| what | figure | bar | | |", "|---|---|---|---|---|", *(bar.row() for bar in bars)])
    print(table)
    if options.record:
        record("Reward servers and rollouts", "make bench", table)


def ready(folder: Path, url: str) -> Bar:
    """From the command to the answer of every server."""
    taken: list[float] = []
    for _ in range(3):
        with run_gym(folder, url) as gym:
            taken.append(gym.seconds_until_ready)
    return Bar("`ng_run` until every server answers", statistics.median(taken), 2.0, "s", "median of 3")


def rollouts(folder: Path, gym: RunningGym) -> list[Bar]:
    """A thousand rollouts, then ten thousand, several times: neighbours on the machine only ever add to a figure."""
    idle = gym.resident_mb()
    few, many = write_rows(folder / "few.jsonl", FEW), write_rows(folder / "many.jsonl", MANY)
    gym.collect(few, folder / "warm.jsonl")
    runs: list[tuple[float, float, float]] = []
    whole: list[Usage] = []
    least = math.inf
    for number in range(REPEATS):
        marks = [gym.cpu()]
        small = gym.collect(few, folder / f"few_out{number}.jsonl")
        marks.append(gym.cpu())
        large = gym.collect(many, folder / f"many_out{number}.jsonl")
        marks.append(gym.cpu())
        if (small.code, large.code) != (0, 0):
            raise SystemExit((folder / f"many_out{number}.said").read_text())
        each = 1e3 / (MANY - FEW)
        servers = ((marks[2] - marks[1]) - (marks[1] - marks[0])) * each
        collector = (large.cpu - small.cpu) * each
        runs.append((servers + collector, servers, collector))
        whole.append(large)
        least = min(least, small.peak_mb)
    both, servers, collector = min(runs)
    wall = statistics.median(run.wall for run in whole)
    peak = max(run.peak_mb for run in whole)
    others = ", ".join(f"{run[0]:.2f}" for run in sorted(runs)[1:])
    about = f"servers {servers:.2f}, collector {collector:.2f}; the least of {REPEATS} runs, the others {others}"
    after = f"{gym.resident_mb():.0f} MB after {REPEATS * (FEW + MANY) + FEW:,} rollouts"
    return [
        Bar("CPU a rollout, servers and collector", both, 1.0, "ms", about),
        Bar("10,000 rollouts, the whole command", wall, 20.0, "s", f"{MANY / wall:,.0f} a second; median of {REPEATS}"),
        Bar("memory of all servers, idle", idle, 200.0, "MB", after),
        Bar(
            "collector's peak, 10,000 against 1,000",
            peak - least,
            20.0,
            "MB",
            f"{peak:.0f} MB",
        ),
    ]


def finished(folder: Path) -> bytes:
    """The body of `/verify` for a rollout."""
    row = orjson.loads((folder / "many_out0.jsonl").read_bytes().splitlines()[0])
    return orjson.dumps({key: row[key] for key in ("responses_create_params", "response", "safe_prompt", "category")})


def verify(folder: Path, gym: RunningGym, endpoint: str, body: bytes) -> Bar:
    """One `/verify` over HTTP, beside a handler that does nothing but the same call of the judge's endpoint."""
    row = orjson.loads((folder / "many_out0.jsonl").read_bytes().splitlines()[0])
    asked = row["judge_evaluation"]["responses_create_params"]
    (folder / "judge_request.json").write_bytes(orjson.dumps({"model": "m", **asked}))
    command = [sys.executable, str(Path(__file__).parent / "bare_handler.py"), f"{endpoint}/responses"]
    bare = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert bare.stdout is not None
        bare_url = bare.stdout.readline().strip()
        yardstick = RunningGym(bare, folder, 0, 0.0)
        ours_url = f"{gym.url(ENVIRONMENT)}/verify"
        ratios: list[float] = []
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(3):
            theirs.append(cpu_of(yardstick, bare_url, body))
            ours.append(cpu_of(gym, ours_url, body))
            ratios.append(ours[-1] / theirs[-1])
    finally:
        bare.terminate()
        bare.communicate()
    each, bare_each = statistics.median(ours) * 1e6, statistics.median(theirs) * 1e6
    about = f"{each:.0f} µs against {bare_each:.0f} µs; the handler calls by aiohttp; 3 pairs"
    return Bar("CPU of a `/verify` / bare Starlette handler", statistics.median(ratios), 2.0, "×", about)


def as_data(folder: Path, endpoint: str, body: bytes) -> Bar:
    """The same rules said as data, beside the environment that is written in Python, in one process by turns."""
    with run_gym(folder, endpoint, also=[AS_DATA]) as gym:
        urls = [f"{gym.url(name)}/verify" for name in (ENVIRONMENT, AS_DATA.stem)]
        for url in urls:
            cpu_of(gym, url, body, 1_000)
        pairs = [[cpu_of(gym, url, body, 1_000) for url in urls] for _ in range(15)]
    written, said = (statistics.median(part) * 1e6 for part in zip(*pairs, strict=True))
    ratio = statistics.median(said / written for written, said in pairs)
    about = f"{said:.0f} µs against {written:.0f} µs; 15 pairs"
    return Bar("CPU of a `/verify`, environment as data / in Python", ratio, 1.1, "×", about)


def cpu_of(server: RunningGym, url: str, body: bytes, times: int = VERIFIED) -> float:
    """Seconds of CPU that a server takes for one call."""
    asyncio_runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with asyncio_runner as runner:
        runner.run(call(url, body, times // 10))
        before = server.cpu()
        runner.run(call(url, body, times))
        return (server.cpu() - before) / times


async def call(url: str, body: bytes, times: int) -> None:
    """POST to a server, several calls at once."""
    transport = HttpTransport()
    headers = {"Content-Type": "application/json"}
    left = iter(range(times))

    async def work() -> None:
        for _ in left:
            reply = await transport.post(url, body, headers, Timeouts())
            assert reply.status == 200, reply.body

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    await transport.aclose()


def aggregation() -> Bar:
    """The figures of twice as many rollouts."""

    def seconds(count: int) -> float:
        rows = [
            {"reward": number % 3 / 2, "complied": number % 2 == 0, "judge_calls": 1, "_ng_task_index": number // 4}
            for number in range(count)
        ]
        begun = time.process_time()
        compute_aggregate_metrics(rows)
        return time.process_time() - begun

    ratio = statistics.median(seconds(40_000) / seconds(20_000) for _ in range(3))
    each = seconds(40_000) / 10_000 * 1e3
    return Bar("aggregation of 40,000 / of 20,000 rollouts", ratio, 2.3, "×", f"{each:.2f} ms a task of four")


if __name__ == "__main__":
    main()
