"""Fifty thousand rollouts, five per cent of all model calls faulty, the collector killed twice: who is unaccounted for?

    python soak/rollouts.py [--rollouts 50000] [--seed N] [--record]

Every row must end as one of three: scored, unclear, or failed with its kind; none twice, none missing. Answers that
were paid for may exceed what was needed by what was under way at each kill, and no more.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from referee.testing import FaultPlan, ScriptedEndpoint

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from measured_gym import ENVIRONMENT, RunningGym, run_gym, write_rows
from record import record

FAULTS: Mapping[Any, float] = {
    "429": 0.003,
    "500": 0.014,
    "503": 0.003,
    "html": 0.005,
    "truncated_json": 0.005,
    "wrong_shape": 0.004,
    "empty_body": 0.004,
    "close_before_answer": 0.006,
    "close_mid_body": 0.005,
    "hang": 0.001,
}
"""Five per cent of all calls. Few of them push back (429, 503): these halve the calls in flight each time, as they
should, and would make this a test of patience."""
ROLLOUTS = 50_000
PARALLEL = 128
KILLS = 2
SERVER = f"++{ENVIRONMENT}.resources_servers.{ENVIRONMENT}"
POLICY = "++policy_model.responses_api_models.openai_model"
SETTINGS = (
    f"{POLICY}.max_retries=1",
    f"{POLICY}.retry_base_seconds=0.1",
    f"{POLICY}.timeout_seconds=4",
    f"{SERVER}.judge_max_retries=1",
    f"{SERVER}.judge_retry_base_seconds=0.1",
    f"{SERVER}.judge_timeout_seconds=4",
)
"""One further try of a faulty call: enough that most rows come through, and not all."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=ROLLOUTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="keep the account in docs/measured.md")
    options = parser.parse_args()
    text, held = soak(options.rollouts, options.seed)
    print(text)
    if options.record:
        whole = options.rollouts == ROLLOUTS
        command = "make soak" if whole else f"python soak/rollouts.py --rollouts {options.rollouts} --record"
        record("Soak of rollouts", command, f"```text\n{text}\n```")
    return 0 if held else 1


def soak(count: int, seed: int) -> tuple[str, bool]:
    """The account, and whether every promise held."""
    begun = time.monotonic()
    plan = FaultPlan(FAULTS, seed=seed, at_most=2)
    with (
        tempfile.TemporaryDirectory(prefix="referee-soak-") as name,
        ScriptedEndpoint(say, faults=plan, record=False) as endpoint,
    ):
        folder = Path(name)
        rows, output = write_rows(folder / "rows.jsonl", count), folder / "out.jsonl"
        with run_gym(folder, endpoint.url, *SETTINGS) as gym:
            deaths = sum(kill(gym, rows, output, count * (at + 1) // (KILLS + 1), seed) for at in range(KILLS))
            used = gym.collect(rows, output, f"+num_samples_in_parallel={PARALLEL}")
            resident = gym.resident_mb()
        served = endpoint.served
        found = account(output)
    seconds = time.monotonic() - begun
    kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(found.kinds.items())) or "none"
    calls = sum(served.attempts.values())
    faulty = calls - served.attempts["200"]
    good, bound = served.answers, 2 * count + 2 * PARALLEL * deaths
    missing = count - found.scored - found.unclear - found.failed
    outcomes = f"{found.scored:,} scored + {found.unclear:,} unclear + {found.failed:,} failed ({kinds})"
    checks = {
        f"{deaths} of {KILLS} kills fell into the run": deaths == KILLS,
        f"{outcomes} = {count:,}": not missing,
        f"{found.twice:,} rollouts twice": not found.twice,
        f"figures of {found.figured:,} rollouts, of {found.grouped:,} tasks": found.figured == found.collected,
        f"the command ended with {used.code}, as some rows failed": used.code == 3,
        f"good answers {good:,} ≤ 2 × {count:,} + {deaths} kills × 2 × {PARALLEL} = {bound:,}": good <= bound,
    }
    lines = [
        f"{count:,} rollouts, {faulty:,} of {calls:,} model calls faulty, seed {seed}, {seconds:.0f} s",
        f"      faults: {', '.join(f'{name} {n:,}' for name, n in sorted(served.attempts.items()) if name != '200')}",
        f"      the collector's peak {used.peak_mb:.0f} MB, all servers {resident:.0f} MB",
    ]
    lines += [f"{'ok  ' if held else 'OVER'}  {what}" for what, held in checks.items()]
    return "\n".join(lines), all(checks.values())


def kill(gym: RunningGym, rows: Path, output: Path, after: int, seed: int) -> bool:
    """Collect until so many lines are there, and kill -9; whether that found it running."""
    collecting = gym.start_collecting(rows, output, f"+num_samples_in_parallel={PARALLEL}")
    while collecting.poll() is None and count_lines(output) < after:
        time.sleep(0.2)
    time.sleep(random.Random(seed + after).uniform(0.0, 0.3))
    running = collecting.poll() is None
    collecting.send_signal(signal.SIGKILL)
    collecting.wait()
    return running


class Account:
    """What became of every row."""

    def __init__(self) -> None:
        self.scored = self.unclear = self.failed = self.twice = 0
        self.collected = self.figured = self.grouped = 0
        self.kinds: Counter[str] = Counter()


def account(output: Path) -> Account:
    """Read the files of a collection that ended."""
    found = Account()
    seen: set[tuple[int, int]] = set()
    for line in output.open("rb"):
        row = orjson.loads(line)
        key = (row["_ng_task_index"], row["_ng_rollout_index"])
        found.twice += key in seen
        seen.add(key)
        match row["judge_status"]:
            case "scored":
                found.scored += 1
            case "unclear":
                found.unclear += 1
            case _:
                found.failed += 1
                found.kinds[row["judge_error_kind"]] += 1
    failures = output.with_name(f"{output.stem}_failures.jsonl")
    last = {
        (row["_ng_task_index"], row["_ng_rollout_index"]): row["_ng_failure_kind"]
        for row in map(orjson.loads, failures.open("rb"))
    }
    for key in last.keys() - seen:
        found.failed += 1
        found.kinds[last[key]] += 1
    (figures,) = orjson.loads(output.with_name(f"{output.stem}_aggregate_metrics.json").read_bytes())
    found.collected, found.figured = len(seen), figures["agent_metrics"]["num_rollouts"]
    found.grouped = len(figures["group_level_metrics"])
    return found


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def say(body: Mapping[str, Any]) -> str:
    """An answer, or a verdict that depends on the request alone; some cannot be read."""
    number = zlib.crc32(orjson.dumps(body["input"]))
    return "[[COMPLIED]]" if number % 3 else "[[REFUSED]]" if number % 2 else "It helped, I would say."


if __name__ == "__main__":
    sys.exit(main())
