"""kill -9 at random moments of a run, and go on: the results must be those of a run that nobody disturbed.

    python chaos/evaluation.py [--kills 20] [--rows 2000] [--seed N] [--record]

The endpoint answers late, refuses some calls for a while and breaks off in the middle of others. What judge.md promises
is checked to the word: rows and aggregates equal to the letter, and of good answers no more than the undisturbed run
needed and, for each kill, as many as calls were in flight.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from killing import CONCURRENCY, Outcome, command, compared, row, verdict

from referee.testing import FaultPlan, ScriptedEndpoint

LATENCY = 0.06
FAULTS: Mapping[Any, float] = {"500": 0.03, "429": 0.02, "close_mid_body": 0.02, "close_before_answer": 0.01}
JUDGE = """\
model: {{url: {url}, name: chaos}}
inference: {{temperature: 0.0, max_tokens: 32}}
prompt_template: "<question>{{{{ item.prompt }}}}</question><answer>{{{{ item.response }}}}</answer>"
scores: [{{name: helpfulness, minimum: 0, maximum: 4}}]
"""


def chaos(rows: int, kills: int, seed: int) -> tuple[str, bool]:
    """What was seen, and whether every promise held."""
    with tempfile.TemporaryDirectory(prefix="referee-chaos-") as name:
        folder = Path(name)
        write_rows(folder / "rows.jsonl", rows)
        calm, _ = attempt(folder, "calm", 0, seed)
        begun = time.monotonic()
        killed, deaths = attempt(folder, "killed", kills, seed)
        seconds = time.monotonic() - begun
    what = f"{rows:,} rows, {kills} kills at random moments, seed {seed}, {seconds:.0f} s"
    more = {"rows.jsonl equal to the undisturbed run's, byte for byte": killed.rows == calm.rows}
    return compared(what, calm, killed, deaths, kills, more)


def attempt(folder: Path, name: str, kills: int, seed: int) -> tuple[Outcome, int]:
    """One run, killed so many times before it may end, and how many kills found it running."""
    draw = random.Random(seed)
    output = folder / name
    deaths = 0
    with ScriptedEndpoint(verdict, latency=LATENCY, faults=FaultPlan(FAULTS, seed=seed), record=False) as endpoint:
        judge = folder / f"{name}.yaml"
        judge.write_text(JUDGE.format(url=endpoint.url), encoding="utf-8")
        for _ in range(kills):
            run = start(judge, folder, output)
            before = endpoint.served.answers
            while endpoint.served.answers == before and run.poll() is None:
                time.sleep(0.005)  # the moments that matter are those in which calls are under way
            time.sleep(draw.uniform(0.0, 0.35))
            deaths += run.poll() is None
            run.send_signal(signal.SIGKILL)
            run.wait()
        run = start(judge, folder, output)
        code = run.wait(timeout=300)
        if code not in (0, 3):
            raise SystemExit(f"the run ended with {code}")
        answers = endpoint.served.answers
    aggregate = orjson.loads((output / "aggregate.json").read_bytes())
    return Outcome((output / "rows.jsonl").read_bytes(), aggregate["scores"], answers), deaths


def start(judge: Path, folder: Path, output: Path) -> subprocess.Popen[bytes]:
    """`referee evaluate` as a process of its own."""
    words = ["evaluate", judge, folder / "rows.jsonl", "-o", output, "-c", CONCURRENCY]
    code = f"import sys; sys.argv = ['referee', *{[str(word) for word in words]!r}]; import referee.cli as c; c.main()"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def write_rows(path: Path, count: int) -> None:
    with path.open("wb") as file:
        file.writelines(orjson.dumps(row(number)) + b"\n" for number in range(count))


if __name__ == "__main__":
    sys.exit(command(chaos, page=__doc__, rows=2000, subject="Kill -9 of an evaluation"))
